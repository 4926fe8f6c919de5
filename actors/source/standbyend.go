package source

import (
	"context"
	"time"
)

// close ends it: what is held is numbered, unless a copy of it comes in the time in which it would be. What is not to be by the end of
// settlePatience, of a feed that is asked seldom, and where copies can't come any more, is the other owners', if there are some before
// this one. No timer works any more when it returns.
func (s *standby) close() {
	if s == nil {
		return
	}
	s.linger()
	s.mu.Lock()
	if s.over = true; s.end != nil {
		s.end()
	}
	s.mu.Unlock()
	s.running.Wait()
	if s.timer != nil {
		s.timer.Stop()
	}
	role := s.job.role()
	first := role.Rank == 0 || role.Handing && role.Owners == 1 && !s.job.cfg.standstill.doubts()
	if s.count.Load() > 0 && first {
		if err := s.flush(); err != nil {
			s.job.cfg.learner.left.Add(uint64(s.count.Load()))
			s.job.cfg.Logger.Warn("what was held back is not stored", "source", s.job.spec.Name, "records", s.count.Load(), "error", err)
			return
		}
	}
	if n := s.count.Load(); n > 0 {
		s.job.cfg.learner.left.Add(uint64(n))
		s.job.cfg.Logger.Info("what was held back is left to the other owners", "source", s.job.spec.Name, "records", n)
	}
}

// linger waits for copies of what is held, and until it is overdue.
func (s *standby) linger() {
	if s.count.Load() == 0 || s.job.role().Rank == 0 || !s.job.cfg.learner.runs.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(settlePatience, s.holdFor()+lingerMore))
	defer cancel()
	_ = s.await(ctx, func() bool { return s.count.Load() == 0 }) // what is held still close sees to
}

// lingerMore is for a timer that works late.
const lingerMore = 100 * time.Millisecond

// flush numbers all that is held, and waits until the journal has it.
func (s *standby) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), settlePatience)
	defer cancel()
	if err := s.job.turn.take(ctx); err != nil {
		return err
	}
	s.ends = true
	line := s.by()
	err := Catch(func() error { return s.look(ctx, line) })
	s.job.turn.give()
	if err == nil {
		err = line.end(ctx)
	}
	return err
}
