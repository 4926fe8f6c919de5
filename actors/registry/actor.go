package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/messages/units"
	"anode/messages/wire/frame"
	"anode/storage"
)

// Name is the actor's name in the tree.
const Name = "registry"

// Assignment is a source that is to run, or to be paused.
type Assignment struct {
	// Spec is what it is; nil where this version can't read it, and Name names it.
	Spec   *spec.Spec
	Name   string
	Paused bool
	// Registered names the registration: one that was removed and registered again has another.
	Registered string
	// Home is the node at which it was registered.
	Home messages.NodeID
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
	// Spare leaves a source alone that is there and that this node did not apply: another node's of that name.
	Spare bool
}

// Applied asks whether a source is there that this node applied from a document, and that was registered here.
type Applied struct {
	command.To[bool]
	Name string
}

// Config is what the registry needs; all fields are required but those of which it is said.
type Config struct {
	Node    messages.NodeID
	State   storage.State
	Sources Sources
	// Check names the faults of a spec's jq.
	Check func(*spec.Spec) spec.Faults
	// Compile names the fault of one jq text, of a document that has other faults too.
	Compile func(spec.Expression) error
	// Spread tells the mesh what this node decided, once it is stored. Of none, it has the mesh tell all that this node does not hold,
	// as a Learnt. It must not block; nil is no mesh.
	Spread func([]frame.Event)
	// Nodes is told what nodes say of themselves, all of them, when the registry starts and when that changes; Banned the same of
	// those that are shut out. Neither may block; nil tells nobody.
	Nodes  func(map[messages.NodeID]Register)
	Banned func(map[messages.NodeID]command.BanView)
	Clock  func() time.Time
	Logger *slog.Logger
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	return actor.Missing("registry", map[string]bool{
		"Node": c.Node == "", "State": c.State == nil, "Sources": c.Sources == nil, "Check": c.Check == nil, "Compile": c.Compile == nil,
		"Clock": c.Clock == nil, "Logger": c.Logger == nil,
	})
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
	others  others
	store   *store
	// changes wait for what is being saved, and what was heard of others does. inARow counts what was saved of that since a
	// change was; waits: the disk refused it a moment ago.
	changes []change
	heard   heard
	inARow  int
	saving  bool
	waits   bool
	// declared is what this node says of itself; nil is not said yet.
	declared *command.NodeRegister
	// unsaid: that could not be stored; saysAgain: it is about to be tried again.
	unsaid, saysAgain bool
	banned            map[messages.NodeID]command.BanView
	// forgotten are removed sources of which the next save drops what is left in the store.
	forgotten []string
}

// assignEvery is how often the sources are told again what is to run, should a message be lost.
const assignEvery = 5 * time.Second

type assign struct{}

// Started implements actor.Starter.
func (r *registryActor) Started(ctx *actor.Context) error {
	r.sources = newSources()
	r.store = &store{state: r.cfg.State, log: r.cfg.Logger}
	r.others = make(others)
	r.store.load(r.cfg.Node, r.cfg.Clock(), r.sources, r.others)
	r.assign(ctx)
	r.tellNodes(ctx)
	r.tellBans()
	if r.cfg.Spread != nil {
		r.cfg.Spread(nil) // an earlier incarnation may have been told what it did not store
	}
	return nil
}

// Receive implements actor.Actor.
func (r *registryActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case assign:
		r.assign(ctx)
	case saved:
		r.saved(ctx, &m)
	case Learnt:
		r.learn(ctx, m)
	case again:
		r.waits = false
		r.decide(ctx)
	case Applied:
		at := r.sources.get(m.Name)
		actor.Answer(ctx, m, at != nil && at.home() == r.cfg.Node && r.store.applied(m.Name) != "", nil)
	case Held:
		actor.Answer(ctx, m, r.held(), nil)
	case Declare:
		r.declare(ctx, m)
	case sayAgain:
		r.saysAgain = false
		r.sayOwn(ctx, func(error) {})
	case command.Ban:
		r.ban(ctx, m)
	case command.Bans:
		actor.Answer(ctx, m, r.bans(), nil)
	case command.PutSource:
		r.put(ctx, &m)
	case Apply:
		r.apply(ctx, &m)
	case command.RemoveSource:
		r.change(ctx, change{
			decide: func() (batch, error) { return events(r.decider().remove(&m)) },
			tell:   answers(ctx, m, func(err error) (struct{}, error) { return struct{}{}, err }),
		})
	case command.PauseSource:
		r.change(ctx, change{
			decide: func() (batch, error) { return events(r.decider().pause(&m)) },
			tell:   answers(ctx, m, func(err error) (command.SourceView, error) { return r.view(m.Name, err) }),
		})
	case command.RestartSource:
		view, err := r.view(m.Name, r.restart(m.Name))
		actor.Answer(ctx, m, view, err)
	case command.CheckSource:
		s, err := r.read(m.Document, m.YAML)
		if err != nil {
			ctx.Respond(nil, err)
			return
		}
		actor.Answer(ctx, m, command.SourceChecked{Name: s.Name, Spec: s.JSON, Exists: r.sources.get(s.Name) != nil}, nil)
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
	return &decider{sources: r.sources, node: r.cfg.Node, now: r.cfg.Clock(), peers: r.cfg.Spread != nil}
}

