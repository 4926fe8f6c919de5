package placement

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// trio is three nodes that share one source, by its rank.
func (w *town) trio(more string, probe bool) []*clerk {
	w.sources(1, more)
	for _, id := range []messages.NodeID{"a", "b", "c"} {
		w.add(id, func(cfg *OfficeConfig) {
			if probe {
				cfg.Probe = func(_ context.Context, s *spec.Spec, _ time.Duration) error {
					w.mu.Lock()
					c := w.desks[id]
					w.mu.Unlock()
					if reason, unfit := c.run.Unfit(s.Name); unfit {
						return errors.New(reason)
					}
					return nil
				}
			}
		})
	}
	nodes := []Node{{ID: "a", State: StateActive}, {ID: "b", State: StateActive}, {ID: "c", State: StateActive}}
	var list []*clerk
	for _, id := range wanted(nodes, &Source{Name: "s000", Redundancy: 3}, 0) {
		list = append(list, w.desks[id])
	}
	w.within(20*time.Second, "the first runs it", func() bool { return w.once(1) && list[0].run.has()["s000"] })
	return list
}

// works has a source work again.
func (r *runner) works(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unfits, name)
}

// working counts on how many nodes a source has data.
func (w *town) working(name string) (n int) {
	for _, c := range w.all() {
		if status, here := c.run.Status(name); here && status.State == command.SourceRunning {
			n++
		}
	}
	return n
}

// watch looks at a town for a while, and tells how often the source began anywhere, and for how long nobody had data.
func (w *town) watch(span time.Duration, name string) (begun int, hole time.Duration) {
	before, step := w.begun(), max(100*time.Millisecond, span/20_000)
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(step) {
		if w.working(name) == 0 {
			hole += step
		}
	}
	return w.begun() - before, hole
}

// begun is how often anything began on any node.
func (w *town) begun() (n int) {
	for _, c := range w.all() {
		c.run.mu.Lock()
		n += c.run.begun
		c.run.mu.Unlock()
	}
	return n
}

func TestAFeedThatWorksOnOneNodeOnlyStaysThere(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		nodes := w.trio("", true)
		nodes[0].run.fails("s000")
		nodes[1].run.fails("s000")
		w.within(time.Minute, "the last runs it", func() bool { return w.once(1) && nodes[2].run.has()["s000"] && w.working("s000") == 1 })
		if begun, hole := w.watch(2*time.Hour, "s000"); begun > 0 || hole > 0 {
			t.Errorf("it began %d times elsewhere, and had no data for %s", begun, hole)
		}
		nodes[0].run.works("s000")
		w.within(FirstRetry+time.Second, "it is back", func() bool { return w.once(1) && nodes[0].run.has()["s000"] })
		if _, hole := w.watch(10*time.Minute, "s000"); hole > 0 {
			t.Errorf("it had no data for %s", hole)
		}
	})
}

func TestAFeedThatIsDownStaysAtOneOwnerAndGoesOnWhereItWorks(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		nodes := w.trio("", true)
		for _, c := range nodes {
			c.run.fails("s000")
		}
		time.Sleep(time.Minute)
		if begun, _ := w.watch(2*time.Hour, "s000"); begun > 0 || !nodes[0].run.has()["s000"] {
			t.Errorf("it began %d times, and is on the first: %v", begun, nodes[0].run.has())
		}
		nodes[1].run.works("s000")
		w.within(FirstRetry+time.Second, "the one runs it where it works", func() bool { return w.once(1) && nodes[1].run.has()["s000"] })
		nodes[0].run.works("s000")
		w.within(FirstRetry+time.Second, "the first runs it", func() bool { return w.once(1) && nodes[0].run.has()["s000"] })
	})
}

// What can't be probed is owned to find whether it works, ever more seldom.
func TestAnExclusiveFeedThatFailsHereIsTriedEverMoreSeldom(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		nodes := w.trio(`,"exclusive":true`, true)
		nodes[0].run.fails("s000")
		w.within(time.Minute, "the second runs it", func() bool { return w.once(1) && nodes[1].run.has()["s000"] })
		begun, _ := w.watch(4*time.Hour, "s000")
		if want := 2 * (4 + 2); begun < want-2 || begun > want { // after 5, 10, 20, 40 minutes, and then each hour, there and back
			t.Errorf("it began %d times, want about %d", begun, want)
		}
		nodes[0].run.works("s000")
		w.within(LastRetry+time.Second, "it is back", func() bool { return w.once(1) && nodes[0].run.has()["s000"] })
	})
}

// Where a probe says that it works, and owning it that it does not, it is owned ever more seldom.
func TestAFeedThatOnlySeemsToWorkIsTriedEverMoreSeldom(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(1, "")
		yes := func(cfg *OfficeConfig) {
			cfg.Probe = func(context.Context, *spec.Spec, time.Duration) error { return nil }
		}
		for _, id := range []messages.NodeID{"a", "b"} {
			w.add(id, yes)
		}
		w.within(20*time.Second, "one runs it", func() bool { return w.once(1) })
		time.Sleep(20 * time.Second)
		for _, c := range w.all() {
			if c.run.has()["s000"] {
				c.run.fails("s000")
			}
		}
		// On the other one, which goes on from then; and here after 5, 10, 20, 40 minutes, and then each hour. It is not so many hours that a
		// slow machine takes minutes for them.
		if begun, _ := w.watch(4*time.Hour, "s000"); begun != 1+4+2 {
			t.Errorf("it began %d times", begun)
		}
	})
}

