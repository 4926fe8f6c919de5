package gossip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"anode/actors/actor"
	"anode/actors/gossip/link"
	"anode/actors/gossip/member"
	"anode/messages"
	"anode/messages/command"
)

// Name is the actor's name in the tree.
const Name = "gossip"

// Gossip is a node's part in the mesh. It outlives its actor, and is safe for concurrent use.
type Gossip struct {
	cfg      Config
	metrics  *metrics
	counters link.Counters
	// lives counts the loops that there were.
	lives atomic.Uint64
	// usurped: another node with this one's identity lives, as peers say.
	usurped atomic.Bool
	// stage is what the node says of itself.
	stage atomic.Uint32
	// epoch is that in which the node numbers now.
	epoch atomic.Uint64
	// loop is the present incarnation's; nil while there is none.
	loop atomic.Pointer[loop]
	// nodes are the URLs of all that live, this node's first.
	nodes atomic.Pointer[[]string]
	// pages are those of other nodes; nil before any is known.
	pages atomic.Pointer[[]page]
	// heads are the newest places of all origins, as of a second ago at most.
	heads atomic.Pointer[[]messages.Position]
	// comparedAt is when a peer said last what it holds, in Unix ns.
	comparedAt atomic.Int64
	// met is closed when a peer has said what there is, or none is to be waited for.
	met     chan struct{}
	meeting sync.Once
	// informed is closed when the registry is as a peer has it, or none is to be waited for.
	informed  chan struct{}
	informing sync.Once
	// bans are who is shut out; nil is nobody.
	bans atomic.Pointer[map[messages.NodeID]command.BanView]

	// askedLast is the number of the last question of this node, answers are those of its peers. Both are the loop's.
	askedLast uint64
	answers   answers

	// began is when the first incarnation did.
	beginning sync.Once
	began     time.Time
	// incarnations is how many there were.
	incarnations atomic.Uint64

	mu sync.Mutex // guards what follows; a leaf
	// published are the last ephemeral records of this node, by kind.
	published map[uint8]published
	// shown are the nodes of which readers have the status, of former incarnations too.
	shown map[messages.NodeID]bool
}

// published is an ephemeral record of this node: versions grow over incarnations of the actor.
type published struct {
	version uint64
	body    []byte
}

// New makes a node's part in the mesh. It does nothing before its actor runs.
func New(cfg Config) (*Gossip, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	g := &Gossip{
		cfg: cfg, published: make(map[uint8]published), shown: make(map[messages.NodeID]bool), met: make(chan struct{}), informed: make(chan struct{}),
		askedLast: cfg.Epoch << askedShift, answers: make(answers),
	}
	g.heads.Store(new([]messages.Position))
	g.epoch.Store(cfg.Epoch)
	g.nodes.Store(&[]string{cfg.HTTP})
	var err error
	if g.metrics, err = newMetrics(g, cfg.Registerer); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	return g, nil
}

// random is where the draws of the next incarnation come from.
func (g *Gossip) random() *rand.Rand {
	if seed := g.cfg.Seed; seed != 0 {
		return rand.New(rand.NewPCG(seed, g.incarnations.Add(1)))
	}
	return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
}

// Spec says how the actor is made.
func (g *Gossip) Spec() actor.Spec {
	return actor.Spec{
		Name: Name, New: func() actor.Actor { return &gossipActor{gossip: g} },
		Backoff: actor.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second},
	}
}

// Announce takes the batches that the node has sealed out of what was stored, in order. Those of its own that peers brought back
// are none. It does not block.
func (g *Gossip) Announce(stored command.Stored) {
	l := g.loop.Load()
	for i := range stored.Batches {
		b := &stored.Batches[i]
		if b.Origin != g.cfg.Node || b.Batch == nil {
			continue
		}
		if b.Epoch > g.epoch.Load() { // the journal began it by itself
			g.epoch.Store(b.Epoch)
		}
		if l != nil { // else the next incarnation begins with what the journal holds
			l.mail.own(&b.Sealed)
		}
	}
}

// Publish spreads an ephemeral record of this node: the last of each kind counts. It does not block. The body must
// not be changed any more.
func (g *Gossip) Publish(kind uint8, body []byte) {
	g.mu.Lock()
	g.published[kind] = published{g.published[kind].version + 1, body}
	g.mu.Unlock()
	if l := g.loop.Load(); l != nil {
		l.mail.wake()
	}
}

// unsent are the last records of this node, by kind, of which another version was sent.
func (g *Gossip) unsent(sent map[uint8]uint64) map[uint8]published {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list map[uint8]published
	for kind, p := range g.published {
		if sent[kind] == p.version {
			continue
		}
		if list == nil {
			list = make(map[uint8]published)
		}
		list[kind] = p
	}
	return list
}

// show notes that readers have a node's status.
func (g *Gossip) show(id messages.NodeID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shown[id] = true
}

// withdraw gives the nodes of which readers have the status, and that are not there, once.
func (g *Gossip) withdraw(there func(messages.NodeID) bool) (gone []messages.NodeID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id := range g.shown {
		if !there(id) {
			delete(g.shown, id)
			gone = append(gone, id)
		}
	}
	return gone
}

// Nodes are the URLs at which users reach the nodes that live, this node's first. The list must not be changed.
func (g *Gossip) Nodes() []string { return *g.nodes.Load() }

// SetStage tells the mesh what this node is: one of the stages of command. It does not block.
func (g *Gossip) SetStage(stage string) {
	at := member.Joining
	switch stage {
	case command.StageActive:
		at = member.Active
	case command.StageDraining:
		at = member.Draining
	}
	g.stage.Store(uint32(at))
	if l := g.loop.Load(); l != nil {
		l.mail.restage()
	}
}

func (g *Gossip) stageNow() member.Stage { return member.Stage(g.stage.Load()) }

// Usurped tells whether peers say that another node lives with this one's identity: what this one takes in then may be nobody's
// in the end.
func (g *Gossip) Usurped() bool { return g.usurped.Load() }

// Heads are the newest places on the lines of all origins, as far as this node or a peer of it knows, as of a second
// ago at most. The list must not be changed.
func (g *Gossip) Heads() []messages.Position { return *g.heads.Load() }

// Compared is when a peer said last what it holds, and Heads has it; zero is never.
func (g *Gossip) Compared() time.Time {
	if at := g.comparedAt.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Met waits until a peer has said what there is: 2 s after the start at most, not at all where there is none, and no longer
// than ctx. Who asks for the latest before that would be given all that the node had not heard of.
func (g *Gossip) Met(ctx context.Context) {
	select {
	case <-g.met:
	case <-ctx.Done():
	}
}

// Informed waits until the registry has what a peer has: 15 s after the start at most, not at all where no peer is expected, and no
// longer than ctx. What is decided before that may be of a source that is another one by now.
func (g *Gossip) Informed(ctx context.Context) {
	select {
	case <-g.informed:
	case <-ctx.Done():
	}
}

// inform ends the wait for a registry like that of a peer.
func (g *Gossip) inform() { g.informing.Do(func() { close(g.informed) }) }

// meet ends the wait for a peer.
func (g *Gossip) meet() { g.meeting.Do(func() { close(g.met) }) }
