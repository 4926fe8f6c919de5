package core_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// event is a value of a register; its reading follows from its revision and node.
func event(key string, revision uint64, node messages.NodeID) frame.Event {
	return frame.Event{Key: key, Revision: revision, HLC: stamp(1, revision), Node: node, Body: []byte(fmt.Sprint(key, revision, node))}
}

// events are those that a peer was sent since the last look.
func (d *desk) events(peer messages.NodeID) (list []frame.Event) {
	for _, r := range sent[*frame.Registry](d, peer) {
		list = append(list, r.Events...)
	}
	return list
}

// alike fails the test unless two values are.
func alike(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func TestEventsOfTheNodeGoToAllPeers(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	e := event("k", 1, me)
	d.Register(d.now, list(e))
	d.drain()
	for _, peer := range list[messages.NodeID]("a", "b") {
		alike(t, string(peer), d.events(peer), list(e))
	}
	none(t, "learnt", d.put(core.Learn))
}

func TestEventsOfOthersAreLearntAndPassedOn(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	e := event("k", 1, "a")
	d.gets("a", &frame.Registry{Events: list(e)})
	alike(t, "learnt", d.put(core.Learn)[0].Events, list(e))
	alike(t, "b", d.events("b"), list(e))
	none(t, "sent back", d.events("a"))
}

func TestAnEventThatLosesGoesNowhere(t *testing.T) {
	for what, e := range map[string]frame.Event{
		"the same":            event("k", 5, "m"),
		"an earlier revision": event("k", 4, "z"),
		"a lower node":        event("k", 5, "b"),
		"an earlier reading":  {Key: "k", Revision: 5, HLC: stamp(1, 4), Node: "z"},
	} {
		d := newDesk(t, nil)
		d.link("a", "b")
		d.gets("a", &frame.Registry{Events: list(event("k", 5, "m"))})
		d.clear()
		d.gets("a", &frame.Registry{Events: list(e)})
		learnt := d.put(core.Learn)
		if what == "the same" {
			none(t, what, learnt)
		} else {
			alike(t, what, learnt[0].Events, list(e)) // the registry tells of it
		}
		if len(d.out) > len(learnt) {
			t.Errorf("%s: it puts out %+v", what, d.out)
		}
	}
}

func TestAnEventThatWinsReplaces(t *testing.T) {
	for what, e := range map[string]frame.Event{
		"a later revision": event("k", 6, "a"),
		"a later reading":  {Key: "k", Revision: 5, HLC: stamp(1, 6), Node: "a"},
		"a higher node":    event("k", 5, "z"),
	} {
		d := newDesk(t, func(c *core.Config) { c.Registry = list(event("k", 5, "m")) })
		d.link("a")
		d.gets("a", &frame.Registry{Events: list(e)})
		alike(t, what, d.Events(), list(e))
	}
}

// A digest whose hash differs is answered with the sums of all buckets, and these with what differs.
func TestRegistriesThatDifferAreMadeAlike(t *testing.T) {
	var both, mine, theirs []frame.Event
	for i := range 200 {
		both = append(both, event(fmt.Sprint("both", i), 1, "x"))
	}
	mine = append(both[:200:200], event("mine", 1, "x"), event("newer", 2, "x"))
	theirs = append(both[:200:200], event("theirs", 1, "x"), event("newer", 1, "x"))
	d := newDesk(t, func(c *core.Config) { c.Registry = mine })
	other := newDesk(t, func(c *core.Config) { c.Registry = theirs })
	d.link("b")
	other.link("a")
	other.LinkUp(other.now, "c", &frame.Hello{Node: "c", Epoch: 1})
	other.drain()
	d.gets("b", other.digests("c")[0])
	said := exchange(d, other, "a", "b")
	alike(t, "registries", d.Events(), other.Events())
	if len(d.Events()) != 203 {
		t.Errorf("there are %d events", len(d.Events()))
	}
	if said > 20 {
		t.Errorf("%d events are told for three that differ", said)
	}
}

// exchange carries Registry frames between two desks until none is left, and counts the events in them. a is the
// first's name at the second, b the second's at the first.
func exchange(d, other *desk, a, b messages.NodeID) (events int) {
	for range 10 {
		fromD, fromOther := sent[*frame.Registry](d, b), sent[*frame.Registry](other, a)
		d.clear()
		other.clear()
		for _, f := range fromD {
			events += len(f.Events)
			other.gets(a, f)
		}
		for _, f := range fromOther {
			events += len(f.Events)
			d.gets(b, f)
		}
	}
	return events
}

func TestRegistriesThatAgreeAreNotCompared(t *testing.T) {
	events := list(event("k", 1, "x"), event("l", 2, "y"))
	d := newDesk(t, func(c *core.Config) { c.Registry = events })
	other := newDesk(t, func(c *core.Config) { c.Registry = list(events[1], events[0]) })
	d.link("a")
	other.LinkUp(other.now, "b", &frame.Hello{Node: "b", Epoch: 1})
	other.drain()
	d.gets("a", other.digests("b")[0])
	none(t, "said", d.out)
}

func TestManyEventsGoInSeveralFrames(t *testing.T) {
	var events []frame.Event
	for i := range 10 {
		events = append(events, frame.Event{Key: fmt.Sprint(i), Revision: 1, Node: me, Body: make([]byte, frame.MaxValue)})
	}
	d := newDesk(t, nil)
	d.link("a")
	d.Register(d.now, events)
	d.drain()
	if got := d.events("a"); len(got) != len(events) {
		t.Errorf("%d of %d events are sent", len(got), len(events))
	}
}

// The registry is the same whatever the order of the events, and however often they come.
func TestTheRegistryFollowsFromTheSetOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) frame.Event {
			return frame.Event{
				Key:      rapid.SampledFrom([]string{"k", "l", "m"}).Draw(t, "key"),
				Revision: rapid.Uint64Range(1, 3).Draw(t, "revision"),
				HLC:      messages.HLC(rapid.Uint64Range(1, 3).Draw(t, "hlc")),
				Node:     rapid.SampledFrom([]messages.NodeID{"a", "b"}).Draw(t, "node"),
				Body:     []byte{rapid.Byte().Draw(t, "body")},
			}
		}), 1, 20).Draw(t, "events")
		first, second := core.Config{Node: me, Epoch: 1, Registry: events}, core.Config{Node: me, Epoch: 1}
		a, err := core.New(first)
		if err != nil {
			t.Fatal(err)
		}
		b, err := core.New(second)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
		for range 2 {
			for _, i := range random.Perm(len(events)) {
				b.Register(core.Now{Mono: 1, Wall: begin}, events[i:i+1])
			}
		}
		if !reflect.DeepEqual(a.Events(), b.Events()) {
			t.Fatalf("%+v, and in another order %+v", a.Events(), b.Events())
		}
		if a.RegistryHash() != b.RegistryHash() {
			t.Fatal("the hashes of equal registries differ")
		}
	})
}

