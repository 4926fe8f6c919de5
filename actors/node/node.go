package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
	"anode/actors/expr"
	"anode/actors/hub"
	"anode/actors/journal"
	"anode/actors/registry"
	"anode/actors/source"
	"anode/actors/status"
	"anode/actors/subscriber"
	"anode/messages/command"
	"anode/storage"
)

// History reads what the journal holds of one stream, in order of time.
type History interface {
	subscriber.Tail
	Walk(q command.History) (command.Walk, error)
}

// Config is what a node is made of; all fields are required but those of which it is said.
type Config struct {
	// View is what never changes of this node: ID, names, addresses, version, start.
	View command.NodeView
	// Cluster is the mesh's name.
	Cluster string
	// Epoch is the epoch in which this node numbers records.
	Epoch   uint64
	Journal storage.Journal
	State   storage.State
	History History
	// Durability is journal.Sync when empty.
	Durability journal.Durability
	// FlushInterval is the pause between two writes to a session; 0 adapts to load.
	FlushInterval time.Duration
	// Sources is how sources connect.
	Sources Sources
	Clock   func() time.Time
	Logger  *slog.Logger
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
	log    *slog.Logger

	history History
	// feeds are the sources that run; nil before they are made.
	feeds *source.Sources

	journal, hubActor, subscribers, registry, sources, status *actor.Ref
}

// Start makes a node's actors, in the order in which they need each other.
func Start(cfg Config) (*Node, error) {
	n := &Node{history: cfg.History, inbox: journal.NewInbox(intakeBytes), log: cfg.Logger}
	var err error
	if n.system, err = actor.NewSystem(actor.Config{Logger: cfg.Logger, Registerer: cfg.Registerer}); err != nil {
		return nil, err
	}
	if err := errors.Join(registerPeers(cfg.Registerer), n.start(&cfg)); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, n.system.Stop(ctx))
	}
	return n, nil
}

func (n *Node) start(cfg *Config) error {
	var err error
	n.hub, err = hub.New(hub.Config{
		Node: cfg.View.ID, Nodes: func() []string { return []string{cfg.View.HTTP} }, Journal: cfg.Journal,
		Logger: cfg.Logger, Clock: cfg.Clock, Registerer: cfg.Registerer, FlushInterval: cfg.FlushInterval,
	})
	if err != nil {
		return err
	}
	journalSpec, err := journal.Spec(journal.Config{
		Self: cfg.View.ID, Epoch: cfg.Epoch, Journal: cfg.Journal, Announce: n.hub.Announce, GaveUp: n.hub.GaveUp,
		Durability: cfg.Durability, Clock: cfg.Clock, Logger: cfg.Logger, Registerer: cfg.Registerer,
	}, n.inbox)
	if err != nil {
		return err
	}
	subscribers, err := subscriber.Spec(subscriber.Config{
		Hub: n.hub, Journal: cfg.Journal, Tail: cfg.History, Clock: cfg.Clock, Logger: cfg.Logger,
		Compile: compile,
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
	if err := n.startSources(cfg); err != nil {
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
	alone := "this version runs one node"
	spec, err := status.Spec(status.Config{
		Node: cfg.View, Cluster: cfg.Cluster, Journal: cfg.Journal, Publish: n.hub.Publish, Clock: cfg.Clock, Logger: cfg.Logger,
		Parts: []status.Part{
			{Name: "journal", Ask: ask(n.journal)},
			{Name: "hub", Ask: ask(n.hubActor)},
			{Name: "sources", Ask: ask(n.sources)},
			{Name: "subscribers", Ask: ask(n.subscribers)},
			{Name: "gossip", Off: alone},
			{Name: "archive", Off: "no archive is configured"},
			{Name: "registry", Ask: ask(n.registry)},
			{Name: "placement", Off: alone},
		},
		Sources: func(ctx context.Context) ([]command.SourceView, error) {
			return command.Ask(ctx, n.registry, command.ListSources{})
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

// Submit implements command.Intake.
func (n *Node) Submit(ctx context.Context, s command.Submission) error { return n.inbox.Submit(ctx, s) }

// askPatience bounds a question of a caller who set no bound.
const askPatience = 15 * time.Second

// Ask implements command.Asker: each question goes to the actor that answers it.
func (n *Node) Ask(ctx context.Context, question any) (any, error) {
	switch q := question.(type) {
	case command.History:
		return n.history.Walk(q)
	case command.Actors:
		return n.system.Tree(), nil
	case command.Frames:
		return n.frames(ctx, q.Name)
	case command.Try:
		return n.feeds.Try(ctx, q)
	case command.OpenPush:
		return n.push(ctx, q)
	}
	to := n.answerer(question)
	if to == nil {
		return nil, fmt.Errorf("%w: nobody answers a %T", command.ErrInvalid, question)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askPatience)
		defer cancel()
	}
	return to.Ask(ctx, question)
}

// answerer is who answers a question; nil is nobody.
func (n *Node) answerer(question any) *actor.Ref {
	switch question.(type) {
	case command.OpenSession:
		return n.subscribers
	case command.Subscribers, command.Canary:
		return n.hubActor
	case command.Store, command.Probe:
		return n.journal
	case command.PutSource, command.RemoveSource, command.PauseSource, command.RestartSource, command.GetSource, command.ListSources, command.Events, registry.Apply:
		return n.registry
	case command.Status, command.Cluster, command.Alarms, command.Ready, command.Streams:
		return n.status
	}
	return nil
}

// Drain ends the sources and stores what they have. A second call does nothing.
func (n *Node) Drain(ctx context.Context) error {
	if n.feeds == nil {
		return nil
	}
	return n.feeds.Drain(ctx)
}

// Stop ends the actors: the sources first, then what they feed, the hub last, so that what is
// stored is delivered.
func (n *Node) Stop(ctx context.Context) error {
	faults := []error{n.Drain(ctx)}
	n.inbox.Close() // what was taken is still stored and answered
	for _, ref := range []*actor.Ref{n.status, n.sources, n.registry, n.journal, n.subscribers, n.hubActor} {
		faults = append(faults, ref.Stop(ctx))
	}
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
