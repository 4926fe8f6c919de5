package actor

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// latencyWindow is the time that quantiles are taken over, and latencyEvery how far apart what is kept of a histogram is.
const (
	latencyWindow = 10 * time.Second
	latencyEvery  = time.Second
)

// Latency tells quantiles of what a histogram took lately, for those who show them beside the metrics. It keeps a dozen
// looks at most. It is for one goroutine; the zero Latency is ready for use.
type Latency struct{ past []lookedAt }

// lookedAt is a histogram at a time.
type lookedAt struct {
	at    time.Time
	count uint64
	// below are how many are at most as high as each bound of a bucket.
	below, bounds []float64
}

// Add looks at a histogram and sets name_p50 and name_p99, in the histogram's unit, of what it took within about ten seconds. Where that
// is nothing it sets neither.
func (l *Latency) Add(figures map[string]float64, name string, h prometheus.Histogram, at time.Time) {
	var m dto.Metric
	if err := h.Write(&m); err != nil {
		return
	}
	now := lookedAt{at: at, count: m.GetHistogram().GetSampleCount()}
	for _, b := range m.GetHistogram().GetBucket() {
		now.below = append(now.below, float64(b.GetCumulativeCount()))
		now.bounds = append(now.bounds, b.GetUpperBound())
	}
	for len(l.past) > 1 && at.Sub(l.past[1].at) >= latencyWindow {
		l.past = l.past[1:]
	}
	if len(l.past) > 0 && now.count > l.past[0].count {
		figures[name+"_p50"] = now.quantile(l.past[0], 0.5)
		figures[name+"_p99"] = now.quantile(l.past[0], 0.99)
	}
	if n := len(l.past); n == 0 || at.Sub(l.past[n-1].at) >= latencyEvery {
		l.past = append(l.past, now)
	}
}

// quantile is that of what came since another look, within its bucket as if all stood at even distances; above the
// highest bound it is that bound.
func (n *lookedAt) quantile(since lookedAt, q float64) float64 {
	rank := q * float64(n.count-since.count)
	low, before := 0.0, 0.0
	for i, bound := range n.bounds {
		if math.IsInf(bound, 1) {
			break
		}
		below := n.below[i]
		if i < len(since.below) {
			below -= since.below[i]
		}
		if below >= rank && below > before {
			return low + (bound-low)*(rank-before)/(below-before)
		}
		low, before = bound, below
	}
	return low
}
