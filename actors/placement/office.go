package placement

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// Name is the actor's name in the tree.
const Name = "placement"

// Entry is a source of the registry.
type Entry struct {
	// Spec is what it is; nil where this version can't read it, and Name names it.
	Spec   *spec.Spec
	Name   string
	Paused bool
	// Registered names the registration, At the node at which it was made first.
	Registered string
	At         messages.NodeID
}

// hash tells specs apart; of one that can't be read it is empty.
func (e *Entry) hash() string {
	if e.Spec == nil {
		return ""
	}
	return e.Spec.Hash
}

// Placed is a source that is to run on this node.
type Placed struct {
	Entry
	// Ahead is how many nodes number what they collect before this one does, Owners how many own it.
	Ahead, Owners int
	// Handing: it runs until its new owner runs it.
	Handing bool
}

// Runner runs what is placed here. Its methods do not block.
type Runner interface {
	// Assign tells all that is to run, in order of name; the list is not changed afterwards. False is "try again".
	Assign(all []Placed) bool
	// Restart makes one connect anew; false when it does not run here.
	Restart(name string) bool
	// Status is how one is; false when it does not run here.
	Status(name string) (command.SourceStatus, bool)
	// Unfit tells that this node is the wrong one for a source, and why.
	Unfit(name string) (reason string, unfit bool)
	// Ended tells that nothing is left of a source here.
	Ended(name string) bool
}

// OfficeConfig is what placing needs. All fields are required but those of which it is said.
type OfficeConfig struct {
	Node messages.NodeID
	// Name is how people call the node; may be empty.
	Name string
	// Own and Labels are what this node takes.
	Own    Own
	Labels map[string]string
	// Expects: the node has seeds or knew peers.
	Expects bool
	// Alone: there is no mesh, and all is this node's.
	Alone bool
	Run   Runner
	// Ask asks another node what it says of some sources, in their order.
	Ask func(ctx context.Context, node messages.NodeID, sources []string) ([]Said, error)
	// Probe finds whether a source works on this node that another one runs, by a connection of its own; nil is that it does,
	// command.ErrTooMany that it could not be found. It may take as long as is given. Without it that is found by owning the source.
	Probe func(ctx context.Context, s *spec.Spec, d time.Duration) error
	// Stage tells the mesh what this node is, Declare what it says of itself; false is "say it again". Neither may block.
	Stage   func(State)
	Declare func(command.NodeRegister) bool
	// Unsure tells that this node stood still and does not know yet what others did meanwhile: until it does, what others run now runs on here too,
	// held back. Nil never is.
	Unsure func() bool
	// Retired is told when what Retire began is done; nil tells nobody. It must not block.
	Retired func()
	// Host is the feed's host by which budgets count; nil knows none.
	Host func(*spec.Spec) string
	// Clock is the wall clock.
	Clock  func() time.Time
	Logger *slog.Logger
}

// Validate names all faults.
func (c OfficeConfig) Validate() error {
	return actor.Missing("placement", map[string]bool{
		"Node": c.Node == "", "Run": c.Run == nil, "Ask": c.Ask == nil, "Stage": c.Stage == nil, "Declare": c.Declare == nil,
		"Clock": c.Clock == nil, "Logger": c.Logger == nil,
	})
}

// Office is where a node's sources are placed: it knows all sources and all nodes, and tells the runner what is this node's. It
// outlives its actor and is safe for concurrent use; no method blocks.
type Office struct {
	cfg   OfficeConfig
	start time.Time
	ref   atomic.Pointer[actor.Ref]
	// What others told last.
	entries  atomic.Pointer[[]Entry]
	members  atomic.Pointer[[]command.Member]
	declared atomic.Pointer[map[messages.NodeID]Declared]
	// stirring: the actor is told already that something changed. memory is the actor's.
	stirring atomic.Bool
	memory   *officeMemory
	// plan is the last; nil before the first.
	plan atomic.Pointer[Plan]

	moves moves
}

