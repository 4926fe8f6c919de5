package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/storage"
)

// Name is the actor's name in the tree.
const Name = "registry"

// Assignment is a source that is to run, or to be paused.
type Assignment struct {
	Spec   *spec.Spec
	Paused bool
}

// Sources is who runs sources. Its methods do not block.
type Sources interface {
	// Assign tells all that is to be, in order of name; the list is not changed afterwards. False is "try again".
	Assign(all []Assignment) bool
	// Restart makes one connect anew; false when it is not known.
	Restart(name string) bool
	// Status is how one is; false when it is not known.
	Status(name string) (command.SourceStatus, bool)
}

// Apply registers or replaces a source from a document of --sources, where the document is not
// the one that was last applied under its name.
type Apply struct {
	command.To[bool]
	Document []byte
	YAML     bool
}

// Config is what the registry needs; all fields are required.
type Config struct {
	Node    messages.NodeID
	State   storage.State
	Sources Sources
	// Check names the faults of a spec's jq.
	Check  func(*spec.Spec) spec.Faults
	Clock  func() time.Time
	Logger *slog.Logger
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	for name, missing := range map[string]bool{
		"Node": c.Node == "", "State": c.State == nil, "Sources": c.Sources == nil, "Check": c.Check == nil,
		"Clock": c.Clock == nil, "Logger": c.Logger == nil,
	} {
		if missing {
			faults = append(faults, fmt.Errorf("registry: %s is required", name))
		}
	}
	return errors.Join(faults...)
}

// Spec says how the actor is made.
func Spec(cfg Config) (actor.Spec, error) {
	if err := cfg.Validate(); err != nil {
		return actor.Spec{}, err
	}
	return actor.Spec{Name: Name, New: func() actor.Actor { return &registryActor{cfg: cfg} }}, nil
}

// registryActor is one incarnation. It folds what is stored when it starts.
type registryActor struct {
	cfg     Config
	sources *sources
	store   *store
}

// assignEvery is how often the sources are told again what is to run, should a message be lost.
const assignEvery = 5 * time.Second

type assign struct{}

// Started implements actor.Starter.
func (r *registryActor) Started(ctx *actor.Context) error {
	r.sources = newSources()
	r.store = &store{state: r.cfg.State, log: r.cfg.Logger}
	r.store.load(r.sources)
	r.assign(ctx)
	return nil
}

// Receive implements actor.Actor.
func (r *registryActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case assign:
		r.assign(ctx)
	case command.PutSource:
		done, err := r.put(&m)
		actor.Answer(ctx, m, done, err)
	case Apply:
		changed, err := r.apply(&m)
		actor.Answer(ctx, m, changed, err)
	case command.RemoveSource:
		events, err := r.decider().remove(&m)
		actor.Answer(ctx, m, struct{}{}, r.commit(events, err))
	case command.PauseSource:
		events, err := r.decider().pause(&m)
		view, err := r.view(m.Name, r.commit(events, err))
		actor.Answer(ctx, m, view, err)
	case command.RestartSource:
		view, err := r.view(m.Name, r.restart(m.Name))
		actor.Answer(ctx, m, view, err)
	case command.GetSource:
		view, err := r.view(m.Name, nil)
		actor.Answer(ctx, m, view, err)
	case command.ListSources:
		actor.Answer(ctx, m, r.list(), nil)
	case command.Events:
		answer := ctx.Later()
		ctx.Go("events", func(context.Context) error {
			answer(r.store.events(), nil)
			return nil
		})
	case command.Component:
		actor.Answer(ctx, m, r.component(), nil)
	}
}

func (r *registryActor) decider() *decider {
	return &decider{sources: r.sources, node: r.cfg.Node, now: r.cfg.Clock()}
}

// read parses and checks a document.
func (r *registryActor) read(document []byte, yaml bool) (*spec.Spec, error) {
	s, err := spec.Parse(document, yaml)
	if err != nil {
		return nil, err
	}
	if faults := r.cfg.Check(s); len(faults) > 0 {
		return nil, faults
	}
	return s, nil
}

func (r *registryActor) put(c *command.PutSource) (command.SourcePut, error) {
	s, err := r.read(c.Document, c.YAML)
	if err != nil {
		return command.SourcePut{}, err
	}
	created := r.sources.get(s.Name) == nil
	events, err := r.decider().put(s, c)
	view, err := r.view(s.Name, r.commit(events, err))
	return command.SourcePut{Source: view, Created: created}, err
}

