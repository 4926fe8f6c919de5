package core_test

import (
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// torn has the node hold 1 to 3 and 6 to 9 of a flow.
func torn(origin messages.NodeID) func(*core.Config) {
	return func(c *core.Config) {
		hold(c.Lines.Open(origin), 1, 1, 3)
		hold(c.Lines.Open(origin), 1, 6, 9)
	}
}

// givenUp are the ranges of a flow that were given up since the last look.
func (d *desk) givenUp(origin messages.NodeID) (list []messages.Range) {
	for _, o := range d.put(core.GiveUp) {
		if o.Origin == origin {
			list = append(list, o.Range)
		}
	}
	return list
}

func TestAHoleThatAllDenyIsGivenUpSoonWhereTheOriginIsAmongThem(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("o", "a")
	d.members("o", "a")
	d.link("o", "a")
	d.pass(4900 * time.Millisecond)
	none(t, "given up before 5 s", d.givenUp("o"))
	d.pass(1500 * time.Millisecond)
	same(t, "given up", d.givenUp("o"), list(run(4, 5)))
}

func TestAHoleThatAllDenyIsKeptOpenForAMinuteWithoutTheOrigin(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("a")
	d.members("o", "a")
	d.link("a")
	d.pass(59 * time.Second)
	none(t, "given up before a minute", d.givenUp("o"))
	d.pass(4 * time.Second)
	same(t, "given up", d.givenUp("o"), list(run(4, 5)))
}

func TestTimeWithoutALinkDoesNotCount(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("a")
	d.members("o", "a")
	d.link("a")
	d.pass(30 * time.Second)
	d.down("a")
	d.pass(10 * time.Minute)
	none(t, "given up without a link", d.givenUp("o"))
	d.link("a")
	d.pass(28 * time.Second)
	none(t, "given up before a minute with a link", d.givenUp("o"))
	d.pass(5 * time.Second)
	same(t, "given up", d.givenUp("o"), list(run(4, 5)))
}

func TestAHoleThatOnePeerDoesNotDenyIsKeptOpen(t *testing.T) {
	for what, answer := range map[string]func(*frame.Pull) *frame.End{
		"says nothing": nil,
		"is busy":      func(p *frame.Pull) *frame.End { return &frame.End{ID: p.ID, Busy: true} },
	} {
		d := newDesk(t, torn("o"))
		d.denying("o")
		d.replies["a"] = answer
		d.members("o", "a")
		d.link("o", "a")
		d.pass(3 * time.Minute)
		if len(d.givenUp("o")) > 0 {
			t.Errorf("%v is given up, though a %s", d.givenUp("o"), what)
		}
	}
}

func TestANodeThatIsAloneGivesItsOwnDamageUpAtOnce(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		c.Expect = false
		torn(me)(c)
		torn("o")(c)
	})
	d.members()
	d.pass(2 * time.Second)
	same(t, "of its own it gives up", d.givenUp(me), list(run(4, 5)))
	d.pass(10 * time.Minute)
	none(t, "of others it gives up", d.givenUp("o"))
}

func TestANodeThatExpectsPeersLooksForThem(t *testing.T) {
	d := newDesk(t, torn(me))
	d.members()
	d.pass(59 * time.Second)
	none(t, "given up before a minute", d.givenUp(me))
	d.pass(3 * time.Second)
	same(t, "given up", d.givenUp(me), list(run(4, 5)))
}

// What a node lost of its own others may have: they are asked first.
func TestOwnDamageIsAskedForFirst(t *testing.T) {
	d := newDesk(t, torn(me))
	d.members("a")
	d.link("a")
	d.pass(100 * time.Millisecond)
	none(t, "given up", d.givenUp(me))
	d.pass(time.Second)
	d.clear()
	d.announced("a", me, 1, 9)
	d.pass(time.Second)
	same(t, "a is asked for", d.asked("a", me, 1)[:1], list(run(4, 5)))
}

func TestWhatRetentionTookEverywhereIsBelowTheFloor(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { hold(c.Lines.Open("o"), 1, 6, 9) })
	d.denying("o", "a")
	d.members("o", "a")
	d.link("o", "a")
	for _, peer := range list[messages.NodeID]("o", "a") {
		d.gets(peer, &frame.Have{Flows: []frame.Held{{Origin: "o", Epoch: 1, Floor: 6, Run: 6, Head: 9, HLC: stamp(1, 9)}}})
	}
	d.pass(10 * time.Second)
	raised := d.put(core.Raise)
	if len(raised) != 1 || raised[0].Origin != "o" || raised[0].Epoch != 1 || raised[0].Floor != 6 {
		t.Errorf("it raises %+v, want o-1 to 6", raised)
	}
	none(t, "given up", d.givenUp("o"))
}

