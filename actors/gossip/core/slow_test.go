package core_test

import (
	"fmt"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// slow is a tree whose link to b takes little: its queue may have 10,000 bytes.
func slow(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t, func(c *core.Config) { c.MaxQueue = 10_000 })
	d.link("a", "b", "c")
	d.pushed("a", d.batch("o", 1, 1))
	d.Queued(d.now, "b", 0)
	return d
}

func TestAFullLinkLeavesTheLivePath(t *testing.T) {
	d := slow(t)
	d.clear()
	for q := uint64(2); q < 12; q++ {
		d.pushed("a", d.large("o", 1, q, 2000))
	}
	if got := d.got("b", "o", 1); len(got) != 4 {
		t.Errorf("b is pushed %v, want as much as there is room for", got)
	}
	if got := d.got("c", "o", 1); len(got) != 10 {
		t.Errorf("c, which is not slow, is pushed %v", got)
	}
	if d.Stats().Skipped != 1 {
		t.Errorf("it counts %d skipped", d.Stats().Skipped)
	}
}

func TestALinkOfWhichNothingIsSaidIsNotCounted(t *testing.T) {
	d := slow(t)
	d.clear()
	for q := uint64(2); q < 42; q++ {
		d.pushed("a", d.large("o", 1, q, 2000))
	}
	if got := d.got("c", "o", 1); len(got) != 40 {
		t.Errorf("c is pushed %d batches of 40", len(got))
	}
}

func TestASlowPeerComesBackWhenItIsAskedToAndTheQueueIsDown(t *testing.T) {
	d := slow(t)
	d.Queued(d.now, "b", 9900)
	d.pushed("a", d.batch("o", 1, 2))
	d.gets("b", &frame.Graft{Origin: "o", Epoch: 1})
	same(t, "with a full queue it goes to", d.next("a", 3), list[messages.NodeID]("c"))
	d.Queued(d.now, "b", 2600)
	d.gets("b", &frame.Graft{Origin: "o", Epoch: 1})
	same(t, "above a quarter it goes to", d.next("a", 4), list[messages.NodeID]("c"))
	d.Queued(d.now, "b", 2400)
	same(t, "below a quarter, without being asked, it goes to", d.next("a", 5), list[messages.NodeID]("c"))
	d.gets("b", &frame.Graft{Origin: "o", Epoch: 1})
	same(t, "asked below a quarter it goes to", d.next("a", 6), list[messages.NodeID]("b", "c"))
}

func TestALinkThatTakesNothingIsClosed(t *testing.T) {
	d := slow(t)
	d.Queued(d.now, "b", 19_000)
	d.pass(500 * time.Millisecond)
	none(t, "closed up to twice the most", d.put(core.Close))
	d.Queued(d.now, "b", 20_100)
	d.pass(500 * time.Millisecond)
	same(t, "closed above it", d.peers(core.Close), list[messages.NodeID]("b"))
}

// What can be said again later is not said to a link that is choked.
func TestAChokedLinkIsToldLittle(t *testing.T) {
	d := slow(t)
	d.Queued(d.now, "b", 13_000)
	d.clear()
	for q := uint64(2); q < 22; q++ {
		d.pushed("a", d.batch("o", 1, q))
		d.gets("a", &frame.Status{Records: list(record("o", 1, q))})
		d.pass(200 * time.Millisecond)
		d.Queued(d.now, "b", 13_000)
	}
	none(t, "announced", sent[*frame.Have](d, "b"))
	none(t, "digests", sent[*frame.Digest](d, "b"))
	none(t, "versions", sent[*frame.Versions](d, "b"))
	d.gets("b", &frame.Versions{Want: true, List: list(stampOf("o", 1))})
	none(t, "statuses", sent[*frame.Status](d, "b"))
	if len(sent[*frame.Have](d, "c")) == 0 || len(sent[*frame.Versions](d, "c")) == 0 {
		t.Error("c, which is not slow, is told nothing either")
	}
}

func TestAChokedLinkIsServedNothing(t *testing.T) {
	d := slow(t)
	d.Queued(d.now, "b", 13_000)
	d.clear()
	d.gets("b", &frame.Pull{ID: 1, Origin: "o", Epoch: 1, Ranges: list(run(1, 1)), Bytes: 1000})
	none(t, "served", d.put(core.Serve))
	if ends := sent[*frame.End](d, "b"); len(ends) != 1 || !ends[0].Busy {
		t.Errorf("it ends with %+v, want busy", ends)
	}
}

// What waits to be said to a link that takes nothing is bounded: the registry's hashes find later what was left out.
func TestEventsForALinkThatTakesNothingAreBounded(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.Queued(d.now, "a", 2<<20)
	for i := range 1000 {
		d.Register(d.now, list(event(fmt.Sprint(i), 1, me)))
	}
	d.drain()
	none(t, "said while it takes nothing", d.events("a"))
	d.Queued(d.now, "a", 0)
	d.drain()
	if n := len(d.events("a")); n == 0 || n > 64 {
		t.Errorf("%d events of 1,000 wait, want at most 64", n)
	}
	if s := d.Stats(); s.Postponed != uint64(1000-len(d.events("a"))) {
		t.Errorf("%d events are counted as left out", s.Postponed)
	}
	d.clear()
	d.gets("a", &frame.Registry{Hashes: make([]uint64, frame.Buckets), Answer: true})
	if n := len(d.events("a")); n != 1000 {
		t.Errorf("%d of 1,000 events are told when the hashes differ", n)
	}
}

func TestAnExchangeWaitsForTheOneBefore(t *testing.T) {
	var events []frame.Event
	for i := range 1000 {
		events = append(events, event(fmt.Sprint(i), 1, me))
	}
	d := newDesk(t, func(c *core.Config) { c.Registry = events })
	d.link("a")
	d.Queued(d.now, "a", 2<<20)
	for range 100 {
		d.gets("a", &frame.Digest{Compare: true, Registry: 1})
		d.gets("a", &frame.Registry{Hashes: make([]uint64, frame.Buckets)})
	}
	d.Queued(d.now, "a", 0)
	d.drain()
	if n := len(d.events("a")); n != 1000 {
		t.Errorf("%d events are told, want 1,000", n)
	}
	d.clear()
	d.gets("a", &frame.Digest{Compare: true, Registry: 1})
	if n := len(sent[*frame.Registry](d, "a")); n != 1 {
		t.Errorf("%d answers to a digest that differs, when the link takes again", n)
	}
}
