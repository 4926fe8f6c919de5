package gossip_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"anode/actors/gossip"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// house is what a registry holds.
type house struct {
	mu     sync.Mutex
	events []frame.Event
}

func (h *house) held(context.Context) ([]frame.Event, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events), nil
}

func (g *gossiper) has(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.learnt, func(e frame.Event) bool { return e.Key == key })
}

// What a registry was told and did not store, it is told again when it asks.
func TestARegistryThatLostSomethingIsToldAgain(t *testing.T) {
	h := &house{}
	a := newGossiper(t, nil)
	b := newGossiper(t, func(c *gossip.Config) { c.Events = h.held })
	a.start()
	b.start(a.addr)
	await(t, "they are linked", func() bool { return a.linked() == 1 && b.linked() == 1 })
	a.Register([]frame.Event{{Key: "k", Revision: 1, Node: a.id}})
	await(t, "it is learnt", func() bool { return b.has("k") })
	b.mu.Lock()
	b.learnt = nil
	b.mu.Unlock()
	b.Register(nil)
	await(t, "it is learnt again", func() bool { return b.has("k") })
}

// An edit waits until a peer's registry is known, not at all where nobody is expected, and not for ever.
func TestWhoExpectsPeersWaitsUntilItKnowsWhatTheyKnow(t *testing.T) {
	h := &house{events: []frame.Event{{Key: "k", Revision: 1, Node: "n"}}}
	a, b, c := newGossiper(t, func(c *gossip.Config) { c.Events = h.held }), newGossiper(t, nil), newGossiper(t, nil)
	within := func(g *gossiper, patience time.Duration) bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		g.Informed(ctx)
		return ctx.Err() == nil
	}
	a.start()
	if !within(a, 5*time.Second) {
		t.Error("one that expects nobody waits")
	}
	b.start(a.addr)
	if !within(b, 10*time.Second) || !b.has("k") {
		t.Error("it does not know what its peer knows")
	}
	c.start("127.0.0.1:1")
	if within(c, 500*time.Millisecond) {
		t.Error("it does not wait for who is not there")
	}
}

// A link of who is banned is closed with the reason, none is made, and one is when the ban is lifted.
func TestBans(t *testing.T) {
	a, b := pair(t, nil)
	ban := command.BanView{Node: b.id, By: a.id, At: time.Now()}
	a.Ban(map[messages.NodeID]command.BanView{b.id: ban})
	told := func() *command.BanView {
		v, err := command.Ask(t.Context(), b.ref, command.Peers{})
		if err != nil {
			t.Error(err)
		}
		return v.Banned
	}
	await(t, "the link is closed", func() bool { return a.linked() == 0 && b.linked() == 0 })
	await(t, "it was told", func() bool { v := told(); return v != nil && v.By == a.id })
	if err := a.Ask(t.Context(), b.id, []byte("?"), func([]byte) error { return nil }); err == nil {
		t.Error("it is asked")
	}
	if len(a.Nodes()) != 1 {
		t.Errorf("users are sent to %v", a.Nodes())
	}
	a.Ban(nil)
	await(t, "they are linked again", func() bool { return a.linked() == 1 && b.linked() == 1 })
	await(t, "it is banned no more", func() bool { return told() == nil })
}
