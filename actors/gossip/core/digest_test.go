package core_test

import (
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

const day = uint64(24 * time.Hour / time.Millisecond)

// closed has the node hold a batch of each of some epochs, which are their days' since 1970; the last is the newest.
func closed(origin messages.NodeID, days ...uint64) func(*core.Config) {
	return func(c *core.Config) {
		for _, at := range days {
			h := onDay(origin, at)
			c.Lines.Open(origin).Hold(&h)
		}
	}
}

// onDay is the only batch of an epoch that is named after its day.
func onDay(origin messages.NodeID, at uint64) messages.Header {
	stamp := messages.HLCFromMillis(int64(at * day))
	return messages.Header{Origin: origin, Epoch: at, Sequence: 1, First: stamp, Last: stamp, Count: 1}
}

// digests are those that a peer was sent since the last look and that compare.
func (d *desk) digests(peer messages.NodeID) []*frame.Digest {
	return slices.DeleteFunc(sent[*frame.Digest](d, peer), func(f *frame.Digest) bool { return !f.Compare })
}

func TestANewLinkIsToldWhatIsHeld(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		torn("o")(c)
		closed("p", 20_000, 20_001)(c)
	})
	d.LinkUp(d.now, "a", &frame.Hello{Node: "a", Epoch: 1})
	d.drain()
	digests := d.digests("a")
	if len(digests) != 1 || len(digests[0].Latest) != 2 {
		t.Fatalf("it is told %+v", digests)
	}
	o, p := digests[0].Latest[0], digests[0].Latest[1]
	if o.Origin != "o" || o.Floor != 1 || o.Head != 9 || o.HeadHLC != stamp(1, 9) || !slices.Equal(o.Holes, list(run(4, 5))) {
		t.Errorf("of o it is told %+v", o)
	}
	if p.Origin != "p" || p.Epoch != 20_001 {
		t.Errorf("of p it is told %+v, want the newest epoch alone", p)
	}
	if days := digests[0].Days; len(days) != 1 || days[0].Day != 20_000 {
		t.Errorf("of closed epochs it is told %+v, want one day", days)
	}
}

func TestOnePeerIsToldEachSecond(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 3))
	d.link("a", "b", "c")
	d.pass(10 * time.Second)
	counts := []int{len(d.digests("a")), len(d.digests("b")), len(d.digests("c"))}
	if sum := counts[0] + counts[1] + counts[2]; sum < 9 || sum > 11 || slices.Min(counts) == 0 {
		t.Errorf("in ten seconds they are told %v times, want ten times in all", counts)
	}
}

func TestADigestNamesThe32HighestHoles(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		for q := uint64(1); q < 101; q += 2 {
			hold(c.Lines.Open("o"), 1, q, q)
		}
	})
	d.LinkUp(d.now, "a", &frame.Hello{Node: "a", Epoch: 1})
	d.drain()
	holes := d.digests("a")[0].Latest[0].Holes
	if len(holes) != frame.MaxHoles || holes[0] != run(36, 36) || holes[len(holes)-1] != run(98, 98) {
		t.Errorf("it names %v", holes)
	}
}

func TestTheHolesOfADigestSayWhoHasWhat(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a", "b")
	for peer, hole := range map[messages.NodeID]uint64{"a": 4, "b": 6} {
		d.gets(peer, &frame.Digest{Latest: []frame.Holding{{Origin: "o", EpochDigest: messages.EpochDigest{Epoch: 1, Floor: 1, Head: 9, HeadHLC: stamp(1, 9), Holes: list(run(hole, hole))}}}})
	}
	d.clear()
	d.Lost(d.now, "o", 1, run(4, 4))
	d.Lost(d.now, "o", 1, run(6, 6))
	d.pass(100 * time.Millisecond)
	same(t, "a is asked for", d.asked("a", "o", 1), list(run(6, 6)))
	same(t, "b is asked for", d.asked("b", "o", 1), list(run(4, 4)))
}

func TestDaysThatAgreeAreNotTold(t *testing.T) {
	d := newDesk(t, closed("o", 20_000, 20_001, 20_002))
	other := newDesk(t, closed("o", 20_000, 20_001, 20_002))
	d.link("a")
	other.LinkUp(other.now, "b", &frame.Hello{Node: "b", Epoch: 1})
	other.drain()
	d.gets("a", other.digests("b")[0])
	none(t, "said to a", d.out)
}

