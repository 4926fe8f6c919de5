package node_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/actors/node"
	"anode/messages"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// apart are a node that runs no source that fetches, and one that does.
func apart(t *testing.T) (asker, owner *meshed) {
	t.Helper()
	asker, owner = newMeshed(t), newMeshed(t)
	asker.sources = node.Sources{Takes: "none"}
	owner.sources = loopback()
	owner.start(secret) // who joins nobody runs what there is at once
	asker.start(secret, owner.addr)
	for _, m := range []*meshed{asker, owner} {
		await(t, "they know each other", func() bool {
			v, err := command.Ask(t.Context(), m, command.Peers{})
			return err == nil && len(v.Nodes) == 2 && len(v.Links) == 1 && v.Links[0].State == command.LinkUp
		})
	}
	return asker, owner
}

// Who looks at frames of another node's sources holds questions open: so many of a node, and what else it asks is answered.
func TestFramesOfAnotherNodeLeaveRoomForItsOtherQuestions(t *testing.T) {
	const sources, readers, most = 8, 8, 16 // 64 is how many questions a node answers of one peer
	asker, owner := apart(t)
	server := serve(t, feeds.JSON(`{"v":1}`))
	name := func(i int) string { return fmt.Sprintf("far-%d", i) }
	for i := range sources {
		_, err := command.Ask(t.Context(), asker, command.PutSource{YAML: true, Document: fmt.Appendf(nil, "name: %s\nkind: rest\nurl: %s\nrest: {every: 50ms}\n", name(i), server.URL("/"))})
		if err != nil {
			t.Fatal(err)
		}
	}
	await(t, "all run on the other node", func() bool { return running(asker, owner.id, time.Time{}) == sources })
	var open []command.FrameReader
	defer func() {
		for _, r := range open {
			r.Close()
		}
	}()
	refused := 0
	for i := range sources * readers {
		r, err := command.Ask(t.Context(), asker, command.Frames{Name: name(i % sources)})
		switch {
		case err == nil:
			open = append(open, r)
		case errors.Is(err, command.ErrTooMany) && strings.Contains(err.Error(), string(asker.id)):
			refused++
		default:
			t.Fatalf("reader %d: %v", i, err)
		}
	}
	if len(open) != most || refused != sources*readers-most {
		t.Errorf("%d are open, %d refused", len(open), refused)
	}
	if f, err := open[0].Next(t.Context()); err != nil || f.Dir == "" && f.Skipped == 0 {
		t.Errorf("a frame: %+v, %v", f, err)
	}
	opened := time.Now()
	await(t, "it is known how they are now", func() bool { return running(asker, owner.id, opened) == sources })
	if _, err := command.Ask(t.Context(), asker, command.RestartSource{Name: name(0)}); err != nil {
		t.Errorf("a restart: %v", err)
	}
	open[0].Close()
	open = open[1:]
	await(t, "another one may look", func() bool {
		r, err := command.Ask(t.Context(), asker, command.Frames{Name: name(0)})
		if err == nil {
			open = append(open, r)
		}
		return err == nil
	})
}

// running is how many sources of an owner run and had data since a time, as a node knows.
func running(at *meshed, owner messages.NodeID, since time.Time) (n int) {
	views, err := command.Ask(at.t.Context(), at, command.ListSources{})
	if err != nil {
		return 0
	}
	for _, v := range views {
		status := v.Status
		if status.State == command.SourceRunning && len(status.Owners) == 1 && status.Owners[0] == owner && status.Data.Last != nil && status.Data.Last.After(since) {
			n++
		}
	}
	return n
}

// A spec is tried where it is asked for: with what that node may reach.
func TestATryRunsOnTheNodeThatIsNamed(t *testing.T) {
	asker, other := apart(t)
	server := serve(t, feeds.JSON(`{"v":1}`))
	try := func(at *meshed, where string) (command.Trial, error) {
		return command.Ask(t.Context(), at, command.Try{
			Node: where, Document: fmt.Appendf(nil, "name: a\nkind: rest\nurl: %s\n", server.URL("/")), YAML: true, For: 5 * time.Second, Records: 1,
		})
	}
	for _, where := range []string{string(other.id), string(other.id[:4])} {
		view, err := try(asker, where)
		if err != nil || view.Error != nil || len(view.Records) != 1 || len(view.Frames) == 0 || !strings.Contains(string(view.Records[0]), `{"v":1}`) {
			t.Errorf("on %s: %+v, %v", where, view, err)
		}
	}
	for _, at := range []struct {
		node  *meshed
		where string
	}{{asker, ""}, {asker, string(asker.id)}, {other, string(asker.id[:4])}} {
		if view, err := try(at.node, at.where); err != nil || view.Error == nil {
			t.Errorf("on the node that may not reach it: %+v, %v", view, err)
		}
	}
	if _, err := try(asker, "nobody"); !errors.Is(err, command.ErrNotFound) || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("on one that is not there: %v", err)
	}
	where := string(other.id)
	other.stop()
	await(t, "it is down", func() bool {
		_, err := try(asker, where)
		return errors.Is(err, command.ErrUnavailable) && strings.Contains(err.Error(), where)
	})
}
