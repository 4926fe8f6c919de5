package archived_test

import (
	"fmt"
	"testing"
	"time"

	"anode/testkit/chaos"
)

func TestWhatIsPublishedIsInTheArchiveAsItWas(t *testing.T) {
	t.Parallel()
	_, rng := seeded(t)
	c := commonly(t)
	m := start(t, chaos.Config{Nodes: 1, Args: archive(c.Node(0).Addr(), common, "")})
	n := m.Node(0)
	count := of(30_000, 1_000_000)
	l := newLedger(rng, "content", 20, 200)
	begin := time.Now()
	l.bulk(t, count, 4, 500, n)
	took := time.Since(begin)
	eventually(t, "as many rows are written", of(60*time.Second, 15*time.Minute), func() error {
		v, err := viewOf(t, n)
		if err == nil && v.Rows < uint64(count) {
			err = fmt.Errorf("%d rows, %s", v.Rows, v.Detail)
		}
		return err
	})
	caughtUp(t, 20*time.Second, n)
	t.Logf("%d records are published after %s and archived after %s: %.0f/s", count, took.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond), float64(count)/time.Since(begin).Seconds())
	tableOf(t, c, common).is(t, l, n)
}
