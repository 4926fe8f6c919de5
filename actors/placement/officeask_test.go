package placement

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What is said is decided between two plans: a node that can't decide now must not say what its last plan had.
func TestANodeThatIsBusySaysThatItIsStarting(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(1, `,"exclusive":true`)
		a := w.add("a", nil)
		time.Sleep(time.Second)
		a.run.mu.Lock()
		a.run.runs, a.run.roles = map[string]time.Time{}, map[string]Placed{} // nothing is left of what ran
		hold := make(chan struct{})
		a.run.hold = hold
		a.run.mu.Unlock()
		w.tell()
		time.Sleep(time.Millisecond) // virtual: it plans, and is held up
		began := time.Now()
		if said := a.Say(t.Context(), "b", []string{"s000", "s001"}); !slices.Equal(said, []Said{SaidStarting, SaidStarting}) {
			t.Errorf("it says %v", said)
		}
		if took := time.Since(began); took > askPatience {
			t.Errorf("it took %s", took)
		}
		close(hold)
	})
}

// An office that did not begin yet may be about to start anything.
func TestAnOfficeThatDidNotBeginSaysThatItIsStarting(t *testing.T) {
	o := &Office{}
	if said := o.Say(t.Context(), "b", []string{"s"}); !slices.Equal(said, []Said{SaidStarting}) {
		t.Errorf("it says %v", said)
	}
}

// Who asks wants to start it: what it said before to a question of this node does not count any more, also where that is answered later.
func TestWhoAsksAboutAnExclusiveSourceIsAskedAgain(t *testing.T) {
	w := &town{t: t}
	w.sources(1, `,"exclusive":true`)
	o := idle(w.entries)
	o.start = time.Now().Add(-time.Minute) // it is later than what was said
	about := About{"s000", "b"}
	o.report(about, Report{SaidStopped, time.Second})
	if !o.asked(&sayTo{node: "b", sources: []string{"s000", "unknown"}}) {
		t.Error("it does not tell that somebody wants to start one")
	}
	o.report(about, Report{SaidStopped, time.Second}) // on its way since before
	if got := o.reports[about]; got.Said != SaidStarting {
		t.Errorf("%+v", got)
	}
}

// idle is the actor of an office, which does nothing by itself.
func idle(entries []Entry) *officeActor {
	o := newOfficeActor(&Office{cfg: OfficeConfig{Node: "a"}, start: time.Now(), memory: newOfficeMemory()})
	o.entries, o.sources = &entries, o.sourcesOf(entries, nil, nil)
	return o
}

// For want of room nothing is forgotten that has this node wait: that who wants to start a source had stopped it may still be on its way here.
func TestWhoWantsToStartASourceIsNotForgotten(t *testing.T) {
	o := idle(nil)
	o.room = 3
	wants := About{"s", "b"}
	o.report(wants, Report{SaidStarting, time.Second})
	for i := range 3 {
		o.report(About{fmt.Sprint(i), "c"}, Report{SaidStopped, time.Second})
	}
	o.report(wants, Report{SaidStopped, time.Second / 2}) // said before, heard after
	if got := o.reports[wants]; got.Said != SaidStarting {
		t.Errorf("%+v", got)
	}
	if len(o.reports) != 2 {
		t.Errorf("%d are kept", len(o.reports))
	}
}

// Who is asked answers all before it plans anew: a plan of many sources takes longer than an answer.
func TestManyQuestionsAreOnePlan(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(10, `,"exclusive":true`)
		a := w.add("a", nil)
		time.Sleep(time.Second)
		hold := make(chan struct{})
		a.run.mu.Lock()
		a.run.hold = hold
		a.run.mu.Unlock()
		w.tell()
		synctest.Wait() // it plans, and is held up
		before := a.run.plans()
		var asking sync.WaitGroup
		for range 50 {
			asking.Go(func() { a.Say(t.Context(), "b", []string{"s000"}) })
		}
		synctest.Wait()
		close(hold)
		asking.Wait()
		synctest.Wait()
		if n := a.run.plans() - before; n < 2 || n > 4 { // the one that was held up, and one for all of them
			t.Errorf("%d plans", n)
		}
	})
}
