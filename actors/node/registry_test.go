package node_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
)

const secret = "a secret of the test's own"

// put registers or replaces a push source.
func (m *meshed) put(name, stream string) (command.SourceView, error) {
	put, err := command.Ask(m.t.Context(), m, command.PutSource{
		Document: fmt.Appendf(nil, `{"name":%q,"kind":"push","stream":"lab.%s"}`, name, stream), Replace: true,
	})
	return put.Source, err
}

// version is that of a source as the node shows it; empty where it has none.
func (m *meshed) version(name string) string {
	view, err := command.Ask(m.t.Context(), m, command.GetSource{Name: name})
	if err != nil {
		if !errors.Is(err, command.ErrNotFound) {
			m.t.Error(err)
		}
		return ""
	}
	return view.Version
}

// log are the events that a node shows, without order.
func (m *meshed) log() string {
	events, err := command.Ask(m.t.Context(), m, command.Events{})
	if err != nil {
		m.t.Error(err)
	}
	var log []string
	for _, e := range events {
		log = append(log, fmt.Sprintf("%s %s", e.Event, strings.ReplaceAll(e.Version, string(m.id), "self")))
	}
	return strings.Join(slices.Sorted(slices.Values(log)), ", ")
}

// linkedTo tells whether links are up to so many.
func (m *meshed) linkedTo(n int) bool {
	v, err := command.Ask(m.t.Context(), m, command.Peers{})
	up := 0
	for _, l := range v.Links {
		if l.State == command.LinkUp {
			up++
		}
	}
	return err == nil && up == n
}

// three are nodes that are linked.
func three(t *testing.T) (a, b, c *meshed) {
	t.Helper()
	a, b, c = newMeshed(t), newMeshed(t), newMeshed(t)
	a.start(secret)
	b.start(secret, a.addr)
	c.start(secret, a.addr)
	await(t, "all are linked", func() bool { return a.linkedTo(2) && b.linkedTo(2) && c.linkedTo(2) })
	return a, b, c
}

