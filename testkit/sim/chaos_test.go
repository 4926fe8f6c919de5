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
		history := ""
		switch seed % 8 { // each seed has its network and its disks
		case 1: // a network that is bad in itself
			cfg.Loss, cfg.Duplicate, cfg.Reorder, cfg.Jitter = 0.01, 0.02, 0.05, 5*time.Millisecond
		case 2: // journals that keep little: what all neighbours have dropped is given up after a minute
			cfg.RetentionBytes, cfg.Converge = 64<<10, 100*time.Second
		case 3: // journals that keep it shortly
			cfg.RetentionAge = 8 * time.Second
		case 4: // links that carry little
			cfg.Bandwidth = 64 << 10
		case 5: // disks that are slow, and synced seldom
			cfg.Append, cfg.Sync = 30*time.Millisecond, 2*time.Second
		case 6: // something old to fetch, for who loses his disk
			history = "0s history origins=2 on=all batches=300 size=4KiB age=1h\n"
		}
		shape := sim.Shape{Nodes: cfg.Nodes, Duration: cfg.Duration, Seed: seed, Load: sim.Load{At: sim.Any(4), Rate: 3}}
		sim.Try(t, cfg, history+chaos.Script(shape)+"3s register any:3 2\n12s register any:2 3\n")
	})
}
