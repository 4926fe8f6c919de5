package sim_test

import (
	"strconv"
	"testing"
	"time"

	"anode/testkit/sim"
)

// What the simulator itself takes: the flooders do next to nothing.
func BenchmarkFlooders(b *testing.B) {
	for _, nodes := range []int{100, 1000, 10_000} {
		b.Run(strconv.Itoa(nodes), func(b *testing.B) {
			for b.Loop() {
				cfg := flooding(nil)
				cfg.Nodes, cfg.Duration, cfg.Converge = nodes, 4*time.Second, 30*time.Second
				s, err := sim.New(cfg)
				if err != nil {
					b.Fatal(err)
				}
				s.At(time.Second, sim.Publish(sim.Load{At: sim.Any(5), Rate: 5}))
				r, err := s.Run(b.Context())
				if err != nil || !r.OK() {
					b.Fatal(err, r.Violations)
				}
				b.ReportMetric(r.Cost.EventsPerSecond, "events/s")
				b.ReportMetric(float64(r.Cost.Memory), "B/node")
			}
		})
	}
}
