package core_test

import (
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

func TestWhatWasThereBeforeIsFetchedNewestFirst(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.announced("a", "o", 1, 9)
	d.pass(time.Second)
	pulls := sent[*frame.Pull](d, "a")
	if len(pulls) == 0 {
		t.Fatal("nothing is asked for")
	}
	if p := pulls[0]; !p.Descending || p.Ranges[len(p.Ranges)-1] != run(1, 9) {
		t.Errorf("it asks for %+v", p)
	}
}

func TestOfALongHistoryTheEndIsAskedForFirst(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.announced("a", "o", 1, 100_000)
	d.pass(100 * time.Millisecond)
	asked := d.asked("a", "o", 1)
	if len(asked) == 0 || asked[0].To != 100_000 {
		t.Fatalf("it asks for %v", asked)
	}
	for i := 1; i < len(asked); i++ {
		if asked[i].To != asked[i-1].From-1 {
			t.Errorf("it asks for %v", asked)
		}
	}
}

func TestTwoPullsALinkAreOpenForWhatIsOld(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.announced("a", "o", 1, 100_000)
	d.announced("b", "o", 1, 100_000)
	d.pass(100 * time.Millisecond)
	if n := len(d.pulls("a")) + len(d.pulls("b")); n != 4 {
		t.Errorf("%d pulls are open over two links, want 4", n)
	}
}

func TestWhatIsOldIsStoredAsSuch(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.announced("a", "o", 1, 3)
	d.pass(100 * time.Millisecond)
	d.repaired("a", d.batch("o", 1, 3))
	d.pushed("a", d.batch("o", 1, 4))
	for i, want := range []bool{true, false} {
		if got := d.put(core.Append)[i].Backfill; got != want {
			t.Errorf("append %d is backfill: %t", i, got)
		}
	}
}

func TestWhatIsOldIsNotPassedOn(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.announced("a", "o", 1, 3)
	d.pass(100 * time.Millisecond)
	d.clear()
	d.repaired("a", d.batch("o", 1, 3))
	none(t, "pushed to b", d.got("b", "o", 1))
}

// Readers of an origin that the node knew stand before what came meanwhile: it is fetched in order.
func TestWhatCameWhileTheNodeWasAwayIsFetchedInOrder(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 10))
	d.link("a")
	d.announced("a", "o", 1, 5000)
	d.pass(100 * time.Millisecond)
	pulls := sent[*frame.Pull](d, "a")
	if len(pulls) == 0 || pulls[0].Descending || pulls[0].Ranges[0].From != 11 {
		t.Errorf("it asks for %+v", pulls)
	}
}

func TestAFlowThatBeginsLiveHasNothingOld(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.pushed("a", d.batch("o", 1, 1))
	d.pushed("a", d.batch("o", 1, 2))
	for _, o := range d.put(core.Append) {
		if o.Backfill {
			t.Errorf("%s is taken for old", o.Batch.ID())
		}
	}
	d.pass(time.Second)
	none(t, "asked for", d.asked("a", "o", 1))
}

// What was pushed first is live at once; what came before it is old.
func TestWhatComesBeforeTheFirstLiveBatchIsOld(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.pushed("a", d.batch("o", 1, 50))
	d.pass(time.Second)
	pulls := sent[*frame.Pull](d, "a")
	if len(pulls) == 0 || !pulls[0].Descending || pulls[0].Ranges[0].To != 49 {
		t.Errorf("it asks for %+v", pulls)
	}
}

func TestWithoutRoomTheRestIsBelowTheFloor(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.announced("a", "o", 1, 9)
	d.pass(100 * time.Millisecond)
	for q := uint64(9); q > 6; q-- {
		d.repaired("a", d.batch("o", 1, q))
	}
	d.Room(d.now, 0)
	d.gets("a", &frame.End{ID: d.pulls("a")[0]})
	raised := d.put(core.Raise)
	if len(raised) != 1 || raised[0].Origin != "o" || raised[0].Floor != 7 {
		t.Fatalf("it raises %+v, want the floor 7", raised)
	}
	d.clear()
	d.pass(5 * time.Second)
	none(t, "asked for", d.asked("a", "o", 1))
	none(t, "given up", d.put(core.GiveUp))
	if s := d.Stats(); s.Missing > 0 || s.Pulling > 0 {
		t.Errorf("it misses %d, and waits for %d bytes", s.Missing, s.Pulling)
	}
}

func TestWithoutRoomWhatIsNewStillComes(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.Room(d.now, 0)
	d.pushed("a", d.batch("o", 1, 9))
	d.clear()
	d.pushed("a", d.batch("o", 1, 10))
	if len(d.put(core.Append)) != 1 {
		t.Error("it is not appended")
	}
}

func TestWithoutRoomOlderEpochsAreNotTakenUp(t *testing.T) {
	d := newDesk(t, nil)
	d.members("o", "a")
	d.link("a")
	d.announced("a", "o", 5, 9)
	d.pass(100 * time.Millisecond)
	d.repaired("a", d.batch("o", 5, 9))
	d.Room(d.now, 0)
	d.drain()
	d.clear()
	d.gets("a", &frame.Digest{Closed: []frame.Holding{{Origin: "o", EpochDigest: messages.EpochDigest{Epoch: 3, Floor: 1, Head: 5, HeadHLC: stamp(3, 5)}}}})
	d.Room(d.now, 1<<20)
	d.pass(time.Second)
	none(t, "asked for", d.asked("a", "o", 3))
}

