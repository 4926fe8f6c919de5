package archived_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/testkit/cassandra"
	"anode/testkit/chaos"
)

// quantile is the time that so large a share of a list is not above.
func quantile(list []time.Duration, share float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[min(len(list)-1, int(share*float64(len(list))))]
}

// phase publishes at a rate for some time, or until an action is through where that takes longer, demands that nothing is refused, and tells
// how long acknowledgement and delivery took.
func phase(t *testing.T, name string, l *ledger, n *chaos.Node, s *seen, rate float64, length time.Duration, act func()) {
	t.Helper()
	s.lates()
	before, begin := s.count(), time.Now()
	stop := l.steady(context.WithoutCancel(t.Context()), n, rate)
	if act != nil {
		act()
	}
	if rest := length - time.Since(begin); rest > 0 {
		pause(t, rest)
	}
	times, err := stop()
	if err != nil {
		t.Errorf("%s: a record was not taken: %v", name, err)
	}
	took := time.Since(begin).Seconds()
	late := s.lates()
	t.Logf("%s: %.0f records/s delivered in %.0f s, p50 %s p99 %s; acknowledged p50 %s p99 %s", name, float64(s.count()-before)/took, took,
		quantile(late, 0.5), quantile(late, 0.99), quantile(times, 0.5), quantile(times, 0.99))
}

func TestWhileCassandraIsAwayTheNodeWorksAndThenAllIsArchived(t *testing.T) {
	t.Parallel()
	_, rng := seeded(t)
	// What this Cassandra acknowledged in its last 10 s is gone with it: that, too, has to be there afterwards.
	c := cassandra.ForTest(t, cassandra.Config{})
	server, keyspace := c.Node(0), c.Keyspace(t)
	m := start(t, chaos.Config{Nodes: 1, Args: archive(server.Addr(), keyspace, "")})
	n := m.Node(0)
	warm(t, n)
	rate, away := of(500.0, 5000.0), of(5*time.Second, 60*time.Second)
	l := newLedger(rng, "outage", 20, 200)
	s, _ := follow(t, n, "latest", l.all())
	s.isLive(t)

	phase(t, "before", l, n, s, rate, of(2*time.Second, 20*time.Second), nil)
	phase(t, "it stands still", l, n, s, rate, away/2, func() {
		if err := server.Pause(); err != nil {
			t.Error(err)
		}
	})
	behind(t, n)
	phase(t, "it is dead", l, n, s, rate, away/2, func() {
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
	})
	behind(t, n)
	if long() {
		eventually(t, "there is an alarm", 20*time.Second, func() error {
			if text, err := alarmed(t, n); err != nil || !strings.Contains(text, "away since") {
				return fmt.Errorf("%s %w", text, err)
			}
			return nil
		})
	}
	phase(t, "it comes back", l, n, s, rate, of(time.Second, 10*time.Second), func() {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if err := server.Restart(ctx); err != nil {
			t.Error(err)
		}
	})
	took := caughtUp(t, of(time.Minute, 5*time.Minute), n)
	t.Logf("all is archived %s after the load", took.Round(time.Millisecond))
	phase(t, "after", l, n, s, rate, of(time.Second, 20*time.Second), nil)

	all := l.snapshot(nil)
	s.is(t, "the subscriber", all, 30*time.Second)
	eventually(t, "the alarm ends", time.Minute, func() error {
		if text, err := alarmed(t, n); err != nil || strings.Contains(text, "archive") {
			return fmt.Errorf("%s %w", text, err)
		}
		return nil
	})
	// What it forgot is found within half a minute where the connection did not tell: here it did.
	caughtUp(t, of(time.Minute, 5*time.Minute), n)
	tableOf(t, c, keyspace).is(t, l, n)
}

// behind demands that the lag is shown.
func behind(t *testing.T, n *chaos.Node) {
	t.Helper()
	eventually(t, "the lag is shown", 10*time.Second, func() error {
		v, err := viewOf(t, n)
		if err != nil {
			return err
		}
		records, err := n.Metric(t.Context(), "anode_archive_lag_records")
		if err != nil {
			return err
		}
		seconds, err := n.Metric(t.Context(), "anode_archive_lag_seconds")
		if err != nil {
			return err
		}
		if v.Lag.Records == 0 || records == 0 || seconds == 0 {
			return errors.New("it is not")
		}
		t.Logf("%s: %.0f records, %.1f s behind", v.Detail, records, seconds)
		return nil
	})
}