// read parses and checks a document.
func (r *registryActor) read(document []byte, yaml bool) (*spec.Spec, error) {
	s, err := spec.ParseWith(document, yaml, r.cfg.Compile)
	if err != nil {
		return nil, err
	}
	if faults := r.cfg.Check(s); len(faults) > 0 {
		return nil, faults
	}
	return s, nil
}

func (r *registryActor) put(ctx *actor.Context, c *command.PutSource) {
	s, err := r.read(c.Document, c.YAML)
	if err != nil {
		ctx.Respond(nil, err)
		return
	}
	created := false
	r.change(ctx, change{
		decide: func() (batch, error) {
			created = r.sources.get(s.Name) == nil
			return events(r.decider().put(s, c))
		},
		tell: answers(ctx, *c, func(err error) (command.SourcePut, error) {
			view, err := r.view(s.Name, err)
			return command.SourcePut{Source: view, Created: created}, err
		}),
	})
}

// apply puts a document of --sources, once for each text of it; again where what it became is damaged. A node that does not
// remember what it applied goes by what the source has been, as the mesh knows: an edit since, or a removal, stands.
func (r *registryActor) apply(ctx *actor.Context, a *Apply) {
	s, err := r.read(a.Document, a.YAML)
	if err != nil {
		ctx.Respond(nil, err)
		return
	}
	changed := false
	r.change(ctx, change{
		decide: func() (batch, error) {
			_, damaged := r.store.damaged[keySource+s.Name+lastSpec]
			applied, remember := r.store.applied(s.Name), storage.Change{Bucket: bucketApplied, Key: s.Name, Value: []byte(s.Hash)}
			switch {
			case !damaged && applied == s.Hash:
				return batch{}, nil
			case a.Spare && applied == "" && r.sources.get(s.Name) != nil:
				r.cfg.Logger.Info("a source of that name is registered already, and stays", "source", s.Name)
				return batch{}, nil
			case !damaged && applied == "" && r.sources.entries[s.Name].had(s.Hash):
				r.cfg.Logger.Info("a document of --sources was applied before, and what came of it stands", "source", s.Name)
				return batch{more: []storage.Change{remember}}, nil
			}
			d := r.decider()
			d.peers = false // all nodes may have the same documents: what another one made of them is not to be edited again
			b, err := events(d.put(s, &command.PutSource{Replace: true}))
			changed = len(b.events) > 0
			b.more = append(b.more, remember)
			return b, err
		},
		tell: answers(ctx, *a, func(err error) (bool, error) { return changed, err }),
	})
}

func (r *registryActor) restart(name string) error {
	at, err := r.decider().find(name)
	switch {
	case err != nil:
		return err
	case at.paused():
		return fmt.Errorf("%w: source %s does not run: resume it, which connects it anew", command.ErrPaused, name)
	case !r.cfg.Sources.Restart(name):
		return fmt.Errorf("%w: source %s is not running now", command.ErrUnavailable, name)
	}
	return nil
}

func (r *registryActor) assign(ctx *actor.Context) {
	ctx.After(assignEvery, assign{})
	r.cfg.Sources.Assign(r.assignments())
}

func (r *registryActor) assignments() []Assignment {
	all := make([]Assignment, 0, r.sources.live)
	for _, name := range r.sources.names() {
		at := r.sources.entries[name]
		all = append(all, Assignment{Spec: at.parsed, Name: name, Paused: at.paused(), Registered: at.spec.Born, Home: at.home()})
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
	document := at.spec.Spec
	if at.spec.unread() {
		document = json.RawMessage("{}")
	}
	return command.SourceView{Name: name, Version: at.version(), Spec: document, Status: r.status(name, at)}, nil
}

// status is what runs, or what is to be where it does not run yet.
func (r *registryActor) status(name string, at *entry) command.SourceStatus {
	since := timeOf(at.last().HLC)
	switch {
	case at.fault != nil:
		return command.SourceStatus{State: command.SourceFailed, Owners: []messages.NodeID{}, Since: since, LastError: "this version can't read its spec: " + at.fault.Error()}
	case at.paused():
		status, ok := r.cfg.Sources.Status(name)
		if !ok || status.State != command.SourcePaused {
			status.State, status.Since, status.NextAt = command.SourcePaused, since, nil
			status.Owners = []messages.NodeID{}
		}
		if status.Since.IsZero() {
			status.Since = since
		}
		return status
	}
	if status, ok := r.cfg.Sources.Status(name); ok && status.State != command.SourcePaused {
		if status.Since.IsZero() {
			status.Since = since
		}
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
		Name: Name, State: command.StateOK, Detail: units.Count(r.sources.live, "source"),
		Figures: map[string]float64{"sources": float64(r.sources.live), "removed": float64(len(r.sources.entries) - r.sources.live), "damaged": float64(len(r.store.damaged))},
	}
	if n := len(r.store.damaged); n > 0 {
		v.State = command.StateDegraded
		v.Detail = fmt.Sprintf("%d stored values were damaged; the sources they were of are missing", n)
	}
	return v
}