// NewOffice makes an office; Spec has its actor.
func NewOffice(cfg OfficeConfig) (*Office, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Office{cfg: cfg, start: time.Now(), moves: newMoves(), memory: newOfficeMemory()}, nil
}

// Spec says how the actor is made.
func (o *Office) Spec() actor.Spec {
	return actor.Spec{Name: Name, New: func() actor.Actor { return newOfficeActor(o) }, Backoff: actor.Backoff{Min: 10 * time.Millisecond, Max: time.Second}}
}

// Assign tells all sources, in order of name; the list is not changed afterwards. False is "try again".
func (o *Office) Assign(all []Entry) bool {
	o.entries.Store(&all)
	return o.stir()
}

// Members tells who is in the mesh; the list is not changed afterwards.
func (o *Office) Members(all []command.Member) {
	o.members.Store(&all)
	o.stir()
}

// Declared is what a node says of itself, by --own, labels, and what it yields. Of another Version it was said anew.
type Declared struct {
	command.NodeRegister
	Version string
}

// Nodes tells what nodes say of themselves; one that is not among them takes all, and yields nothing. The map is not changed
// afterwards.
func (o *Office) Nodes(all map[messages.NodeID]Declared) {
	o.declared.Store(&all)
	o.stir()
}

// stir has the actor plan anew: with its next tick where its mailbox is full.
func (o *Office) stir() bool {
	ref := o.ref.Load()
	switch {
	case ref == nil:
		return false
	case o.stirring.Swap(true):
		return true
	case ref.Tell(stirred{}):
		return true
	}
	o.stirring.Store(false)
	return false
}

// StoodStill tells that this node stood still for so long that others may have taken it for dead, with its sources: it joins again, so that they
// come back as to a node that begins. It does nothing where no other node is there, by what is known. False is "try again".
func (o *Office) StoodStill() bool {
	ref := o.ref.Load()
	return ref != nil && ref.Tell(stoodStill{})
}

// Restart makes a source connect anew that runs here; false of another.
func (o *Office) Restart(name string) bool { return o.cfg.Run.Restart(name) }

// Status is how a source is: as it runs here, or only who owns it. Since is zero where this node can't tell it.
func (o *Office) Status(name string) (command.SourceStatus, bool) {
	status, here := o.cfg.Run.Status(name)
	plan, at := o.plan.Load(), -1
	if plan != nil {
		at = plan.sources.find(name)
	}
	if at < 0 {
		return status, here
	}
	paused := plan.sources.list[at].Paused
	if !here {
		status = command.SourceStatus{State: command.SourcePending}
		if paused {
			status.State = command.SourcePaused
		}
	}
	status.Owners, status.Why = plan.Owners(name), plan.Why(name)
	if paused { // its owner keeps its state, and does nothing, at once
		status.Owners, status.State, status.NextAt = nil, command.SourcePaused, nil
	}
	if t := plan.Task(name); t.Do == Standby {
		status.Why += "; " + strings.ReplaceAll(t.Reason, string(t.For), plan.Called(t.For))
	}
	if status.Owners == nil {
		status.Owners = []messages.NodeID{}
	}
	if move, moved := o.moves.of(name); moved {
		status.Moved = &move
		if !here {
			status.Since = move.At
		}
	}
	return status, true
}

// Banned tells that this node is shut out of the mesh, and so runs no sources.
func (o *Office) Banned() bool {
	plan := o.plan.Load()
	return plan != nil && plan.banned()
}

// Owners are who owns a source, by rank; of what runs everywhere all nodes that may.
func (o *Office) Owners(name string) []messages.NodeID {
	if plan := o.plan.Load(); plan != nil {
		return plan.Owners(name)
	}
	return nil
}

