package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
	"anode/storage"
	"anode/storage/memory"
)

func TestEditsAreSpreadOnceTheyAreStored(t *testing.T) {
	m := &met{}
	o := openWith(t, &failing{State: memory.NewState()}, m.meet)
	defer o.close(t)
	o.state.fails.Store(true)
	if _, err := ask(o, command.PutSource{Document: document("a", 1)}); !errors.Is(err, command.ErrUnavailable) {
		t.Fatal(err)
	}
	if list := m.take(); len(list) > 0 {
		t.Fatalf("what is not stored is spread: %v", list)
	}
	o.state.fails.Store(false)
	if _, err := ask(o, command.PutSource{Document: []byte(`{"name":"a","kind":"rest","url":"http://x/","paused":true}`)}); err != nil {
		t.Fatal(err)
	}
	list := m.take()
	held, err := ask(o, Held{})
	if err != nil || len(list) != 2 || len(held) != 2 || list[0].Key != "source/a/spec" || list[1].Key != "source/a/paused" {
		t.Fatalf("%v %v %v", list, held, err)
	}
	other := openWith(t, &failing{State: memory.NewState()}, nil)
	defer other.close(t)
	other.learn(t, list...)
	view, err := ask(other, command.GetSource{Name: "a"})
	if err != nil || view.Version != "1-self" || view.Status.State != command.SourcePaused {
		t.Fatalf("%+v %v", view, err)
	}
}

