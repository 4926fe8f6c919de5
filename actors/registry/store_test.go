package registry

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
)

func TestWhatCannotBeSavedDidNotHappen(t *testing.T) {
	o := newOffice(t)
	o.state.fails.Store(true)
	if _, err := ask(o, command.PutSource{Document: document("a", 1)}); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	o.state.fails.Store(false)
	if views, err := ask(o, command.ListSources{}); err != nil || len(views) != 0 || len(o.runner.shown()) != 0 {
		t.Errorf("%v %v", views, err)
	}
	if put, err := ask(o, command.PutSource{Document: document("a", 1)}); err != nil || !put.Created || put.Source.Version != "1-self" {
		t.Errorf("%+v %v", put, err)
	}
}

// TestADiskThatHangsHoldsNoQuestionUp: what is asked is answered, and changes are decided in their order
// once the one before is stored.
func TestADiskThatHangsHoldsNoQuestionUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, &failing{State: memory.NewState()})
		if _, err := ask(o, command.PutSource{Document: document("a", 1)}); err != nil {
			t.Fatal(err)
		}
		o.state.held = make(chan struct{})
		told := make(chan string, 400)
		change := func(what string, url int, replace bool) {
			go func() {
				put, err := ask(o, command.PutSource{Document: document("a", url), Replace: replace})
				told <- fmt.Sprint(what, " ", put.Source.Version, " ", errors.Is(err, command.ErrExists), errors.Is(err, command.ErrUnavailable))
			}()
			synctest.Wait()
		}
		change("first", 2, true)
		change("second", 3, true)
		change("third", 4, false)
		for range 300 {
			change("many", 3, true)
		}
		if views, err := ask(o, command.ListSources{}); err != nil || len(views) != 1 || views[0].Version != "1-self" {
			t.Errorf("%v %v", views, err)
		}
		if view, err := ask(o, command.Component{}); err != nil || view.Figures["sources"] != 1 {
			t.Errorf("%v %v", view, err)
		}
		for len(told) > 0 {
			if got := <-told; got != "many  false true" {
				t.Errorf("while the disk hangs: %q", got)
			}
		}
		close(o.state.held)
		synctest.Wait()
		var answers []string
		for len(told) > 0 {
			answers = append(answers, <-told)
		}
		slices.Sort(answers)
		answers = slices.Compact(answers)
		if want := []string{"first 2-self false false", "many 3-self false false", "second 3-self false false", "third  true false"}; !slices.Equal(answers, want) {
			t.Errorf("%q, want %q", answers, want)
		}
		o.close(t)
		time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
	})
}

// TestWhatIsForgottenLeavesTheStore with the next change, and may come again with that.
func TestWhatIsForgottenLeavesTheStore(t *testing.T) {
	state := memory.NewState()
	s := &store{state: state, log: slog.New(slog.DiscardHandler)}
	s.load("self", time.Now(), newSources(), make(others))
	e := func(name, kind string) *event {
		list, err := sealed(&event{Version: formatVersion, Source: name, Kind: kind, Revision: 1, Node: "self"})
		if err != nil {
			t.Fatal(err)
		}
		return list[0]
	}
	if err := s.save(&batch{
		events: []*event{e("a", removed), e("a", paused), e("b", removed)}, more: []storage.Change{{Bucket: bucketApplied, Key: "a", Value: []byte("1")}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.save(&batch{
		forgotten: []string{"a", "b"}, horizon: 7, events: []*event{e("b", registered)}, more: []storage.Change{{Bucket: bucketApplied, Key: "b", Value: []byte("2")}},
	}); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for pair := range state.Each(bucketEvents) {
		keys = append(keys, pair.Key)
	}
	if !slices.Equal(keys, []string{"b/spec"}) || s.applied("a") != "" || s.applied("b") != "2" {
		t.Errorf("%v, %q, %q", keys, s.applied("a"), s.applied("b"))
	}
	after := newSources()
	s.load("self", time.Now(), after, make(others))
	if after.horizon != 7 {
		t.Errorf("the horizon is %d after a restart", after.horizon)
	}
}

func TestDamageIsShownAndTheRestRuns(t *testing.T) {
	state := &failing{State: memory.NewState()}
	o := open(t, state)
	for _, name := range []string{"a", "b", "c"} {
		if _, err := ask(o, command.PutSource{Document: document(name, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	o.close(t)
	if err := state.Put(storage.Change{Bucket: bucketEvents, Key: "a/spec", Value: []byte("{")},
		storage.Change{Bucket: bucketEvents, Key: "b/spec", Value: []byte(`{"v":2}`)}); err != nil {
		t.Fatal(err)
	}
	o = open(t, state)
	defer o.close(t)
	view, err := ask(o, command.Component{})
	if err != nil || view.State != command.StateDegraded || view.Figures["damaged"] != 2 || view.Figures["sources"] != 1 {
		t.Errorf("%+v %v", view, err)
	}
	if got := fmt.Sprint(o.runner.shown()); got != "[c http://x/1 false]" {
		t.Errorf("assigned %s", got)
	}
}

func TestWhatIsRegisteredAgainIsDamagedNoMore(t *testing.T) {
	state := &failing{State: memory.NewState()}
	o := open(t, state)
	if _, err := ask(o, Apply{Document: document("a", 1)}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b", "c"} {
		if _, err := ask(o, command.PutSource{Document: document(name, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	o.close(t)
	var damage []storage.Change
	for _, key := range []string{"a/spec", "b/spec", "b/paused", "c/paused"} {
		damage = append(damage, storage.Change{Bucket: bucketEvents, Key: key, Value: []byte("{")})
	}
	if err := state.Put(damage...); err != nil {
		t.Fatal(err)
	}
	o = open(t, state)
	left := func(want float64) {
		t.Helper()
		view, err := ask(o, command.Component{})
		if err != nil || view.Figures["damaged"] != want || (view.State == command.StateOK) != (want == 0) {
			t.Fatalf("%+v %v, want %v damaged", view, err, want)
		}
	}
	left(4)
	if changed, err := ask(o, Apply{Document: document("a", 1)}); err != nil || !changed { // the same text
		t.Fatalf("a is not applied again: %v", err)
	}
	left(3)
	if _, err := ask(o, command.PutSource{Document: document("b", 2)}); err != nil {
		t.Fatal(err)
	}
	left(1)
	if _, err := ask(o, command.RemoveSource{Name: "c"}); err != nil {
		t.Fatal(err)
	}
	left(0)
	o.close(t)
	o = open(t, state)
	defer o.close(t)
	left(0)
	if got := fmt.Sprint(o.runner.shown()); got != "[a http://x/1 false b http://x/2 false]" {
		t.Errorf("assigned %s", got)
	}
}
