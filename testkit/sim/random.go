package sim

import (
	"math/rand/v2"
	"time"
)

// The streams of random numbers: each purpose has its own, so that one more action in a script does
// not move the latency of a frame before it.
const (
	forNetwork uint64 = iota + 1
	forMembers
	forScript
	forLoad
	forNodes
	forFigures
)

func newRandom(seed, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, mix(seed+purpose)))
}

// mix is a hash of 64 bits: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// within is the place of a hash in a span.
func (s Span) within(hash uint64) int64 {
	if s.Max <= s.Min {
		return int64(s.Min)
	}
	return int64(s.Min) + int64(hash%uint64(s.Max-s.Min+1))
}

// draw is a duration from the span.
func (s Span) draw(r *rand.Rand) int64 { return s.within(r.Uint64()) }

// upTo is a duration from 0 to below d.
func upTo(r *rand.Rand, d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return r.Int64N(int64(d))
}

// digest is a hash over all that happened.
type digest uint64

func (d *digest) add(values ...uint64) {
	h := uint64(*d)
	for _, v := range values {
		h = (h ^ v) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	*d = digest(h)
}
