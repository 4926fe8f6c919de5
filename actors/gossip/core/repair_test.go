package core_test

import (
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// pulls are the numbers of the pulls that a peer was sent since the last look.
func (d *desk) pulls(peer messages.NodeID) (list []uint64) {
	for _, p := range sent[*frame.Pull](d, peer) {
		list = append(list, p.ID)
	}
	return list
}

// lone is a desk that holds o's first batch, and is linked to a, b and c, none of which is the parent.
func lone(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t, holding("o", 1, 1, 1))
	d.link("a", "b", "c")
	return d
}

// What another peer announces may be on its way by the tree: it gets half a second for that.
func TestTheTreeGetsItsTime(t *testing.T) {
	d := tree(t)
	d.clear()
	d.announced("b", "o", 1, 2)
	d.pass(490 * time.Millisecond)
	none(t, "asked for", d.asked("b", "o", 1))
	d.pass(100 * time.Millisecond)
	same(t, "asked for after half a second", d.asked("b", "o", 1), list(run(2, 2)))
}

func TestWhatTheTreeBringsMeanwhileIsNotAskedFor(t *testing.T) {
	d := tree(t)
	d.announced("b", "o", 1, 2)
	d.pass(50 * time.Millisecond)
	d.pushed("a", d.batch("o", 1, 2))
	d.clear()
	d.pass(5 * time.Second)
	none(t, "asked for", d.asked("b", "o", 1))
}

func TestAGapIsAskedForAfterAMoment(t *testing.T) {
	d := tree(t)
	d.announced("b", "o", 1, 3)
	d.down("a")
	d.pushed("c", d.batch("o", 1, 4)) // the new parent's first
	d.clear()
	d.pass(55 * time.Millisecond)
	none(t, "asked for before 60 ms", d.asked("b", "o", 1))
	d.pass(550 * time.Millisecond)
	same(t, "asked for", d.asked("b", "o", 1), list(run(2, 3)))
}

// The parent says that it has what it did not push: it is not coming.
func TestWhatTheParentLeftOutIsAskedForAtOnce(t *testing.T) {
	d := tree(t)
	d.pass(time.Second)
	d.clear()
	d.announced("a", "o", 1, 2)
	same(t, "asked for", d.asked("a", "o", 1), list(run(2, 2)))
}

// Before it knows that it is the parent it may have announced without pushing.
func TestAParentThatWasJustChosenLeavesNothingOut(t *testing.T) {
	d := tree(t)
	d.clear()
	d.announced("a", "o", 1, 2)
	none(t, "asked for", d.asked("a", "o", 1))
}

func TestAnotherPeerIsAskedWhenNothingComes(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 2)
	d.announced("c", "o", 1, 2)
	same(t, "b is asked for", d.asked("b", "o", 1), list(run(2, 2)))
	d.clear()
	d.pass(170 * time.Millisecond)
	none(t, "c is asked for before 180 ms", d.asked("c", "o", 1))
	d.pass(40 * time.Millisecond)
	same(t, "c is asked for", d.asked("c", "o", 1), list(run(2, 2)))
}

func TestAPeerThatBringsSomethingIsWaitedFor(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 5)
	d.announced("c", "o", 1, 5)
	d.clear()
	for q := uint64(2); q <= 4; q++ {
		d.pass(150 * time.Millisecond)
		d.repaired("b", d.batch("o", 1, q))
	}
	d.pass(150 * time.Millisecond)
	none(t, "c is asked for", d.asked("c", "o", 1))
}

func TestOnePullIsOpenForABatch(t *testing.T) {
	d := lone(t)
	for _, peer := range list[messages.NodeID]("a", "b", "c") {
		d.announced(peer, "o", 1, 2)
	}
	d.pass(170 * time.Millisecond)
	if n := len(d.pulls("a")) + len(d.pulls("b")) + len(d.pulls("c")); n > 1 {
		t.Errorf("it is asked for %d times at once", n)
	}
}

func TestWhenTheLinkEndsAnotherPeerIsAskedAtOnce(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 2)
	d.announced("c", "o", 1, 2)
	d.clear()
	d.down("b")
	d.pass(time.Millisecond)
	same(t, "c is asked for", d.asked("c", "o", 1), list(run(2, 2)))
}

