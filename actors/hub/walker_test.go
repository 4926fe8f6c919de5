package hub

import (
	"testing"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/testkit/storagetest"
)

// fallBehind gives the stand's hub so many batches of an origin to read back.
func (s *stand) fallBehind(origin *storagetest.Origin, n, size int) {
	s.t.Helper()
	store := func(live bool, b wire.Sealed) {
		if _, err := s.journal.Append(storage.Live, []wire.Sealed{b}); err != nil {
			s.t.Fatal(err)
		}
		s.hub.Announce(command.Stored{Batches: []command.StoredBatch{{Sealed: b, Live: live}}})
	}
	draft := messages.Draft{Stream: "s", Payload: append(append([]byte{'"'}, make([]byte, size)...), '"')}
	store(true, origin.Next(s.t, draft))
	hole := origin.Next(s.t, draft)
	for range n {
		store(true, origin.Next(s.t, draft))
	}
	store(false, hole)
}

// The walker goes by turns, that one origin's backlog does not hold up another's.
func TestTurns(t *testing.T) {
	for _, c := range []struct {
		name            string
		batches, size   int
		first, turnsAll uint64
	}{
		{"of batches", 2*turnBatches + 10, 1, 2 + turnBatches, 3},
		{"of bytes", 20, turnBytes / 8, 2 + 8, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			s.subscribe(&sink{}, func(any) bool { return true })
			s.work()
			s.fallBehind(s.origin, c.batches, c.size)
			turns := uint64(0)
			for ; len(s.hub.backlogs()) > 0; turns++ {
				if s.hub.turn(t.Context(), "a"); turns == 0 && s.hub.at["a"].Sequence != c.first {
					t.Errorf("after a turn it is at %d, want %d", s.hub.at["a"].Sequence, c.first)
				}
				s.work()
			}
			if turns != c.turnsAll || s.hub.at["a"].Sequence != uint64(c.batches+2) {
				t.Errorf("at %d after %d turns, want %d after %d", s.hub.at["a"].Sequence, turns, c.batches+2, c.turnsAll)
			}
		})
	}
}

// A walker of an actor that was made anew may meet one that still waits for the disk: nothing is given twice.
func TestTwoWalkers(t *testing.T) {
	s := newStand(t)
	s.subscribe(&sink{}, func(any) bool { return true })
	s.work()
	s.fallBehind(s.origin, turnBatches+1, 1)
	from, step, found := s.hub.look("a")
	if found != wanted {
		t.Fatalf("it found %d", found)
	}
	sheet, err := s.hub.readBack(step.Batch)
	if err != nil {
		t.Fatal(err)
	}
	s.hub.turn(t.Context(), "a")
	if s.hub.settle(from, step, sheet, nil) {
		t.Error("the slow one goes on")
	}
	for len(s.hub.backlogs()) > 0 {
		s.hub.turn(t.Context(), "a")
	}
	s.work()
	for seat := range s.loop.seats {
		if got := seat.sent.Load(); got != turnBatches+3 {
			t.Errorf("the subscriber got %d records, want %d", got, turnBatches+3)
		}
	}
}
