package placement

import (
	"sync/atomic"
	"testing"
	"time"
)

// A node that stood still is taken for dead, and finds others with its sources when it goes on: it runs none beside them as their first
// owner, an exclusive one not at all, and gets them back as one that joins.
func TestWhoStoodStillJoinsAgain(t *testing.T) {
	for more, exclusive := range map[string]bool{"": false, `,"exclusive":true`: true} {
		inTown(t, func(t *testing.T, w *town) {
			w.sources(30, more)
			w.add("a", nil)
			w.add("b", nil)
			var unsure atomic.Bool
			c := w.add("c", func(cfg *OfficeConfig) { cfg.Unsure = unsure.Load })
			w.within(2*time.Minute, "three share", func() bool { return w.once(1) && len(c.run.has()) > 3 })
			time.Sleep(LastWords + HandOver)
			had := c.run.has()
			dead := func(is bool) {
				w.mu.Lock()
				c.dead = is
				w.mu.Unlock()
				w.tell()
			}
			dead(true)
			w.within(time.Minute, "two share", func() bool { return w.once(1) })
			if len(c.run.has()) != len(had) {
				t.Fatal("it heard of its death")
			}
			unsure.Store(true)
			if !c.StoodStill() {
				t.Fatal("it was not told")
			}
			dead(false)
			time.Sleep(3 * time.Second)
			for name := range c.run.has() {
				c.run.mu.Lock()
				role := c.run.roles[name]
				c.run.mu.Unlock()
				if exclusive || role.Ahead == 0 || !role.Handing {
					t.Errorf("%s runs as %+v beside its owner", name, role)
				}
			}
			if n := len(c.run.has()); !exclusive && n != len(had) {
				t.Errorf("%d of %d run on until it knows what others have", n, len(had))
			}
			if c.stage != StateJoining {
				t.Errorf("it says %s", c.stage)
			}
			unsure.Store(false)
			w.within(officeTick+50*time.Millisecond, "they run where others took them", func() bool { return len(c.run.has()) == 0 })
			w.within(2*time.Minute, "three share again", func() bool { return w.once(1) && len(c.run.has()) == len(had) })
		})
	}
}

// Where no other node is there nobody took anything.
func TestWhoStoodStillAloneRunsOn(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(10, "")
		c := w.add("c", func(cfg *OfficeConfig) { cfg.Unsure = func() bool { return true } })
		w.within(time.Minute, "it runs all", func() bool { return len(c.run.has()) == 10 })
		plans := c.run.plans()
		if !c.StoodStill() {
			t.Fatal("it was not told")
		}
		w.within(time.Minute, "it plans", func() bool { return c.run.plans() > plans+1 })
		if c.stage != StateActive || len(c.run.has()) != 10 {
			t.Errorf("%s, %d run", c.stage, len(c.run.has()))
		}
	})
}
