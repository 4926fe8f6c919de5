package journal

import (
	"math/rand/v2"
	"testing"

	"anode/messages"
)

// TestStretchesAgainstASet compares what is not covered with a plain set of sequences.
func TestStretchesAgainstASet(t *testing.T) {
	type id struct{ epoch, sequence uint64 }
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var c covers
		c.begin(nil)
		open := make(map[id]int64) // when it was numbered
		epoch, next, ms := uint64(1), uint64(1), int64(1000)
		for range 600 {
			switch rnd.IntN(5) {
			case 0, 1:
				if rnd.IntN(20) == 0 {
					epoch, next = epoch+uint64(rnd.IntN(3))+1, 1
				}
				ms += int64(rnd.IntN(3))
				n := need{epoch, messages.Range{From: next, To: next + uint64(rnd.IntN(4))}}
				for next <= n.To {
					open[id{epoch, next}] = ms
					next++
				}
				c.number(stretch{n.epoch, n.Range, ms, ms}, 0)
			case 2:
				e, from := 1+rnd.Uint64N(epoch), rnd.Uint64N(next+5)
				held := messages.Range{From: from, To: from + rnd.Uint64N(12)}
				some := false
				for s := held.From; s <= held.To; s++ {
					_, was := open[id{e, s}]
					some = some || was
					delete(open, id{e, s})
				}
				if got := c.cut(e, held); got != some {
					t.Fatalf("seed %d: %s of %d covers some: %t, want %t", seed, held, e, got, some)
				}
			case 3:
				n := need{1 + rnd.Uint64N(epoch), messages.Range{From: rnd.Uint64N(next + 5)}}
				n.To = n.From + rnd.Uint64N(5)
				want := false
				for s := n.From; s <= n.To; s++ {
					_, is := open[id{n.epoch, s}]
					want = want || is
				}
				if got := c.lacks([]need{{}, n}); got != want {
					t.Fatalf("seed %d: %+v lacks %t, want %t", seed, n, got, want)
				}
			case 4:
				at := ms - int64(rnd.IntN(20))
				want := 0
				for _, when := range open {
					if when == at {
						want++
					}
				}
				got := 0
				for _, n := range c.numbered(at) {
					got += int(n.To - n.From + 1)
				}
				if got != want {
					t.Fatalf("seed %d: %d are of %d, want %d", seed, got, at, want)
				}
			}
		}
	}
}

// With many holes what is kept is bounded, and nothing that is not covered is taken for it.
func TestStretchesAreBounded(t *testing.T) {
	var c covers
	c.begin(nil)
	const count = 5 * mostStretches
	for s := uint64(1); s <= count; s++ {
		c.number(stretch{1, messages.Range{From: s, To: s}, int64(s), int64(s)}, 0)
		if s%2 == 0 {
			c.cut(1, messages.Range{From: s, To: s})
		}
		if len(c.open) > mostStretches {
			t.Fatalf("%d are kept", len(c.open))
		}
	}
	for s := uint64(1); s <= count; s += 2 {
		if !c.lacks([]need{{1, messages.Range{From: s, To: s}}}) || len(c.numbered(int64(s))) == 0 {
			t.Fatalf("%d is taken to be covered", s)
		}
	}
	if c.lacks([]need{{1, messages.Range{From: count, To: count}}}) {
		t.Error("what was covered last is not")
	}
	c.number(stretch{1, messages.Range{From: count + 1, To: count + 1}, count + 1, count + 1}, count)
	if len(c.open) > 2 {
		t.Errorf("%d are kept beyond their horizon", len(c.open))
	}
}
