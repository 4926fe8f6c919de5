package source

import (
	"context"
	"sync"
	"time"

	"anode/messages"
)

// turn is taken by who works with a pipeline: the goroutine of the connection, or the timer of what is held.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }

// holder brings the drafts that a spec's limit held into the journal when their turn comes, by one timer. Its
// fields are guarded by the job's turn, but for those of which mu is.
type holder struct {
	timer *time.Timer
	// armed tells that the timer runs; life ends with the connection.
	armed bool
	life  context.Context
	end   context.CancelCauseFunc
	// moves are those that wait for what is held.
	moves moves

	mu sync.Mutex // guards what follows; a leaf
	// over tells that the connection is: a timer that comes later does nothing.
	over bool
	// broken is a panic of a timer: the source fails with it.
	broken error
	// running has one for a timer that is at work; none begins after over.
	running sync.WaitGroup
}

// begin lets the holder run, as long as the connection does.
func (h *holder) begin(ctx context.Context) { h.life, h.end = context.WithCancelCause(ctx) }

// arm sets the timer where something is held. The turn is taken.
func (h *holder) arm(l *Line) {
	wait, held := l.job.pipeline.Wait()
	switch {
	case !held || h.armed:
		return
	}
	h.armed = true
	if h.timer == nil {
		h.timer = time.AfterFunc(wait, func() { h.fire(l) })
	} else {
		h.timer.Reset(wait)
	}
}

// fire is the timer's.
func (h *holder) fire(l *Line) {
	if !h.enter() {
		return
	}
	defer h.running.Done()
	if l.job.turn.take(h.life) != nil {
		return
	}
	defer l.job.turn.give()
	switch err := Catch(func() error { return h.due(l) }); {
	case Caught(err): // what became of what is held is not known, so that no state may cover it
		l.cut.Store(true)
		h.mu.Lock()
		h.broken = err
		h.mu.Unlock()
		l.tell(refused{l.gen})
	case err != nil:
		l.job.window.fail(err) // the connection learns of it with its next message, or is ended
		l.tell(refused{l.gen})
	}
}

// enter tells whether a timer may work. One that may is to be done with running.
func (h *holder) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		h.running.Add(1)
	}
	return !h.over
}

// due brings what has its turn. The turn is taken.
func (h *holder) due(l *Line) error {
	h.armed = false
	if h.life.Err() != nil { // the connection is over, and brings it itself
		return nil
	}
	if err := h.hand(h.life, l, l.job.pipeline.Due()); err != nil {
		return err
	}
	h.arm(l)
	return nil
}

// failed is a panic of a timer, of a connection that is over.
func (h *holder) failed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken
}

// close brings all that is held, until ctx ends. No timer works any more when it returns.
func (h *holder) close(ctx context.Context, l *Line) error {
	h.mu.Lock()
	h.over = true
	h.mu.Unlock()
	defer h.running.Wait()
	stop := context.AfterFunc(ctx, func() { h.end(context.Cause(ctx)) })
	err := l.job.turn.take(ctx)
	stop()
	h.end(nil)
	if err != nil {
		return err
	}
	defer l.job.turn.give()
	if h.timer != nil {
		h.timer.Stop()
	}
	return h.bring(ctx, l)
}

// flush brings all that is held.
func (h *holder) flush(ctx context.Context, l *Line) error {
	if err := l.job.turn.take(ctx); err != nil {
		return err
	}
	defer l.job.turn.give()
	return h.bring(ctx, l)
}

func (h *holder) bring(ctx context.Context, l *Line) error {
	drafts := l.job.pipeline.Flush()
	if len(drafts) == 0 {
		h.settle(l)
		return nil
	}
	return h.hand(ctx, l, drafts)
}

// hand brings what was held, with the states that waited for it: behind it, where it is held back.
func (h *holder) hand(ctx context.Context, l *Line, drafts []messages.Draft) error {
	if !l.job.standby.holds() {
		return l.submit(ctx, drafts, h.settle(l))
	}
	err := l.submit(ctx, drafts, nil)
	h.settle(l)
	return err
}

// move moves a state when all that is held now has passed. The turn is taken.
func (h *holder) move(l *Line, m move) {
	h.settle(l)
	_, newest, held := l.job.pipeline.Held()
	if !held && h.moves.none(m.state) {
		l.job.states.lead(m.state, nil)
		l.moved(m)
		return
	}
	if m.since == nil && m.cursor == nil {
		return
	}
	if m.since != nil {
		l.job.states.lead(m.state, m.since)
	}
	h.moves.add(m, newest)
}

// settle makes the moves that wait for nothing any more, and gives one of their states. The turn is taken.
func (h *holder) settle(l *Line) (some *state) {
	oldest, _, held := l.job.pipeline.Held()
	return h.moves.settle(oldest, held, l.moved)
}

// moved takes over a move, or has it wait for what is held back.
func (l *Line) moved(m move) {
	if s := l.job.standby; s.holds() {
		s.move(l, m)
		return
	}
	l.apply(m)
}

// apply takes over a move.
func (l *Line) apply(m move) {
	if m.walked {
		l.job.states.finish(m.state, m.since)
		return
	}
	if err := l.job.states.move(m.state, m.since, m.cursor); err != nil {
		l.Report(err.Error(), nil, 0)
	}
}
