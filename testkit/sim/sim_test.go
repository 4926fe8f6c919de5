package sim_test

import (
	"testing"
	"time"

	"anode/testkit/sim"
)

const day = `
2s   load origins=5 rate=5
6s   crash 20% back=4s
8s   crash any:2 machine
11s  partition 0-9 | 10-29
15s  heal
18s  restart down
19s  pause any:1 for=2s
`

// The same seed gives the same run, another seed another one.
func TestARunIsDecidedByItsSeed(t *testing.T) {
	cfg := sim.Config{Nodes: 30, Seed: 3, Duration: 22 * time.Second, Loss: 0.01, Jitter: 3 * time.Millisecond}
	first, second := sim.Try(t, cfg, day), sim.Try(t, cfg, day)
	cfg.Seed = 4
	third := sim.Try(t, cfg, day)
	if first.Hash != second.Hash || first.Cost.Events != second.Cost.Events {
		t.Errorf("the hashes are %s and %s, of %d and %d events", first.Hash, second.Hash, first.Cost.Events, second.Cost.Events)
	}
	if third.Hash == first.Hash {
		t.Error("two seeds give the same run")
	}
}
