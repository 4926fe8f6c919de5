package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

func TestALoneNodeRunsAllAtOnce(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(20, "")
		c := w.add("a", nil)
		w.within(50*time.Millisecond, "all run", func() bool { return len(c.run.has()) == 20 })
	})
}

// A node that dies: its sources run elsewhere after the grace. One that joins takes its part when it has learnt, and no
// moment is without an owner.
func TestSourcesMoveToWhoLives(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(60, "")
		w.add("a", nil)
		w.add("b", nil)
		c := w.add("c", nil)
		w.within(15*time.Second, "three share", func() bool {
			return w.once(1) && len(c.run.has()) > 5
		})
		for range 300 { // it stays so, and none is ever without an owner
			time.Sleep(100 * time.Millisecond)
			for _, e := range w.entries {
				if w.owners()[e.Name] == 0 {
					t.Fatalf("%s has no owner", e.Name)
				}
			}
		}
		c.die()
		w.tell()
		took := w.within(Grace+500*time.Millisecond, "two share", func() bool { return w.once(1) })
		t.Logf("after a death all run again after %s", took)
		status, _ := w.desks["a"].Status(w.entries[0].Name)
		if len(status.Owners) != 1 || status.Why == "" {
			t.Errorf("%+v", status)
		}
	})
}

// An exclusive source never runs twice while all see the same, though the old owner takes long to end it.
func TestOfficesNeverRunAnExclusiveSourceTwice(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(30, `,"exclusive":true`)
		w.add("a", nil).run.linger = 3 * time.Second
		watch := func(span time.Duration) {
			for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				for name, n := range w.owners() {
					if n > 1 {
						t.Fatalf("%s runs on %d nodes", name, n)
					}
				}
			}
		}
		b := w.add("b", nil)
		watch(30 * time.Second)
		if len(b.run.has()) == 0 {
			t.Fatal("nothing moved")
		}
		w.within(time.Second, "all run", func() bool { return w.once(1) })
	})
}

// What does not work on one node moves to another one, with the reason told; what works nowhere stays.
func TestASourceThatFailsHereMoves(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(10, "")
		a := w.add("a", nil)
		b := w.add("b", nil)
		w.within(20*time.Second, "two share", func() bool { return w.once(1) && len(b.run.has()) > 0 && len(a.run.has()) > 0 })
		var name string
		for n := range a.run.has() {
			name = n
		}
		a.run.fails(name)
		w.within(15*time.Second, "it moves", func() bool { return b.run.has()[name] && !a.run.has()[name] })
		if status, _ := a.Status(name); len(status.Owners) != 1 || status.Owners[0] != "b" || status.Moved == nil {
			t.Errorf("%+v", status)
		}
		b.run.fails(name)
		time.Sleep(20 * time.Second)
		if n := w.owners()[name]; n != 1 {
			t.Errorf("what works nowhere runs on %d nodes, want 1", n)
		}
	})
}

// Labels and --own of others are known by what they declare.
func TestLabelsAndOwnAreHeeded(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(20, `,"nodes":{"region":"eu"}`)
		a := w.add("a", nil)
		b := w.add("b", func(c *OfficeConfig) { c.Labels = map[string]string{"region": "eu"} })
		none := w.add("c", func(c *OfficeConfig) { c.Own = OwnNone; c.Labels = map[string]string{"region": "eu"} })
		w.within(20*time.Second, "all run where the label is", func() bool { return len(b.run.has()) == 20 && w.once(1) })
		if len(a.run.has())+len(none.run.has()) > 0 {
			t.Errorf("%d and %d run elsewhere", len(a.run.has()), len(none.run.has()))
		}
	})
}

// What a node yields so that all have about as many runs elsewhere for as long as that is so, and is never nobody's.
func TestWhatIsLevelledIsNobodysAtNoTime(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(100, "")
		for _, id := range []messages.NodeID{"a", "b", "c", "d", "e", "f", "g", "h"} {
			w.add(id, nil)
		}
		w.within(20*time.Second, "all run", func() bool { return w.once(1) })
		levelled := false
		for range 14 * 60 { // 14 minutes: a yield is over after five
			time.Sleep(time.Second)
			for name, n := range w.owners() {
				if n == 0 {
					t.Fatalf("%s has no owner", name)
				}
			}
			if len(w.owners()) != len(w.entries) {
				t.Fatalf("%d of %d have an owner", len(w.owners()), len(w.entries))
			}
			w.mu.Lock()
			for _, d := range w.declared {
				levelled = levelled || len(d.Yields) > 0
			}
			w.mu.Unlock()
		}
		if !levelled {
			t.Error("these names are level by themselves: the test needs others")
		}
	})
}

// An office whose actor fails goes on where it was: it does not join anew, and nothing moves.
func TestAnOfficeThatFailsGoesOn(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(30, "")
		a := w.add("a", nil)
		w.add("b", nil)
		w.within(20*time.Second, "two share", func() bool { return w.once(1) && len(a.run.has()) < 30 })
		before := a.run.has()
		a.run.mu.Lock()
		a.run.fault = true
		a.run.mu.Unlock()
		w.tell()
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if now := a.run.has(); !maps.Equal(now, before) {
				t.Fatalf("%d ran, and %d do", len(before), len(now))
			}
		}
	})
}

// It is not only looked each minute whether all is even: also soon after nodes came.
func TestSourcesAreLevelledSoonAfterNodesCame(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(100, "")
		for _, id := range []messages.NodeID{"a", "b", "c", "d", "e", "f", "g", "h"} {
			w.add(id, nil)
		}
		w.within(20*time.Second, "all are active", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, c := range w.desks {
				if c.stage != StateActive {
					return false
				}
			}
			return true
		})
		w.within(levelSoon+2*time.Second, "some are yielded", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, d := range w.declared {
				if len(d.Yields) > 0 {
					return true
				}
			}
			return false
		})
	})
}

