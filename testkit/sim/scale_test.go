package sim_test

import (
	"fmt"
	"testing"
	"time"

	"anode/testkit/sim"
)

// A tenth of the machines goes at once. The trees alone bring everything to everybody within two seconds for most
// seeds: who hangs on a dead node notices that by what is missed, and that takes the announcement, the
// patience, and a batch.
func TestTheTreesAreWholeTwoSecondsAfterATenthCrashed(t *testing.T) {
	nodes, few := 200, 3
	if long() {
		nodes = 1000
	}
	const enough = 2 * time.Second
	results := make(chan time.Duration, 10)
	t.Run("meshes", func(t *testing.T) {
		seeds(t, few, cap(results), func(t *testing.T, seed uint64) {
			r := sim.Try(t, sim.Config{Nodes: nodes, Seed: seed, Duration: 30 * time.Second, Readers: 4}, `
				2s  load origins=5 rate=5
				15s crash 10% machine
			`)
			if r.Figures.Missing > 0 {
				t.Errorf("%d batches are missing at survivors", r.Figures.Missing)
			}
			t.Logf("seed %d: the trees are whole after %s, everything is everywhere after %s", seed, r.Faults[0].Whole, r.Faults[0].Complete)
			results <- r.Faults[0].Whole
		})
	})
	close(results)
	whole, all := 0, 0
	for took := range results {
		if all++; took <= enough {
			whole++
		}
	}
	if whole*2 <= all {
		t.Errorf("of %d meshes of %d nodes the trees of %d are whole within %s, want most", all, nodes, whole, enough)
	}
}

// Without faults a batch comes nearly once to each node, and nearly as fast as flooding would bring it.
func TestTreesAreNearlyAsFastAsFlooding(t *testing.T) {
	nodes := 200
	if long() {
		nodes = 1000
	}
	r := sim.Try(t, sim.Config{Nodes: nodes, Seed: 1, Duration: 25 * time.Second, Baseline: true, Readers: -1}, "2s load origins=5 rate=5")
	if f := r.Figures; f.CalmRedundancy > 0.1 || f.Flooding == nil || f.Flooding.Ratio > 1.05 {
		t.Errorf("%.3f copies beyond the first, %+v", f.CalmRedundancy, f.Flooding)
	}
}

// Nodes come and go for an hour, one of a hundred each minute.
func TestAnHourOfChurn(t *testing.T) {
	longOnly(t)
	for _, how := range []string{"", " replace"} {
		t.Run("churn"+how, func(t *testing.T) {
			t.Parallel()
			r := sim.Try(t, sim.Config{Nodes: 100, Seed: 1, Duration: time.Hour, Readers: 8}, fmt.Sprintf("2s load origins=5 rate=0.5\n10s churn 1%%%s", how))
			t.Logf("%d batches, %d deliveries, %d simulated events", r.Figures.Sealed, r.Figures.Deliveries, r.Cost.Events)
		})
	}
}

// Each scenario that comes with the package keeps the promises, on meshes of several sizes.
func TestScenariosKeepThePromises(t *testing.T) {
	sizes := []int{3, 24}
	if long() {
		sizes = []int{2, 3, 5, 10, 24, 60}
	}
	for _, sc := range sim.Scenarios() {
		for _, nodes := range sizes {
			t.Run(fmt.Sprint(sc.Name, " ", nodes, " nodes"), func(t *testing.T) {
				seeds(t, 1, 10, func(t *testing.T, seed uint64) {
					cfg := sim.Config{Nodes: nodes, Seed: seed, Duration: time.Minute, Readers: 6}
					shape := sim.Shape{Nodes: nodes, Duration: cfg.Duration, Seed: seed, Load: sim.Load{At: sim.Any(3), Rate: 3}}
					sim.Try(t, cfg, sc.Script(shape))
				})
			})
		}
	}
}
