package cluster

import (
	"testing"
	"testing/synctest"
	"time"

	"anode/testkit/racing"
)

// Settle is how long memberlist's goroutines may go on after the last node has ended: they wait for answers that don't come. protoactor's
// dead letters need a second.
const Settle = 65 * time.Second

// Test runs a test with a cluster in virtual time. The clock moves when all goroutines wait, so that an hour takes what
// the nodes do in it: it begins at midnight of 1 January 2000, UTC. The test fails if a node does not end at its end. The seed is told.
//
// With the race detector it is skipped: the runtime itself dies now and then of a timer in a bubble (SIGSEGV in
// runtime.(*timer).maybeRunChan, go1.26.8). What is to run under it makes a cluster in real time, by New.
func Test(t *testing.T, cfg Config, test func(t *testing.T, c *Cluster)) {
	t.Helper()
	if racing.Enabled {
		t.Skip("with the race detector the runtime dies of timers in virtual time")
	}
	synctest.Test(t, func(t *testing.T) {
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("cluster: seed %d", c.Seed())
		defer func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			time.Sleep(Settle) // a bubble ends when all that was started in it has
		}()
		test(t, c)
	})
}
