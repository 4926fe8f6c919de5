package node_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"anode/actors/journal"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
)

// What peers bring by the node's inbox is in its journal, and is refused once the node has ended.
func TestPeersBatchesComeInByTheInbox(t *testing.T) {
	kept := memory.NewJournal(memory.Config{Self: self})
	w := startNode(t, kept, memory.NewState(), loopback())
	sealed := newOther(rand.New(rand.NewPCG(1, 1))).seal()
	type answer struct {
		held storage.Held
		err  error
	}
	told := make(chan answer, 1)
	store := func() answer {
		w.Inbox().Store(journal.Remote{Batch: &sealed, Done: func(held storage.Held, err error) { told <- answer{held, err} }})
		return <-told
	}
	if a := store(); a.err != nil || a.held != storage.HeldNew {
		t.Errorf("stored: %+v", a)
	}
	if _, err := kept.Read(sealed.ID()); err != nil {
		t.Errorf("the journal: %v", err)
	}
	w.stop()
	if a := store(); !errors.Is(a.err, command.ErrUnavailable) {
		t.Errorf("after the end: %+v", a)
	}
}
