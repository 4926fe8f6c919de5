package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anode/testkit/cluster"
)

// start starts a node.
func start(t *testing.T, n *cluster.Node) {
	t.Helper()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
}

// add adds a node and starts it.
func add(t *testing.T, c *cluster.Cluster, a cluster.Addition) *cluster.Node {
	t.Helper()
	n, err := c.Add(a)
	if err != nil {
		t.Fatal(err)
	}
	start(t, n)
	return n
}

// within waits until something is so.
func within(t *testing.T, most time.Duration, is func() error) time.Duration {
	t.Helper()
	took, err := cluster.Await(most, is)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

func TestALateJoinerGetsWhatWasBefore(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		publish(t, c.Node(0), 50, "before")
		time.Sleep(time.Hour)
		add(t, c, cluster.Addition{})
		t.Log("converged after", converged(t, c, 15*time.Second))
	})
}

func TestWhoSleptCatchesUp(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		c.Partition(c.Nodes()[:2], c.Nodes()[2:])
		for range 20 {
			for _, n := range c.Nodes() {
				publish(t, n, 5, n.Name())
			}
			time.Sleep(time.Second)
		}
		if c.Same() == nil {
			t.Error("what is cut off got all")
		}
		c.Heal()
		t.Log("converged after", converged(t, c, 25*time.Second))
	})
}

func TestAWayCutInOneDirectionPartsNobodyForEver(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		c.Cut(c.Node(0), c.Node(2))
		publish(t, c.Node(0), 5, "around")
		publish(t, c.Node(2), 5, "straight")
		t.Log("the same after", within(t, 25*time.Second, c.Same))
		time.Sleep(20 * time.Second)
		c.Heal()
		t.Log("converged after", converged(t, c, 40*time.Second))
	})
}

func TestAnEmptiedNodeRefills(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		n := c.Node(1)
		publish(t, n, 30, "own")
		publish(t, c.Node(0), 30, "others'")
		converged(t, c, 5*time.Second)
		n.Wipe()
		start(t, n)
		t.Log("converged after", converged(t, c, 15*time.Second))
		if len(n.Digest()[n.ID()]) == 0 {
			t.Error("its own came not back")
		}
		publish(t, n, 1, "again")
		converged(t, c, 5*time.Second)
	})
}

// What any node got of a flow before its origin was killed, all get.
func TestTheLastBatchesOfAKilledOriginReachAll(t *testing.T) {
	inMesh(t, cluster.Config{Nodes: 5, Jitter: 20 * time.Millisecond}, func(t *testing.T, c *cluster.Cluster) {
		origin := c.Node(0)
		done := make(chan struct{})
		var acknowledged atomic.Uint64
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				at, err := origin.Publish(context.Background(), "lab.a", i)
				if err != nil {
					return
				}
				acknowledged.Store(at.Sequence)
			}
		}()
		time.Sleep(3*time.Second + 500*time.Microsecond)
		origin.Kill()
		<-done
		t.Log("converged after", converged(t, c, 15*time.Second))
		held := c.Node(1).Digest()[origin.ID()][0].Head
		t.Logf("%d were acknowledged, all hold %d", acknowledged.Load(), held)
		if held+100 < acknowledged.Load() {
			t.Errorf("all hold %d of %d that were acknowledged", held, acknowledged.Load())
		}
		start(t, origin)
		t.Log("converged after", converged(t, c, 15*time.Second), "with the origin")
		if head := origin.Digest()[origin.ID()][0].Head; head < acknowledged.Load() {
			t.Errorf("the origin holds %d of %d that it acknowledged", head, acknowledged.Load())
		}
	})
}

func TestANodeAloneTriesForHoursAndJoinsAtOnce(t *testing.T) {
	cluster.Test(t, cluster.Config{Idle: true, Logger: logger()}, func(t *testing.T, c *cluster.Cluster) {
		start(t, c.Node(2))
		time.Sleep(5 * time.Hour)
		publish(t, c.Node(2), 5, "alone")
		start(t, c.Node(0))
		t.Log("converged after", converged(t, c, 20*time.Second))
	})
}

func TestAllNodesRestartedAtOnceMeetAgain(t *testing.T) {
	inMesh(t, cluster.Config{Nodes: 5}, func(t *testing.T, c *cluster.Cluster) {
		for _, n := range c.Nodes() {
			publish(t, n, 5, n.Name())
		}
		converged(t, c, 5*time.Second)
		for _, n := range c.Nodes() {
			n.Kill()
		}
		for _, n := range c.Nodes() {
			start(t, n)
		}
		t.Log("converged after", converged(t, c, 20*time.Second))
		publish(t, c.Node(4), 5, "again")
		converged(t, c, 5*time.Second)
	})
}

// ended waits until a node has ended by itself.
func ended(t *testing.T, n *cluster.Node, most time.Duration) time.Duration {
	t.Helper()
	took := within(t, most, func() error {
		if n.Running() {
			return errors.New(n.Name() + " runs")
		}
		return nil
	})
	if !strings.Contains(n.Ended(), "identity in use") {
		t.Errorf("%s ended with %q", n.Name(), n.Ended())
	}
	return took
}

func TestACloneIsRefusedAndEnds(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		publish(t, c.Node(1), 5, "before")
		converged(t, c, 5*time.Second)
		clone := add(t, c, cluster.Addition{Clone: c.Node(1)})
		time.Sleep(5 * time.Second)
		if _, err := clone.Publish(t.Context(), "lab.a", "lost"); err == nil {
			t.Error("it took a record though it was told that its identity is in use")
		}
		took := 5*time.Second + ended(t, clone, 40*time.Second)
		t.Log("the clone ended after", took)
		if took < 14*time.Second {
			t.Errorf("it tried for %s only", took)
		}
		if !c.Node(1).Running() {
			t.Fatalf("the first ended: %s", c.Node(1).Ended())
		}
		publish(t, c.Node(1), 5, "after")
		t.Log("converged after", converged(t, c, 30*time.Second))
	})
}

