package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/storage"
	"anode/storage/memory"
)

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

// homes are where the sources were registered first.
func (r *runner) homes() map[string]messages.NodeID {
	r.mu.Lock()
	defer r.mu.Unlock()
	homes := make(map[string]messages.NodeID)
	for _, a := range r.list {
		homes[a.Name] = a.Home
	}
	return homes
}

// failing is a state whose writes fail on demand, or wait for held to be closed.
type failing struct {
	storage.State
	fails atomic.Bool
	held  chan struct{}
}

func (f *failing) Put(changes ...storage.Change) error {
	if f.held != nil {
		<-f.held
	}
	if f.fails.Load() {
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
	return openWith(t, state, nil)
}

// openWith has settings tuned.
func openWith(t fataler, state *failing, tune func(*Config)) *office {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	o := &office{runner: &runner{}, state: state}
	var err error
	if o.system, err = actor.NewSystem(actor.Config{Logger: log}); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
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
	}
	if tune != nil {
		tune(&cfg)
	}
	s, err := Spec(cfg)
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
