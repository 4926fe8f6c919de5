package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"anode/messages/command"
	"anode/messages/spec"
	"anode/storage/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPutGetRemove(t *testing.T) {
	o := newOffice(t)
	put, err := ask(o, command.PutSource{Document: []byte("name: a\nkind: rest\nurl: http://x/1 # kept as given\n"), YAML: true})
	if err != nil || !put.Created || put.Source.Version != "1-self" || string(put.Source.Spec) != `{"name":"a","kind":"rest","url":"http://x/1"}` {
		t.Fatalf("%+v %v", put, err)
	}
	if _, err := ask(o, command.PutSource{Document: document("a", 2)}); !errors.Is(err, command.ErrExists) {
		t.Errorf("POST of what exists: %v", err)
	}
	if put, err = ask(o, command.PutSource{Document: document("a", 1), Replace: true}); err != nil || put.Created || put.Source.Version != "1-self" {
		t.Errorf("an equal spec made a change: %+v %v", put, err)
	}
	if put, err = ask(o, command.PutSource{Document: document("a", 2), Replace: true, Name: "a", IfMatch: `"1-self"`}); err != nil || put.Source.Version != "2-self" {
		t.Errorf("%+v %v", put, err)
	}
	for _, stale := range []string{"1-self", `"1-self"`, "nonsense"} {
		if _, err := ask(o, command.PutSource{Document: document("a", 3), Replace: true, IfMatch: stale}); !errors.Is(err, command.ErrConflict) {
			t.Errorf("If-Match %s: %v", stale, err)
		}
		if _, err := ask(o, command.RemoveSource{Name: "a", IfMatch: stale}); !errors.Is(err, command.ErrConflict) {
			t.Errorf("removal with If-Match %s: %v", stale, err)
		}
	}
	if _, err := ask(o, command.PutSource{Document: document("b", 1), Replace: true, IfMatch: "*"}); !errors.Is(err, command.ErrConflict) {
		t.Errorf("If-Match * of what is not there: %v", err)
	}
	var faults spec.Faults
	if _, err := ask(o, command.PutSource{Document: document("b", 1), Replace: true, Name: "a"}); !errors.As(err, &faults) || faults[0].Path != "/name" {
		t.Errorf("another name than the address: %v", err)
	}
	if _, err := ask(o, command.PutSource{Document: []byte(`{"name":"b","kind":"rest","url":"http://x/","transform":{"map":"bad"}}`)}); !errors.As(err, &faults) || faults[0].Path != "/transform/map" {
		t.Errorf("bad jq: %v", err)
	}
	if got := fmt.Sprint(o.runner.shown()); got != "[a http://x/2 false]" {
		t.Errorf("assigned %s", got)
	}
	if _, err := ask(o, command.RemoveSource{Name: "a", IfMatch: "2-self"}); err != nil {
		t.Error(err)
	}
	if _, err := ask(o, command.GetSource{Name: "a"}); !errors.Is(err, command.ErrNotFound) {
		t.Errorf("a removed source: %v", err)
	}
	if _, err := ask(o, command.RemoveSource{Name: "a"}); !errors.Is(err, command.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if put, err := ask(o, command.PutSource{Document: document("a", 2)}); err != nil || !put.Created || put.Source.Version != "4-self" {
		t.Errorf("again, above all that was: %+v %v", put, err)
	}
	checked, err := ask(o, command.CheckSource{Document: []byte("name: a\nkind: rest\nurl: http://x/\n"), YAML: true})
	if err != nil || checked.Name != "a" || !checked.Exists || string(checked.Spec) != `{"name":"a","kind":"rest","url":"http://x/"}` {
		t.Errorf("%+v %v", checked, err)
	}
	if checked, err = ask(o, command.CheckSource{Document: document("b", 1)}); err != nil || checked.Exists {
		t.Errorf("%+v %v", checked, err)
	}
	if _, err := ask(o, command.CheckSource{Document: []byte(`{"name":"b","kind":"rest"}`)}); !errors.As(err, &faults) {
		t.Errorf("a spec without a url has no faults: %v", err)
	}
	events, err := ask(o, command.Events{})
	var log []string
	for _, e := range events {
		log = append(log, e.Event+" "+e.Version)
	}
	if got := strings.Join(log, ", "); err != nil || got != "registered 1-self, replaced 2-self, removed 3-self, registered 4-self" {
		t.Errorf("%s %v", got, err)
	}
}