func TestAPeerThatIsBusyIsLeftAlone(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 2)
	id := d.pulls("b")[0]
	d.clear()
	d.gets("b", &frame.End{ID: id, Busy: true})
	d.pass(100 * time.Millisecond)
	none(t, "b is asked for", d.asked("b", "o", 1))
	d.pass(500 * time.Millisecond)
	if len(d.asked("b", "o", 1)) == 0 {
		t.Error("b is never asked again")
	}
}

func TestABusyPeerIsStoodInFor(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 2)
	d.announced("c", "o", 1, 2)
	d.gets("b", &frame.End{ID: d.pulls("b")[0], Busy: true})
	d.pass(time.Millisecond)
	same(t, "c is asked for", d.asked("c", "o", 1), list(run(2, 2)))
}

// An answer that was cut by its bytes leaves the rest to be asked for.
func TestWhatAnAnswerDidNotBringIsAskedForAgain(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 5)
	id := d.pulls("b")[0]
	d.repaired("b", d.batch("o", 1, 2))
	d.repaired("b", d.batch("o", 1, 3))
	d.clear()
	d.gets("b", &frame.End{ID: id})
	d.pass(time.Millisecond)
	same(t, "b is asked for", d.asked("b", "o", 1), list(run(4, 5)))
}

func TestWhoSaysThatItDoesNotHoldSomethingIsNotAskedForIt(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 3)
	id := d.pulls("b")[0]
	d.clear()
	d.gets("b", &frame.End{ID: id, NotHeld: list(run(2, 2))})
	d.pass(2 * time.Second)
	for _, r := range d.asked("b", "o", 1) {
		if r.From <= 2 {
			t.Errorf("b is asked for %s again", r)
		}
	}
}

// What a peer did not hold it may get: then it is asked again.
func TestWhoGotItSinceIsAskedAgain(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 3)
	d.gets("b", &frame.End{ID: d.pulls("b")[0], NotHeld: list(run(2, 3))})
	d.clear()
	d.pass(time.Second)
	d.announced("b", "o", 1, 3)
	d.pass(150 * time.Millisecond)
	same(t, "b is asked for", d.asked("b", "o", 1), list(run(2, 3)))
}

func TestWhatIsBelowAPeersFloorIsAskedOfAnother(t *testing.T) {
	d := lone(t)
	d.announced("b", "o", 1, 3)
	d.announced("c", "o", 1, 3)
	id := d.pulls("b")[0]
	d.clear()
	d.gets("b", &frame.End{ID: id, Floor: 4})
	d.pass(time.Second)
	same(t, "c is asked for", d.asked("c", "o", 1)[:1], list(run(2, 3)))
	none(t, "b is asked for", d.asked("b", "o", 1))
	none(t, "given up", d.put(core.GiveUp))
}

// With batches of 64 KiB four are asked for by a pull, and four pulls are open over a link: 1 MiB.
func TestWhatIsAskedForOverALinkIsBounded(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 1))
	d.link("a", "b")
	for q := uint64(2); q < 42; q++ { // it learns how large they are
		d.pushed("b", d.large("o", 1, q, 64<<10))
	}
	d.clear()
	d.down("b")
	d.announced("a", "o", 1, 400)
	d.pass(100 * time.Millisecond)
	var count uint64
	for _, r := range d.asked("a", "o", 1) {
		count += r.To - r.From + 1
	}
	if bytes := count * 64 << 10; bytes > 1<<20+256<<10 || bytes < 512<<10 {
		t.Errorf("%d bytes are asked for at once, at most 1 MiB are to be", bytes)
	}
	if got := d.Stats().Pulling; got > 1<<20 {
		t.Errorf("it counts %d bytes", got)
	}
}

func TestPullsAreNotAskedForMoreThanWaitsToBeAppended(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { c.MaxAppending = 10_000 })
	d.link("a")
	d.busy = true
	d.pushed("a", d.large("o", 1, 1, 6000))
	d.clear()
	d.announced("a", "o", 1, 9)
	d.pass(900 * time.Millisecond)
	none(t, "a is asked for", d.asked("a", "o", 1))
	d.answer(core.Stored)
	d.pass(time.Second)
	if len(d.asked("a", "o", 1)) == 0 {
		t.Error("a is not asked after the journal has answered")
	}
}

