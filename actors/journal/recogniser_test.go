package journal

import (
	"encoding/binary"
	"testing"
	"time"

	"anode/messages"
)

// TestWhatIsTakenBackLeavesNothing: publishers that try again while the journal takes nothing fill no memory.
func TestWhatIsTakenBackLeavesNothing(t *testing.T) {
	r, now := newRecogniser(10*time.Minute, 100), time.UnixMilli(1e12)
	identity := func(n int) (i messages.Identity) {
		binary.BigEndian.PutUint64(i[:], uint64(n))
		return i
	}
	for n := range 10 {
		r.meet(identity(n), now)
	}
	for round := range 1000 {
		var fresh []messages.Identity
		for n := range 20 {
			i := identity(round%3 + n)
			if _, known := r.meet(i, now); !known {
				fresh = append(fresh, i)
			}
		}
		r.unlearn(fresh)
		r.expire(now)
	}
	if len(r.order) != 10 || len(r.seen) != 10 {
		t.Errorf("%d entries for %d identities, want 10 of each", len(r.order), len(r.seen))
	}
	for n := range 12 {
		if _, known := r.meet(identity(n), now); known != (n < 10) {
			t.Errorf("identity %d is known: %t", n, known)
		}
	}
	if r.expire(now.Add(10 * time.Minute)); len(r.seen) != 0 {
		t.Errorf("%d identities outlived their window", len(r.seen))
	}
}

// TestMoreThanIsHeldIsTakenBack: a group may have more identities than are known at once.
func TestMoreThanIsHeldIsTakenBack(t *testing.T) {
	r, now := newRecogniser(time.Minute, 4), time.UnixMilli(1e12)
	var fresh []messages.Identity
	for n := range 10 {
		i := messages.Identity{byte(n)}
		if _, known := r.meet(i, now); known {
			t.Fatalf("%d is known", n)
		}
		fresh = append(fresh, i)
	}
	r.unlearn(fresh)
	if len(r.seen) != 0 || r.first > len(r.order) {
		t.Errorf("%d identities are left, %d of %d entries dropped", len(r.seen), r.first, len(r.order))
	}
	if _, known := r.meet(messages.Identity{1}, now); known {
		t.Error("what was taken back is known")
	}
}
