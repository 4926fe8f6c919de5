package placement

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// town is some offices that know each other, in virtual time.
type town struct {
	t       *testing.T
	entries []Entry

	mu       sync.Mutex
	desks    map[messages.NodeID]*clerk
	declared map[messages.NodeID]Declared
	said     int
	// mute: those that come are told no sources.
	mute bool
	// deaf: what nodes declare is lost.
	deaf bool
}

// clerk is one office with a runner that runs what it is told after a moment.
type clerk struct {
	*Office
	town   *town
	id     messages.NodeID
	system *actor.System
	ref    *actor.Ref
	dead   bool
	left   bool
	banned bool
	// usurped: it hears that another one has its identity.
	usurped bool
	stage   State
	run     *runner
}

// runner runs what it is told after a moment.
type runner struct {
	mu     sync.Mutex
	runs   map[string]time.Time // since when
	begun  int                  // how often anything began
	roles  map[string]Placed
	unfits map[string]string
	// broken are sources that can't begin here at all.
	broken map[string]bool
	told   int           // how often it was told what is to run
	linger time.Duration // how long an ended source takes to be gone
	ending map[string]time.Time
	// fault has the next Assign panic, hold has it wait until it is closed.
	fault bool
	hold  <-chan struct{}
}

func inTown(t *testing.T, test func(t *testing.T, w *town)) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t, desks: make(map[messages.NodeID]*clerk), declared: make(map[messages.NodeID]Declared)}
		test(t, w)
		for _, c := range w.all() {
			if !c.dead {
				c.die()
			}
		}
		time.Sleep(2 * time.Second) // virtual: protoactor's ticker ends
	})
}

func (w *town) all() []*clerk {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*clerk
	for _, id := range slices.Sorted(maps.Keys(w.desks)) {
		list = append(list, w.desks[id])
	}
	return list
}

// sources registers some, each of a document.
func (w *town) sources(n int, more string) {
	for i := range n {
		name := fmt.Sprintf("s%03d", i)
		s, err := spec.Parse(fmt.Appendf(nil, `{"name":%q,"kind":"rest","url":"https://example.org/x"%s}`, name, more), false)
		if err != nil {
			w.t.Fatal(err)
		}
		w.entries = append(w.entries, Entry{Spec: s, Name: name, At: "a"})
	}
}

// more registers one of a document.
func (w *town) more(name, document string) {
	s, err := spec.Parse([]byte(document), false)
	if err != nil {
		w.t.Fatal(err)
	}
	w.entries = append(w.entries, Entry{Spec: s, Name: name, At: "a"})
}

func (w *town) add(id messages.NodeID, tune func(*OfficeConfig)) *clerk {
	c := &clerk{town: w, id: id, run: &runner{
		runs: make(map[string]time.Time), roles: make(map[string]Placed), unfits: make(map[string]string), broken: make(map[string]bool), ending: make(map[string]time.Time),
	}}
	cfg := OfficeConfig{
		Node: id, Run: c.run, Expects: len(w.desks) > 0, Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
		Ask: func(ctx context.Context, node messages.NodeID, sources []string) ([]Said, error) {
			w.mu.Lock()
			to := w.desks[node]
			gone := to == nil || to.dead
			w.mu.Unlock()
			if gone {
				return nil, command.ErrUnavailable
			}
			return to.Say(ctx, id, sources), nil
		},
		Stage: func(s State) { w.mu.Lock(); c.stage = s; w.mu.Unlock(); w.tell() },
		Declare: func(r command.NodeRegister) bool {
			w.mu.Lock()
			if !w.deaf {
				w.said++
				w.declared[id] = Declared{r, fmt.Sprint(w.said)}
			}
			w.mu.Unlock()
			w.tell()
			return true
		},
	}
	if tune != nil {
		tune(&cfg)
	}
	var err error
	if c.Office, err = NewOffice(cfg); err != nil {
		w.t.Fatal(err)
	}
	if c.system, err = actor.NewSystem(actor.Config{Logger: cfg.Logger}); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.desks[id] = c
	w.mu.Unlock()
	if !w.mute {
		c.Assign(w.entries)
	}
	w.tell()
	if c.ref, err = c.system.Spawn(c.Spec()); err != nil {
		w.t.Fatal(err)
	}
	w.tell()
	return c
}