// apply puts a document of --sources, once for each text of it.
func (r *registryActor) apply(a *Apply) (bool, error) {
	s, err := r.read(a.Document, a.YAML)
	if err != nil {
		return false, err
	}
	if r.store.applied(s.Name) == s.Hash {
		return false, nil
	}
	events, err := r.decider().put(s, &command.PutSource{Replace: true})
	if err != nil {
		return false, err
	}
	return len(events) > 0, r.commit(events, nil, storage.Change{Bucket: bucketApplied, Key: s.Name, Value: []byte(s.Hash)})
}

func (r *registryActor) restart(name string) error {
	at, err := r.decider().find(name)
	switch {
	case err != nil:
		return err
	case at.paused():
		return fmt.Errorf("%w: source %s is paused", command.ErrConflict, name)
	case !r.cfg.Sources.Restart(name):
		return fmt.Errorf("%w: source %s is not running now", command.ErrUnavailable, name)
	}
	return nil
}

// commit stores events, folds them and tells the sources.
func (r *registryActor) commit(events []*event, err error, more ...storage.Change) error {
	if err != nil || len(events)+len(more) == 0 {
		return err
	}
	if err := r.store.save(events, more...); err != nil {
		return fmt.Errorf("%w: the registry can't be saved: %w", command.ErrUnavailable, err)
	}
	for _, e := range events {
		r.sources.apply(e)
	}
	for name, ok := r.sources.forgettable(mostRemoved); ok; name, ok = r.sources.forgettable(mostRemoved) {
		if err := r.store.forget(name); err != nil {
			r.cfg.Logger.Warn("an old removal can't be forgotten", "source", name, "error", err)
			break
		}
		delete(r.sources.entries, name)
	}
	r.cfg.Sources.Assign(r.assignments()) // told again soon where it was refused
	return nil
}

func (r *registryActor) assign(ctx *actor.Context) {
	ctx.After(assignEvery, assign{})
	r.cfg.Sources.Assign(r.assignments())
}

func (r *registryActor) assignments() []Assignment {
	all := make([]Assignment, 0, r.sources.live)
	for _, name := range r.sources.names() {
		if at := r.sources.entries[name]; at.parsed != nil {
			all = append(all, Assignment{Spec: at.parsed, Paused: at.paused()})
		}
	}
	return all
}

// view is a source as clients see it, unless an error came before.
func (r *registryActor) view(name string, err error) (command.SourceView, error) {
	if err != nil {
		return command.SourceView{}, err
	}
	at, err := r.decider().find(name)
	if err != nil {
		return command.SourceView{}, err
	}
	return command.SourceView{Name: name, Version: at.version(), Spec: at.spec.Spec, Status: r.status(name, at)}, nil
}

// status is what runs, or what is to be where it does not run yet.
func (r *registryActor) status(name string, at *entry) command.SourceStatus {
	since := at.last().HLC.Time()
	switch {
	case at.fault != nil:
		return command.SourceStatus{State: command.SourceFailed, Owners: []messages.NodeID{}, Since: since, LastError: "this version can't read its spec: " + at.fault.Error()}
	case at.paused():
		status, ok := r.cfg.Sources.Status(name)
		if !ok || status.State != command.SourcePaused {
			status.State, status.Since, status.NextAt = command.SourcePaused, since, nil
			status.Owners = []messages.NodeID{}
		}
		return status
	}
	if status, ok := r.cfg.Sources.Status(name); ok && status.State != command.SourcePaused {
		return status
	}
	return command.SourceStatus{State: command.SourcePending, Owners: []messages.NodeID{}, Since: since}
}

func (r *registryActor) list() []command.SourceView {
	names := r.sources.names()
	views := make([]command.SourceView, 0, len(names))
	for _, name := range names {
		view, err := r.view(name, nil)
		if err == nil {
			views = append(views, view)
		}
	}
	return views
}

func (r *registryActor) component() command.ComponentView {
	v := command.ComponentView{
		Name: Name, State: command.StateOK, Detail: fmt.Sprintf("%d sources", r.sources.live),
		Figures: map[string]float64{"sources": float64(r.sources.live), "removed": float64(len(r.sources.entries) - r.sources.live), "damaged": float64(r.store.damaged)},
	}
	if r.store.damaged > 0 {
		v.State = command.StateDegraded
		v.Detail = fmt.Sprintf("%d stored values were damaged; the sources they were of are missing", r.store.damaged)
	}
	return v
}
