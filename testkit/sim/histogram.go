package sim

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets of which each is a 32nd wide of what it holds.
type histogram struct {
	counts [64 * 32]uint64
	total  uint64
	sum    float64
	most   int64
}

func bucketOf(v int64) int {
	if v < 32 {
		return int(max(v, 0))
	}
	shift := bits.Len64(uint64(v)) - 6
	return (shift+1)*32 + int(v>>shift) - 32
}

// bucketEnd is the highest value of a bucket.
func bucketEnd(i int) int64 {
	if i < 32 {
		return int64(i)
	}
	shift := i/32 - 1
	return (int64(i%32+32+1) << shift) - 1
}

func (h *histogram) add(v int64) {
	h.counts[bucketOf(v)]++
	h.total++
	h.sum += float64(v)
	h.most = max(h.most, v)
}

// at is the value below which a share of all lie.
func (h *histogram) at(share float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := min(uint64(share*float64(h.total)), h.total-1)
	var seen uint64
	for i, c := range h.counts {
		if seen += c; seen > rank {
			return time.Duration(min(bucketEnd(i), h.most))
		}
	}
	return time.Duration(h.most)
}

// Quantiles are durations of which a half, 99 of a hundred, and all are no longer.
type Quantiles struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
	// Count is how many there were.
	Count uint64 `json:"count"`
}

func (h *histogram) quantiles() Quantiles {
	return Quantiles{h.at(0.5), h.at(0.99), time.Duration(h.most), h.total}
}
