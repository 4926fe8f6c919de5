package source

import (
	"context"
	"sync"
	"time"
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
	// moves are those of states that wait until what is held is stored: of each state at most two, so that one
	// of them has its turn also where something is always held.
	moves map[*state][]move
	// settled is the oldest that was held when the moves were looked at last.
	settled uint64

	mu sync.Mutex // guards what follows; a leaf
	// over tells that the connection is: a timer that comes later does nothing.
	over bool
	// broken is a panic of a timer: the source fails with it.
	broken error
	// running has one for a timer that is at work; none begins after over.
	running sync.WaitGroup
}

// move is what a message made of a state: it must not be stored before what the message made is.
type move struct {
	state  *state
	since  any
	cursor *string
	// mark is the last that was held then.
	mark uint64
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
	drafts := l.job.pipeline.Due()
	if err := l.submit(h.life, drafts, h.settle(l)); err != nil {
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
	if state := h.settle(l); len(drafts) > 0 {
		return l.submit(ctx, drafts, state)
	}
	return nil
}

// move moves a state when all that is held now has passed. The turn is taken.
func (h *holder) move(l *Line, m move) {
	h.settle(l)
	waiting := h.moves[m.state]
	_, newest, held := l.job.pipeline.Held()
	if !held && len(waiting) == 0 {
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
	m.mark = newest
	if n := len(waiting); n == 2 {
		last := waiting[1]
		if m.since == nil {
			m.since = last.since
		}
		if m.cursor == nil {
			m.cursor = last.cursor
		}
		waiting = waiting[:1]
	}
	if h.moves == nil {
		h.moves = make(map[*state][]move)
	}
	h.moves[m.state] = append(waiting, m)
}

// settle makes the moves that wait for nothing any more, and gives one of their states. The turn is taken.
func (h *holder) settle(l *Line) (some *state) {
	if len(h.moves) == 0 {
		return nil
	}
	oldest, _, held := l.job.pipeline.Held()
	if held && oldest == h.settled {
		return nil
	}
	h.settled = oldest
	for s, waiting := range h.moves {
		for len(waiting) > 0 && (!held || waiting[0].mark < oldest) {
			l.moved(waiting[0])
			waiting, some = waiting[1:], s
		}
		if h.moves[s] = waiting; len(waiting) == 0 {
			delete(h.moves, s)
		}
	}
	return some
}

// moved takes over a move.
func (l *Line) moved(m move) {
	if err := l.job.states.move(m.state, m.since, m.cursor); err != nil {
		l.Report(err.Error(), nil, 0)
	}
}
