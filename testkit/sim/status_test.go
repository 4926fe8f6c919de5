package sim_test

import (
	"fmt"
	"testing"
	"time"

	"anode/testkit/sim"
)

// Each node's status is on every other one soon, and hardly ever twice: where all are linked to all, and where they are not.
func TestAStatusReachesEveryNodeOnce(t *testing.T) {
	for _, nodes := range []int{2, 9, 10, 80} {
		r := sim.Try(t, sim.Config{Nodes: nodes, Seed: 1, Duration: 20 * time.Second, Status: 2 * time.Second}, "2s load at=0 rate=1")
		if f := r.Figures; f.Unshown > 0 || f.Status.Max > time.Second || f.Status.Count == 0 {
			t.Errorf("%d nodes: %d are unshown, %d took at most %s", nodes, f.Unshown, f.Status.Count, f.Status.Max)
		}
		once := float64(nodes-1) * 1560 / 2
		if sent, other := r.Figures.ByType["status"], r.Figures.ByType["versions"]; sent > 1.05*once || other > once/10+200 {
			t.Errorf("%d nodes: %.0f bytes a second of statuses and %.0f to find what is missing, once to all is %.0f", nodes, sent, other, once)
		}
	}
}

// What is lost, cut or dead holds a status up for a moment, and nobody stays without it.
func TestAStatusReachesEveryNodeThroughFaults(t *testing.T) {
	for name, script := range map[string]string{
		"loss":             "3s loss all 3%",
		"a broken link":    "6s block 0 1",
		"a one-way link":   "6s oneway 0 1",
		"crashes":          "8s crash 10% machine",
		"restarts":         "8s crash any:2 back=2s",
		"a partition":      "6s partition 0-3 | 4-8\n12s heal",
		"a slow link":      "6s bandwidth 0 20KiB",
		"a node that hung": "6s pause 0 for=3s",
	} {
		for _, nodes := range []int{9, 30} {
			t.Run(fmt.Sprint(name, " ", nodes), func(t *testing.T) {
				t.Parallel()
				r := sim.Try(t, sim.Config{Nodes: nodes, Seed: 1, Duration: 25 * time.Second, Status: 2 * time.Second}, "2s load at=0 rate=1\n"+script)
				if f := r.Figures; f.Unshown > 0 {
					t.Errorf("%d are unshown", f.Unshown)
				}
			})
		}
	}
}
