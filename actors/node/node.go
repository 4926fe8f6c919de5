package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
	"anode/actors/archive"
	"anode/actors/expr"
	"anode/actors/gossip"
	"anode/actors/hub"
	"anode/actors/journal"
	"anode/actors/placement"
	"anode/actors/registry"
	"anode/actors/source"
	"anode/actors/status"
	"anode/actors/subscriber"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/replay"
)

// History reads what the journal holds of one stream, in order of time.
type History interface {
	subscriber.Tail
	Walk(ctx context.Context, q command.History) (command.Walk, error)
}

// Config is what a node is made of; all fields are required but those of which it is said.
type Config struct {
	// View is what never changes of this node: ID, names, addresses, version, start.
	View command.NodeView
	// Settings are what users may see of this node's settings, by name; nil is none.
	Settings map[string]string
	// Cluster is the mesh's name.
	Cluster string
	// Epoch is the epoch in which this node begins to number records. NextEpoch begins another one, at least as high as
	// it is told, and stores it before it returns; nil can't, which a mesh may need.
	Epoch     uint64
	NextEpoch func(atLeast uint64) (uint64, error)
	Journal   storage.Journal
	State     storage.State
	History   History
	// Archive is where records are kept for longer; nil is nowhere. It stays the caller's, who closes it after Stop.
	Archive storage.Archive
	// Durability is journal.Sync when empty.
	Durability journal.Durability
	// Ack is journal.AckLocal when empty; journal.AckPeer needs a Mesh.
	Ack journal.Ack
	// FlushInterval is the pause between two writes to a session; 0 adapts to load.
	FlushInterval time.Duration
	// SlowBytes is the most that all slow sessions together hold (hub.Config).
	SlowBytes int64
	// Sources is how sources connect.
	Sources Sources
	// Retired is told when a Retire is done: the node is to end. nil tells nobody. It must not block.
	Retired func()
	// Mesh is the node's part in a mesh; nil is none.
	Mesh   *Mesh
	Clock  func() time.Time
	Logger *slog.Logger
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
}

// intakeBytes is the most that waits for the journal.
const intakeBytes = 64 << 20

// Node is one node's actors. It is safe for concurrent use.
type Node struct {
	system *actor.System
	inbox  *journal.Inbox
	hub    *hub.Hub
	// gossip is the node's part in a mesh; nil where there is none.
	gossip *gossip.Gossip
	log    *slog.Logger
	// self is what never changes of this node.
	self command.NodeView
	// archiver writes into the archive; nil where there is none.
	archiver *archive.Archiver
	// declaration is what all nodes are told of this one.
	declaration declaration

	history History
	// office places sources; seated is the same for who may ask before it is made. remotes are sources of other nodes.
	office *placement.Office
	seated atomic.Pointer[placement.Office]
	// met is who is in the mesh, as it was told last.
	met      atomic.Pointer[[]command.Member]
	remotes  remotes
	guests   guests
	asking   asking
	draining sync.Once
	// learns are feeds, for the journal, which may announce before they are made.
	learns atomic.Pointer[source.Sources]
	// feeds are the sources that run; nil before they are made.
	feeds *source.Sources

	// registered is closed when the registry is there.
	registered chan struct{}

	journal, hubActor, subscribers, registry, sources, status, gossipActor, placement, archive *actor.Ref
}

// Start makes a node's actors, in the order in which they need each other.
func Start(cfg Config) (*Node, error) {
	n := &Node{self: cfg.View, history: cfg.History, inbox: journal.NewInbox(intakeBytes), log: cfg.Logger, registered: make(chan struct{})}
	n.declaration.say = n.declare
	var err error
	if n.system, err = actor.NewSystem(actor.Config{Logger: cfg.Logger, Registerer: cfg.Registerer}); err != nil {
		return nil, err
	}
	if err := n.start(&cfg); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, n.system.Stop(ctx))
	}
	return n, nil
}

