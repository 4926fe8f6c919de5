package sim_test

import (
	"testing"
	"time"

	"anode/testkit/sim"
)

// Random meshes under random faults of all kinds, one after the other: every promise is kept.
func TestChaos(t *testing.T) {
	chaos, _ := sim.FindScenario("chaos")
	seeds(t, 200, 10_000, func(t *testing.T, seed uint64) {
		cfg := sim.Config{Nodes: 20, Seed: seed, Duration: 30 * time.Second, Readers: 6}
		if seed%4 == 0 { // a network that is bad in itself
			cfg.Loss, cfg.Duplicate, cfg.Reorder, cfg.Jitter = 0.01, 0.02, 0.05, 5*time.Millisecond
		}
		shape := sim.Shape{Nodes: cfg.Nodes, Duration: cfg.Duration, Seed: seed, Load: sim.Load{At: sim.Any(4), Rate: 3}}
		sim.Try(t, cfg, chaos.Script(shape)+"3s register any:3 2\n12s register any:2 3\n")
	})
}
