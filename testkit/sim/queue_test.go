package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Events come out in order of time, and those of one moment in the order in which they went in, however far
// ahead they are.
func TestEventsComeInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q queue
	type mark struct{ at, n int64 }
	var want, got []mark
	now, n := int64(0), int64(0)
	add := func() {
		far := []int64{0, 1000, 1e6, 50e6, 600e6, 3e9, 100e9}[r.IntN(7)]
		m := mark{now + r.Int64N(far+1), n}
		n++
		want = append(want, m)
		q.add(m.at, event{n: m.n})
	}
	for range 20_000 {
		for range r.IntN(3) {
			add()
		}
		if at, e, ok := q.next(); ok {
			now = at
			got = append(got, mark{at, e.n})
		}
	}
	for {
		at, e, ok := q.next()
		if !ok {
			break
		}
		got = append(got, mark{at, e.n})
	}
	slices.SortStableFunc(want, func(a, b mark) int { return int(min(max(a.at-b.at, -1), 1)) })
	if !slices.Equal(got, want) {
		t.Fatalf("%d events came, %d went in; or not in order", len(got), len(want))
	}
	if q.len() != 0 {
		t.Errorf("%d events are left", q.len())
	}
}

func BenchmarkQueue(b *testing.B) {
	var q queue
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		q.add(r.Int64N(50e6), event{})
	}
	b.ResetTimer()
	for b.Loop() {
		at, e, _ := q.next()
		q.add(at+r.Int64N(50e6), e)
	}
}
