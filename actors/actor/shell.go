package actor

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	pa "github.com/asynkron/protoactor-go/actor"

	"anode/messages/command"
)

// joinTime is how long an ending incarnation waits for its goroutines.
const joinTime = 10 * time.Second

// shell is what protoactor runs: one incarnation, its goroutines and its children. It lets no
// panic through. Only its own mailbox goroutine uses it, but for what Context.Go starts.
type shell struct {
	ref    *Ref
	run    *incarnation
	inner  Actor
	ctx    Context
	pactx  pa.Context
	failed bool
	// cancel ends the goroutines; work counts them.
	life   context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup
	timers map[*Timer]struct{}
	// byPID finds the child of a terminated pid.
	byPID map[string]*Ref
}

// spawnChild asks a shell to start an incarnation of a child.
type spawnChild struct {
	ref  *Ref
	done chan<- error
}

// failure tells a shell that one of its goroutines failed.
type failure struct{ err error }

// IgnoreDeadLetterLogging: a shell that is gone needs neither.
func (*spawnChild) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging: a shell that is gone needs neither.
func (*failure) IgnoreDeadLetterLogging() {}

// Receive implements protoactor's Actor.
func (s *shell) Receive(ctx pa.Context) {
	s.pactx = ctx
	switch m := ctx.Message().(type) {
	case *pa.Started:
		s.guard(s.start)
	case *envelope:
		s.deliver(m)
	case *spawnChild:
		err := s.spawn(m.ref)
		if m.done != nil {
			m.done <- err
		}
	case *failure:
		s.fail(m.err)
	case *pa.Terminated:
		s.terminated(m.Who)
	case *pa.Stopping:
		s.release()
	case *pa.Stopped:
		s.stopped()
	}
}

// guard runs a part of the actor; a panic or an error in it is a failure of the incarnation.
func (s *shell) guard(part func() error) {
	defer func() {
		if r := recover(); r != nil {
			s.ref.system.log.Error("actor panicked", "actor", s.ref.path, "panic", r, "stack", string(debug.Stack()))
			s.fail(fmt.Errorf("panic: %v", r))
		}
	}()
	if err := part(); err != nil {
		s.fail(err)
	}
}

func (s *shell) start() error {
	s.run.open(s.ref)
	s.inner = s.ref.spec.New()
	if starter, ok := s.inner.(Starter); ok {
		return starter.Started(&s.ctx)
	}
	return nil
}

// deliver gives a message to the actor and sees that a question gets an answer.
func (s *shell) deliver(e *envelope) {
	if e.counted {
		s.run.waiting.Add(-1)
		s.run.bytes.Add(-e.bytes)
	}
	if s.failed || s.inner == nil {
		e.answer(nil, fmt.Errorf("%w: %s failed", command.ErrUnavailable, s.ref.path))
		return
	}
	if e.timer != nil && !s.fire(e.timer) {
		return
	}
	s.ctx.envelope, s.ctx.taken = e, e.reply == nil
	s.guard(func() error {
		s.inner.Receive(&s.ctx, e.message)
		return nil
	})
	if !s.ctx.taken {
		e.answer(nil, fmt.Errorf("%w: %s has no answer to %T", command.ErrUnavailable, s.ref.path, e.message))
	}
	s.ctx.envelope = nil
}

func (e *envelope) answer(answer any, err error) {
	if e.reply != nil {
		select {
		case e.reply <- answered{answer, err}:
		default: // answered already
		}
	}
}

// fail ends the incarnation.
func (s *shell) fail(err error) {
	if s.failed {
		return
	}
	s.failed = true
	s.ref.noteFailure(err)
	s.ref.system.log.Warn("actor failed and is started again", "actor", s.ref.path, "error", err)
	s.pactx.Stop(s.pactx.Self())
}

// spawn starts an incarnation of a child.
func (s *shell) spawn(child *Ref) error {
	child.mu.Lock()
	dead := child.stopping
	child.pause = nil
	child.mu.Unlock()
	if dead || s.failed {
		child.finish()
		return fmt.Errorf("%w: %s is stopping", command.ErrUnavailable, s.ref.path)
	}
	pid, err := child.incarnate(s.pactx.SpawnNamed, child.incarnationName())
	if err != nil {
		child.finish()
		return fmt.Errorf("spawn %s: %w", child.path, err)
	}
	if s.byPID == nil {
		s.byPID = make(map[string]*Ref)
	}
	s.byPID[pid.Id] = child
	child.mu.Lock()
	dead = child.stopping
	child.mu.Unlock()
	if dead { // asked to end while it was made
		s.pactx.Stop(pid)
	}
	return nil
}

// terminated notes the end of a child's incarnation, and makes the next one after a pause.
func (s *shell) terminated(pid *pa.PID) {
	child, ok := s.byPID[pid.Id]
	if !ok {
		return
	}
	delete(s.byPID, pid.Id)
	self, roots := s.pactx.Self(), s.ref.system.roots
	child.mu.Lock()
	if child.stopping || s.failed || s.life.Err() != nil {
		child.mu.Unlock()
		child.finish()
		return
	}
	if time.Since(child.since) >= child.spec.Backoff.ResetAfter {
		child.failures = 0
	}
	child.failures++
	child.restarts++
	child.setState(stateRestarting)
	child.pause = time.AfterFunc(child.spec.Backoff.Pause(child.failures), func() {
		roots.Send(self, &spawnChild{ref: child})
	})
	child.mu.Unlock()
	s.ref.system.metrics.restarts.WithLabelValues(child.class).Inc()
}

// release ends the goroutines and timers of the incarnation, and the pauses of its children.
func (s *shell) release() {
	s.run.close(s.ref)
	s.cancel(errStopping)
	for t := range s.timers {
		t.timer.Stop()
	}
	for _, child := range s.ref.Children() {
		child.mu.Lock()
		paused := child.pause != nil && child.pause.Stop()
		child.stopping = true
		child.mu.Unlock()
		if paused {
			child.finish()
		}
	}
	joined := make(chan struct{})
	go func() {
		s.work.Wait()
		close(joined)
	}()
	timer := time.NewTimer(joinTime)
	defer timer.Stop()
	select {
	case <-joined:
	case <-timer.C:
		s.ref.system.log.Error("an actor's goroutines did not end in time", "actor", s.ref.path, "waited", joinTime)
	}
}

// stopped is the end of the incarnation; its children are gone.
func (s *shell) stopped() {
	func() {
		defer func() {
			if r := recover(); r != nil {
				s.ref.system.log.Error("actor panicked when it stopped", "actor", s.ref.path, "panic", r, "stack", string(debug.Stack()))
			}
		}()
		if stopper, ok := s.inner.(Stopper); ok {
			stopper.Stopped(&s.ctx)
		}
	}()
	for _, child := range s.ref.Children() {
		child.finish()
	}
	close(s.run.gone)
	if s.ref.parent == nil {
		s.ref.finish()
	}
}
