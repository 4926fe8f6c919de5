package demo

import (
	"testing"

	"pgregory.net/rapid"
)

func TestCount(t *testing.T) {
	ack := func(n uint64, node int, sequence uint64) acknowledged {
		a := acknowledged{number: n, node: node, at: at(0), tries: 1}
		if sequence > 0 {
			a.place = place(node, sequence)
		}
		return a
	}
	for name, tt := range map[string]struct {
		do                     func(c *count)
		seen, missed, doubled  int
		waiting, waitingAtNode int
	}{
		"seen after its answer":  {do: func(c *count) { c.acknowledge(ack(1, 0, 5)); c.saw(1); c.passed(placed(0, 5), at(9), true) }, seen: 1},
		"seen before its answer": {do: func(c *count) { c.saw(1); c.passed(placed(0, 5), at(9), true); c.acknowledge(ack(1, 0, 5)) }, seen: 1},
		"on its way":             {do: func(c *count) { c.acknowledge(ack(1, 1, 5)); c.passed(placed(1, 4), at(900_000), true) }, waiting: 1, waitingAtNode: 1},
		"left behind":            {do: func(c *count) { c.acknowledge(ack(1, 1, 5)); c.passed(placed(1, 6), at(9), true) }, missed: 1},
		"left behind before its answer": {do: func(c *count) {
			c.passed(placed(1, 6), at(9), true)
			c.acknowledge(ack(1, 1, 5))
			c.passed(placed(1, 6), at(9), true)
		}, missed: 1},
		"another origin's place":         {do: func(c *count) { c.acknowledge(ack(1, 1, 5)); c.passed(placed(0, 9), at(9), true) }, waiting: 1, waitingAtNode: 1},
		"came after all":                 {do: func(c *count) { c.acknowledge(ack(1, 1, 5)); c.passed(placed(1, 6), at(9), true); c.saw(1) }, seen: 1},
		"came twice":                     {do: func(c *count) { c.acknowledge(ack(1, 0, 5)); c.saw(1); c.saw(1) }, seen: 1, doubled: 1},
		"a duplicate that does not come": {do: func(c *count) { c.acknowledge(ack(1, 1, 0)); c.passed(placed(1, 6), at(31_000), true) }, missed: 1},
		"a duplicate, with a node down":  {do: func(c *count) { c.acknowledge(ack(1, 1, 0)); c.passed(placed(1, 6), at(31_000), false) }, waiting: 1, waitingAtNode: 1},
		"a duplicate, not yet late":      {do: func(c *count) { c.acknowledge(ack(1, 1, 0)); c.passed(placed(1, 6), at(29_000), true) }, waiting: 1, waitingAtNode: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCount()
			tt.do(c)
			if int(len64(&c.seen)) != tt.seen || c.published > 0 && int(c.delivered()) != tt.seen || len(c.missed) != tt.missed || int(c.doubled) != tt.doubled || len(c.waiting) != tt.waiting || c.waitingAt(1) != tt.waitingAtNode {
				t.Errorf("seen %d, missed %d, doubled %d, waiting %d, at the node %d", len64(&c.seen), len(c.missed), c.doubled, len(c.waiting), c.waitingAt(1))
			}
		})
	}
}

func TestNumbersAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s numbers
		have := make(map[uint64]bool)
		for _, n := range rapid.SliceOf(rapid.Uint64Range(1, 40)).Draw(t, "numbers") {
			if s.add(n) == have[n] {
				t.Fatalf("%d is new: %v", n, have[n])
			}
			have[n] = true
		}
		for n := range uint64(42) {
			if n > 0 && s.has(n) != have[n] {
				t.Fatalf("has %d: %v", n, s.has(n))
			}
		}
		if int(len64(&s)) != len(have) {
			t.Fatalf("%d, want %d", len64(&s), len(have))
		}
	})
}

// len64 is how many are in a set.
func len64(s *numbers) uint64 { return s.upTo + uint64(len(s.above)) }