func TestAnAnswerIsNotAnswered(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { c.Registry = list(event("k", 1, "x")) })
	d.link("a")
	d.gets("a", &frame.Registry{Hashes: make([]uint64, frame.Buckets), Answer: true})
	for _, r := range sent[*frame.Registry](d, "a") {
		if len(r.Hashes) > 0 {
			t.Error("hashes are told again")
		}
	}
	alike(t, "told", d.events("a"), list(event("k", 1, "x")))
}

// What a registry lacks of what the mesh has is found, whoever has more.
func TestBeyondIsWhatOthersDoNotHold(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { c.Registry = list(event("a", 1, "x"), event("b", 2, "x"), event("c", 3, "x")) })
	for _, test := range []struct{ held, beyond []frame.Event }{
		{nil, list(event("a", 1, "x"), event("b", 2, "x"), event("c", 3, "x"))},
		{list(event("a", 1, "x"), event("b", 1, "x"), event("d", 1, "x")), list(event("b", 2, "x"), event("c", 3, "x"))},
		{d.Events(), nil},
	} {
		held := make(map[string]frame.Event)
		for _, e := range test.held {
			held[e.Key] = e
		}
		alike(t, fmt.Sprint(len(test.held), " are held"), d.Beyond(held), test.beyond)
	}
}