func TestWhatRetentionTookAboveWhatIsHeldIsAGap(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("o", "a")
	d.members("o", "a")
	d.link("o", "a")
	for _, peer := range list[messages.NodeID]("o", "a") {
		d.gets(peer, &frame.Have{Flows: []frame.Held{{Origin: "o", Epoch: 1, Floor: 6, Run: 6, Head: 9, HLC: stamp(1, 9)}}})
	}
	d.pass(10 * time.Second)
	same(t, "given up", d.givenUp("o"), list(run(4, 5)))
	none(t, "raised", d.put(core.Raise))
}

func TestWhatIsGoneAtOneIsFetchedFromAnother(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.members("o", "a", "b")
	d.link("a", "b")
	d.gets("a", &frame.Have{Flows: []frame.Held{{Origin: "o", Epoch: 1, Floor: 6, Run: 6, Head: 9, HLC: stamp(1, 9)}}})
	d.announced("b", "o", 1, 9)
	d.pass(100 * time.Millisecond)
	same(t, "b is asked for", d.asked("b", "o", 1)[:1], list(run(4, 5)))
	d.pass(2 * time.Minute)
	none(t, "given up", d.givenUp("o"))
	none(t, "raised", d.put(core.Raise))
}

// Somebody announced a batch and lost it: no reader knows of it, and it leaves no gap.
func TestWhatNobodyHasAboveTheHeadIsForgotten(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 3))
	d.denying("o")
	d.members("o")
	d.link("o")
	d.announced("o", "o", 1, 5)
	d.pass(10 * time.Second)
	none(t, "given up", d.givenUp("o"))
	if missing := d.Stats().Missing; missing != 0 {
		t.Errorf("it misses %d batches", missing)
	}
}

func TestANewPeerIsAskedBeforeAHoleIsGivenUp(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("o", "a")
	d.members("o", "a", "b")
	d.link("o", "a")
	d.pass(4 * time.Second)
	d.link("b")
	d.pass(4 * time.Second)
	none(t, "given up without the new peer", d.givenUp("o"))
	d.denying("b")
	d.pass(10 * time.Second)
	same(t, "given up", d.givenUp("o"), list(run(4, 5)))
}

func TestReadersGetAGapForWhatWasGivenUp(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("o")
	d.members("o")
	d.link("o")
	d.pass(10 * time.Second)
	step := d.Lines().Next(messages.Position{Origin: "o", Epoch: 1, Sequence: 3, Index: messages.IndexEnd})
	if step.Kind != messages.StepGap || step.Gap.Reason != messages.ReasonMissing || step.Gap.To.Sequence != 5 {
		t.Errorf("after 3 comes %+v", step)
	}
}

func TestWhatComesAfterItWasGivenUpIsStored(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("o")
	d.members("o")
	d.link("o")
	d.pass(10 * time.Second)
	d.clear()
	d.pushed("o", d.batch("o", 1, 4))
	if len(d.put(core.Append)) != 1 || !d.Lines()["o"].Holds(1, 4) {
		t.Error("it is not stored")
	}
}

func TestWhatWasGivenUpIsNotAskedForAgain(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("o")
	d.members("o")
	d.link("o")
	d.pass(10 * time.Second)
	d.clear()
	d.pass(time.Minute)
	none(t, "o is asked for", d.asked("o", "o", 1))
}

// Who turns out to hold what was given up is asked for it: it is stored, though readers have passed it.
func TestWhatWasGivenUpIsFetchedFromWhoHoldsIt(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.denying("o", "a")
	d.members("o", "a", "b")
	d.link("o", "a")
	d.pass(90 * time.Second)
	same(t, "given up", d.givenUp("o"), list(run(4, 5)))
	d.link("b")
	d.announced("b", "o", 1, 9)
	d.pass(time.Second)
	same(t, "b is asked for", d.asked("b", "o", 1), list(run(4, 5)))
}

