package cluster_test

import (
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"anode/testkit/cluster"
)

// logger is for -v.
func logger() *slog.Logger {
	if os.Getenv("CLUSTER_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// inMesh runs a test with a cluster that has converged.
func inMesh(t *testing.T, cfg cluster.Config, test func(t *testing.T, c *cluster.Cluster)) {
	t.Helper()
	cfg.Logger = logger()
	cluster.Test(t, cfg, func(t *testing.T, c *cluster.Cluster) {
		converged(t, c, time.Minute)
		test(t, c)
	})
}

// converged waits until all is everywhere.
func converged(t *testing.T, c *cluster.Cluster, within time.Duration) time.Duration {
	t.Helper()
	took, err := c.WaitConverged(within)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// publish stores some records at a node.
func publish(t *testing.T, n *cluster.Node, count int, what string) {
	t.Helper()
	for i := range count {
		if _, err := n.Publish(t.Context(), "lab.a", fmt.Sprintf("%s %d", what, i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThreeNodesHoldTheSame(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		for _, n := range c.Nodes() {
			publish(t, n, 20, n.Name())
		}
		t.Log("converged after", converged(t, c, 5*time.Second))
		if held := len(c.Node(2).Digest()); held != 3 {
			t.Errorf("there are %d origins", held)
		}
	})
}

// Of two links that a pair makes at the same time one stays: if both ends called theirs off, they would begin anew after a second.
func TestNodesThatCallEachOtherAtTheSameTimeAreLinkedAtOnce(t *testing.T) {
	for range 10 {
		cluster.Test(t, cluster.Config{Nodes: 4, Logger: logger()}, func(t *testing.T, c *cluster.Cluster) {
			within(t, 500*time.Millisecond, func() error {
				for _, n := range c.Nodes() {
					v, err := n.Peers(t.Context())
					if err != nil {
						return err
					}
					if len(v.Links) != 3 {
						return fmt.Errorf("%s has %d links", n.Name(), len(v.Links))
					}
					for _, l := range v.Links {
						if l.State != "up" {
							return fmt.Errorf("%s: a link is %s", n.Name(), l.State)
						}
					}
				}
				return nil
			})
			time.Sleep(10 * time.Second)
		})
	}
}

// The same in real time, for the race detector, which virtual time does not bear.
func TestNodesOfRealTimeDieAndComeBack(t *testing.T) {
	c, err := cluster.New(cluster.Config{Logger: logger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("cluster: seed %d", c.Seed())
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	converged(t, c, time.Minute)
	reader := subscribe(t, c.Node(2))
	stored := make(ledger)
	for range 10 {
		stored.store(t, c.Node(0), "before")
		stored.store(t, c.Node(1), "before")
	}
	c.Node(0).Kill()
	c.Partition(c.Nodes()[1:2], c.Nodes()[2:])
	stored.store(t, c.Node(1), "apart")
	if err := reader.Move(t.Context(), c.Node(2)); err != nil {
		t.Fatal(err)
	}
	c.Heal()
	start(t, c.Node(0))
	stored.store(t, c.Node(0), "after")
	converged(t, c, time.Minute)
	within(t, 20*time.Second, func() error { return stored.check(reader) })
	if err := c.Node(1).Stop(); err != nil {
		t.Error(err)
	}
}

func TestAClusterThatCannotBeIsRefused(t *testing.T) {
	for name, cfg := range map[string]cluster.Config{
		"less than no node": {Nodes: -1}, "too many nodes": {Nodes: 1 << 20}, "all is lost": {Loss: 1}, "time runs backwards": {Latency: -1}, "less than nothing is kept": {RetentionBytes: -1},
	} {
		if c, err := cluster.New(cfg); err == nil {
			t.Errorf("%s is taken", name)
			c.Close()
		}
	}
}