func TestAnEditAnywhereIsSeenEverywhere(t *testing.T) {
	a, b, c := three(t)
	for i, at := range []*meshed{a, b, c, a} {
		view, err := at.put("x", fmt.Sprint("s", i))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		await(t, "all have it", func() bool {
			return a.version("x") == view.Version && b.version("x") == view.Version && c.version("x") == view.Version
		})
		t.Logf("edit %d was everywhere after %s", i, time.Since(began))
	}
	if _, err := command.Ask(t.Context(), c, command.PauseSource{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := command.Ask(t.Context(), b, command.RemoveSource{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	await(t, "it is gone everywhere", func() bool { return a.version("x") == "" && b.version("x") == "" && c.version("x") == "" })
	for _, n := range []*meshed{a, b, c} {
		await(t, "the log has all", func() bool { return len(strings.Split(n.log(), ", ")) == 6 })
	}
	// Who lost its disk learns it, and what was removed stays away.
	if _, err := a.put("y", "s"); err != nil {
		t.Fatal(err)
	}
	c.stop()
	c.state, c.journal = memory.NewState(), memory.NewJournal(memory.Config{Self: c.id})
	c.start(secret, b.addr)
	if view, err := c.put("y", "t"); err != nil || !strings.HasPrefix(view.Version, "2-") {
		t.Errorf("an edit of who had forgotten all did not wait for what there is: %+v %v", view.Version, err)
	}
	if got := c.version("x"); got != "" {
		t.Errorf("what was removed is back: %s", got)
	}
}

// Of two edits while two nodes do not know of each other one stays, and each that hears of both says which is superseded.
func TestEditsOfTwoSides(t *testing.T) {
	a, b := newMeshed(t), newMeshed(t)
	a.start(secret)
	b.start(secret, a.addr)
	await(t, "they are linked", func() bool { return a.linkedTo(1) && b.linkedTo(1) })
	first, err := a.put("x", "s")
	if err != nil {
		t.Fatal(err)
	}
	await(t, "both have it", func() bool { return b.version("x") == first.Version })
	b.stop()
	if _, err := a.put("x", "of.a"); err != nil {
		t.Fatal(err)
	}
	a.stop()
	if err := b.state.Put(storage.Change{Bucket: "gossip", Key: "peers"}); err != nil { // else it waits for a
		t.Fatal(err)
	}
	b.start(secret)
	second, err := b.put("x", "of.b")
	if err != nil {
		t.Fatal(err)
	}
	a.start(secret, b.addr)
	await(t, "the later edit is on both", func() bool { return a.version("x") == second.Version && b.version("x") == second.Version })
	if got, want := a.log(), fmt.Sprintf("registered 1-self, replaced %s, superseded 2-self", second.Version); got != want {
		t.Errorf("a says %s, want %s", got, want)
	}
	await(t, "b names the loser too", func() bool { return strings.Contains(b.log(), "superseded 2-"+string(a.id)) })
}

// A banned node has no part in the mesh until the ban is lifted.
func TestABannedNode(t *testing.T) {
	a, b, c := three(t)
	ban := func(at, node *meshed, lift bool) {
		t.Helper()
		if _, err := command.Ask(t.Context(), at, command.Ban{Node: string(node.id), Lift: lift}); err != nil {
			t.Fatal(err)
		}
	}
	for name, document := range map[string]string{"feed": `{"name":"feed","kind":"rest","url":"http://127.0.0.1:9/","exclusive":true}`, "in": `{"name":"in","kind":"push"}`} {
		if _, err := command.Ask(t.Context(), c, command.PutSource{Document: []byte(document)}); err != nil {
			t.Fatal(name, err)
		}
	}
	runs := func(name string) bool {
		view, err := command.Ask(t.Context(), c, command.GetSource{Name: name})
		return err == nil && slices.Contains(view.Status.Owners, c.id)
	}
	await(t, "it takes pushes", func() bool { return runs("in") })
	for text, want := range map[string]error{"no such node": command.ErrNotFound, "n1": command.ErrNotFound} {
		if _, err := command.Ask(t.Context(), a, command.Ban{Node: text}); !errors.Is(err, want) {
			t.Errorf("a ban of %s: %v", text, err)
		}
	}
	if _, err := command.Ask(t.Context(), a, command.Ban{Node: string(c.id), Lift: true}); !errors.Is(err, command.ErrNotFound) {
		t.Errorf("a lift of who is not banned: %v", err)
	}
	ban(a, c, false)
	await(t, "nobody is linked to it", func() bool { return a.linkedTo(1) && b.linkedTo(1) && c.linkedTo(0) })
	for _, n := range []*meshed{a, b, c} {
		await(t, "it is shown as banned", func() bool { return bannedAt(n, c.id) })
	}
	await(t, "it says so itself", func() bool {
		alarms, err := command.Ask(t.Context(), c, command.Alarms{})
		return err == nil && len(alarms) == 1 && alarms[0].Severity == command.SeverityCritical && strings.Contains(alarms[0].Reason, "banned by node "+string(a.id))
	})
	await(t, "it runs no sources", func() bool { return !runs("in") && !runs("feed") })
	if _, err := command.Ask(t.Context(), c, command.OpenPush{Name: "in"}); !errors.Is(err, command.ErrUnavailable) || !strings.Contains(err.Error(), "banned") {
		t.Errorf("a push to it: %v", err)
	}
	if v, err := command.Ask(t.Context(), c, command.Status{}); err != nil || !slices.ContainsFunc(v.Components, func(p command.ComponentView) bool {
		return p.Name == "gossip" && p.State == command.StateDegraded && strings.Contains(p.Detail, "banned by node "+string(a.id))
	}) {
		t.Errorf("%+v %v", v.Components, err)
	}
	a.publish(3, "without it")
	await(t, "the others have it", func() bool { return equal(a, b) })
	if len(c.journal.Streams("lab.>")) > 0 {
		t.Error("it gets what is published")
	}
	// Without the event it hears it from whom it calls.
	c.stop()
	c.state = memory.NewState()
	c.start(secret, a.addr)
	await(t, "it is told", func() bool {
		v, err := command.Ask(t.Context(), c, command.Peers{})
		return err == nil && v.Banned != nil && c.linkedTo(0)
	})
	ban(b, c, true)
	await(t, "it joins again", func() bool { return a.linkedTo(2) && b.linkedTo(2) && c.linkedTo(2) && equal(a, b, c) })
	await(t, "it takes pushes again", func() bool { return runs("in") })
	await(t, "nobody shows it as banned", func() bool { return !bannedAt(a, c.id) && !bannedAt(c, c.id) })
}

func bannedAt(n *meshed, id messages.NodeID) bool {
	v, err := command.Ask(n.t.Context(), n, command.Cluster{})
	return err == nil && slices.ContainsFunc(v.Nodes, func(n command.NodeView) bool { return n.ID == id && n.Banned })
}
