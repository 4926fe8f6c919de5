package journal

import (
	"context"
	"fmt"
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
	ready chan struct{}

	mu      sync.Mutex
	queue   []command.Submission
	size    int           // bytes of all that is not answered
	waiting chan struct{} // closed when room was made; nil while nobody waits
	closed  bool
}

// NewInbox makes an inbox that holds up to most bytes.
func NewInbox(most int) *Inbox {
	return &Inbox{most: most, ready: make(chan struct{}, 1)}
}

// wake tells the writer to look. It never blocks.
func (b *Inbox) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// Submit implements command.Intake. A submission larger than the inbox is taken when it is
// empty.
func (b *Inbox) Submit(ctx context.Context, s command.Submission) error {
	if len(s.Drafts)+len(s.State) == 0 {
		if s.Done != nil {
			s.Done(command.Outcome{})
		}
		return nil
	}
	size := s.Size()
	for {
		room, first, err := b.offer(s, size)
		switch {
		case err != nil:
			return err
		case room == nil:
			if first {
				b.wake()
			}
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("%w: the journal's queue is full: %w", command.ErrUnavailable, context.Cause(ctx))
		}
	}
}

// offer takes the submission, or gives what to wait for. first tells that the queue was empty.
func (b *Inbox) offer(s command.Submission, size int) (room <-chan struct{}, first bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, false, fmt.Errorf("%w: the node is stopping", command.ErrUnavailable)
	case b.size > 0 && b.size+size > b.most:
		if b.waiting == nil {
			b.waiting = make(chan struct{})
		}
		return b.waiting, false, nil
	}
	b.size += size
	b.queue = append(b.queue, s)
	return nil, len(b.queue) == 1, nil
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
		b.queue = nil
	}
	return group
}

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
		b.release()
	}()
	if s.Done != nil {
		s.Done(outcome)
	}
}

// Close refuses what comes from now on. What is in the queue stays to be taken.
func (b *Inbox) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.release()
}

// release lets all who wait look again. The mutex is held.
func (b *Inbox) release() {
	if b.waiting != nil {
		close(b.waiting)
		b.waiting = nil
	}
}
