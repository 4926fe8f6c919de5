package actor_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
)

func TestLatencyIsOfWhatCameLately(t *testing.T) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: []float64{1, 2, 4}})
	var l actor.Latency
	start := time.Unix(1000, 0)
	look := func(after time.Duration) map[string]float64 {
		figures := map[string]float64{}
		l.Add(figures, "x", h, start.Add(after))
		return figures
	}
	h.Observe(3)
	if got := look(0); len(got) != 0 {
		t.Errorf("before the first look: %v", got)
	}
	if got := look(2 * time.Second); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for range 100 {
		h.Observe(0.5)
	}
	if got := look(4 * time.Second); got["x_p50"] != 0.5 || got["x_p99"] != 0.99 {
		t.Errorf("a hundred in the first bucket: %v", got)
	}
	for range 100 {
		h.Observe(9)
	}
	if got := look(6 * time.Second); got["x_p50"] != 1 || got["x_p99"] != 4 {
		t.Errorf("half of them above the highest bound: %v", got)
	}
	for i := range 12 {
		look(time.Duration(8+2*i) * time.Second)
	}
	if got := look(40 * time.Second); len(got) != 0 {
		t.Errorf("of what is long over: %v", got)
	}
}
