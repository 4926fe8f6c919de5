package core_test

import (
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// stalled is a desk with links to a and b whose journal has an append that it does not answer.
func stalled(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t, nil)
	d.members("a", "b")
	d.link("a", "b")
	d.busy = true
	d.pushed("a", d.batch("o", 1, 1))
	return d
}

func TestANodeThatCannotAppendLeaves(t *testing.T) {
	d := stalled(t)
	d.pass(900 * time.Millisecond)
	none(t, "closed before a second", d.put(core.Close))
	d.pass(300 * time.Millisecond)
	same(t, "closed", d.peers(core.Close), list[messages.NodeID]("a", "b"))
	for _, peer := range list[messages.NodeID]("a", "b") {
		if byes := sent[*frame.Bye](d, peer); len(byes) != 1 || byes[0].Reason == "" {
			t.Errorf("%s is told %+v", peer, byes)
		}
	}
}

func TestAStalledNodeTakesNoLinks(t *testing.T) {
	d := stalled(t)
	d.pass(1200 * time.Millisecond)
	d.clear()
	d.link("c")
	none(t, "links", d.Links())
}

func TestAStalledNodeComesBackWhenTheJournalAnswers(t *testing.T) {
	d := stalled(t)
	d.pass(1200 * time.Millisecond)
	d.answer(core.Stored)
	d.link("a")
	alike(t, "links", d.Links(), list[messages.NodeID]("a"))
}

func TestAStalledNodeTriesAgainAfterFiveSeconds(t *testing.T) {
	d := stalled(t)
	d.pass(1200 * time.Millisecond)
	d.appends = nil // the journal has lost them
	d.pass(5100 * time.Millisecond)
	d.link("a")
	alike(t, "links", d.Links(), list[messages.NodeID]("a"))
}

func TestAppendsThatFailStallToo(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.busy = true
	for q := uint64(1); q < 15; q++ {
		d.pushed("a", d.batch("o", 1, q))
		d.answer(core.Failed)
		d.pass(100 * time.Millisecond)
	}
	same(t, "closed", d.peers(core.Close), list[messages.NodeID]("a"))
}

func TestABusyJournalThatAnswersDoesNotStall(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.busy = true
	for q := uint64(1); q < 50; q++ {
		d.pushed("a", d.batch("o", 1, q))
		if len(d.appends) > 5 { // each waits for some 600 ms
			d.Appended(d.now, d.appends[0], core.Stored)
			d.appends = d.appends[1:]
		}
		d.pass(100 * time.Millisecond)
	}
	none(t, "closed", d.put(core.Close))
}

func TestAnIdleJournalDoesNotStall(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.pushed("a", d.batch("o", 1, 1))
	d.pass(time.Minute)
	none(t, "closed", d.put(core.Close))
}