func TestDaysThatDifferAreTold(t *testing.T) {
	d := newDesk(t, closed("o", 20_000, 20_001, 20_002))
	other := newDesk(t, closed("o", 20_000, 20_002))
	d.link("a")
	other.link("b")
	other.LinkUp(other.now, "c", &frame.Hello{Node: "c", Epoch: 1})
	other.drain()
	d.gets("a", other.digests("c")[0])
	told := sent[*frame.Digest](d, "a")
	if len(told) != 1 || len(told[0].Closed) != 1 || told[0].Closed[0].Epoch != 20_001 {
		t.Fatalf("a is told %+v", told)
	}
	same(t, "a is asked for its own of the days", told[0].Want, list[uint32](20_001))
	other.clear()
	other.gets("b", told[0])
	other.pass(100 * time.Millisecond)
	same(t, "the other asks for", other.asked("b", "o", 20_001), list(run(1, 1)))
}

func TestWhoWantsDaysIsToldThem(t *testing.T) {
	d := newDesk(t, closed("o", 20_000, 20_001, 20_002))
	d.link("a")
	d.gets("a", &frame.Digest{Want: list[uint32](20_000)})
	told := sent[*frame.Digest](d, "a")
	if len(told) != 1 || len(told[0].Closed) != 1 || told[0].Closed[0].Epoch != 20_000 || len(told[0].Want) > 0 {
		t.Errorf("a is told %+v", told)
	}
}

func TestListsAreToldEachFiveSeconds(t *testing.T) {
	d := newDesk(t, closed("o", 20_000, 20_001))
	d.link("a")
	for range 40 {
		d.gets("a", &frame.Digest{Compare: true})
		d.pass(250 * time.Millisecond)
	}
	lists := 0
	for _, f := range sent[*frame.Digest](d, "a") {
		if len(f.Want) > 0 {
			lists++
		}
	}
	if lists < 2 || lists > 3 {
		t.Errorf("in ten seconds lists are told %d times, want each five", lists)
	}
}

// Days that one of two does not keep in full say nothing.
func TestDaysBeforeSinceAreNotCompared(t *testing.T) {
	d := newDesk(t, closed("o", 20_000, 20_001, 20_002))
	d.link("a")
	d.gets("a", &frame.Digest{Compare: true, Since: 20_002})
	none(t, "said to a", d.out)
}

// A node remembers that an epoch was there and is empty, as long as another one does: so that their days agree.
func TestAnEmptiedEpochIsRememberedAlike(t *testing.T) {
	emptied := func(c *core.Config) {
		closed("o", 20_000, 20_001)(c)
		c.Lines["o"].Raise(20_000, 2)
	}
	d, other := newDesk(t, closed("o", 20_001)), newDesk(t, emptied)
	d.link("a")
	other.link("b")
	d.LinkUp(d.now, "c", &frame.Hello{Node: "c", Epoch: 1})
	d.drain()
	other.gets("b", d.digests("c")[0])
	d.clear()
	d.gets("a", sent[*frame.Digest](other, "b")[0])
	raised := d.put(core.Raise)
	if len(raised) != 1 || raised[0].Epoch != 20_000 || raised[0].Floor != 2 {
		t.Errorf("it raises %+v", raised)
	}
	d.pass(time.Second)
	none(t, "asked for", d.asked("a", "o", 20_000))
	d.LinkUp(d.now, "e", &frame.Hello{Node: "e", Epoch: 1})
	d.drain()
	other.clear()
	other.gets("b", d.digests("e")[0])
	none(t, "said when they are compared again", other.out)
}

// told has a peer name a closed epoch.
func (d *desk) named(peer, origin messages.NodeID, at uint64) {
	d.Helper()
	h := onDay(origin, at)
	d.gets(peer, &frame.Digest{Closed: []frame.Holding{{Origin: origin, EpochDigest: messages.EpochDigest{Epoch: at, Floor: 1, Head: 1, HeadHLC: h.Last}}}})
}

