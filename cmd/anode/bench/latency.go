package bench

import (
	"slices"
	"sync"
	"time"
)

// mostSamples bounds what is kept; beyond, each new one takes the place of an old one by turns.
const mostSamples = 2_000_000

// latencies are samples of times. mu guards all of it.
type latencies struct {
	mu      sync.Mutex
	samples []time.Duration
	next    int
	sorted  bool
}

func (l *latencies) add(list []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sorted = false
	for _, d := range list {
		if len(l.samples) < mostSamples {
			l.samples = append(l.samples, d)
			continue
		}
		l.samples[l.next%mostSamples] = d
		l.next++
	}
}

// quantile is the sample that so large a share of all is not above; 0 where there is none.
func (l *latencies) quantile(share float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.samples) == 0 {
		return 0
	}
	if !l.sorted {
		slices.Sort(l.samples)
		l.sorted = true
	}
	return l.samples[min(len(l.samples)-1, int(share*float64(len(l.samples))))]
}
