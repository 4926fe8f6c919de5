package app

import (
	"math"
	"testing"
)

func TestSlowClientsHoldATenthOfTheMemory(t *testing.T) {
	for memory, want := range map[int64]int64{
		math.MaxInt64: 256 << 20, 4 << 30: 256 << 20, 1 << 30: (1 << 30) / 10, 200 << 20: 20 << 20, 64 << 20: 16 << 20,
	} {
		if got := slowBytes(memory); got != want {
			t.Errorf("of %d: %d, want %d", memory, got, want)
		}
	}
}