// tell tells all offices who is there, and what they declare.
func (w *town) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []command.Member
	for id, c := range w.desks {
		list = append(list, command.Member{ID: id, There: !c.dead && !c.left && !c.banned, Left: c.left, Stage: c.stage.String(), Linked: !c.dead && !c.banned, Banned: c.banned, Usurped: c.usurped})
	}
	declared := maps.Clone(w.declared)
	for _, c := range w.desks {
		if c.Office != nil && !c.dead {
			c.Members(list)
			c.Nodes(declared)
		}
	}
}

// ban shuts a node out, or lets it in again; it knows.
func (w *town) ban(id messages.NodeID, is bool) {
	w.mu.Lock()
	w.desks[id].banned = is
	w.mu.Unlock()
	w.tell()
}

// die ends an office without a word.
func (c *clerk) die() {
	c.town.mu.Lock()
	c.dead = true
	c.town.mu.Unlock()
	if err := c.system.Stop(context.Background()); err != nil {
		c.town.t.Error(err)
	}
}

// startsIn is how long a source takes until it has data.
const startsIn = 300 * time.Millisecond

// Assign implements Runner.
func (r *runner) Assign(all []Placed) bool {
	r.mu.Lock()
	if hold := r.hold; hold != nil {
		r.mu.Unlock()
		<-hold
		r.mu.Lock()
		r.hold = nil
	}
	defer r.mu.Unlock()
	if r.fault {
		r.fault = false
		panic("a fault of the test")
	}
	r.told++
	now := time.Now()
	is := make(map[string]bool)
	for _, p := range all {
		is[p.Spec.Name] = true
		r.roles[p.Spec.Name] = p
		if _, runs := r.runs[p.Spec.Name]; !runs {
			r.runs[p.Spec.Name] = now
			r.begun++
		}
	}
	for name := range r.runs {
		if !is[name] {
			delete(r.runs, name)
			delete(r.roles, name)
			r.ending[name] = now.Add(r.linger)
		}
	}
	return true
}

// Restart implements Runner.
func (r *runner) Restart(string) bool { return false }

// Status implements Runner.
func (r *runner) Status(name string) (command.SourceStatus, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, runs := r.runs[name]
	state := command.SourceConnecting
	if _, unfit := r.unfits[name]; time.Since(since) >= startsIn && !unfit {
		state = command.SourceRunning
	}
	if r.broken[name] {
		return command.SourceStatus{State: command.SourceFailed, LastError: "the kind is not known"}, runs
	}
	return command.SourceStatus{State: state}, runs
}

// Unfit implements Runner.
func (r *runner) Unfit(name string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reason, unfit := r.unfits[name]
	return reason, unfit
}

// plans is how often it was told what is to run.
func (r *runner) plans() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}

// fails has a source be one for another node.
func (r *runner) fails(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unfits[name] = "the secret k is missing"
}

// Ended implements Runner.
func (r *runner) Ended(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, runs := r.runs[name]
	return !runs && !time.Now().Before(r.ending[name])
}

// has are the sources that run here, the ones that are ending too.
func (r *runner) has() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]bool)
	for name := range r.runs {
		all[name] = true
	}
	for name, until := range r.ending {
		if time.Now().Before(until) {
			all[name] = true
		}
	}
	return all
}

// owners counts on how many nodes each source runs.
func (w *town) owners() map[string]int {
	count := make(map[string]int)
	for _, c := range w.all() {
		if c.dead {
			continue
		}
		for name := range c.run.has() {
			count[name]++
		}
	}
	return count
}

// once tells that each source runs on so many nodes.
func (w *town) once(n int) bool {
	count := w.owners()
	for _, e := range w.entries {
		if count[e.Name] != n {
			return false
		}
	}
	return true
}

// within waits in virtual time, and tells how long it took.
func (w *town) within(most time.Duration, what string, holds func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > most {
			w.t.Fatalf("not within %s: %s (%v)", most, what, w.owners())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}
