package journal

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"anode/messages/command"
)

// Inbox holds submissions from Submit until they are answered. It is the node's
// command.Intake, and outlives the actor that empties it.
//
// The mutex guards everything; it is a leaf.
type Inbox struct {
	most int
	// ready wakes the writer: something is to be taken.
	ready   chan struct{}
	remotes remotes
	moves   moves
	covers  covers

	mu      sync.Mutex
	queue   []command.Submission
	size    int       // bytes of all that is not answered
	waiting []*waiter // for room, in the order in which they came
	closed  bool
}

// NewInbox makes an inbox that holds up to most bytes.
func NewInbox(most int) *Inbox {
	signal := func() chan struct{} { return make(chan struct{}, 1) }
	return &Inbox{most: most, ready: signal(), remotes: remotes{ready: signal()}, moves: moves{ready: signal()}, covers: covers{ready: signal()}}
}

// wake tells the writer to look. It never blocks.
func (b *Inbox) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// Submit implements command.Intake. Who finds no room waits behind those who came before, so that nobody is
// passed for ever; a submission larger than the inbox is taken when that is empty.
func (b *Inbox) Submit(ctx context.Context, s command.Submission) error {
	if len(s.Drafts)+len(s.State) == 0 {
		if s.Done != nil {
			s.Done(command.Outcome{})
		}
		return nil
	}
	w, err := b.enter(s)
	if w == nil {
		return err
	}
	select {
	case <-w.told:
		return w.err
	case <-ctx.Done():
	}
	if b.leave(w) {
		return fmt.Errorf("%w: the journal's queue is full: %w", command.ErrUnavailable, context.Cause(ctx))
	}
	return w.err
}

// waiter is a submission until it is in the queue, or refused.
type waiter struct {
	submission command.Submission
	size       int
	// told is closed once err says which.
	told chan struct{}
	err  error
}

// enter takes a submission, or puts it at the end of those that wait for room.
func (b *Inbox) enter(s command.Submission) (*waiter, error) {
	size := s.Size()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, errStopping
	case len(b.waiting) == 0 && b.fits(size):
		b.accept(s, size)
		return nil, nil
	}
	w := &waiter{submission: s, size: size, told: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	return w, nil
}

var errStopping = fmt.Errorf("%w: the node is stopping", command.ErrUnavailable)

// fits tells whether there is room. The mutex is held.
func (b *Inbox) fits(size int) bool { return b.size == 0 || b.size+size <= b.most }

// accept puts a submission into the queue. The mutex is held.
func (b *Inbox) accept(s command.Submission, size int) {
	b.size += size
	if b.queue = append(b.queue, s); len(b.queue) == 1 {
		b.wake()
	}
}

// leave takes a submission out of those that wait; false where it does not any more.
func (b *Inbox) leave(w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Index(b.waiting, w)
	if at < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, at, at+1)
	b.admit() // who came behind it may have room
	return true
}

// admit takes submissions that wait into the queue, in order, as long as there is room; or refuses them all
// once the inbox is closed. The mutex is held.
func (b *Inbox) admit() {
	for len(b.waiting) > 0 {
		w := b.waiting[0]
		switch {
		case b.closed:
			w.err = errStopping
		case b.fits(w.size):
			b.accept(w.submission, w.size)
		default:
			return
		}
		b.waiting[0] = nil
		if b.waiting = b.waiting[1:]; len(b.waiting) == 0 {
			b.waiting = nil
		}
		close(w.told)
	}
}

// take removes submissions of about up to most drafts, at least one where there are any.
func (b *Inbox) take(most int) []command.Submission {
	b.mu.Lock()
	defer b.mu.Unlock()
	count, drafts := 0, 0
	for count < len(b.queue) && (count == 0 || drafts+len(b.queue[count].Drafts) <= most) {
		drafts += len(b.queue[count].Drafts) + len(b.queue[count].State)
		count++
	}
	group := b.queue[:count:count]
	if b.queue = b.queue[count:]; len(b.queue) == 0 {
		b.queue = make([]command.Submission, 0, min(count, mostRoom)) // the next group will be about as large
	}
	return group
}

// mostRoom is for how many submissions an empty inbox keeps room.
const mostRoom = 64

// pending tells whether something is to be taken, and how many bytes are not answered.
func (b *Inbox) pending() (queued, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue), b.size
}

// answer gives a taken submission its outcome and makes its room free.
func (b *Inbox) answer(s *command.Submission, size int, outcome command.Outcome) {
	defer func() { // though Done may panic
		b.mu.Lock()
		defer b.mu.Unlock()
		b.size -= size
		b.admit()
	}()
	if s.Done != nil {
		s.Done(outcome)
	}
}

// Close refuses what comes from now on. What is in the queue stays to be taken.
func (b *Inbox) Close() {
	b.remotes.mu.Lock()
	b.remotes.closed = true
	b.remotes.mu.Unlock()
	b.moves.mu.Lock()
	b.moves.closed = true
	b.moves.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.admit()
}