func TestPauseAndRestart(t *testing.T) {
	o := newOffice(t)
	if put, err := ask(o, command.PutSource{Document: []byte(`{"name":"a","kind":"rest","url":"http://x/","paused":true}`)}); err != nil || put.Source.Status.State != command.SourcePaused {
		t.Fatalf("%+v %v", put, err)
	}
	if _, err := ask(o, command.RestartSource{Name: "a"}); !errors.Is(err, command.ErrPaused) {
		t.Errorf("restart of a paused source: %v", err)
	}
	if view, err := ask(o, command.PauseSource{Name: "a", Resume: true}); err != nil || view.Status.State != command.SourceRunning || view.Version != "2-self" {
		t.Errorf("%+v %v", view, err)
	}
	if view, err := ask(o, command.PauseSource{Name: "a", Resume: true}); err != nil || view.Version != "2-self" {
		t.Errorf("resumed twice: %+v %v", view, err)
	}
	if _, err := ask(o, command.RestartSource{Name: "a"}); err != nil || !slices.Equal(o.runner.restarts, []string{"a"}) {
		t.Errorf("%v %v", err, o.runner.restarts)
	}
	view, err := ask(o, command.PauseSource{Name: "a"})
	if err != nil || view.Status.State != command.SourcePaused || len(view.Status.Owners) != 0 || view.Status.Records != 7 {
		t.Errorf("%+v %v", view, err)
	}
	if _, err := ask(o, command.PutSource{Document: document("a", 2), Replace: true}); err != nil || fmt.Sprint(o.runner.shown()) != "[a http://x/2 true]" {
		t.Errorf("a replaced source does not stay paused: %v %v", err, o.runner.shown())
	}
	if _, err := ask(o, command.RemoveSource{Name: "a"}); err != nil {
		t.Error(err)
	}
	if put, err := ask(o, command.PutSource{Document: document("a", 1)}); err != nil || put.Source.Status.State == command.SourcePaused {
		t.Errorf("a new source is paused for an earlier one of its name: %+v %v", put, err)
	}
	events, err := ask(o, command.Events{})
	var log []string
	for _, e := range events {
		log = append(log, e.Event)
	}
	if got := strings.Join(log, ", "); err != nil || got != "paused, registered, resumed, paused, replaced, removed, registered" {
		t.Errorf("the log has what nobody asked for: %s %v", got, err)
	}
	for _, q := range []string{"none", "starting"} {
		if q == "starting" {
			if _, err := ask(o, command.PutSource{Document: document(q, 1)}); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]error{"none": command.ErrNotFound, "starting": command.ErrUnavailable}[q]
		if _, err := ask(o, command.RestartSource{Name: q}); !errors.Is(err, want) {
			t.Errorf("restart of %s: %v", q, err)
		}
	}
}

func TestDocumentsAreAppliedOnceForEachText(t *testing.T) {
	state := &failing{State: memory.NewState()}
	o := open(t, state)
	apply := func(url int) bool {
		changed, err := ask(o, Apply{Document: document("a", url)})
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if !apply(1) || apply(1) {
		t.Error("the first time is a change, the second is none")
	}
	if _, err := ask(o, command.PutSource{Document: document("a", 5), Replace: true}); err != nil {
		t.Fatal(err)
	}
	o.close(t)
	o = open(t, state)
	defer o.close(t)
	if apply(1) || fmt.Sprint(o.runner.shown()) != "[a http://x/5 false]" {
		t.Errorf("a document that was applied before undoes an edit: %v", o.runner.shown())
	}
	if !apply(2) || fmt.Sprint(o.runner.shown()) != "[a http://x/2 false]" {
		t.Errorf("another text is not applied: %v", o.runner.shown())
	}
	if _, err := ask(o, command.PauseSource{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if !apply(3) || fmt.Sprint(o.runner.shown()) != "[a http://x/3 true]" {
		t.Errorf("applying resumes: %v", o.runner.shown())
	}
	if _, err := ask(o, command.RemoveSource{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if apply(3) || len(o.runner.shown()) != 0 {
		t.Error("a removed source comes back")
	}
	var faults spec.Faults
	if _, err := ask(o, Apply{Document: []byte("name: a"), YAML: true}); !errors.As(err, &faults) {
		t.Errorf("a faulty document: %v", err)
	}
}

func TestOneOfSeveralVersionsMustStand(t *testing.T) {
	o := newOffice(t)
	for i, match := range []string{"", "1-self", "9-x,2-self", "*"} {
		if _, err := ask(o, command.PutSource{Document: document("a", i), Replace: true, IfMatch: match}); err != nil {
			t.Errorf("If-Match %s: %v", match, err)
		}
	}
	if _, err := ask(o, command.PutSource{Document: document("a", 9), Replace: true, IfMatch: "1-self,2-self"}); !errors.Is(err, command.ErrConflict) {
		t.Errorf("old versions match: %v", err)
	}
}

func TestARefusedListIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, &failing{State: memory.NewState()})
		o.runner.refuse(true)
		if _, err := ask(o, command.PutSource{Document: document("a", 1)}); err != nil {
			t.Fatal(err)
		}
		o.runner.refuse(false)
		time.Sleep(assignEvery + time.Second)
		synctest.Wait()
		if got := fmt.Sprint(o.runner.shown()); got != "[a http://x/1 false]" {
			t.Errorf("assigned %s", got)
		}
		o.close(t)
		time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
	})
}