// Which of them: who has the higher epoch then, and a node that hears of a higher one takes one above it.
func TestOfTwoThatLivedApartOneEnds(t *testing.T) {
	inMesh(t, cluster.Config{Nodes: 4}, func(t *testing.T, c *cluster.Cluster) {
		twin, err := c.Add(cluster.Addition{Clone: c.Node(1)})
		if err != nil {
			t.Fatal(err)
		}
		c.Partition(c.Nodes()[:2], []*cluster.Node{c.Node(2), c.Node(3), twin})
		time.Sleep(10 * time.Second)
		start(t, twin)
		both := func() {
			for _, n := range []*cluster.Node{c.Node(1), twin} {
				_, _ = n.Publish(t.Context(), "lab.a", n.Name()) // one of them ends some time
			}
		}
		for range 20 {
			both()
			time.Sleep(time.Second)
		}
		c.Heal()
		healed := time.Now()
		for twin.Running() && c.Node(1).Running() && time.Since(healed) < time.Minute {
			both()
			time.Sleep(500 * time.Millisecond)
		}
		took := time.Since(healed)
		time.Sleep(time.Minute)
		one, other := c.Node(1), twin
		if !one.Running() {
			one, other = twin, one
		}
		if !one.Running() || other.Running() {
			t.Fatalf("%s: %q, %s: %q", one.Name(), one.Ended(), other.Name(), other.Ended())
		}
		t.Logf("%s ended within %s: %s", other.Name(), took, other.Ended())
		publish(t, one, 5, "after")
		t.Log("converged after", converged(t, c, time.Minute))
	})
}

// What a clone stored while it was apart comes to the node whose key it had. That is none of what the node itself seals.
func TestANodeGoesOnAfterWhatItsCloneStored(t *testing.T) {
	inMesh(t, cluster.Config{Nodes: 3}, func(t *testing.T, c *cluster.Cluster) {
		one, between, other := c.Node(0), c.Node(1), c.Node(2)
		twin, err := c.Add(cluster.Addition{Clone: one})
		if err != nil {
			t.Fatal(err)
		}
		c.Partition([]*cluster.Node{one, between}, []*cluster.Node{other, twin})
		time.Sleep(10 * time.Second)
		start(t, twin)
		publish(t, one, 5, "one")
		publish(t, twin, 5, "two")
		within(t, 20*time.Second, func() error {
			if len(other.Digest()[one.ID()]) == 0 {
				return errors.New("the twin's did not come")
			}
			return nil
		})
		twin.Kill()
		// It keeps the link to the one between, which says nothing of the twin's epoch in a Hello.
		c.Partition([]*cluster.Node{one, between, other})
		c.Cut(one, other)
		c.Cut(other, one)
		within(t, 30*time.Second, c.Same)
		for range 30 {
			publish(t, one, 1, "after")
			time.Sleep(time.Second)
		}
		t.Log("the same after", within(t, 10*time.Second, c.Same))
	})
}

func TestWhoHasAnotherSecretIsTold(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		stranger := add(t, c, cluster.Addition{Secret: "the secret of another cluster"})
		publish(t, stranger, 5, "not for all")
		within(t, 20*time.Second, func() error {
			v, err := stranger.Peers(t.Context())
			if err != nil {
				return err
			}
			for _, p := range v.Problems {
				if strings.Contains(p.Reason, "secret") {
					return nil
				}
			}
			return fmt.Errorf("it is told %+v", v.Problems)
		})
		time.Sleep(time.Minute)
		for _, n := range c.Nodes()[:3] {
			if len(n.Digest()[stranger.ID()]) > 0 {
				t.Errorf("%s has what the stranger stored", n.Name())
			}
		}
		stranger.Kill()
		publish(t, c.Node(0), 5, "ours")
		converged(t, c, 20*time.Second)
	})
}

func TestAClockFarAheadPoisonsNobody(t *testing.T) {
	cluster.Test(t, cluster.Config{Idle: true, Logger: logger()}, func(t *testing.T, c *cluster.Cluster) {
		ahead := c.Node(1)
		c.Skew(ahead, time.Until(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)))
		for _, n := range c.Nodes() {
			start(t, n)
		}
		converged(t, c, time.Minute)
		for range 5 {
			for _, n := range c.Nodes() {
				publish(t, n, 5, n.Name())
			}
			time.Sleep(10 * time.Second)
		}
		converged(t, c, 10*time.Second)
		c.Skew(ahead, 0)
		if err := ahead.Restart(); err != nil {
			t.Fatal(err)
		}
		for _, n := range c.Nodes() {
			publish(t, n, 5, n.Name())
		}
		t.Log("converged after", converged(t, c, 20*time.Second))
	})
}

func TestWhoStopsIsSeenAsLeft(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		n := c.Node(2)
		publish(t, n, 5, "the last")
		began := time.Now()
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
		t.Log("stopped within", time.Since(began))
		v, err := c.Node(0).Peers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range v.Nodes {
			if p.ID == n.ID() && p.State != "left" {
				t.Errorf("it is seen %s", p.State)
			}
		}
		converged(t, c, 5*time.Second)
		if _, err := n.Publish(t.Context(), "lab.a", 1); !errors.Is(err, cluster.ErrDown) {
			t.Errorf("it takes records: %v", err)
		}
	})
}
