package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"anode/actors/gossip"
	"anode/actors/gossip/link"
	"anode/actors/node"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/history"
	store "anode/storage/state"
	"anode/testkit/cluster/fabric"
)

// burial bounds how long what a life was made of may take to end.
const burial = 30 * time.Second

// life is one process of a node: from its start to its end.
type life struct {
	of   *Node
	node *node.Node
	gate *gate

	mu sync.Mutex // guards what follows; a leaf
	// port is the mesh port that was opened last.
	port *fabric.Port
	// over is closed when it takes nothing any more, and reason is why it ended by itself.
	over   chan struct{}
	ended  bool
	reason string
}

// begin starts a process on a node's disk.
func begin(n *Node) (*life, error) {
	l := &life{of: n, gate: &gate{}, over: make(chan struct{})}
	keys, err := link.NewKeys(meshName, [][]byte{[]byte(n.secret)}, false)
	if err != nil {
		return nil, err
	}
	j, s := journal{n.disk.journal, l.gate}, state{n.disk.state, l.gate}
	next := func(atLeast uint64) (uint64, error) { return store.NextEpoch(s, n.now(), atLeast) }
	epoch, err := next(j.Head(n.ID()).Epoch + 1)
	if err != nil {
		return nil, err
	}
	cfg := &n.cluster.cfg
	var archive storage.Archive
	if cfg.Archive != nil {
		archive = cfg.Archive(n.index)
	}
	past, err := history.New(history.Config{Journal: j, Archive: archive, Clock: n.now})
	if err != nil {
		return nil, err
	}
	l.node, err = node.Start(node.Config{
		Archive: archive,
		View:    command.NodeView{ID: n.ID(), Name: n.Name(), HTTP: "http://" + hostOf(n.index), Mesh: n.addr.String(), Version: "simulated", Started: n.now().UTC()},
		Cluster: meshName, Epoch: epoch, NextEpoch: next, Journal: j, State: s, History: past,
		Clock: n.now, Logger: cfg.Logger.With("node", n.Name()),
		Mesh: &node.Mesh{
			Key: n.key, NodeIDOf: store.NodeIDOf, Keys: func() *link.Keys { return keys }, Open: l.open, Seeds: n.seeds, Stop: l.stop,
			RetentionBytes: cfg.RetentionBytes, RetentionAge: cfg.RetentionAge, Seed: cfg.Seed + uint64(n.index) + 1,
		},
	})
	if err != nil {
		l.close("")
		return nil, err
	}
	return l, nil
}

// open opens the mesh port, anew each time that the node's part in the mesh begins.
func (l *life) open() (gossip.Network, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, errors.New("the process has ended")
	}
	if l.port != nil {
		_ = l.port.Close() // it may be closed already
	}
	port, err := l.of.cluster.fabric.Listen(l.of.addr)
	if err != nil {
		return nil, err // not the typed nil
	}
	l.port = port
	return port, nil
}

// stop is what the node calls when it must end: as in a program, it ends as if it had been told to.
func (l *life) stop(reason string) {
	l.of.cluster.work.Go(func() { l.of.cluster.fault(l.leave(reason)) })
}

// leave ends it in order: what waits is stored, and the mesh is told.
func (l *life) leave(reason string) error {
	if !l.first(reason) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), burial)
	defer cancel()
	err := l.node.Stop(ctx)
	l.finish()
	if err != nil {
		return fmt.Errorf("stop %s: %w", l.of.Name(), err)
	}
	return nil
}

// kill ends it at once, and lets what it was made of end when it does.
func (l *life) kill() {
	if !l.first("") {
		return
	}
	l.finish()
	l.of.cluster.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), burial)
		defer cancel()
		_ = l.node.Stop(ctx) // what it says of a disk and a network that are gone is of no use
		if ctx.Err() != nil {
			l.of.cluster.fault(fmt.Errorf("kill %s: what it was made of had not ended after %s", l.of.Name(), burial))
		}
	})
}

// first tells whether it is the first to end it.
func (l *life) first(reason string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.ended, l.reason = true, reason
	return true
}

// close ends one that did not come to be.
func (l *life) close(reason string) {
	if l.first(reason) {
		l.finish()
	}
}

// finish cuts it off from disk and network.
func (l *life) finish() {
	l.gate.shut()
	l.mu.Lock()
	port := l.port
	l.mu.Unlock()
	if port != nil {
		port.Kill()
	}
	close(l.over)
}

func (l *life) running() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended
}

func (l *life) why() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason
}
