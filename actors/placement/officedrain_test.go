package placement

import (
	"slices"
	"testing"
	"time"

	"anode/messages/command"
)

// share has two nodes share so many sources.
func (w *town) share(n int) (a, b *clerk) {
	w.sources(n, "")
	a, b = w.add("a", nil), w.add("b", nil)
	w.within(20*time.Second, "two share", func() bool { return w.once(1) && len(a.run.has()) < n })
	return a, b
}

// drain has a node drain, and gives where its answer comes.
func drain(t *testing.T, d *clerk) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := command.Ask(t.Context(), d.ref, command.Drain{})
		done <- err
	}()
	return done
}

// What two nodes run at once both collect, so that the old one ends as soon as the new one runs it, and is not asked about only once a second.
func TestTheOldOwnerHearsSoonThatTheNewOneRuns(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		a, _ := w.share(40)
		done := drain(t, a)
		w.within(time.Second, "both run", func() bool { return !w.once(1) })
		took := w.within(time.Minute, "one does", func() bool { return w.once(1) })
		if took > startsIn+startsIn/2 {
			t.Errorf("two nodes ran a source for %s, where the new one takes %s to run it", took, startsIn)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// An exclusive source is with nobody for hardly longer than its old owner takes to end it.
func TestTheNewOwnerOfAnExclusiveSourceHearsSoonThatItEnded(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		const linger = 200 * time.Millisecond
		w.sources(30, `,"exclusive":true`)
		a := w.add("a", nil)
		a.run.linger = linger
		w.within(time.Second, "all run", func() bool { return len(a.run.has()) == 30 })
		b := w.add("b", nil)
		w.within(20*time.Second, "some end", func() bool { return len(a.run.has()) < 30 })
		took := w.within(time.Minute, "all run", func() bool { return w.once(1) })
		if len(b.run.has()) == 0 || took > linger*3/2 {
			t.Errorf("%d sources were with nobody for %s, once they had ended", len(b.run.has()), took)
		}
	})
}

func TestADrainHandsEverythingOver(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		a, _ := w.share(40)
		done := drain(t, a)
		gone := false
		for !gone {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				gone = true
			default:
				time.Sleep(10 * time.Millisecond)
			}
			for _, e := range w.entries {
				if w.owners()[e.Name] == 0 {
					t.Fatalf("%s has no owner", e.Name)
				}
			}
		}
		if n := len(a.run.has()); n != 0 {
			t.Errorf("%d still run on the node that has drained", n)
		}
	})
}

// Where all leave at once nobody waits for another that can't take over either.
func TestNodesThatDrainAtOnceDoNotWaitForEachOther(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		a, b := w.share(40)
		began := time.Now()
		for _, done := range []<-chan error{drain(t, a), drain(t, b)} {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

// A node that drains does not wait for sources that no other may own.
func TestADrainWaitsForNobody(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(5, `,"nodes":{"here":"only"}`)
		a := w.add("a", func(c *OfficeConfig) { c.Labels = map[string]string{"here": "only"} })
		w.add("b", nil)
		w.within(20*time.Second, "all run", func() bool { return len(a.run.has()) == 5 })
		began := time.Now()
		if _, err := command.Ask(t.Context(), a.ref, command.Drain{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

// A node that drains before its registry has spoken has nothing to hand over.
func TestADrainDoesNotWaitForTheRegistry(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(5, "")
		w.add("a", nil)
		b := w.add("b", func(*OfficeConfig) { w.mute = true })
		began := time.Now()
		if _, err := command.Ask(t.Context(), b.ref, command.Drain{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
	})
}

// Who drains says what no other node can take over: neither what it fetches nor what is pushed to it.
func TestWhoDrainsSaysWhatStays(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(6, "")
		w.more("x1", `{"name":"x1","kind":"rest","url":"https://example.org/x","nodes":{"region":"eu"}}`)
		w.more("x2", `{"name":"x2","kind":"push","nodes":{"region":"eu"}}`)
		w.more("x3", `{"name":"x3","kind":"push"}`)
		a := w.add("a", func(c *OfficeConfig) { c.Labels = map[string]string{"region": "eu"} })
		w.add("b", nil)
		w.within(20*time.Second, "both are active", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.desks["a"].stage == StateActive && w.desks["b"].stage == StateActive && a.run.has()["x1"]
		})
		view, err := command.Ask(t.Context(), a.ref, command.Retire{})
		if err != nil || !slices.Equal(view.Stays, []string{"x1", "x2"}) {
			t.Errorf("%+v %v", view, err)
		}
	})
}
