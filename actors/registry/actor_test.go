package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/storage"
	"anode/storage/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runner keeps what it is assigned.
type runner struct {
	mu       sync.Mutex
	list     []Assignment
	restarts []string
	full     bool
}

func (r *runner) Assign(all []Assignment) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return false
	}
	r.list = all
	return true
}

// refuse lets Assign be refused.
func (r *runner) refuse(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = all
}

func (r *runner) Restart(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restarts = append(r.restarts, name)
	return name != "starting"
}

func (r *runner) Status(name string) (command.SourceStatus, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.list {
		if a.Spec.Name == name {
			return command.SourceStatus{State: command.SourceRunning, Owners: []messages.NodeID{"self"}, Records: 7}, true
		}
	}
	return command.SourceStatus{}, false
}

// shown are the assignments as text: "name url paused".
func (r *runner) shown() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.list {
		all = append(all, fmt.Sprint(a.Spec.Name, " ", a.Spec.URL, " ", a.Paused))
	}
	return all
}

// failing is a state whose writes fail on demand, or wait for held to be closed.
type failing struct {
	storage.State
	fails bool
	held  chan struct{}
}

func (f *failing) Put(changes ...storage.Change) error {
	if f.held != nil {
		<-f.held
	}
	if f.fails {
		return errors.New("the disk is full")
	}
	return f.State.Put(changes...)
}

// office is a registry with what it needs.
type office struct {
	system *actor.System
	ref    *actor.Ref
	runner *runner
	state  *failing
}

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func open(t fataler, state *failing) *office {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	o := &office{runner: &runner{}, state: state}
	var err error
	if o.system, err = actor.NewSystem(actor.Config{Logger: log}); err != nil {
		t.Fatal(err)
	}
	s, err := Spec(Config{
		Node: "self", State: state, Sources: o.runner, Clock: time.Now, Logger: log,
		Check: func(s *spec.Spec) spec.Faults {
			if strings.Contains(s.Transform.Map, "bad") {
				return spec.Faults{{Path: "/transform/map", Message: "is bad"}}
			}
			return nil
		},
		Compile: func(x spec.Expression) error {
			if strings.Contains(x.Text, "bad") {
				return errors.New("is bad")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.ref, err = o.system.Spawn(s); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) close(t fataler) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := o.system.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func newOffice(t *testing.T) *office {
	o := open(t, &failing{State: memory.NewState()})
	t.Cleanup(func() { o.close(t) })
	return o
}

func document(name string, url int) []byte {
	return fmt.Appendf(nil, `{"name":%q,"kind":"rest","url":"http://x/%d"}`, name, url)
}

func ask[A any](o *office, q command.Question[A]) (A, error) {
	return command.Ask(context.Background(), o.ref, q)
}

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
	if _, err := ask(o, command.RestartSource{Name: "a"}); !errors.Is(err, command.ErrConflict) {
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

func TestWhatCannotBeSavedDidNotHappen(t *testing.T) {
	o := newOffice(t)
	o.state.fails = true
	if _, err := ask(o, command.PutSource{Document: document("a", 1)}); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	o.state.fails = false
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
	e := func(name, kind string) *event {
		return &event{Version: formatVersion, Source: name, Kind: kind, Revision: 1, Node: "self"}
	}
	if err := s.save(nil, []*event{e("a", removed), e("a", paused), e("b", removed)}, storage.Change{Bucket: bucketApplied, Key: "a", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if err := s.save([]string{"a", "b"}, []*event{e("b", registered)}, storage.Change{Bucket: bucketApplied, Key: "b", Value: []byte("2")}); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for pair := range state.Each(bucketEvents) {
		keys = append(keys, pair.Key)
	}
	if !slices.Equal(keys, []string{"b/spec"}) || s.applied("a") != "" || s.applied("b") != "2" {
		t.Errorf("%v, %q, %q", keys, s.applied("a"), s.applied("b"))
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

// model is the registry as a map: of each source its url and whether it is paused.
type model map[string]struct {
	url    int
	paused bool
}

func (m model) shown() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s http://x/%d %v", name, m[name].url, m[name].paused))
	}
	return all
}

func TestTheRegistryIsAMapThatOutlivesRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := &failing{State: memory.NewState()}
		o := open(t, state)
		defer func() { o.close(t) }()
		m := make(model)
		versions := make(map[string]string)
		note := func(view command.SourceView, err error, changed bool) {
			if err != nil {
				t.Fatal(err)
			}
			if changed == (versions[view.Name] == view.Version) {
				t.Fatalf("changed %v, version %s after %s", changed, view.Version, versions[view.Name])
			}
			versions[view.Name] = view.Version
		}
		name := func(t *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name") }
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n, url, replace := name(t), rapid.IntRange(0, 2).Draw(t, "url"), rapid.Bool().Draw(t, "replace")
				before, exists := m[n]
				put, err := ask(o, command.PutSource{Document: document(n, url), Replace: replace})
				if exists && !replace {
					if !errors.Is(err, command.ErrExists) {
						t.Fatalf("%v", err)
					}
					return
				}
				if put.Created == exists {
					t.Fatalf("created %v, existed %v", put.Created, exists)
				}
				note(put.Source, err, !exists || before.url != url)
				before.url = url
				m[n] = before
			},
			"pause": func(t *rapid.T) {
				n, resume := name(t), rapid.Bool().Draw(t, "resume")
				before, exists := m[n]
				view, err := ask(o, command.PauseSource{Name: n, Resume: resume})
				if !exists {
					if !errors.Is(err, command.ErrNotFound) {
						t.Fatalf("%v", err)
					}
					return
				}
				note(view, err, before.paused == resume)
				before.paused = !resume
				m[n] = before
			},
			"remove": func(t *rapid.T) {
				n := name(t)
				_, exists := m[n]
				if _, err := ask(o, command.RemoveSource{Name: n}); exists != (err == nil) {
					t.Fatalf("existed %v: %v", exists, err)
				}
				delete(m, n)
			},
			"restart": func(t *rapid.T) {
				o.close(t)
				o = open(t, state)
			},
			"": func(t *rapid.T) {
				views, err := ask(o, command.ListSources{})
				if err != nil || len(views) != len(m) {
					t.Fatalf("%d sources, want %d: %v", len(views), len(m), err)
				}
				for _, v := range views {
					if v.Version != versions[v.Name] {
						t.Fatalf("%s is at %s, was at %s", v.Name, v.Version, versions[v.Name])
					}
				}
				if got, want := o.runner.shown(), m.shown(); !slices.Equal(got, want) {
					t.Fatalf("assigned %v, want %v", got, want)
				}
			},
		})
	})
}
