package gossip

import (
	"math/rand/v2"
	"testing"
	"time"

	"anode/messages"
)

// Both ends of a pair that made two links keep the same one, whichever each of them has first.
func TestOfTwoLinksOfAPairBothEndsKeepTheSame(t *testing.T) {
	for _, ids := range [][2]messages.NodeID{{"aaaa", "bbbb"}, {"bbbb", "aaaa"}} {
		self, peer := ids[0], ids[1]
		kept := func(self, peer messages.NodeID, firstDialed bool) (dialedStays bool) {
			old, fresh := rival{dialed: firstDialed, epoch: 1}, rival{dialed: !firstDialed, epoch: 1}
			switch decide(self, peer, old, fresh, time.Second) {
			case keep:
				return firstDialed
			case change:
				return !firstDialed
			default:
				t.Fatal("a pair's two links are no claim")
				return false
			}
		}
		// What self dialled is what peer accepted.
		want := self < peer
		for _, first := range []bool{true, false} {
			if got := kept(self, peer, first); got != want {
				t.Errorf("%s keeps the link that it dialled: %v, want %v (first dialled %v)", self, got, want, first)
			}
			if got := kept(peer, self, first); got == want {
				t.Errorf("%s keeps the other link (first dialled %v)", peer, first)
			}
		}
	}
}

func TestANewcomerToALinkThatStandsIsJudged(t *testing.T) {
	for name, c := range map[string]struct {
		old, fresh rival
		age        time.Duration
	}{
		"it numbers with another epoch: a restart, or a copy": {rival{true, 1}, rival{false, 2}, time.Second},
		"the old link is up for long":                         {rival{true, 1}, rival{false, 1}, rivalry},
		"the same side dialled twice":                         {rival{false, 1}, rival{false, 1}, time.Second},
	} {
		if got := decide("aaaa", "bbbb", c.old, c.fresh, c.age); got != judge {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func TestANodeStopsWhenItHearsForLongThatItsIdentityIsInUse(t *testing.T) {
	start := time.Now()
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	var u usurped
	if u.over(at(100), false) {
		t.Fatal("nobody has said anything")
	}
	for s := 0.0; s < 15; s++ {
		u.heard(at(s))
		if u.over(at(s), false) {
			t.Fatalf("after %v s", s)
		}
	}
	if u.heard(at(15)); !u.over(at(15), false) {
		t.Fatal("not after 15 s")
	}
	if !u.now(at(16)) {
		t.Error("it was said a moment ago")
	}
	if u.over(at(16), true) || u.now(at(16)) {
		t.Error("a link lasts")
	}
	u.heard(at(20))
	u.heard(at(20 + usurpedPause.Seconds() + 1))
	if u.over(at(36+usurpedPause.Seconds()), false) == true && u.since.Equal(at(20)) {
		t.Error("what was said long ago counts")
	}
}

// Between the decision to stop and the end nothing is taken back, and it is decided once.
func TestWhoStopsAsItsIdentityIsInUseDoesNothingUnderItMeanwhile(t *testing.T) {
	start := time.Now()
	u := usurped{since: start, last: start.Add(usurpedFor)}
	if !u.over(u.last, false) {
		t.Fatal("it does not stop")
	}
	u.ends = true
	for _, lasting := range []bool{false, true} {
		if at := u.last.Add(time.Hour); u.over(at, lasting) || !u.now(at) {
			t.Errorf("with lasting links %v", lasting)
		}
	}
}

func TestPausesBetweenTriesDoubleUpToTenSeconds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for tries, want := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 6: 10 * time.Second, 1000: 10 * time.Second} {
		for range 100 {
			if got := pauseAfter(tries, random); got < want/2 || got >= want*3/2 {
				t.Fatalf("after %d tries %s, want about %s", tries, got, want)
			}
		}
	}
}
