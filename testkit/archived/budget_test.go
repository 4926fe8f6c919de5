package archived_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// TestTheJournalKeepsWhatIsNotArchivedWithinItsBudgetAndRefusesBeyond: the archive is away, and more is published than retention keeps, and then
// more than the budget has room for.
func TestTheJournalKeepsWhatIsNotArchivedWithinItsBudgetAndRefusesBeyond(t *testing.T) {
	t.Parallel()
	_, rng := seeded(t)
	c := commonly(t)
	d := doorTo(t, c)
	m := start(t, chaos.Config{Nodes: 1, Args: archive(d.address(), common, "", "--retention-bytes", "4MiB", "--disk-budget", of("16MiB", "64MiB"))})
	n := m.Node(0)
	warm(t, n)
	d.cut()
	l := newLedger(rng, "budget", 6, 700)
	l.bulk(t, of(10_000, 50_000), 4, 50, n) // twice of what retention keeps, at least
	kept := len(l.snapshot(nil))
	if long() {
		pause(t, 12*time.Second) // retention looks each 10 s, and whenever a segment is full
	}
	held := func() (sum int) {
		counts, err := n.Streams(t.Context(), l.all())
		if err != nil {
			t.Fatal(err)
		}
		for _, count := range counts {
			sum += count
		}
		return sum
	}
	if got := held(); got != kept {
		t.Errorf("the journal holds %d of %d", got, kept)
	}
	figures, err := n.Component(t.Context(), "journal")
	if err != nil {
		t.Fatal(err)
	}
	const retention = 4 << 20
	if figures["bytes"] <= 1.5*retention {
		t.Errorf("the journal has %.0f bytes: this shows nothing", figures["bytes"])
	}

	eventually(t, "the node refuses", time.Minute, func() error {
		for range 100 {
			switch err := l.publish(t.Context(), n, 50); {
			case errors.Is(err, errRefused) && strings.Contains(err.Error(), "storage_full") && strings.Contains(err.Error(), "507"):
				return nil
			case err != nil:
				t.Fatal(err)
			}
		}
		return fmt.Errorf("it takes all of %d", len(l.snapshot(nil)))
	})
	t.Logf("it refuses after %d, %d of which were more than retention keeps", len(l.snapshot(nil)), kept)
	eventually(t, "there is an alarm for it", 20*time.Second, func() error {
		if text, err := alarmed(t, n); err != nil || !strings.Contains(text, "budget") {
			return fmt.Errorf("%s %w", text, err)
		}
		return nil
	})
	if got, want := held(), len(l.snapshot(nil)); got < want {
		t.Errorf("the journal holds %d of %d", got, want)
	}

	d.unlock()
	caughtUp(t, time.Minute, n)
	taken := func() error {
		err := l.publish(t.Context(), n, 50)
		if err != nil && !errors.Is(err, errRefused) {
			t.Fatal(err)
		}
		return err
	}
	took := eventually(t, "the node takes records again", 3*time.Minute, taken)
	t.Logf("it takes records again %s after all was archived", took.Round(time.Second))
	for range 20 { // retention makes room a segment at a time, so that some are refused still
		eventually(t, "the node takes more", time.Minute, taken)
	}
	caughtUp(t, time.Minute, n)
	tableOf(t, c, common).is(t, l, n)
	got, err := l.history(t, n)
	if err := errors.Join(err, l.certain(got).differs(l.snapshot(nil))); err != nil {
		t.Errorf("history: %v", err)
	}
	eventually(t, "the alarms end", time.Minute, func() error {
		if text, err := alarmed(t, n); err != nil || strings.Contains(text, `"reason"`) {
			return fmt.Errorf("%s %w", text, err)
		}
		return nil
	})
}