func TestWhatIsOldWaitsWhileTheJournalIsBehind(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { c.MaxAppending = 10_000 })
	d.link("a")
	d.busy = true
	d.pushed("a", d.large("x", 1, 1, 6000))
	d.announced("a", "o", 1, 9)
	d.pass(900 * time.Millisecond)
	none(t, "asked for", d.asked("a", "o", 1))
	d.busy = false
	d.answer(core.Stored)
	d.pass(500 * time.Millisecond)
	if len(d.asked("a", "o", 1)) == 0 {
		t.Error("it is never asked for")
	}
}

func TestWhatNobodyWaitsForMayTakeTwoSeconds(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.announced("a", "o", 1, 9)
	d.announced("b", "o", 1, 9)
	d.pass(1900 * time.Millisecond)
	if n := len(d.pulls("a")) + len(d.pulls("b")); n != 1 {
		t.Errorf("it asks %d times before two seconds are over, want once", n)
	}
	d.pass(500 * time.Millisecond)
	if n := len(d.pulls("a")) + len(d.pulls("b")); n != 2 {
		t.Errorf("it has asked %d times after them, want twice", n)
	}
}

func TestTheNewestOfAllOriginsComesFirst(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.announced("a", "old", 1, 2000)
	d.announced("a", "new", 5, 2000)
	d.pass(150 * time.Millisecond)
	var order []messages.NodeID
	for i := 0; i < len(d.out); i++ { // a brings what it is asked for
		p, ok := d.out[i].Frame.(*frame.Pull)
		if !ok {
			continue
		}
		order = append(order, p.Origin)
		each(p, func(id messages.BatchID) bool {
			d.repaired("a", d.batch(id.Origin, id.Epoch, id.Sequence))
			return true
		})
		d.gets("a", &frame.End{ID: p.ID})
		d.pass(10 * time.Millisecond)
	}
	first, last := slices.Index(order, "new"), len(order)
	for i, origin := range order {
		if origin == "new" {
			last = i
		}
	}
	if first < 0 || first > 2 || slices.Contains(order[first:last], "old") {
		t.Errorf("it asks for %v", order)
	}
}

// A node that restarts goes on with what it had not fetched: readers stand above it.
func TestABackfillThatDidNotEndGoesOn(t *testing.T) {
	d := newDesk(t, holding("o", 1, 600, 900))
	d.link("a")
	d.announced("a", "o", 1, 900)
	d.pass(time.Second)
	pulls := sent[*frame.Pull](d, "a")
	if len(pulls) == 0 || !pulls[0].Descending || pulls[0].Ranges[0].To != 599 {
		t.Errorf("it asks for %+v", pulls)
	}
}

// named is the first batch of an epoch, which names how far the one before it went.
func named(origin messages.NodeID, epoch, before, head uint64) *wire.Sealed {
	h := header(origin, epoch, 1)
	h.Prior = messages.Position{Origin: origin, Epoch: before, Sequence: head}
	return wire.StandIn(h, make([]byte, 300))
}

// Readers stand before an epoch that came and went while the node was away: it is not old, though all of it is missing.
func TestAnEpochThatOnlyTheNextOneNamesIsNotOld(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 3))
	d.members("o", "a")
	d.link("a")
	d.pushed("a", named("o", 3, 2, 2))
	d.Room(d.now, 0)
	d.pass(time.Second)
	none(t, "raised", d.put(core.Raise))
	pulls := sent[*frame.Pull](d, "a")
	if len(pulls) == 0 || pulls[0].Epoch != 2 || pulls[0].Descending || pulls[0].Ranges[0] != run(1, 2) {
		t.Errorf("it asks for %+v", pulls)
	}
}

func TestAnEpochThatOnlyTheNextOneNamesIsNotOldAfterAStartEither(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		line := c.Lines.Open("o")
		hold(line, 1, 1, 3)
		line.Hold(&named("o", 3, 2, 2).Header)
	})
	d.members("o", "a")
	d.link("a")
	d.Room(d.now, 0)
	d.pass(time.Second)
	none(t, "raised", d.put(core.Raise))
	if len(d.asked("a", "o", 2)) == 0 {
		t.Error("it is not asked for")
	}
}

// What an origin did before the node met it is old, however the node hears of it.
func TestTheEpochBeforeTheFirstThatIsMetIsOld(t *testing.T) {
	d := newDesk(t, nil)
	d.members("o", "a")
	d.link("a")
	d.pushed("a", named("o", 3, 2, 2))
	d.pass(time.Second)
	pulls := sent[*frame.Pull](d, "a")
	if len(pulls) == 0 || pulls[0].Epoch != 2 || !pulls[0].Descending {
		t.Errorf("it asks for %+v", pulls)
	}
}

// Damage at the bottom of what is held is a hole like others: with no room it is not taken for the end of a backfill.
func TestWhatIsLostAtTheBottomIsNotOld(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		hold(c.Lines.Open("o"), 1, 1, 9)
		hold(c.Lines.Open("o"), 2, 1, 1)
	})
	d.members("o", "a")
	d.link("a")
	d.Lost(d.now, "o", 1, run(1, 3))
	d.Room(d.now, 0)
	d.pass(time.Second)
	none(t, "raised", d.put(core.Raise))
	if len(d.asked("a", "o", 1)) == 0 {
		t.Error("it is not asked for")
	}
}