// A node whose word does not reach the mesh ends its yields when the others do: else nobody would own what they are of.
func TestAYieldOfWhichNobodyHearsIsNotRenewed(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		nodes := w.trio("", true)
		nodes[0].run.fails("s000")
		w.within(time.Minute, "the second runs it", func() bool { return w.once(1) && nodes[1].run.has()["s000"] })
		w.mu.Lock()
		w.deaf = true
		w.mu.Unlock()
		w.within(MaxYield+time.Minute, "the first runs it", func() bool { return w.once(1) && nodes[0].run.has()["s000"] })
	})
}

// A source that was replaced may work where the one before did not.
func TestAReplacedSourceIsProbedAtOnce(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		nodes := w.trio("", true)
		nodes[0].run.fails("s000")
		w.within(time.Minute, "the second runs it", func() bool { return w.once(1) && nodes[1].run.has()["s000"] })
		time.Sleep(time.Minute)
		nodes[0].run.works("s000")
		w.entries = nil
		w.sources(1, `,"key":".k"`)
		for _, c := range w.all() {
			c.Assign(w.entries)
		}
		w.within(5*time.Second, "the first runs it", func() bool { return w.once(1) && nodes[0].run.has()["s000"] })
	})
}

func TestYieldsOfWhatIsGoneEnd(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		nodes := w.trio("", true)
		nodes[0].run.fails("s000")
		yields := func(n int) func() bool {
			return func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return len(w.declared[nodes[0].id].Yields) == n
			}
		}
		w.within(5*time.Second, "it is yielded", yields(1))
		for _, c := range w.all() {
			c.Assign(nil)
		}
		w.within(5*time.Second, "it is not yielded any more", yields(0))
	})
}

// Many yields are probed a few at a time, each in its turn, however slowly probes fail, and none is given up meanwhile.
func TestManyYieldsAreProbedAFewAtATime(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		const all = 100
		w.sources(all, "")
		running, most, probes := 0, 0, make(map[string]int)
		a := w.add("a", func(cfg *OfficeConfig) {
			cfg.Probe = func(ctx context.Context, s *spec.Spec, d time.Duration) error {
				w.mu.Lock()
				running++
				most = max(most, running)
				probes[s.Name]++
				w.mu.Unlock()
				select {
				case <-time.After(d):
				case <-ctx.Done():
				}
				w.mu.Lock()
				running--
				w.mu.Unlock()
				return errors.New("it does not work")
			}
		})
		b := w.add("b", nil)
		w.within(20*time.Second, "both run some", func() bool { return w.once(1) && len(a.run.has()) < all })
		failing := a.run.has()
		for name := range failing {
			a.run.fails(name)
		}
		there := func() bool {
			has := b.run.has()
			for name := range failing {
				if !has[name] {
					return false
				}
			}
			return true
		}
		w.within(30*time.Second, "all are on the other", func() bool { return there() && w.once(1) })
		turn := time.Duration(len(failing)) * (probePatience + 2*officeTick) / mostProbes // each begins with a tick
		if turn < FirstRetry {
			t.Fatalf("%d of the sources of these names are on the first: the test needs more", len(failing))
		}
		for end := time.Now().Add(FirstRetry + 2*turn); time.Now().Before(end); time.Sleep(time.Second) {
			if !there() {
				t.Fatal("some do not run there any more")
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if most != mostProbes {
			t.Errorf("%d probes at once", most)
		}
		for name := range failing {
			if n := probes[name]; n < 2 || n > 3 {
				t.Errorf("%s was probed %d times in two turns of all", name, n)
			}
		}
	})
}

// A source that was replaced is looked at before all those that wait for their turn.
func TestAReplacedSourceIsProbedBeforeAllOthers(t *testing.T) {
	w := &town{t: t}
	w.sources(3, "")
	o := idle(w.entries)
	o.yields = map[string]ownYield{
		"s000": {spec: w.entries[0].Spec.Hash, retry: 2 * time.Second}, "s001": {spec: w.entries[1].Spec.Hash, retry: time.Second}, "s002": {spec: "another", retry: time.Hour},
	}
	o.heedSpecs()
	if got := o.longest(); !slices.Equal(got, []string{"s002", "s001", "s000"}) {
		t.Errorf("they are looked at in the order %v", got)
	}
}

// A node of an earlier version can't read what others place, and they can't know that.
func TestWhatANodeCanNotReadRunsElsewhere(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(20, "")
		a, b := w.add("a", nil), w.add("b", nil)
		w.within(20*time.Second, "two share", func() bool { return w.once(1) && len(b.run.has()) > 0 && len(b.run.has()) < 20 })
		unread := slices.Clone(w.entries)
		for i := range unread {
			unread[i].Spec = nil
		}
		a.Assign(unread)
		w.within(5*time.Second, "all run where they can be read", func() bool { return len(b.run.has()) == 20 && w.once(1) })
		time.Sleep(2 * MaxYield)
		if n := len(b.run.has()); n != 20 {
			t.Errorf("%d of 20 run there later", n)
		}
		a.Assign(w.entries)
		w.within(5*time.Second, "two share again", func() bool { return w.once(1) && len(a.run.has()) > 0 })
	})
}

// A node that can't even begin a source is the wrong one for it.
func TestWhatCanNotBeginHereMoves(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		nodes := w.trio("", true)
		nodes[0].run.mu.Lock()
		nodes[0].run.broken["s000"] = true
		nodes[0].run.mu.Unlock()
		w.within(5*time.Second, "another one runs it", func() bool { return nodes[1].run.has()["s000"] })
		if status, _ := nodes[1].Status("s000"); !strings.Contains(status.Why, "the kind is not known") {
			t.Errorf("because: %s", status.Why)
		}
	})
}
