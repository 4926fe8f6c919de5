package source

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// beatEvery is how often a node notes that it goes on.
	beatEvery = 250 * time.Millisecond
	// stoodStill is how long it noted nothing when it counts as one that stood still: a machine that is only busy hardly ever makes
	// that much. What it counts wrongly is held back for a moment, and no more.
	stoodStill = 1500 * time.Millisecond
	// mostUnsure is for how long it holds back at most what it collects, where it does not hear what others have.
	mostUnsure = 15 * time.Second
	// backlogFor is how long it takes to read what sockets held when it goes on.
	backlogFor = 500 * time.Millisecond
	// settleAfter is for how long it goes on to be none of the first owners then, where others may have taken its sources: until placing
	// knows who owns them.
	settleAfter = 2 * time.Second
)

// Parted is how long a node stands still at least where others may have taken it for dead, and its sources.
const Parted = 3 * time.Second

// standstill finds that the process stood still (stopped, or its machine asleep), and from then on has it doubt that it is the first
// owner of anything: others may have taken its sources meanwhile, while its sockets filled with what they have numbered.
//
//	sure ──stood still──▶ unsure: all is held back ──caught up──▶ settling: held back as by any other owner ──▶ sure
//	                        no longer than mostUnsure               only after Parted
//
// A message is judged before anything that the process does itself may have come to it, so each asks. A nil standstill is always sure. It
// is safe for concurrent use, and locks nothing.
type standstill struct {
	// now is a clock that goes on while the process does not.
	now func() time.Duration
	// beat is when it was noted last that the node goes on, in ns of now; 0 is never.
	beat atomic.Int64
	// times counts how often it stood still, over how often of that it has caught up.
	times, over atomic.Uint64
	// stood is how long it did the last time, in ns; from is the wall clock's ms when that began.
	stood, from atomic.Int64
	// settling is until when it settles, in ns of now.
	settling atomic.Int64
	wake     chan struct{}
}

// newStandstill begins one that is sure.
func newStandstill() *standstill {
	begun := time.Now()
	return &standstill{now: func() time.Duration { return lasted(begun, time.Now()) }, wake: make(chan struct{}, 1)}
}

// lasted is what passed by the clock that went furthest: the monotonic one stands still while a machine sleeps, the other may be set.
func lasted(begun, now time.Time) time.Duration {
	return max(now.Sub(begun), now.Round(0).Sub(begun.Round(0)))
}

// mark notes that the node goes on.
func (s *standstill) mark() {
	s.look()
	s.beat.Store(int64(s.now()))
}

// look finds whether the node stood still since it was marked last.
func (s *standstill) look() {
	beat, now := s.beat.Load(), int64(s.now())
	if beat == 0 || now-beat < int64(stoodStill) || !s.beat.CompareAndSwap(beat, now) {
		return
	}
	s.stood.Store(now - beat)
	s.from.Store(time.Now().UnixMilli() - (now-beat)/int64(time.Millisecond))
	s.times.Add(1)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// unsure tells that it is not known here what others have.
func (s *standstill) unsure() bool {
	if s == nil {
		return false
	}
	s.look()
	return s.times.Load() != s.over.Load()
}

// doubts tells that the node may not be the first owner of what it runs.
func (s *standstill) doubts() bool {
	return s.unsure() || s != nil && int64(s.now()) < s.settling.Load()
}

// backlog is until when, by the wall clock, came what had waited for the node to go on; zero while it is unsure of that, and where there is none.
func (s *standstill) backlog() time.Time {
	if s == nil || s.times.Load() == 0 || s.unsure() {
		return time.Time{}
	}
	return time.UnixMilli(s.from.Load() + s.stood.Load()/int64(time.Millisecond)).Add(backlogFor)
}

// since is the Unix ms from when on others may have numbered what this node did not learn of, and the number of that standstill; 0 is none.
func (s *standstill) since() (ms int64, number uint64) {
	if s == nil {
		return 0, 0
	}
	return s.from.Load(), s.times.Load()
}

// run tends to it until ctx ends. tell has all sources look at their roles.
func (s *standstill) run(ctx context.Context, log *slog.Logger, catchUp func(context.Context, time.Duration), tell func()) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		for number := s.times.Load(); number != s.over.Load(); number = s.times.Load() {
			stood := time.Duration(s.stood.Load())
			log.Warn("this node stood still: it holds back what it collects until it knows what others have", "for", stood.Round(time.Millisecond))
			tell()
			patience, cancel := context.WithTimeout(ctx, mostUnsure)
			catchUp(patience, stood)
			late := patience.Err() != nil
			cancel()
			if ctx.Err() != nil {
				return
			}
			if s.times.Load() != number { // again
				continue
			}
			if late {
				log.Warn("what others have did not get here in time: what they numbered meanwhile may be twice")
			}
			if stood >= Parted {
				s.settling.Store(int64(s.now() + settleAfter))
			}
			s.over.Store(number)
			tell()
			if stood >= Parted && Sleep(ctx, settleAfter) == nil {
				tell()
			}
		}
	}
}

// beats marks until ctx ends.
func (s *standstill) beats(ctx context.Context) {
	for {
		s.mark()
		if Sleep(ctx, beatEvery) != nil {
			s.beat.Store(0)
			return
		}
	}
}

// Unsure tells that the node stood still, and does not know yet what others did meanwhile.
func (s *Sources) Unsure() bool { return s.cfg.standstill.unsure() }
