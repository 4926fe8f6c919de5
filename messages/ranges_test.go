package messages_test

import (
	"testing"

	"pgregory.net/rapid"

	"anode/messages"
)

// Ranges behave as a set of numbers does, and stay ascending runs of which no two touch.
func TestRangesAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ranges messages.Ranges
		model := map[uint64]bool{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			from := rapid.Uint64Range(1, 40).Draw(t, "from")
			to := rapid.Uint64Range(0, 45).Draw(t, "to")
			kind := rapid.SampledFrom([]string{"add", "drop", "above"}).Draw(t, "kind")
			switch kind {
			case "add":
				ranges = ranges.Add(messages.Range{From: from, To: to})
			case "drop":
				ranges = ranges.Drop(messages.Range{From: from, To: to})
			default:
				if from > 10 {
					continue
				}
				ranges = ranges.Above(from)
			}
			for n := uint64(0); n <= 50; n++ {
				switch in := n >= from && n <= to; {
				case kind == "above":
					model[n] = model[n] && n >= from
				case in:
					model[n] = kind == "add"
				}
			}
			count := uint64(0)
			for n, is := range model {
				if ranges.Has(n) != is {
					t.Fatalf("%d: %v, want %v in %v", n, ranges.Has(n), is, ranges)
				}
				if is {
					count++
				}
			}
			other := messages.Ranges(nil).Add(messages.Range{From: from, To: to}).Add(messages.Range{From: 7, To: 9})
			minus := ranges.Minus(other)
			for n := range uint64(50) {
				if minus.Has(n) != (ranges.Has(n) && !other.Has(n)) {
					t.Fatalf("%v minus %v is %v", ranges, other, minus)
				}
				if both := ranges.Both(other); both.Has(n) != (ranges.Has(n) && other.Has(n)) {
					t.Fatalf("what is both in %v and %v is %v", ranges, other, both)
				}
			}
			if ranges.Len() != count {
				t.Fatalf("%d in %v, want %d", ranges.Len(), ranges, count)
			}
			for i := 1; i < len(ranges); i++ {
				if ranges[i].From <= ranges[i-1].To+1 {
					t.Fatalf("%v touch", ranges)
				}
			}
		}
	})
}
