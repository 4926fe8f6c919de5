package archived_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"anode/testkit/cassandra"
	"anode/testkit/chaos"
)

// TestWhoNeverComesBackIsArchivedByAnother: a node dies for good, and the archive, which was away, has nothing of it. Others hold its records.
func TestWhoNeverComesBackIsArchivedByAnother(t *testing.T) {
	t.Parallel()
	for name, with := range map[string][]int{"one has the archive": {0}, "so has the dead one": {0, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed, _ := seeded(t)
			c, keyspace := shared.ForTest(t)
			d := doorTo(t, c)
			flags := archive(d.address(), keyspace, "")
			m := start(t, chaos.Config{Nodes: 3, Args: []string{"--ack", "peer"}, ArgsOf: func(node int) []string {
				for _, i := range with {
					if i == node {
						return flags
					}
				}
				return nil
			}})
			var archivers []*chaos.Node
			for _, i := range with {
				archivers = append(archivers, m.Node(i))
			}
			warm(t, archivers...)
			d.shut()
			done := make(chan struct{})
			go func() { // it is opened behind the death, so that the run's end can read history
				defer close(done)
				timer := time.NewTimer(5 * time.Second)
				defer timer.Stop()
				select {
				case <-timer.C:
				case <-t.Context().Done():
				}
				d.unlock()
			}()
			defer func() { <-done }()
			script := chaos.Script{{At: 3 * time.Second, Action: chaos.KillNode{Node: 1}}}
			result, err := chaos.Run(t.Context(), m, chaos.Plan{Seed: seed, Script: script, Publishers: 6, Rate: 30, Readers: 2, Converge: time.Minute, Logf: t.Logf})
			if err != nil {
				t.Fatal(err)
			}
			var held []chaos.Record
			b := tableOf(t, c, keyspace)
			eventually(t, "the archive has as many rows", time.Minute, func() error {
				if held = b.held(t, m.Nodes()); len(held) < result.Records {
					return fmt.Errorf("%d of %d", len(held), result.Records)
				}
				return nil
			})
			origins := make(map[string]bool)
			for _, r := range held {
				p, _ := chaos.ParsePosition(r.ID)
				origins[p.Origin] = true
			}
			for _, n := range m.Nodes() {
				if !origins[n.ID()] {
					t.Errorf("there is nothing of %s", n.Name)
				}
			}
			checked(t, result, held)
		})
	}
}

// TestOneOfThreeCassandrasIsKilledAndNothingIsLost kills each of a cluster's servers in turn, while a node archives: one at a time is away, so that
// a quorum is always there. How long one takes to come back is the machine's.
func TestOneOfThreeCassandrasIsKilledAndNothingIsLost(t *testing.T) {
	if !long() {
		t.Skip("three servers are for the long tests: ANODE_LONG=1")
	}
	t.Parallel()
	_, rng := seeded(t)
	c := cassandra.ForTest(t, cassandra.Config{Nodes: 3})
	keyspace := c.Keyspace(t)
	address := fmt.Sprintf("%s,%s,%s", c.Node(0).Addr(), c.Node(1).Addr(), c.Node(2).Addr())
	m := start(t, chaos.Config{Nodes: 1, Args: archive(address, keyspace, "consistency=quorum&replication=3")})
	n := m.Node(0)
	warm(t, n)
	l := newLedger(rng, "three", 20, 200)
	s, _ := follow(t, n, "latest", l.all())
	s.isLive(t)
	const rate, patience = 1000, 8 * time.Minute
	phase(t, "before", l, n, s, rate, 5*time.Second, nil)
	for i := range 3 {
		back := make(chan error, 1)
		phase(t, fmt.Sprint("server ", i, " is killed and comes back"), l, n, s, rate, 15*time.Second, func() {
			if err := c.Node(i).Kill(); err != nil {
				t.Fatal(err)
			}
			pause(t, 8*time.Second)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				back <- errors.Join(c.Node(i).Restart(ctx), c.Ready(ctx))
			}()
		})
		if err := <-back; err != nil {
			t.Fatal(err)
		}
		t.Logf("all that came meanwhile is archived %s after it was back", caughtUp(t, patience, n).Round(time.Millisecond))
	}
	phase(t, "after", l, n, s, rate, 5*time.Second, nil)
	caughtUp(t, patience, n)
	all := l.snapshot(nil)
	s.is(t, "the subscriber", all, time.Minute)
	tableOf(t, c, keyspace).is(t, l, n)
}