func TestNothingComesBackFromTheDead(t *testing.T) {
	const today = begin / int64(24*time.Hour/time.Millisecond)
	for _, test := range []struct {
		name    string
		members []messages.NodeID
		day     uint64
		taken   bool
	}{
		{"within twice the retention", nil, uint64(today) - 19, true},
		{"older than that", nil, uint64(today) - 21, false},
		{"older than that, and the origin is alive", list[messages.NodeID]("o"), uint64(today) - 21, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t, func(c *core.Config) { c.RetentionAge = 10 * 24 * time.Hour })
			d.members(test.members...)
			d.link("a")
			d.named("a", "o", test.day)
			d.pass(500 * time.Millisecond)
			if taken := len(d.asked("a", "o", test.day)) > 0; taken != test.taken {
				t.Errorf("it is asked for: %t, want %t", taken, test.taken)
			}
		})
	}
}

func TestAForgottenEpochIsNotTakenUpAgain(t *testing.T) {
	d := newDesk(t, closed("o", 20_000, 20_001))
	d.members("o")
	d.link("a")
	d.Dropped(d.now, "o", 20_000, 2)
	d.Forgotten(d.now, "o", 20_000)
	d.named("a", "o", 20_000)
	d.pass(time.Second)
	none(t, "asked for", d.asked("a", "o", 20_000))
	h := onDay("o", 20_000)
	d.sealed[h.ID()] = nil
	d.pushed("a", d.batch("o", 20_000, 1))
	none(t, "appended", d.put(core.Append))
}

// An origin that was silent for long goes on in the epoch that the journals have forgotten.
func TestAnOriginThatWasSilentForLongIsHeardAgain(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 3))
	d.members("o", "a")
	d.link("o", "a")
	d.Dropped(d.now, "o", 1, 4)
	d.Forgotten(d.now, "o", 1)
	d.drain()
	d.clear()
	d.pushed("o", d.batch("o", 1, 4))
	if len(d.put(core.Append)) != 1 {
		t.Error("its next batch is not appended")
	}
	d.announced("a", "o", 1, 5)
	d.pass(time.Second)
	if len(d.asked("a", "o", 1)) == 0 {
		t.Error("what another peer announces of it is not asked for")
	}
}

func TestAnOriginOfWhichNothingIsLeftIsForgotten(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 3))
	d.members("a")
	d.link("a")
	d.Dropped(d.now, "o", 1, 4)
	d.Forgotten(d.now, "o", 1)
	d.pass(2 * time.Second)
	if _, known := d.Lines()["o"]; known {
		t.Error("its line is kept")
	}
}

// A day is one hash, whatever happened on it: thousands of restarts don't make a digest longer.
func TestThousandsOfRestartsDoNotMakeADigestLonger(t *testing.T) {
	const days, restarts = 7, 5_000
	d := newDesk(t, func(c *core.Config) {
		line := c.Lines.Open("o")
		for i := range uint64(restarts) {
			stamp := messages.HLCFromMillis(int64(begin - days*day + i*days*day/restarts))
			line.Hold(&messages.Header{Origin: "o", Epoch: i + 1, Sequence: 1, First: stamp, Last: stamp, Count: 1})
		}
	})
	d.LinkUp(d.now, "a", &frame.Hello{Node: "a", Epoch: 1})
	d.drain()
	size := 0
	for _, f := range sent[*frame.Digest](d, "a") {
		size += f.Size()
	}
	if most := 200 + (days+1)*16; size > most {
		t.Errorf("%d restarts in %d days make a digest of %d bytes, at most %d are to be", restarts, days, size, most)
	}
	t.Logf("%d restarts in %d days: a digest of %d bytes", restarts, days, size)
}

// Where a day differs its epochs are told: a bounded number at a time, in a frame that fits.
func TestAListOfClosedEpochsIsBounded(t *testing.T) {
	const restarts = 12_000
	d := newDesk(t, func(c *core.Config) {
		line := c.Lines.Open("o")
		for i := range uint64(restarts) {
			stamp := messages.HLCFromMillis(int64(20_000*day + i))
			line.Hold(&messages.Header{Origin: "o", Epoch: i + 1, Sequence: 1, First: stamp, Last: stamp, Count: 1})
		}
	})
	d.link("a")
	d.gets("a", &frame.Digest{Compare: true})
	told := sent[*frame.Digest](d, "a")
	if len(told) != 1 || len(told[0].Closed) < 1000 || told[0].Size() > frame.Max/2 {
		t.Errorf("it is told %d epochs in %d frames", len(told[0].Closed), len(told))
	}
}
