package source

import (
	"sync"
	"time"
)

// bucket lets so many through at once and so many a second. The mutex is a leaf.
type bucket struct {
	burst, perSecond float64

	mu   sync.Mutex
	left float64
	last time.Time
}

func newBucket(burst, perSecond float64) *bucket {
	return &bucket{burst: burst, perSecond: perSecond, left: burst}
}

// take tells whether one may pass now.
func (b *bucket) take(now time.Time) bool { return b.wait(now) == 0 }

// wait lets one pass, with 0, or tells in how long one may.
func (b *bucket) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.last).Seconds(); !b.last.IsZero() && passed > 0 {
		b.left = min(b.burst, b.left+passed*b.perSecond)
	}
	b.last = now
	if b.left < 1 {
		return time.Duration((1-b.left)/b.perSecond*float64(time.Second)) + 1
	}
	b.left--
	return 0
}
