package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"anode/messages/command"
	"anode/testkit/cluster"
)

// A cluster in real time: what is stored at one node comes to a subscriber of another.
func Example() {
	c, err := cluster.New(cluster.Config{Nodes: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	if _, err := c.WaitConverged(20 * time.Second); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	reader, err := c.Node(2).Subscribe(ctx, command.Start{Earliest: true}, "lab.>")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := c.Node(0).Publish(ctx, "lab.a", map[string]int{"n": 1}, map[string]int{"n": 2}); err != nil {
		fmt.Println(err)
		return
	}
	_, err = cluster.Await(5*time.Second, func() error {
		if n := len(reader.Records()); n < 2 {
			return fmt.Errorf("%d records came", n)
		}
		return nil
	})
	for _, r := range reader.Records() {
		fmt.Println(r.Stream, string(r.Data))
	}
	fmt.Println(err)
	// Output:
	// lab.a {"n":1}
	// lab.a {"n":2}
	// <nil>
}

// In a test, in virtual time: a node is killed, misses an hour, and has it within seconds when it is back.
func ExampleTest() {
	_ = func(t *testing.T) {
		cluster.Test(t, cluster.Config{Nodes: 5, Latency: 20 * time.Millisecond}, func(t *testing.T, c *cluster.Cluster) {
			c.Node(4).Kill()
			for range 60 {
				if _, err := c.Node(0).Publish(t.Context(), "lab.a", "a minute later"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
			}
			if err := c.Node(4).Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := c.WaitConverged(15 * time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}

// A subscriber goes on at another node from where it was.
func ExampleReader_Move() {
	_ = func(t *testing.T) {
		cluster.Test(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
			r, err := c.Node(0).Subscribe(t.Context(), command.Start{Earliest: true}, "lab.>")
			if err != nil {
				t.Fatal(err)
			}
			c.Node(0).Kill()
			if err := r.Move(t.Context(), c.Node(1)); err != nil {
				t.Fatal(err)
			}
			t.Log(len(r.Records()), "records,", len(r.Gaps()), "gaps, up to", r.Cursor())
		})
	}
}

// Two groups of nodes hear nothing of each other for a while, and one node does not hear another.
func ExampleCluster_Partition() {
	_ = func(t *testing.T) {
		cluster.Test(t, cluster.Config{Nodes: 4}, func(t *testing.T, c *cluster.Cluster) {
			c.Partition(c.Nodes()[:2], c.Nodes()[2:])
			c.Cut(c.Node(0), c.Node(1)) // and of the first two one does not hear the other
			time.Sleep(20 * time.Second)
			c.Heal()
			took, err := c.WaitConverged(25 * time.Second)
			t.Log(took, err)
		})
	}
}
