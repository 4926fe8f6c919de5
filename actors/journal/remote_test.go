package journal_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"anode/actors/journal"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
)

// peerBatch is a batch that a peer sealed.
func peerBatch(n *node, sequence uint64) *wire.Sealed {
	n.Helper()
	place := wire.Place{BatchID: messages.BatchID{Origin: "peer", Epoch: 1, Sequence: sequence}, First: messages.HLCFromMillis(int64(sequence))}
	s, _, _, err := wire.NewSealer(0).Seal(place, []messages.Draft{draft("a", "")})
	if err != nil {
		n.Fatal(err)
	}
	return &s
}

// Peers' batches are answered in the order in which they were stored, whatever the family.
func TestPeersBatchesAreAnsweredInOrder(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		answers := make(chan string, 5)
		for _, r := range []struct {
			sequence uint64
			backfill bool
		}{{9, false}, {10, false}, {3, true}, {4, true}, {9, false}} {
			n.inbox.Store(journal.Remote{Batch: peerBatch(n, r.sequence), Backfill: r.backfill, Done: func(held storage.Held, err error) {
				answers <- fmt.Sprint(r.sequence, " ", held, " ", err)
			}})
		}
		var told []string
		for range cap(answers) {
			told = append(told, <-answers)
		}
		if want := []string{"9 0 <nil>", "10 0 <nil>", "3 0 <nil>", "4 0 <nil>", "9 1 <nil>"}; !slices.Equal(told, want) {
			n.Fatalf("told %q, want %q", told, want)
		}
		var live []bool
		for _, a := range n.heard() {
			live = append(live, a.batch.Live)
		}
		if !slices.Equal(live, []bool{true, true, false, false}) {
			n.Errorf("announced as live: %v", live)
		}
	})
}

// What can't be written is answered so, and what is stored after the end is refused.
func TestPeersBatchesAreRefusedWithAReason(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		broken := errors.New("broken")
		n.journal.set(&n.journal.onAppend, func() error { return broken })
		told := make(chan error, 2)
		store := func(sequence uint64) {
			n.inbox.Store(journal.Remote{Batch: peerBatch(n, sequence), Done: func(_ storage.Held, err error) { told <- err }})
		}
		store(1)
		if err := <-told; !errors.Is(err, broken) || !errors.Is(err, command.ErrUnavailable) {
			n.Errorf("answered %v", err)
		}
		n.inbox.Close()
		store(2)
		if err := <-told; !errors.Is(err, command.ErrUnavailable) {
			n.Errorf("after the end: %v", err)
		}
	})
}
