package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
	"anode/actors/source/egress"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/messages/units"
	"anode/storage"
)

// Name is the supervisor's name in the tree.
const Name = "sources"

// Assignment is a source that is to run, or to be paused.
type Assignment struct {
	// Spec is what it is; nil where this version can't read it, and Name names it.
	Spec   *spec.Spec
	Name   string
	Paused bool
	// Registered names the registration: one that was removed and registered again has another, and goes
	// on from nothing.
	Registered string
	// Role is this node's among the owners; that it changes ends no connection.
	Role Role
}

// name is the source's.
func (a *Assignment) name() string {
	if a.Spec != nil {
		return a.Spec.Name
	}
	return a.Name
}

// Config is what sources need. All fields but those after Logger are required.
type Config struct {
	Node     messages.NodeID
	Intake   command.Intake
	Journal  storage.Journal
	Language transform.Language
	Guard    *egress.Guard
	// Kinds are the connectors by the kind of a spec.
	Kinds  map[string]Kind
	Clock  func() time.Time
	Logger *slog.Logger
	// Kept is what retention took of the sources' states; nil keeps nothing.
	Kept *Kept
	// None runs no source here.
	None bool
	// StatesEvery is how often states are kept from aging out of the journal: 30 s when zero.
	StatesEvery time.Duration
	// Secrets are the operator's; the zero value has none.
	Secrets Secrets
	// UnfitAfter is for how long a feed fails, and UnfitTries how often in a row, until Unfit says so: 30 s and 3
	// when zero.
	UnfitAfter time.Duration
	UnfitTries int
	// Exposed tells that other machines reach the node's API, and so may push to its sources.
	Exposed bool
	// CatchUp waits, after this process stood still for so long, until the journal has what other nodes numbered meanwhile, or ctx ends; nil:
	// there are none.
	CatchUp func(ctx context.Context, stood time.Duration)
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer

	reporter *reporter
	hosts    *hosts
	learner  *learner
	// standstill is nil where there are no other nodes.
	standstill *standstill
	// pushed bounds what is pushed to all sources.
	pushed *quota
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	return actor.Missing("sources", map[string]bool{
		"Node": c.Node == "", "Intake": c.Intake == nil, "Journal": c.Journal == nil, "Language": c.Language == nil,
		"Guard": c.Guard == nil, "Kinds": len(c.Kinds) == 0, "Clock": c.Clock == nil, "Logger": c.Logger == nil,
	})
}

// Sources runs what it is assigned. It is safe for concurrent use, and no method blocks.
type Sources struct {
	cfg    Config
	ref    atomic.Pointer[actor.Ref]
	latest atomic.Pointer[[]Assignment]
	// applied is the list that the supervisor followed last.
	applied atomic.Pointer[[]Assignment]
	tries   tries
	// drained tells that nothing runs any more, whatever is assigned.
	drained atomic.Bool

	// mu guards what follows; it is a leaf. Only the supervisor adds.
	mu     sync.RWMutex
	boards map[string]*board
	// ending is how many of a name were removed and are not gone.
	ending map[string]int
}

// New makes the sources of a node; Spec has the actor that runs them.
func New(cfg Config) (*Sources, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.reporter, cfg.hosts = newReporter(), newHosts(cfg.Clock)
	cfg.pushed, cfg.learner = &quota{most: mostPushedOfNode}, newLearner(cfg.Node, cfg.Clock)
	if cfg.CatchUp != nil {
		cfg.standstill = newStandstill()
	}
	s := &Sources{cfg: cfg, boards: make(map[string]*board), ending: make(map[string]int)}
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(s); err != nil {
			return nil, fmt.Errorf("sources: %w", err)
		}
	}
	return s, nil
}

// Check names the faults of a spec's expressions and templates.
func (s *Sources) Check(spec *spec.Spec) spec.Faults { return faultsOf(&s.cfg, spec) }

// Compile names what is wrong within one expression of a spec; its place is the caller's.
func (s *Sources) Compile(x spec.Expression) error { return Compile(s.cfg.Language)(x) }

func faultsOf(cfg *Config, s *spec.Spec) spec.Faults {
	j, err := newJob(cfg, s, "")
	var faults spec.Faults
	switch {
	case errors.As(err, &faults):
		return faults
	case err != nil:
		return spec.Faults{{Message: err.Error()}}
	}
	j.close()
	return nil
}

