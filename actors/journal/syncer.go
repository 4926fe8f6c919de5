package journal

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"anode/messages/command"
	"anode/storage"
)

// syncer answers groups as the durability says, and makes them durable. It alone calls
// Sync; one fsync serves all groups that were written before it began.
type syncer struct {
	durability Durability
	journal    storage.Journal
	inbox      *Inbox
	metrics    *metrics
	log        *slog.Logger
	every      time.Duration
	lazy       time.Duration
	written    <-chan written
	// confirm takes, with AckPeer, what is as durable as it is to be; nil without. It is closed when run has ended.
	confirm chan<- written
	// ended is closed when run has: who comes then is for sweep.
	ended chan struct{}

	waiting []written
	// dirty is since when something is not synced that nobody waits for; zero when nothing is.
	dirty   time.Time
	last    time.Time
	failing bool
}

// retryEvery is how soon a failed sync is tried again.
const retryEvery = time.Second

// run works until written is closed, then syncs once more and answers what is left.
func (s *syncer) run(context.Context) {
	defer close(s.ended)
	if s.confirm != nil {
		defer close(s.confirm)
	}
	defer func() { abandon(s.log, s.inbox, s.waiting) }()
	if s.durability != None { // an incarnation before may have left something
		s.dirty = time.Now()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var due <-chan time.Time
		if wait, ok := s.due(time.Now()); ok {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case g, ok := <-s.written:
			if !ok {
				s.sync()
				return
			}
			s.take(g)
		case <-due:
			s.sync()
		}
	}
}

// sweep answers what is written after run has panicked, until the writer ends.
func (s *syncer) sweep() {
	<-s.ended
	for g := range s.written {
		abandon(s.log, s.inbox, []written{g})
	}
}

// due is how long the next sync waits, if one is needed.
func (s *syncer) due(now time.Time) (time.Duration, bool) {
	switch {
	case s.failing && (len(s.waiting) > 0 || !s.dirty.IsZero()):
		return max(0, retryEvery-now.Sub(s.last)), true
	case len(s.waiting) > 0:
		return max(0, s.every-now.Sub(s.last)), true
	case !s.dirty.IsZero():
		return max(0, s.lazy-now.Sub(s.dirty)), true
	}
	return 0, false
}

// take answers a group at once, or lets it wait for the next sync.
func (s *syncer) take(g written) {
	switch {
	case g.probe != nil, len(g.submissions) > 0 && s.durability == Sync:
		s.waiting = append(s.waiting, g)
		return
	case len(g.submissions) > 0:
		s.waiting = append(s.waiting, g) // so that it is not forgotten in a panic
		last := len(s.waiting) - 1
		s.pass(last)
		s.waiting = s.waiting[:last]
		if s.durability == None {
			return
		}
	}
	if s.dirty.IsZero() {
		s.dirty = time.Now()
	}
}

// gather takes what was written meanwhile.
func (s *syncer) gather() {
	for {
		select {
		case g, ok := <-s.written:
			if !ok {
				return
			}
			s.take(g)
		default:
			return
		}
	}
}

// sync makes durable what was written before, and answers who waits for it.
func (s *syncer) sync() {
	s.gather()
	s.last = time.Now()
	if err := s.journal.Sync(); err != nil {
		if !s.failing {
			s.log.Error("sync failed: what was written is kept and tried again each second", "error", err)
		}
		s.failing = true
		if s.dirty.IsZero() {
			s.dirty = s.last
		}
		s.fail(fmt.Errorf("%w: stored, but not yet durable: %w", command.ErrUnconfirmed, err))
		return
	}
	s.metrics.syncs.Observe(time.Since(s.last).Seconds())
	if s.failing {
		s.log.Info("sync succeeds again")
	}
	s.failing, s.dirty = false, time.Time{}
	for i := range s.waiting {
		s.pass(i)
	}
	clear(s.waiting)
	s.waiting = s.waiting[:0]
}

// pass is done with a group that is as durable as it is to be.
func (s *syncer) pass(i int) {
	g := &s.waiting[i]
	if s.confirm == nil || len(g.submissions) == 0 {
		g.answer(s.inbox)
		return
	}
	s.confirm <- *g
	*g = written{} // its answer is another's
}

// fail answers all who wait with an error.
func (s *syncer) fail(err error) {
	for i := range s.waiting {
		s.waiting[i].fail(err)
		s.waiting[i].answer(s.inbox)
	}
	clear(s.waiting)
	s.waiting = s.waiting[:0]
}
