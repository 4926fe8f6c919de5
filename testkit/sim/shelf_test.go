package sim

import (
	"math/rand/v2"
	"testing"
)

// A shelf says the same as a plain set.
func TestShelfIsASet(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		var sh shelf
		held := make(map[uint64]bool)
		floor := uint64(1)
		for range 3000 {
			q := floor + r.Uint64N(400)
			switch r.IntN(20) {
			case 0:
				sh.take(q)
				delete(held, q)
			case 1:
				floor += r.Uint64N(100)
				sh.raise(floor)
				for at := range held {
					if at < floor {
						delete(held, at)
					}
				}
			default:
				sh.put(q)
				held[q] = true
			}
			same(t, &sh, held, floor)
		}
	}
}

func same(t *testing.T, sh *shelf, held map[uint64]bool, floor uint64) {
	t.Helper()
	head, solid := floor-1, floor-1
	for q := range held {
		head = max(head, q)
	}
	for held[solid+1] {
		solid++
	}
	if sh.known() && (sh.floor != floor || sh.head != head || sh.solid != solid) {
		t.Fatalf("floor, head, solid are %d, %d, %d, want %d, %d, %d", sh.floor, sh.head, sh.solid, floor, head, solid)
	}
	for q := floor; q <= head+1; q++ {
		if sh.has(q) != held[q] {
			t.Fatalf("has %d: %t, want %t", q, sh.has(q), held[q])
		}
	}
	for _, hole := range sh.holes() {
		if hole.From <= solid || hole.To >= head || held[hole.From] || held[hole.To] || !held[hole.From-1] && hole.From > floor {
			t.Fatalf("hole %v, with all up to %d held and the head at %d", hole, solid, head)
		}
	}
}