// Assign tells all that is to be, in order of name; the list is not changed afterwards. False is "try again".
func (s *Sources) Assign(all []Assignment) bool {
	s.latest.Store(&all)
	ref := s.ref.Load()
	return ref != nil && ref.Tell(assigned{})
}

// Drain ends all sources at once and for good, and waits until they are gone and what they brought is
// in the journal.
func (s *Sources) Drain(ctx context.Context) error {
	s.drained.Store(true)
	s.tries.end()
	ref := s.ref.Load()
	if ref == nil {
		return nil
	}
	_, err := command.Ask(ctx, ref, drain{})
	return err
}

// Restart makes a source connect anew; false when it is not known, or can't be told now.
func (s *Sources) Restart(name string) bool {
	ref := s.ref.Load()
	return ref != nil && s.board(name) != nil && ref.Tell(restartOne{name})
}

// Status is how a source is; false when it is not known.
func (s *Sources) Status(name string) (command.SourceStatus, bool) {
	b := s.board(name)
	if b == nil {
		return command.SourceStatus{}, false
	}
	return b.status(s.cfg.Node, s.cfg.Clock()), true
}

func (s *Sources) board(name string) *board {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.boards[name]
}

// all are the boards in order of name.
func (s *Sources) all() []*board {
	s.mu.RLock()
	defer s.mu.RUnlock()
	boards := slices.Collect(maps.Values(s.boards))
	slices.SortFunc(boards, func(a, b *board) int { return strings.Compare(a.name, b.name) })
	return boards
}

// Spec says how the supervisor is made.
func (s *Sources) Spec() actor.Spec {
	return actor.Spec{Name: Name, New: func() actor.Actor { return &supervisor{Sources: s, running: make(map[string]*actor.Ref)} }}
}

// supervisor has one child a source. Each keeps to itself what fails.
type supervisor struct {
	*Sources
	running map[string]*actor.Ref
}

type (
	// assigned tells that there is another list.
	assigned struct{}
	// drain ends all; its answer comes when they are gone.
	drain struct{ command.To[struct{}] }
	// knockOn has a source try again that waits for the journal.
	knockOn struct{ name string }
	// doubted has all look at their roles: the node stood still, or is sure again.
	doubted struct{}
	// restartOne starts one again.
	restartOne struct{ name string }
)

// Started implements actor.Starter.
func (s *supervisor) Started(ctx *actor.Context) error {
	s.ref.Store(ctx.Self())
	ctx.Go("steward", func(life context.Context) error {
		steward{s.Sources}.run(life)
		return nil
	})
	ctx.Go("learner", func(life context.Context) error {
		s.cfg.learner.run(life, &s.cfg)
		return nil
	})
	if still := s.cfg.standstill; still != nil {
		self := ctx.Self()
		ctx.Go("beats", func(life context.Context) error {
			still.beats(life)
			return nil
		})
		ctx.Go("standstill", func(life context.Context) error {
			still.run(life, s.cfg.Logger, s.cfg.CatchUp, func() { self.Tell(doubted{}) }) // refused: each message looks for itself
			return nil
		})
	}
	ctx.Go("reporter", func(life context.Context) error {
		s.cfg.reporter.run(life, s.cfg.Intake, s.cfg.Logger)
		return nil
	})
	s.reconcile(ctx)
	return nil
}

// Receive implements actor.Actor.
func (s *supervisor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case assigned:
		s.reconcile(ctx)
	case doubted:
		for _, ref := range s.running {
			ref.Tell(reassigned{}) // likewise
		}
	case restartOne:
		if ref := s.running[m.name]; ref != nil {
			ref.Tell(restart{})
		}
	case knockOn:
		if ref := s.running[m.name]; ref != nil {
			ref.Tell(knock{})
		}
	case drain:
		s.drain(ctx)
	case command.Component:
		actor.Answer(ctx, m, s.component(), nil)
	}
}

// reconcile makes what runs what is to run. What can't be done now is done with the next list, which comes again
// soon.
func (s *supervisor) reconcile(ctx *actor.Context) {
	latest := s.latest.Load()
	if latest == nil || s.drained.Load() {
		return
	}
	wanted := make(map[string]bool, len(*latest))
	for i := range *latest {
		a := &(*latest)[i]
		if a.Spec == nil || s.cfg.None {
			continue
		}
		wanted[a.Spec.Name] = true
		s.want(ctx, a)
	}
	for name, ref := range s.running {
		if !wanted[name] {
			s.remove(ctx, name, ref)
		}
	}
	for _, b := range s.all() { // those of a supervisor before this one, which ended with it
		if !wanted[b.name] && s.running[b.name] == nil {
			s.forget(b)
		}
	}
	s.applied.Store(latest)
}

