package source

import (
	"math"
	"testing"
	"time"

	"anode/messages"
)

func TestClockSkew(t *testing.T) {
	type came struct{ sealed, now int64 }
	for what, c := range map[string]struct {
		came []came
		want int64
	}{
		"nothing is known":              {nil, 0},
		"the quickest batch counts":     {[]came{{100, 190}, {200, 220}, {300, 350}}, 20},
		"a clock that is ahead":         {[]came{{100_100, 110}, {100_200, 250}}, -99_990},
		"a batch of the span before":    {[]came{{1000, 1005}, {12_000, 12_050}}, 5},
		"what is older is forgotten":    {[]came{{1000, 1005}, {12_000, 12_050}, {23_000, 23_040}}, 40},
		"the own clock was put back":    {[]came{{50_000, 50_010}, {1000, 1020}, {1000, 1025}}, 10},
		"a clock that goes back counts": {[]came{{50_000, 50_010}, {1000, 60_010}, {1100, 70_111}}, 59_010},
	} {
		t.Run(what, func(t *testing.T) {
			var k clockSkew
			for _, one := range c.came {
				k.came(one.sealed, one.now)
			}
			if got := k.behind(); got != c.want {
				t.Errorf("%d ms, want %d", got, c.want)
			}
		})
	}
}

// What another node numbers is judged by this node's clock, whatever that one's is.
func TestAClockThatIsAheadHidesNoCopy(t *testing.T) {
	for _, by := range []time.Duration{-3 * time.Minute, 3 * time.Minute} {
		l := newLearning(t, "since: {from: .n}\ndedupe: {by: none}")
		l.cfg.Clock = func() time.Time { return time.Now().Add(by) }
		l.cfg.learner.clock = l.cfg.Clock
		l.job.restored = true
		l.job.heed()
		l.job.standby.active.Store(true)
		want := *l.board.want.Load()
		want.Role = Role{Rank: 1, Owners: 2}
		l.board.want.Store(&want)
		l.learn(l.seal("other", datum("p", 1)))
		if err := l.job.catchUp(t.Context(), l.board); err != nil {
			t.Fatal(err)
		}
		if already := l.job.standby.hold([]messages.Draft{datum("p", 1)}); already != 1 {
			t.Errorf("a clock %s ahead: the copy is not known", by)
		}
	}
}

// What was learned before a queue was full is in the journal too, and is not taken twice.
func TestACopyThatIsReadAgainCancelsNoSecondOne(t *testing.T) {
	l := newLearning(t, "dedupe: {by: none}")
	l.job.restored = true
	l.job.heed()
	want := *l.board.want.Load()
	want.Role = Role{Rank: 1, Owners: 2}
	l.board.want.Store(&want)
	l.job.standby.active.Store(true)
	l.job.standby.hold([]messages.Draft{datum("p", 1), datum("p", 1), datum("p", 2)})
	batch := l.seal("other", datum("p", 1))
	l.learn(batch)
	l.seal("other", datum("p", 2)) // not learned of
	l.job.learnt.lose(batch.First.Millis())
	if err := l.job.catchUp(t.Context(), l.board); err != nil {
		t.Fatal(err)
	}
	if held := l.job.standby.count.Load(); held != 1 {
		t.Errorf("%d are held, want the second 1", held)
	}
}

func TestTurnsHaveAnEnd(t *testing.T) {
	l := newLearning(t, "since: {from: .n}")
	s, err := l.job.states.find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.job.states.heed(s.stream, &theirs{saved: saved{Version: savedVersion, Turn: math.MaxUint64, Since: []byte("5"), From: l.job.states.from}, by: "other"})
	if err := l.job.states.move(s, 7, nil); err != nil {
		t.Fatal(err)
	}
	if _, tickets := l.job.states.draw(); len(tickets) != 1 || tickets[0].saved.Turn != math.MaxUint64 {
		t.Errorf("%+v", tickets)
	}
}