// All sources are told to placement, whoever decided them, with where they were registered first.
func TestSourcesOfAllNodesAreTold(t *testing.T) {
	o := newOffice(t)
	o.learn(t, by(t, "other", registered, 1, 1))
	if _, err := ask(o, command.PutSource{Document: document("a", 2), Replace: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(o, command.PutSource{Document: document("b", 2)}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(o.runner.shown()); got != "[a http://x/2 false b http://x/2 false]" {
		t.Errorf("assigned %s", got)
	}
	if homes := o.runner.homes(); homes["a"] != "other" || homes["b"] != "self" {
		t.Errorf("registered at %v", homes)
	}
}

func TestOfTwoEditsAtOnceTheLogNamesTheLoser(t *testing.T) {
	for what, test := range map[string]struct {
		come []frame.Event
		log  string
	}{
		"the winner came, which does not know this node's": {[]frame.Event{by(t, "zz", replaced, 2, 1e18, "1-self")}, "registered 1-self, superseded 2-self, replaced 2-zz"},
		"only a later one came":                            {[]frame.Event{by(t, "zz", replaced, 4, 1, "1-self", "2-zz")}, "registered 1-self, superseded 2-self, replaced 4-zz"},
		"a later one that knows":                           {[]frame.Event{by(t, "zz", replaced, 3, 1, "1-self")}, "registered 1-self, replaced 2-self, replaced 3-zz"},
		"the loser came":                                   {[]frame.Event{by(t, "aa", replaced, 2, 1, "1-self")}, "registered 1-self, superseded 2-aa, replaced 2-self"},
		"the loser came twice":                             {[]frame.Event{by(t, "aa", replaced, 2, 1, "1-self"), by(t, "aa", replaced, 2, 1, "1-self")}, "registered 1-self, superseded 2-aa, replaced 2-self"},
		"a removal lost":                                   {[]frame.Event{by(t, "aa", removed, 2, 1, "1-self")}, "registered 1-self, superseded 2-aa, replaced 2-self"},
		"an old one came late":                             {[]frame.Event{by(t, "self", registered, 0, 1)}, "registered 1-self, replaced 2-self"},
	} {
		t.Run(what, func(t *testing.T) {
			o := newOffice(t)
			for i, replace := range []bool{false, true} {
				if _, err := ask(o, command.PutSource{Document: document("a", i), Replace: replace}); err != nil {
					t.Fatal(err)
				}
			}
			o.learn(t, test.come...)
			for deadline := time.Now().Add(5 * time.Second); sorted(o.log(t)) != sorted(test.log); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s, want %s", o.log(t), test.log)
				}
			}
		})
	}
}

// sorted is a log without its order: of two edits at once that of the log says nothing.
func sorted(log string) string {
	return strings.Join(slices.Sorted(slices.Values(strings.Split(log, ", "))), ", ")
}

func TestARemovedSourceComesBackByALaterEditOnly(t *testing.T) {
	o := newOffice(t)
	if _, err := ask(o, command.PutSource{Document: document("a", 1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(o, command.RemoveSource{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	o.learn(t, by(t, "aa", replaced, 2, 1, "1-self"))
	if _, err := ask(o, command.GetSource{Name: "a"}); !errors.Is(err, command.ErrNotFound) {
		t.Errorf("an edit of the same revision with an earlier clock brings it back: %v", err)
	}
	o.learn(t, by(t, "aa", replaced, 3, 2, "1-self", "2-aa"))
	if view, err := ask(o, command.GetSource{Name: "a"}); err != nil || view.Version != "3-aa" {
		t.Errorf("%+v %v", view, err)
	}
	if got, want := o.log(t), "registered 1-self, superseded 2-aa, superseded 2-self, replaced 3-aa"; sorted(got) != sorted(want) {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWhatThisVersionCannotReadIsShownAndReplaced(t *testing.T) {
	o := newOffice(t)
	o.learn(t, frame.Event{Key: "source/a/spec", Revision: 1 << 40, HLC: 1<<64 - 1, Node: "zz", Body: []byte("{")},
		frame.Event{Key: "source/a/paused", Revision: 3, HLC: 1, Node: "zz", Body: []byte(`{"v":2}`)})
	view, err := ask(o, command.GetSource{Name: "a"})
	if err != nil || view.Status.State != command.SourceFailed || !strings.Contains(view.Status.LastError, "this version can't read its spec") || string(view.Spec) != "{}" {
		t.Fatalf("%+v %v", view, err)
	}
	if view, err = ask(o, command.PauseSource{Name: "a", Resume: true}); err != nil || view.Version != fmt.Sprint(1<<40+1, "-self") {
		t.Fatalf("%+v %v", view, err)
	}
	put, err := ask(o, command.PutSource{Document: document("a", 1), Replace: true})
	if err != nil || put.Created || put.Source.Status.State != command.SourceRunning {
		t.Fatalf("%+v %v", put, err)
	}
}

// A register at the highest revision can't be written; the other one of its source can.
func TestTheHighestRevision(t *testing.T) {
	o := newOffice(t)
	top := by(t, "zz", registered, frame.MaxRevision, 1)
	o.learn(t, top)
	for what, err := range map[string]error{
		"replace": second(ask(o, command.PutSource{Document: document("a", 9), Replace: true})),
		"remove":  second(ask(o, command.RemoveSource{Name: "a"})),
	} {
		if !errors.Is(err, command.ErrInvalid) || !strings.Contains(err.Error(), "highest revision") {
			t.Errorf("%s: %v", what, err)
		}
	}
	o.learn(t, by(t, "zz", resumed, 5, 1))
	if view, err := ask(o, command.PauseSource{Name: "a"}); err != nil || view.Status.State != command.SourcePaused {
		t.Errorf("it can't be paused: %+v %v", view, err)
	}
	top.Revision++
	if top.Check() == nil {
		t.Error("a frame may bring a higher one")
	}
}

func second[A any](_ A, err error) error { return err }

func TestNoOtherClockMovesThatOfTheNode(t *testing.T) {
	o := newOffice(t)
	o.learn(t, wireOf(t, event{Source: "a", Kind: registered, Revision: 1, HLC: messages.HLCFromMillis(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()), Node: "zz", Spec: document("a", 1)}),
		wireOf(t, event{Source: "b", Kind: registered, Revision: 1, HLC: 1<<64 - 1, Node: "self", Spec: document("b", 1)}))
	if _, err := ask(o, command.PutSource{Document: document("a", 2), Replace: true}); err != nil {
		t.Fatal(err)
	}
	state := o.state
	o.close(t)
	*o = *open(t, state)
	if _, err := ask(o, command.PutSource{Document: document("b", 2), Replace: true}); err != nil {
		t.Fatal(err)
	}
	held, err := ask(o, Held{})
	for _, e := range held {
		if e.HLC.Time().After(time.Now().Add(time.Minute)) || e.Revision != 2 || err != nil {
			t.Errorf("%s at %s", e.Key, e.HLC.Time())
		}
	}
}

// What a disk refuses of others' events is not lost, and holds up no edit.
func TestWhatIsLearntIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, &failing{State: memory.NewState()})
		o.state.fails.Store(true)
		o.ref.Tell(Learnt{[]frame.Event{by(t, "zz", registered, 1, 1), {Key: "later/x", Node: "zz"}}})
		synctest.Wait()
		if _, err := ask(o, command.PutSource{Document: document("b", 1)}); !errors.Is(err, command.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		o.state.fails.Store(false)
		if _, err := ask(o, command.PutSource{Document: document("b", 1)}); err != nil {
			t.Error(err)
		}
		time.Sleep(retry + time.Second)
		synctest.Wait()
		if held, err := ask(o, Held{}); err != nil || len(held) != 3 {
			t.Errorf("%v %v", held, err)
		}
		o.close(t)
		time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
	})
}

// What comes while an edit is being stored neither loses it nor is lost.
func TestAnEditThatIsBeingStoredMeetsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, &failing{State: memory.NewState()})
		o.state.held = make(chan struct{})
		first := make(chan error, 1)
		go func() { first <- second(ask(o, command.PutSource{Document: document("a", 1)})) }()
		synctest.Wait()
		o.ref.Tell(Learnt{[]frame.Event{by(t, "zz", registered, 1, 1e18)}})
		later := make(chan error, 1)
		synctest.Wait()
		go func() { later <- second(ask(o, command.PutSource{Document: document("a", 3), Replace: true})) }()
		synctest.Wait()
		close(o.state.held)
		if err := errors.Join(<-first, <-later); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got, want := o.log(t), "superseded 1-self, registered 1-zz, replaced 2-self"; sorted(got) != sorted(want) {
			t.Errorf("%s, want %s", got, want)
		}
		o.close(t)
		time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
	})
}

func TestWhatIsNotFollowedIsKeptAndPassedOn(t *testing.T) {
	state := &failing{State: memory.NewState()}
	o := open(t, state)
	list := []frame.Event{
		{Key: "later/x", Revision: 4, HLC: 1, Node: "zz", Body: []byte{0, 255}},
		{Key: "source/UPPER/spec", Revision: 1, Node: "zz"},
		{Key: "source/a/spec", Revision: 1, Node: "zz", Body: []byte("?")},
	}
	o.learn(t, list...)
	o.close(t)
	o = open(t, state)
	defer o.close(t)
	held, err := ask(o, Held{})
	if err != nil || !alike(held, []frame.Event{list[0], list[1], list[2]}) {
		t.Errorf("%v %v", held, err)
	}
}

// A new registration is above every removal that was forgotten, which other nodes may still have.
func TestARegistrationIsAboveWhatWasForgotten(t *testing.T) {
	state := &failing{State: memory.NewState()}
	var changes []storage.Change
	for i := range mostRemoved + 2 {
		list, err := sealed(&event{Version: formatVersion, Source: fmt.Sprint("s", i), Kind: removed, Revision: uint64(i%7 + 1), HLC: messages.HLC(i + 1), Node: "zz"})
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, storage.Change{Bucket: bucketEvents, Key: registerKey(list[0]), Value: list[0].body})
	}
	if err := state.Put(changes...); err != nil {
		t.Fatal(err)
	}
	o := open(t, state)
	for i, want := range []string{"1-self", "3-self", "3-self"} { // forgets s0 at 1 and s1 at 2 with the first
		if i == 2 {
			o.close(t)
			o = open(t, state)
		}
		put, err := ask(o, command.PutSource{Document: document(fmt.Sprint("new", i), 1)})
		if err != nil || put.Source.Version != want {
			t.Errorf("%d: %+v %v, want version %s", i, put.Source.Version, err, want)
		}
	}
	gone := wireOf(t, event{Source: "s1", Kind: removed, Revision: 2, HLC: 2, Node: "zz"})
	o.ref.Tell(Learnt{[]frame.Event{gone}})
	held, err := ask(o, Held{})
	if err != nil || slices.ContainsFunc(held, func(e frame.Event) bool { return e.Key == gone.Key }) {
		t.Errorf("a removal that was forgotten is stored again: %v", err)
	}
	o.close(t)
}
