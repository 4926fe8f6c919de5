package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
)

// stubborn is a journal that notes what it is to remember, and does not for some origins.
type stubborn struct {
	*memory.Journal
	mu    sync.Mutex
	fails map[messages.NodeID]error
	did   []string
}

func (s *stubborn) do(origin messages.NodeID, what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails[origin]; err != nil {
		return err
	}
	s.did = append(s.did, fmt.Sprint(origin, " ", what))
	return nil
}

func (s *stubborn) GiveUp(origin messages.NodeID, epoch uint64, gone messages.Range) error {
	return s.do(origin, fmt.Sprintf("%d gave up %s", epoch, gone))
}

func (s *stubborn) Raise(origin messages.NodeID, epoch, floor uint64) error {
	return s.do(origin, fmt.Sprintf("%d above %d", epoch, floor))
}

func (s *stubborn) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.fails)
}

// takes gives what was done since it was asked last, sorted.
func (s *stubborn) takes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.did
	s.did = nil
	slices.Sort(list)
	return list
}

// choring runs chores on a journal; told are the origins of which readers are told.
func choring(t *testing.T, journal *stubborn) (c *chores, told func() []messages.NodeID) {
	var mu sync.Mutex
	var list []messages.NodeID
	l := &loop{log: slog.New(slog.DiscardHandler), cfg: &Config{Journal: journal, GaveUp: func(g command.GaveUp) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, g.Origin)
	}}}
	c = newChores(l)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c, func() []messages.NodeID {
		mu.Lock()
		defer mu.Unlock()
		now := list
		list = nil
		slices.Sort(now)
		return now
	}
}

func TestAChoreThatFailsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journal := &stubborn{fails: map[messages.NodeID]error{"aaaa": errors.New("the disk is full")}}
		c, told := choring(t, journal)
		for n := range uint64(5000) { // the loop is never made to wait
			c.giveUp(epochKey{"aaaa", 1}, messages.Range{From: 10 * n, To: 10*n + 1})
		}
		c.giveUp(epochKey{"bbbb", 1}, messages.Range{From: 3, To: 4})
		synctest.Wait()
		if got, want := journal.takes(), []string{"bbbb 1 gave up 3-4"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if got := told(); !slices.Equal(got, []messages.NodeID{"bbbb"}) {
			t.Errorf("told of %v", got)
		}
		if !c.waits(epochKey{"aaaa", 1}) || c.waiting() != 1 {
			t.Errorf("%d wait", c.waiting())
		}
		journal.mend()
		time.Sleep(choreRetry)
		synctest.Wait()
		if got := journal.takes(); len(got) != 5000 {
			t.Errorf("%d are made when the disk has room again, want all 5000", len(got))
		}
		if got := told(); !slices.Equal(got, []messages.NodeID{"aaaa"}) || c.waiting() > 0 {
			t.Errorf("told of %v, %d wait", got, c.waiting())
		}
	})
}

// Who waits at a hole that retention took from all is to look again, as where it is given up.
func TestReadersAreToldOfARaisedFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journal := &stubborn{}
		c, told := choring(t, journal)
		c.raise(epochKey{"aaaa", 7}, 12)
		c.tell(epochKey{"bbbb", 1})
		synctest.Wait()
		if got, want := journal.takes(), []string{"aaaa 7 above 12"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if got := told(); !slices.Equal(got, []messages.NodeID{"aaaa", "bbbb"}) {
			t.Errorf("told of %v", got)
		}
	})
}

func TestWhatTheJournalHasForgottenNeedsNotBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journal := &stubborn{fails: map[messages.NodeID]error{"aaaa": fmt.Errorf("origin aaaa: %w", storage.ErrNotHeld)}}
		c, _ := choring(t, journal)
		c.giveUp(epochKey{"aaaa", 1}, messages.Range{From: 3, To: 4})
		synctest.Wait()
		if c.waiting() > 0 {
			t.Error("it is tried for ever")
		}
	})
}
