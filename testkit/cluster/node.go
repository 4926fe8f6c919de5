package cluster

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
	store "anode/storage/state"
)

// ErrDown is the error of what is asked of a node that does not run, or that ended before it answered.
var ErrDown = errors.New("the node does not run")

// Node is a node over its lives: its machine, its key and its disk. It is safe for concurrent use.
type Node struct {
	cluster *Cluster
	index   int
	addr    netip.AddrPort
	key     ed25519.PrivateKey
	seeds   []string
	secret  string
	// skew is what its clock is ahead, in nanoseconds.
	skew atomic.Int64

	turn sync.Mutex // held by who starts it
	mu   sync.Mutex // guards what follows; a leaf
	disk *disk
	life *life
}

// ID is the node's name in the mesh: of its key.
func (n *Node) ID() messages.NodeID { return store.NodeIDOf(n.key.Public().(ed25519.PublicKey)) }

// Name is what it is called in logs and lists: node0 and so on.
func (n *Node) Name() string { return fmt.Sprintf("node%d", n.index) }

// Addr is where its mesh port is.
func (n *Node) Addr() netip.AddrPort { return n.addr }

// now is the node's clock.
func (n *Node) now() time.Time { return time.Now().Add(time.Duration(n.skew.Load())) }

// Start starts it on what its disk holds. It returns when the node takes records; the mesh it joins after that.
func (n *Node) Start() error {
	n.turn.Lock()
	defer n.turn.Unlock()
	if n.Running() {
		return fmt.Errorf("cluster: %s runs already", n.Name())
	}
	l, err := begin(n)
	if err != nil {
		return fmt.Errorf("cluster: start %s: %w", n.Name(), err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.life = l
	return nil
}

// Stop ends it in order, as a program that gets SIGTERM: what it was given is stored, and the mesh is told. It returns
// when that is done, after 2 s or so. Of one that does not run it does nothing.
func (n *Node) Stop() error {
	if l := n.current(); l != nil {
		return l.leave("")
	}
	return nil
}

// Kill ends it at once, as kill -9 does: it says nothing more, its streams are reset, and what was written stays on its disk,
// synced or not. Of one that does not run it does nothing.
func (n *Node) Kill() {
	if l := n.current(); l != nil {
		l.kill()
	}
}

// Restart kills it, if it runs, and starts it.
func (n *Node) Restart() error {
	n.Kill()
	return n.Start()
}

// Wipe kills it and empties its disk. It keeps its key.
func (n *Node) Wipe() {
	n.Kill()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.disk = newDisk(n.ID(), &n.cluster.cfg)
}

// Running tells whether it runs.
func (n *Node) Running() bool {
	l := n.current()
	return l != nil && l.running()
}

// Ended is why the node ended by itself in its last life; empty where it did not.
func (n *Node) Ended() string {
	if l := n.current(); l != nil {
		return l.why()
	}
	return ""
}

// current is the present life, or the last; nil before the first.
func (n *Node) current() *life {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life
}

// alive is the present life.
func (n *Node) alive() (*life, error) {
	if l := n.current(); l != nil && l.running() {
		return l, nil
	}
	return nil, fmt.Errorf("%s: %w", n.Name(), ErrDown)
}

// Publish stores data as records of a stream, each as JSON, and waits until they are acknowledged. It gives the position of the last.
// With an error they may be stored nevertheless, as for any client.
func (n *Node) Publish(ctx context.Context, stream string, data ...any) (messages.Position, error) {
	fail := func(err error) (messages.Position, error) {
		return messages.Position{}, fmt.Errorf("publish %s: %w", stream, err)
	}
	drafts, err := draftsOf(stream, data)
	if err != nil {
		return fail(err)
	}
	l, err := n.alive()
	if err != nil {
		return fail(err)
	}
	done := make(chan command.Outcome, 1)
	if err := l.node.Submit(ctx, command.Submission{Drafts: drafts, Done: func(o command.Outcome) { done <- o }}); err != nil {
		return fail(err)
	}
	select {
	case o := <-done:
		if o.Err != nil {
			return fail(o.Err)
		}
		return o.Positions[len(o.Positions)-1], nil
	case <-l.over:
		return fail(ErrDown)
	case <-ctx.Done():
		return fail(ctx.Err())
	}
}

func draftsOf(name string, data []any) ([]messages.Draft, error) {
	stream, err := messages.ParseStream(name)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, errors.New("no data")
	}
	var drafts []messages.Draft
	for _, d := range data {
		payload, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		draft := messages.Draft{Stream: stream, Payload: payload}
		if err := draft.Check(); err != nil {
			return nil, err
		}
		drafts = append(drafts, draft)
	}
	return drafts, nil
}

// Digest is what its disk holds, whether it runs or not.
func (n *Node) Digest() messages.Digest {
	n.mu.Lock()
	d := n.disk
	n.mu.Unlock()
	return d.journal.Digest()
}

// copied is its disk as a copy.
func (n *Node) copied() *disk {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.disk.copied()
}

// Peers are who is in the mesh, as the node sees it.
func (n *Node) Peers(ctx context.Context) (command.PeersView, error) {
	return ask(ctx, n, command.Peers{})
}

// Status is the node's, as GET /api/v1/status gives it.
func (n *Node) Status(ctx context.Context) (command.StatusView, error) {
	return ask(ctx, n, command.Status{})
}

// ask asks a node's actors.
func ask[A any](ctx context.Context, n *Node, question command.Question[A]) (A, error) {
	l, err := n.alive()
	if err != nil {
		var none A
		return none, err
	}
	return command.Ask(ctx, l.node, question)
}