func TestWhatThereIsNoRoomForIsRefusedAndAskedForLater(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { c.MaxAppending = 10_000 })
	d.link("a")
	d.busy = true
	d.pushed("a", d.large("o", 1, 1, 6000))
	d.pushed("a", d.large("o", 1, 2, 6000))
	if n := len(d.put(core.Append)); n != 1 {
		t.Errorf("%d batches are appended at once", n)
	}
	if d.Stats().Refused != 1 {
		t.Errorf("it counts %d refused", d.Stats().Refused)
	}
	d.answer(core.Stored)
	d.pass(time.Second)
	same(t, "a is asked for", d.asked("a", "o", 1)[:1], list(run(2, 2)))
}

// A node that is far behind does not wait for the tree.
func TestWhoIsFarBehindAsksAtOnce(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 10))
	d.link("a")
	d.announced("a", "o", 1, 500)
	d.pass(time.Millisecond)
	if len(d.asked("a", "o", 1)) == 0 {
		t.Error("nothing is asked for")
	}
}

func TestWhatAFailedAppendLeftOutIsAskedFor(t *testing.T) {
	d := lone(t)
	d.busy = true
	d.announced("b", "o", 1, 2)
	d.repaired("b", d.batch("o", 1, 2))
	d.gets("b", &frame.End{ID: d.pulls("b")[0]})
	d.clear()
	d.answer(core.Failed)
	d.busy = false
	d.pass(time.Second)
	if len(d.asked("b", "o", 1)) == 0 {
		t.Error("it is not asked for again")
	}
}

func TestDamageIsRepaired(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	d.announced("a", "o", 1, 9)
	d.clear()
	d.Lost(d.now, "o", 1, run(4, 5))
	d.drain()
	d.pass(100 * time.Millisecond)
	same(t, "a is asked for", d.asked("a", "o", 1), list(run(4, 5)))
}

func TestAfterFourTriesItRestsForASecond(t *testing.T) {
	d := lone(t)
	for _, peer := range list[messages.NodeID]("a", "b", "c") {
		d.announced(peer, "o", 1, 2)
	}
	tries := func() (n int) {
		for _, peer := range list[messages.NodeID]("a", "b", "c") {
			n += len(d.pulls(peer))
		}
		return n
	}
	d.pass(1500 * time.Millisecond)
	if n := tries(); n != 4 {
		t.Errorf("it asks %d times in a second and a half, want 4", n)
	}
	d.pass(time.Second)
	if n := tries(); n < 5 {
		t.Errorf("after a rest it has asked %d times, want more than 4", n)
	}
}

func TestHolesAreAskedForTogether(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		for _, r := range list(run(1, 3), run(6, 6), run(9, 10)) {
			hold(c.Lines.Open("o"), 1, r.From, r.To)
		}
	})
	d.link("a")
	d.announced("a", "o", 1, 12)
	d.pass(100 * time.Millisecond)
	same(t, "a is asked for", d.asked("a", "o", 1), list(run(4, 5), run(7, 8), run(11, 12)))
	if n := len(d.pulls("a")); n != 1 {
		t.Errorf("by %d pulls", n)
	}
}

func TestAPullNamesAtMost32Ranges(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		for q := uint64(1); q < 200; q += 2 {
			hold(c.Lines.Open("o"), 1, q, q)
		}
	})
	d.link("a")
	d.announced("a", "o", 1, 200)
	d.pass(100 * time.Millisecond)
	for _, p := range sent[*frame.Pull](d, "a") {
		if len(p.Ranges) > frame.MaxRanges {
			t.Errorf("a pull names %d ranges", len(p.Ranges))
		}
	}
	if len(d.asked("a", "o", 1)) < 2*frame.MaxRanges {
		t.Errorf("only %d ranges are asked for, by %d pulls", len(d.asked("a", "o", 1)), len(d.pulls("a")))
	}
}

// Who is far behind when a link comes up does not wait for the tree.
func TestWhoIsFarBehindAsksANewPeerAtOnce(t *testing.T) {
	for head, atOnce := range map[uint64]bool{30: false, 500: true} {
		d := newDesk(t, holding("o", 1, 1, 10))
		d.link("a")
		d.announced("a", "o", 1, head)
		d.down("a")
		d.pass(3 * time.Second)
		d.clear()
		d.LinkUp(d.now, "b", &frame.Hello{Node: "b", Epoch: 1})
		d.pass(time.Millisecond)
		if got := len(d.asked("b", "o", 1)) > 0; got != atOnce {
			t.Errorf("with a head of %d it asks at once: %t, want %t", head, got, atOnce)
		}
	}
}