// Of sources that did not change the spec is not read again, and all is as if it was made anew.
func TestSourcesAreReadAgainOnlyWhereTheyChanged(t *testing.T) {
	w := &town{t: t}
	w.sources(5, `,"redundancy":2,"native_id":".n"`)
	before := w.entries
	w.entries = nil
	w.sources(1, "")
	read := 0
	o := &Office{cfg: OfficeConfig{Node: "a", Host: func(*spec.Spec) string { read++; return "x" }}}
	known := o.sourcesOf(before, nil, nil)
	next := slices.Delete(slices.Clone(before), 3, 4)
	next[0] = w.entries[0] // another spec
	next[1].Paused, next[2].At = true, "b"
	read = 0
	got := o.sourcesOf(next, &before, known)
	if read != 1 {
		t.Errorf("%d were read, want the one that changed", read)
	}
	if want := o.sourcesOf(next, nil, nil); fmt.Sprint(got.list) != fmt.Sprint(want.list) {
		t.Errorf("%v, want %v", got.list, want.list)
	}
}

// A register that can't be read is of a later version: what that node takes is not known, so that it is given nothing.
func TestWhoCanNotBeReadIsGivenNothing(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(20, "")
		a := w.add("a", nil)
		w.mu.Lock()
		w.desks["b"] = &clerk{town: w, id: "b", dead: false, stage: StateActive, run: &runner{}}
		w.declared["b"] = Declared{command.NodeRegister{Own: "by-moon"}, "9-b"}
		w.mu.Unlock()
		w.tell()
		time.Sleep(time.Minute)
		n := len(a.run.has())
		w.mu.Lock()
		delete(w.desks, "b") // it is no office, and can't be ended
		w.mu.Unlock()
		if n != 20 {
			t.Errorf("%d of 20 run on the one that can be read", n)
		}
	})
}

// Who knows that it is banned runs nothing, exclusive or pushed, though it sees nobody who takes over; when it is let in it takes its part again.
func TestWhoIsBannedRunsNothing(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(20, "")
		w.more("x", `{"name":"x","kind":"rest","url":"https://example.org/x","exclusive":true}`)
		w.more("y", `{"name":"y","kind":"push"}`)
		a := w.add("a", nil)
		w.add("b", nil)
		w.within(20*time.Second, "both run some", func() bool { return w.owners()["s000"] == 1 && len(a.run.has()) > 3 && len(a.run.has()) < 20 })
		before := len(a.run.has())
		w.ban("a", true)
		w.within(50*time.Millisecond, "it runs nothing", func() bool { return len(a.run.has()) == 0 })
		if status, _ := a.Status("y"); !strings.HasPrefix(status.Why, reasonBanned) || slices.Contains(status.Owners, "a") {
			t.Errorf("%+v", status)
		}
		time.Sleep(20 * time.Second)
		if n := len(a.run.has()); n > 0 {
			t.Errorf("it runs %d", n)
		}
		w.ban("a", false)
		w.within(15*time.Second, "it has its part", func() bool { return len(a.run.has()) == before && w.owners()["x"] == 1 })
	})
}

// All nodes see that nobody can own a source, and say so; the first by id raises the alarm.
func TestWhatNobodyOwnsIsToldByOne(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(2, `,"nodes":{"region":"moon"}`)
		a, b := w.add("a", nil), w.add("b", nil)
		time.Sleep(20 * time.Second)
		for _, c := range []*clerk{a, b} {
			v, err := command.Ask(t.Context(), c.ref, command.Component{})
			want := 0
			if c == a {
				want = 2
			}
			if err != nil || v.State != command.StateDegraded || len(v.Ownerless) != want || !strings.Contains(v.Detail, "region=moon") {
				t.Errorf("%s: %+v %v", c.id, v, err)
			}
		}
	})
}

// A source that was paused just now is paused to all who ask, though it takes its owner a moment to end it.
func TestWhatIsPausedSaysSoAtOnce(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(1, "")
		a := w.add("a", nil)
		w.within(time.Second, "it runs", func() bool { s, _ := a.Status("s000"); return s.State == command.SourceRunning && len(s.Owners) == 1 })
		next := slices.Clone(w.entries)
		next[0].Paused = true
		a.Assign(next)
		w.within(time.Second, "it has no owner", func() bool { s, _ := a.Status("s000"); return len(s.Owners) == 0 })
		if s, _ := a.Status("s000"); s.State != command.SourcePaused {
			t.Errorf("%+v", s)
		}
	})
}

// A copy of a node's data directory must not fetch what its original fetches, until it ends.
func TestWhoseIdentityLivesElsewhereRunsNothing(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(20, "")
		w.more("y", `{"name":"y","kind":"push"}`)
		a := w.add("a", nil)
		w.within(time.Minute, "it runs all", func() bool { return len(a.run.has()) == 21 })
		usurped := func(is bool) {
			w.mu.Lock()
			a.usurped = is
			w.mu.Unlock()
			w.tell()
		}
		usurped(true)
		w.within(50*time.Millisecond, "it runs nothing", func() bool { return len(a.run.has()) == 0 })
		if status, _ := a.Status("y"); !strings.HasPrefix(status.Why, reasonUsurped) || slices.Contains(status.Owners, "a") {
			t.Errorf("%+v", status)
		}
		time.Sleep(20 * time.Second)
		if n := len(a.run.has()); n > 0 {
			t.Errorf("it runs %d", n)
		}
		usurped(false) // its own old links had been in the way
		w.within(15*time.Second, "it runs all again", func() bool { return len(a.run.has()) == 21 })
	})
}
