package node

import (
	"context"
	"crypto/ed25519"
	"time"

	"anode/actors/gossip"
	"anode/actors/gossip/link"
	"anode/actors/journal"
	"anode/actors/registry"
	"anode/actors/status"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/messages/wire/frame"
	"anode/storage"
)

// Mesh is a node's part in a mesh. All fields are required but those of which it is said.
type Mesh struct {
	// Key proves who the node is, and NodeIDOf gives the name of a key.
	Key      ed25519.PrivateKey
	NodeIDOf func(ed25519.PublicKey) messages.NodeID
	// Keys are those of the cluster now.
	Keys func() *link.Keys
	// Open gives the node's mesh port. At most one is open at a time.
	Open func() (gossip.Network, error)
	// Seeds are HOST:PORT of nodes to join; may be none. Advertise is where others reach this one; may be empty.
	Seeds     []string
	Advertise string
	// Stop ends the node: another one lives with its identity. It must not block.
	Stop func(reason string)
	// Seed is where what is drawn comes from; 0 is chance.
	Seed uint64
	// RetentionBytes and RetentionAge are what the journal keeps.
	RetentionBytes int64
	RetentionAge   time.Duration
}

// makeGossip makes the node's part in a mesh, where it has one: before the journal, which announces to it.
func (n *Node) makeGossip(cfg *Config) error {
	m := cfg.Mesh
	if m == nil {
		return nil
	}
	var err error
	n.gossip, err = gossip.New(gossip.Config{
		Node: cfg.View.ID, Key: m.Key, NodeIDOf: m.NodeIDOf, Epoch: cfg.Epoch, Cluster: cfg.Cluster, Name: cfg.View.Name, HTTP: cfg.View.HTTP,
		Keys: m.Keys, Open: m.Open, Seeds: m.Seeds, Advertise: m.Advertise,
		Journal: cfg.Journal, State: cfg.State,
		Store: func(b *wire.Sealed, backfill bool, done func(storage.Held, error)) {
			n.inbox.Store(journal.Remote{Batch: b, Backfill: backfill, Done: done})
		},
		Number: n.inbox.Number, Members: n.members, Answer: n.answer, Covered: n.inbox.Covered, GaveUp: n.hub.GaveUp, Show: n.hub.Publish, Stop: m.Stop, Seed: m.Seed,
		Events: n.held, Learn: n.learn,
		RetentionBytes: m.RetentionBytes, RetentionAge: m.RetentionAge,
		Clock: cfg.Clock, Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	return err
}

// startMesh joins the mesh.
func (n *Node) startMesh(*Config) error {
	if n.gossip == nil {
		return nil
	}
	var err error
	n.gossipActor, err = n.system.Spawn(n.gossip.Spec())
	return err
}

// held are the winning events of the registry; it waits for the registry to be there.
func (n *Node) held(ctx context.Context) ([]frame.Event, error) {
	select {
	case <-n.registered:
		return command.Ask(ctx, n.registry, registry.Held{})
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// learn gives the registry what other nodes decided; false is "try again".
func (n *Node) learn(events []frame.Event) bool {
	select {
	case <-n.registered:
	default:
		return false
	}
	return n.registry.Tell(registry.Learnt{Events: events}) // their bodies are the mesh's, too: they take no room of their own
}

// join makes the registry part of the mesh, where there is one.
func (n *Node) join(cfg *registry.Config) {
	if n.gossip != nil {
		cfg.Spread, cfg.Banned, cfg.Nodes = n.gossip.Register, n.gossip.Ban, n.registers
	}
}

// informed waits, for an edit, until the node knows what a peer knows: 15 s after its start at most.
func (n *Node) informed(ctx context.Context, question any) {
	if n.gossip == nil {
		return
	}
	switch question.(type) {
	case command.PutSource, command.RemoveSource, command.PauseSource, command.Ban, registry.Apply:
		n.gossip.Informed(ctx)
	}
}

// announce tells of what was stored: peers first, as that never blocks.
func (n *Node) announce(stored command.Stored) {
	if n.gossip != nil {
		n.gossip.Announce(stored)
	}
	if n.archiver != nil {
		n.archiver.Announce(stored)
	}
	if feeds := n.learns.Load(); feeds != nil {
		feeds.Learn(stored)
	}
	n.hub.Announce(stored)
}

// nodes are the URLs that clients may go to.
func (n *Node) nodes(cfg *Config) func() []string {
	if cfg.Mesh == nil {
		alone := []string{cfg.View.HTTP}
		return func() []string { return alone }
	}
	return func() []string { return n.gossip.Nodes() }
}

// Pages are the URLs at which other nodes of the mesh serve their page, or did until a day ago. It is safe for
// concurrent use.
func (n *Node) Pages() []string {
	if n.gossip == nil {
		return nil
	}
	return n.gossip.Pages()
}

// heads are the newest places that peers know of; nil where there are none.
func (n *Node) heads() func() []messages.Position {
	if n.gossip == nil {
		return nil
	}
	return n.gossip.Heads
}

// peers is who is in the mesh; nil where there is none.
func (n *Node) peers() func(context.Context) (command.PeersView, error) {
	if n.gossip == nil {
		return nil
	}
	return func(ctx context.Context) (command.PeersView, error) {
		return command.Ask(ctx, n.gossipActor, command.Peers{})
	}
}

// spread gives peers ephemeral records of this node; nil where there is no mesh.
func (n *Node) spread() func(uint8, []byte) {
	if n.gossip == nil {
		return nil
	}
	return n.gossip.Publish
}

// gossipPart is the mesh's place in the node's status.
func (n *Node) gossipPart() status.Part {
	if n.gossip == nil {
		return status.Part{Name: gossip.Name, Off: "this node has no part in a mesh"}
	}
	return status.Part{Name: gossip.Name, Ask: func(ctx context.Context) (command.ComponentView, error) {
		return command.Ask(ctx, n.gossipActor, command.Component{})
	}}
}