// replayed reads the archive for subscriptions; nil where there is none.
func replayed(cfg *Config) (*replay.Replay, error) {
	if cfg.Archive == nil {
		return nil, nil
	}
	return replay.New(replay.Config{Archive: cfg.Archive, Clock: cfg.Clock, Logger: cfg.Logger})
}

func (n *Node) start(cfg *Config) error {
	var err error
	n.hub, err = hub.New(hub.Config{
		Node: cfg.View.ID, Nodes: n.nodes(cfg), Journal: cfg.Journal,
		Logger: cfg.Logger, Clock: cfg.Clock, Registerer: cfg.Registerer, FlushInterval: cfg.FlushInterval, SlowBytes: cfg.SlowBytes,
		Archived: cfg.Archive != nil,
	})
	if err != nil {
		return err
	}
	if err := n.makeArchiver(cfg); err != nil {
		return err
	}
	if err := n.makeGossip(cfg); err != nil {
		return err
	}
	journalSpec, err := journal.Spec(journal.Config{
		Self: cfg.View.ID, Epoch: cfg.Epoch, NextEpoch: cfg.NextEpoch, Journal: cfg.Journal, Announce: n.announce, GaveUp: n.hub.GaveUp,
		Peers:      cfg.Mesh != nil,
		Durability: cfg.Durability, Ack: cfg.Ack, Clock: cfg.Clock, Logger: cfg.Logger, Registerer: cfg.Registerer,
	}, n.inbox)
	if err != nil {
		return err
	}
	archived, err := replayed(cfg)
	if err != nil {
		return err
	}
	subscribers, err := subscriber.Spec(subscriber.Config{
		Hub: n.hub, Journal: cfg.Journal, Tail: cfg.History, Clock: cfg.Clock, Logger: cfg.Logger,
		Compile: compile, Heads: n.heads(), Replay: archived,
	})
	if err != nil {
		return err
	}
	for _, step := range []struct {
		ref  **actor.Ref
		spec actor.Spec
	}{{&n.hubActor, n.hub.Spec()}, {&n.journal, journalSpec}, {&n.subscribers, subscribers}} {
		if *step.ref, err = n.system.Spawn(step.spec); err != nil {
			return err
		}
	}
	// Who connects as soon as the node has started must find the hub's loops.
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	if _, err := command.Ask(ctx, n.hubActor, command.Canary{}); err != nil {
		return err
	}
	if err := n.startMesh(cfg); err != nil {
		return err
	}
	if err := n.startSources(cfg); err != nil {
		return err
	}
	if err := n.startArchiver(); err != nil {
		return err
	}
	return n.startStatus(cfg)
}

func (n *Node) startStatus(cfg *Config) error {
	ask := func(ref *actor.Ref) func(context.Context) (command.ComponentView, error) {
		return func(ctx context.Context) (command.ComponentView, error) {
			return command.Ask(ctx, ref, command.Component{})
		}
	}
	spec, err := status.Spec(status.Config{
		Node: cfg.View, Settings: cfg.Settings, Cluster: cfg.Cluster, Peers: n.peers(), Spread: n.spread(), Journal: cfg.Journal, Archived: cfg.History.Archived, Publish: n.hub.Publish, Clock: cfg.Clock, Logger: cfg.Logger,
		Registerer: cfg.Registerer,
		Parts: []status.Part{
			{Name: "journal", Ask: ask(n.journal)},
			{Name: "hub", Ask: ask(n.hubActor)},
			{Name: "sources", Ask: ask(n.sources)},
			{Name: "subscribers", Ask: ask(n.subscribers)},
			n.gossipPart(),
			n.archivePart(),
			{Name: "registry", Ask: ask(n.registry)},
			{Name: "placement", Ask: ask(n.placement)},
		},
		Sources: func(ctx context.Context) ([]command.SourceView, error) {
			return n.here(ctx)
		},
		Probe: func(ctx context.Context) error {
			_, err := command.Ask(ctx, n.journal, command.Probe{})
			return err
		},
		Canary: func(ctx context.Context) error {
			_, err := command.Ask(ctx, n.hubActor, command.Canary{})
			return err
		},
	})
	if err != nil {
		return err
	}
	n.status, err = n.system.Spawn(spec)
	return err
}

