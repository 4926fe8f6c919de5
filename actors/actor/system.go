package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	pa "github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"anode/messages/command"
)

// Config is what a System needs.
type Config struct {
	// Logger gets failures; required.
	Logger *slog.Logger
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
}

// System is a tree of actors.
type System struct {
	log      *slog.Logger
	inner    *pa.ActorSystem
	roots    *pa.RootContext
	top      *Ref
	metrics  metrics
	spawned  atomic.Uint64
	numbered atomic.Uint64 // of refs
}

// NewSystem starts an empty tree.
func NewSystem(cfg Config) (*System, error) {
	if cfg.Logger == nil {
		return nil, errors.New("actor system: Logger is required")
	}
	quiet := slog.New(levelled{cfg.Logger.Handler()})
	inner := pa.NewActorSystem(pa.WithLoggerFactory(func(*pa.ActorSystem) *slog.Logger { return quiet }))
	s := &System{log: cfg.Logger, inner: inner, roots: inner.Root}
	s.metrics = newMetrics(s)
	if cfg.Registerer != nil {
		if err := s.metrics.register(cfg.Registerer); err != nil {
			return nil, fmt.Errorf("actor system: %w", err)
		}
	}
	s.top = &Ref{system: s, spec: Spec{Name: "node", New: func() Actor { return idle{} }, Limit: defaultLimit}, class: "node", state: stateRestarting, ended: make(chan struct{})}
	if _, err := s.top.incarnate(inner.Root.SpawnNamed, "node"); err != nil {
		return nil, fmt.Errorf("actor system: %w", err)
	}
	return s, nil
}

// idle is the actor at the top, which only has children.
type idle struct{}

func (idle) Receive(*Context, any) {}

// Spawn starts an actor below the top.
func (s *System) Spawn(spec Spec) (*Ref, error) {
	ref, err := s.newRef(s.top, spec)
	if err != nil {
		return nil, err
	}
	run := s.top.run.Load()
	if run == nil {
		ref.finish()
		return nil, fmt.Errorf("%w: the node is stopping", command.ErrUnavailable)
	}
	done := make(chan error, 1)
	s.roots.Send(run.pid, &spawnChild{ref: ref, done: done})
	select {
	case err = <-done:
	case <-run.gone:
		ref.finish()
		err = fmt.Errorf("%w: the node is stopping", command.ErrUnavailable)
	}
	return ref, err
}

// newRef puts a child into the tree.
func (s *System) newRef(parent *Ref, spec Spec) (*Ref, error) {
	if spec.Name == "" || strings.Contains(spec.Name, "/") || spec.New == nil {
		return nil, fmt.Errorf("actor %q: a name without '/' and New are required", spec.Name)
	}
	if spec.Limit <= 0 {
		spec.Limit = defaultLimit
	}
	spec.Backoff = spec.Backoff.withDefaults()
	class := spec.Name
	if parent != s.top {
		class = parent.class + "/*"
	}
	ref := &Ref{
		system: s, parent: parent, spec: spec, path: parent.path + "/" + spec.Name, class: class,
		state: stateRestarting, since: time.Now(), ended: make(chan struct{}),
	}
	parent.mu.Lock()
	defer parent.mu.Unlock()
	if parent.stopping {
		return nil, fmt.Errorf("%w: %s is stopping", command.ErrUnavailable, parent.path)
	}
	if parent.children[spec.Name] != nil {
		return nil, fmt.Errorf("%w: actor %s", command.ErrExists, ref.path)
	}
	if parent.children == nil {
		parent.children = make(map[string]*Ref)
	}
	ref.number = s.numbered.Add(1)
	parent.children[spec.Name] = ref
	s.metrics.begin(class)
	return ref, nil
}

// incarnationName is unique for ever, so that a late message never meets another incarnation.
func (r *Ref) incarnationName() string {
	return r.spec.Name + "$" + strconv.FormatUint(r.system.spawned.Add(1), 36)
}

// incarnate starts an incarnation by one of protoactor's spawners. It takes messages when this
// returns, behind its start.
func (r *Ref) incarnate(spawn func(*pa.Props, string) (*pa.PID, error), name string) (*pa.PID, error) {
	var made *shell
	pid, err := spawn(pa.PropsFromProducer(func() pa.Actor {
		made = &shell{ref: r, run: &incarnation{gone: make(chan struct{})}, timers: make(map[*Timer]struct{})}
		made.ctx.shell = made
		made.life, made.cancel = context.WithCancelCause(context.Background())
		return made
	}, pa.WithSupervisor(stopStrategy()), pa.WithOnInit(func(ctx pa.Context) { made.run.pid = ctx.Self() })), name)
	if err != nil {
		return nil, err
	}
	made.run.open(r)
	return pid, nil
}

// stopStrategy stops what fails: shells let nothing through, and make the next incarnation themselves.
func stopStrategy() pa.SupervisorStrategy {
	return pa.NewOneForOneStrategy(0, 0, func(any) pa.Directive { return pa.StopDirective })
}

// Tree is every actor as clients see it.
func (s *System) Tree() command.ActorView { return s.top.View() }

// Stop ends all actors, children before their parents. Those at the top may need each other: they
// end one after another, the youngest first.
func (s *System) Stop(ctx context.Context) error {
	var faults []error
	for _, ref := range slices.Backward(s.top.Children()) {
		faults = append(faults, ref.Stop(ctx))
	}
	faults = append(faults, s.top.Stop(ctx))
	s.inner.Shutdown()
	return errors.Join(faults...)
}

// levelled passes on what protoactor says from warnings upwards.
type levelled struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h levelled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelled{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h levelled) WithGroup(name string) slog.Handler { return levelled{h.Handler.WithGroup(name)} }