// forget takes away what is known of a source that nobody runs.
func (s *supervisor) forget(b *board) {
	s.mu.Lock()
	if s.boards[b.name] == b {
		delete(s.boards, b.name)
	}
	s.mu.Unlock()
	b.taps.end()
	b.inbox.Load().end(fmt.Errorf("%w: source %s does not run here any more", command.ErrUnavailable, b.name))
}

func (s *supervisor) want(ctx *actor.Context, a *Assignment) {
	name := a.Spec.Name
	b := s.board(name)
	if b == nil {
		b = newBoard(name, s.cfg.Clock())
		b.want.Store(a)
		s.mu.Lock()
		s.boards[name] = b
		s.mu.Unlock()
	}
	before := b.want.Swap(a)
	ref := s.running[name]
	if ref != nil {
		if before.Spec.Hash != a.Spec.Hash || before.Registered != a.Registered || before.Paused != a.Paused || before.Role != a.Role || b.missed.Load() {
			b.missed.Store(!ref.Tell(reassigned{}))
		}
		return
	}
	ref, err := ctx.Spawn(actor.Spec{
		Name: name, New: func() actor.Actor { return &sourceActor{cfg: &s.cfg, board: b} },
		Backoff: actor.Backoff{Min: time.Second, Max: time.Minute},
	})
	if err != nil { // one that was removed is still ending: gone tells when it has
		s.cfg.Logger.Debug("a source can't be started yet", "source", name, "error", err)
		return
	}
	s.running[name] = ref
}

// remove ends a source. When it is gone, one of its name may begin.
func (s *supervisor) remove(ctx *actor.Context, name string, ref *actor.Ref) {
	delete(s.running, name)
	s.mu.Lock()
	b := s.boards[name]
	delete(s.boards, name)
	s.ending[name]++
	s.mu.Unlock()
	b.taps.end()
	b.inbox.Load().end(fmt.Errorf("%w: source %s does not run here any more", command.ErrUnavailable, name))
	ctx.Stop(ref)
	self := ctx.Self()
	ctx.Go("removal", func(life context.Context) error {
		s.awaitEnd(life, ref, b)
		self.Tell(assigned{}) // refused is no harm: the list comes again
		return nil
	})
}

func (s *supervisor) drain(ctx *actor.Context) {
	children := ctx.Self().Children()
	for name, ref := range s.running {
		s.remove(ctx, name, ref)
	}
	answer := ctx.Later()
	ctx.Go("drain", func(life context.Context) error {
		for _, child := range children {
			select {
			case <-child.Done():
			case <-life.Done():
			}
		}
		answer(struct{}{}, nil)
		return nil
	})
}

// component counts the sources by state.
func (s *supervisor) component() command.ComponentView {
	v := command.ComponentView{Name: Name, State: command.StateOK, Figures: make(map[string]float64)}
	counts := make(map[string]int)
	boards := s.all()
	for _, b := range boards {
		shown := b.shown.Load()
		counts[shown.state]++
		if !shown.well() {
			v.State = command.StateDegraded
		}
		v.Figures["records"] += float64(b.records.Load())
		v.Figures["errors"] += float64(b.errors.Load())
		v.Figures["in_flight"] += float64(b.inFlight.Load())
	}
	v.Figures["sources"] = float64(len(boards))
	v.Figures["reports_dropped"] = float64(s.cfg.reporter.dropped.Load())
	v.Detail = units.Count(len(boards), "source")
	for _, state := range states() {
		v.Figures[state] = float64(counts[state])
		if counts[state] > 0 {
			v.Detail += fmt.Sprintf("%s %d %s", map[bool]string{true: ":", false: ","}[!strings.Contains(v.Detail, ":")], counts[state], state)
		}
	}
	return v
}

// states are all states of a source.
func states() []string {
	return []string{
		command.SourceFailed, command.SourceBackoff, command.SourceStale,
		command.SourcePending, command.SourceConnecting, command.SourceRunning, command.SourcePaused,
	}
}