// Speakers are the nodes that tell how a source is, this one too: its owners by rank, the first of which speaks for it, or all that run it
// everywhere.
func (o *Office) Speakers(name string) (all []messages.NodeID, everywhere bool) {
	plan := o.plan.Load()
	if plan == nil {
		return nil, false
	}
	i := plan.sources.find(name)
	return plan.Owners(name), i >= 0 && plan.sources.list[i].Everywhere
}

// Elsewhere is the owner to ask about a source that does not run here; empty where this node is as good as any.
func (o *Office) Elsewhere(name string) messages.NodeID {
	if _, here := o.cfg.Run.Status(name); here {
		return ""
	}
	owners := o.Owners(name)
	if len(owners) == 0 || slices.Contains(owners, o.cfg.Node) {
		return ""
	}
	return owners[0]
}

// Share is this node's pace of what the mesh may do to a host each so often.
func (o *Office) Share(host string, every time.Duration) time.Duration {
	if plan := o.plan.Load(); plan != nil {
		return plan.Share(host).Every(every)
	}
	return every
}

// Budget is the lowest of all sources of the mesh on a host, wherever they run; those that are paused, or whose host is not known before
// they run, don't count. Nil is none; it is not to be changed.
func (o *Office) Budget(host string) *spec.Budget {
	plan := o.plan.Load()
	if plan == nil {
		return nil
	}
	if at, known := plan.sources.hosts[host]; known {
		return plan.sources.budgets[at]
	}
	return nil
}

// Say is what this node says of some sources to one that asks, in their order: decided between two plans, so that it takes into account
// that the one who asks wants to start them. When it can't be told in time, it is as if it was about to start them.
func (o *Office) Say(ctx context.Context, from messages.NodeID, sources []string) []Said {
	ctx, cancel := context.WithTimeout(ctx, askPatience/2)
	defer cancel()
	if ref := o.ref.Load(); ref != nil {
		if said, err := command.Ask(ctx, ref, sayTo{node: from, sources: sources}); err == nil {
			return said
		}
	}
	said := make([]Said, len(sources))
	for i := range said {
		said[i] = SaidStarting
	}
	return said
}

// say is what this node says of sources now.
func (a *officeActor) say(sources []string, to messages.NodeID) []Said {
	said := make([]Said, len(sources))
	for i, name := range sources {
		status, here := a.cfg.Run.Status(name)
		switch {
		case here:
			said[i] = SaidOf(&status)
			if a.before != nil {
				said[i] = a.before.Say(name, &status, to)
			}
		case !a.cfg.Run.Ended(name):
			said[i] = SaidStarting
		case a.before == nil: // nothing was ever planned, and so nothing runs
			said[i] = SaidStopped
		default:
			said[i] = a.before.Say(name, nil, to)
		}
	}
	return said
}

// sourcesOf are the entries as placing sees them. What did not change since the entries before is taken from there.
func (o *Office) sourcesOf(entries []Entry, before *[]Entry, known *Sources) *Sources {
	list := make([]Source, 0, len(entries))
	var old []Entry
	if before != nil {
		old = *before
	}
	for i := range entries {
		e := &entries[i]
		if e.Spec == nil {
			continue
		}
		for len(old) > 0 && old[0].Name < e.Name {
			old = old[1:]
		}
		if len(old) > 0 && old[0].Name == e.Name && old[0].Spec == e.Spec {
			if at := known.find(e.Name); at >= 0 {
				s := known.list[at]
				s.Registered, s.Paused = cmp.Or(e.At, o.cfg.Node), e.Paused
				list = append(list, s)
				continue
			}
		}
		s := SourceOf(e.Spec)
		s.Registered, s.Paused = cmp.Or(e.At, o.cfg.Node), e.Paused
		if o.cfg.Host != nil {
			s.Host = o.cfg.Host(e.Spec)
		}
		list = append(list, s)
	}
	return NewSources(list)
}

// unreadOf are the names of entries that this version can't read.
func unreadOf(entries []Entry) (names []string) {
	for i := range entries {
		if entries[i].Spec == nil {
			names = append(names, entries[i].Name)
		}
	}
	return names
}