// Only so much is remembered of holes that nobody holds; all come to their end.
func TestManyHolesAreAllGivenUp(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		for q := uint64(1); q < 600; q += 2 {
			hold(c.Lines.Open("o"), 1, q, q)
		}
	})
	d.denying("o")
	d.members("o")
	d.link("o")
	d.pass(time.Minute)
	if n := len(d.givenUp("o")); n != 299 {
		t.Errorf("of 299 holes %d are given up", n)
	}
	if s := d.Stats(); s.Missing > 0 || s.Pulling > 0 {
		t.Errorf("it misses %d batches, and waits for %d bytes", s.Missing, s.Pulling)
	}
}

func TestWhatIsForgottenIsNotWaitedFor(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.link("a")
	d.announced("a", "o", 1, 9)
	d.pass(time.Second)
	d.Dropped(d.now, "o", 1, 10)
	d.Forgotten(d.now, "o", 1)
	d.drain()
	if s := d.Stats(); s.Missing > 0 || s.Pulling > 0 {
		t.Errorf("it misses %d batches, and waits for %d bytes", s.Missing, s.Pulling)
	}
	d.clear()
	d.pass(10 * time.Second)
	none(t, "asked for", d.asked("a", "o", 1))
}

// The end of an epoch is named by the next one; a peer knows of it, and holds nothing of it either.
func TestAHoleThatAPeerOnlyKnowsOfIsStillAskedFor(t *testing.T) {
	d := newDesk(t, nil)
	d.members("o", "a", "b")
	d.link("a", "b")
	h := header("o", 2, 1)
	h.Prior = messages.Position{Origin: "o", Epoch: 1, Sequence: 2}
	d.pushed("a", wire.StandIn(h, make([]byte, 300)))
	d.gets("a", &frame.Digest{Closed: []frame.Holding{{Origin: "o", EpochDigest: messages.EpochDigest{Epoch: 1, Floor: 1, Head: 2, Holes: list(run(1, 2))}}}})
	d.denying("a", "b")
	d.pass(time.Second)
	d.clear()
	d.pass(10 * time.Second)
	if len(d.asked("b", "o", 1)) == 0 {
		t.Error("b is not asked")
	}
	d.pass(2 * time.Minute)
	same(t, "given up in the end", d.givenUp("o"), list(run(1, 2)))
}

// What nobody has is forgotten alone: what lies above it, and is held by somebody, is still to come.
func TestWhatIsForgottenAboveTheHeadTakesNothingElseWithIt(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 3))
	d.replies["o"] = func(p *frame.Pull) *frame.End { // it has 6 to 9, and can't bring them now
		not := messages.Ranges(p.Ranges).Minus(list(run(6, 9)))
		return &frame.End{ID: p.ID, NotHeld: not}
	}
	d.members("o")
	d.link("o")
	d.gets("o", &frame.Have{Flows: []frame.Held{{Origin: "o", Epoch: 1, Floor: 1, Run: 6, Head: 9, HLC: stamp(1, 9)}}})
	d.pass(15 * time.Second)
	d.clear()
	d.pass(5 * time.Second)
	if asked := d.asked("o", "o", 1); len(asked) == 0 || asked[len(asked)-1].To != 9 {
		t.Errorf("it asks for %v, want 6 to 9", asked)
	}
	for q := uint64(6); q <= 9; q++ {
		d.repaired("o", d.batch("o", 1, q))
	}
	d.pass(15 * time.Second)
	same(t, "given up when what is above is there", d.givenUp("o"), list(run(4, 5)))
	if missing := d.Stats().Missing; missing != 0 {
		t.Errorf("it misses %d batches", missing)
	}
}

func TestWhatIsMissingBelowWhatIsForgottenIsStillAskedFor(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 3))
	d.denying("o")
	d.replies["a"] = func(p *frame.Pull) *frame.End { // it has 4 and 5, and can't bring them now
		return &frame.End{ID: p.ID, NotHeld: messages.Ranges(p.Ranges).Minus(list(run(4, 5)))}
	}
	d.members("o", "a")
	d.link("o", "a")
	d.announced("a", "o", 1, 5)
	d.announced("o", "o", 1, 9)
	d.pass(20 * time.Second)
	if missing := d.Stats().Missing; missing != 2 {
		t.Errorf("it misses %d batches, want 4 and 5", missing)
	}
	d.clear()
	d.pass(5 * time.Second)
	if len(d.asked("a", "o", 1)) == 0 {
		t.Error("a is not asked for them")
	}
}
