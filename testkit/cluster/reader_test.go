package cluster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/testkit/cluster"
)

// ledger is what was acknowledged, to be found again at readers.
type ledger map[messages.Position]string

// store publishes one record and notes it.
func (l ledger) store(t *testing.T, n *cluster.Node, what string) {
	t.Helper()
	at, err := n.Publish(t.Context(), "lab.a", what)
	if err != nil {
		t.Fatal(err)
	}
	l[at] = what
}

// check tells what is wrong with what a reader got: each record once, in the order of its origin, and nothing left out that
// no gap names.
func (l ledger) check(r *cluster.Reader) error {
	seen, last := make(map[messages.Position]bool), make(map[messages.NodeID]messages.Position)
	for _, rec := range r.Records() {
		at := rec.Position
		var text string
		if err := json.Unmarshal(rec.Data, &text); err != nil {
			return err
		}
		switch {
		case seen[at]:
			return fmt.Errorf("%s came twice", at)
		case last[at.Origin].Compare(at) > 0:
			return fmt.Errorf("%s came after %s", at, last[at.Origin])
		case l[at] != text:
			return fmt.Errorf("%s is %q, %q was stored", at, text, l[at])
		}
		seen[at], last[at.Origin] = true, at
	}
	for at, what := range l {
		if !seen[at] && !inGap(r.Gaps(), at) {
			return fmt.Errorf("%s (%s) did not come", at, what)
		}
	}
	return nil
}

func inGap(gaps []cluster.Gap, at messages.Position) bool {
	for _, g := range gaps {
		if g.From.Origin == at.Origin && g.From.Compare(at) < 0 && at.Compare(g.To) <= 0 {
			return true
		}
	}
	return false
}

// subscribe reads lab.a from its beginning.
func subscribe(t *testing.T, n *cluster.Node) *cluster.Reader {
	t.Helper()
	r, err := n.Subscribe(t.Context(), command.Start{Earliest: true}, "lab.>")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSubscribersGetWhatAnyNodeStores(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		stored := make(ledger)
		stored.store(t, c.Node(0), "before")
		var readers []*cluster.Reader
		for _, n := range c.Nodes() {
			readers = append(readers, subscribe(t, n))
		}
		for i := range 20 {
			for _, n := range c.Nodes() {
				stored.store(t, n, fmt.Sprint(n.Name(), " ", i))
			}
		}
		for _, r := range readers {
			within(t, time.Second, func() error { return stored.check(r) })
			if len(r.Gaps()) > 0 || !r.Live() || r.Ended() != nil {
				t.Errorf("gaps %v, live %v, ended %v", r.Gaps(), r.Live(), r.Ended())
			}
		}
	})
}

func TestASubscriberOfADeadNodeIsCutOff(t *testing.T) {
	inMesh(t, cluster.Config{}, func(t *testing.T, c *cluster.Cluster) {
		killed, stopped := subscribe(t, c.Node(1)), subscribe(t, c.Node(2))
		c.Node(1).Kill()
		if err := c.Node(2).Stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if !errors.Is(killed.Ended(), cluster.ErrCut) {
			t.Errorf("a process that was killed said %v", killed.Ended())
		}
		if stopped.Ended() == nil || errors.Is(stopped.Ended(), cluster.ErrCut) {
			t.Errorf("a node that stops says %v", stopped.Ended())
		}
		if err := killed.Move(t.Context(), c.Node(1)); err == nil {
			t.Error("a node that is dead takes subscribers")
		}
	})
}

// Subscribers that move between nodes of which some are killed, cut off and emptied get everything once.
func TestSubscribersThatMoveSeeEverythingOnce(t *testing.T) {
	inMesh(t, cluster.Config{Nodes: 5, Jitter: 10 * time.Millisecond}, func(t *testing.T, c *cluster.Cluster) {
		random, stored := rand.New(rand.NewPCG(c.Seed(), 2)), make(ledger)
		any := func() *cluster.Node {
			list := c.Running()
			return list[random.IntN(len(list))]
		}
		var readers []*cluster.Reader
		for range 4 {
			readers = append(readers, subscribe(t, any()))
		}
		for step := range 200 {
			stored.store(t, any(), fmt.Sprint("step ", step))
			switch n := c.Node(random.IntN(5)); random.IntN(20) {
			case 0:
				if len(c.Running()) > 3 {
					n.Kill()
				}
			case 1:
				c.Isolate(n)
			case 2, 3:
				c.Heal()
			case 4, 5, 6:
				if !n.Running() {
					start(t, n)
				}
			}
			for _, r := range readers {
				if random.IntN(10) == 0 {
					if err := r.Move(t.Context(), any()); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		}
		c.Heal()
		for _, n := range c.Nodes() {
			if !n.Running() {
				start(t, n)
			}
		}
		t.Log("converged after", converged(t, c, time.Minute))
		for i, r := range readers {
			if err := r.Move(t.Context(), c.Node(i)); err != nil {
				t.Fatal(err)
			}
			within(t, 10*time.Second, func() error { return stored.check(r) })
			t.Logf("reader %d got %d of %d, and gaps %v", i, len(r.Records()), len(stored), r.Gaps())
		}
	})
}
