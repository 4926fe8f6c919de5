package cluster

import (
	"fmt"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// disk is what a node's machine keeps over its lives: journal and state.
type disk struct {
	journal *memory.Journal
	state   *memory.State
}

func newDisk(self messages.NodeID, cfg *Config) *disk {
	return &disk{
		journal: memory.NewJournal(memory.Config{Self: self, RetentionBytes: cfg.RetentionBytes, RetentionAge: cfg.RetentionAge}),
		state:   memory.NewState(),
	}
}

// copied is the same on another machine.
func (d *disk) copied() *disk { return &disk{journal: d.journal.Clone(), state: d.state.Clone()} }

// gate is what a life reaches its disk through: with the life's end it closes, and nothing is written any more.
type gate struct {
	mu     sync.RWMutex // guards closed, and what is being written; a leaf but for the disk's own
	closed bool
}

// shut waits for what is being written.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *gate) pass(write func() error) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return fmt.Errorf("the process has ended: %w", storage.ErrClosed)
	}
	return write()
}

// journal is a life's.
type journal struct {
	storage.Journal
	gate *gate
}

// Append implements storage.Journal.
func (j journal) Append(family storage.Family, batches []wire.Sealed) (held []storage.Held, err error) {
	err = j.gate.pass(func() error {
		held, err = j.Journal.Append(family, batches)
		return err
	})
	return held, err
}

// Sync implements storage.Journal.
func (j journal) Sync() error { return j.gate.pass(j.Journal.Sync) }

// GiveUp implements storage.Journal.
func (j journal) GiveUp(origin messages.NodeID, epoch uint64, gone messages.Range) error {
	return j.gate.pass(func() error { return j.Journal.GiveUp(origin, epoch, gone) })
}

// Raise implements storage.Journal.
func (j journal) Raise(origin messages.NodeID, epoch, floor uint64) error {
	return j.gate.pass(func() error { return j.Journal.Raise(origin, epoch, floor) })
}

// Maintain implements storage.Journal.
func (j journal) Maintain(now time.Time) error {
	return j.gate.pass(func() error { return j.Journal.Maintain(now) })
}

// state is a life's.
type state struct {
	storage.State
	gate *gate
}

// Put implements storage.State.
func (s state) Put(changes ...storage.Change) error {
	return s.gate.pass(func() error { return s.State.Put(changes...) })
}
