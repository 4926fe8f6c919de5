package cluster_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"anode/testkit/cluster"
)

// A mesh of 50 stays one while nodes are killed and started at random.
func TestFiftyNodesUnderChurn(t *testing.T) {
	nodes, lasts := 50, 30*time.Second
	switch {
	case os.Getenv("ANODE_LONG") != "": // as make sim does
		lasts = 3 * time.Minute
	case testing.Short():
		nodes = 15
	}
	cluster.Test(t, cluster.Config{Nodes: nodes, Latency: 5 * time.Millisecond, Jitter: 20 * time.Millisecond, Logger: logger()}, func(t *testing.T, c *cluster.Cluster) {
		t.Log("met after", converged(t, c, time.Minute))
		random := rand.New(rand.NewPCG(c.Seed(), 1))
		began := time.Now()
		for time.Since(began) < lasts {
			n := c.Node(random.IntN(nodes))
			switch {
			case !n.Running():
				start(t, n)
			case random.IntN(3) > 0 && len(c.Running()) > nodes*3/4:
				n.Kill()
			default:
				publish(t, n, 3, n.Name())
			}
			time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		}
		for _, n := range c.Nodes() {
			if !n.Running() {
				start(t, n)
			}
		}
		t.Log("converged after", converged(t, c, 30*time.Second))
		for range 5 {
			publish(t, c.Node(random.IntN(nodes)), 5, "at the end")
			t.Log("again after", converged(t, c, 10*time.Second))
			time.Sleep(3 * time.Second)
		}
	})
}