// Submit implements command.Intake. A node of whose identity another one lives takes nothing: nobody else would ever have it.
func (n *Node) Submit(ctx context.Context, s command.Submission) error {
	if n.gossip != nil && n.gossip.Usurped() {
		return fmt.Errorf("%w: another node with this one's identity lives in the mesh: this one takes no records", command.ErrUnavailable)
	}
	return n.inbox.Submit(ctx, s)
}

// Inbox takes in what peers bring. It stays the node's, which closes it.
func (n *Node) Inbox() *journal.Inbox { return n.inbox }

// askPatience bounds a question of a caller who set no bound.
const askPatience = 15 * time.Second

// Ask implements command.Asker: each question goes to the actor that answers it.
func (n *Node) Ask(ctx context.Context, question any) (any, error) {
	switch q := question.(type) {
	case command.History:
		return n.history.Walk(ctx, q)
	case command.Actors:
		return n.system.Tree(), nil
	case command.Frames:
		return n.frames(ctx, q.Name)
	case command.Try:
		return n.try(ctx, q)
	case command.OpenPush:
		return n.push(ctx, q)
	case command.RestartSource, command.GetSource, command.ListSources:
		return n.aboutSources(ctx, q)
	case command.Archive, command.Backfill, command.CheckArchive:
		return n.aboutArchive(ctx, q)
	case command.OpenSession:
		if n.gossip != nil {
			n.gossip.Met(ctx)
		}
	}
	n.informed(ctx, question)
	to := n.answerer(question)
	if to == nil {
		return nil, fmt.Errorf("%w: nobody answers a %T", command.ErrInvalid, question)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askPatience)
		defer cancel()
	}
	if q, is := question.(command.Ban); is {
		return n.ban(ctx, q)
	}
	return to.Ask(ctx, question)
}

// answerer is who answers a question; nil is nobody.
func (n *Node) answerer(question any) *actor.Ref {
	switch question.(type) {
	case command.OpenSession:
		return n.subscribers
	case command.Peers:
		return n.gossipActor
	case command.Drain, command.Retire:
		return n.placement
	case command.Subscribers, command.Canary:
		return n.hubActor
	case command.Probe:
		return n.journal
	case command.PutSource, command.CheckSource, command.RemoveSource, command.PauseSource, command.Events, command.Ban, command.Bans, registry.Apply, registry.Applied:
		return n.registry
	case command.Status, command.Cluster, command.Alarms, command.MeshRates, command.Ready, command.Streams:
		return n.status
	}
	return nil
}

// Drain ends the sources and stores what they have. A second call does nothing.
func (n *Node) Drain(ctx context.Context) error {
	if n.feeds == nil {
		return nil
	}
	n.drain(ctx)
	return n.feeds.Drain(ctx)
}

// Stop ends the actors: the sources first, then what they feed, the hub last, so that what is
// stored is delivered.
func (n *Node) Stop(ctx context.Context) error {
	faults := []error{n.Drain(ctx)}
	if n.gossip != nil {
		n.gossip.Retire(ctx)
	}
	n.inbox.Close() // what was taken is still stored and answered
	stop := func(refs ...*actor.Ref) {
		for _, ref := range refs {
			if ref != nil {
				faults = append(faults, ref.Stop(ctx))
			}
		}
	}
	stop(n.status, n.sources, n.placement, n.registry, n.journal)
	if n.gossip != nil { // what was stored last is sent
		n.gossip.Leave(ctx)
	}
	stop(n.archive) // what was stored last is archived, as far as that is quick
	stop(n.gossipActor, n.subscribers, n.hubActor)
	faults = append(faults, n.system.Stop(ctx))
	return errors.Join(faults...)
}

// compile makes the filter of a subscription.
func compile(text string) (command.Filter, error) {
	filter, err := expr.CompileFilter(text)
	if err != nil {
		return nil, err // not the typed nil
	}
	return filter, nil
}
