package source

import (
	"context"
	"fmt"
	"sync"

	"anode/actors/source/transform"
	"anode/messages/command"
)

// receipt follows one message into the journal. The mutex is a leaf.
type receipt struct {
	told func(command.Pushed, error)

	mu sync.Mutex
	// open is how many submissions are under way, and one for the feeding itself.
	open   int
	became command.Pushed
	err    error
}

var errBroken = fmt.Errorf("%w: the source failed in this node", command.ErrUnavailable)

// FeedTold is Feed for a message whose sender waits to hear what became of it: told is called once, when the
// journal has all that the message made, as its durability says, or some of it failed. It may be called before this
// returns, and must not block. What the spec's rules send is for the sender; where one of them fails, the message
// is refused with its reason and the connection lives.
func (l *Line) FeedTold(ctx context.Context, message []byte, meta transform.Meta, told func(command.Pushed, error)) (err error) {
	r := &receipt{told: told, open: 1}
	var refused error
	err = errBroken // so that a panic is told
	defer func() {
		if err == nil {
			r.leave(0, refused)
			return
		}
		r.leave(0, err)
	}()
	actions, fed := l.feed(ctx, message, meta, r)
	for _, a := range actions {
		if a.Fail != "" {
			reason := l.Hide(a.Fail)
			l.Report(reason, message[:min(len(message), maxFrame)], len(message))
			refused = fmt.Errorf("%w: %s", command.ErrInvalid, reason)
			continue
		}
		r.send(a.Send)
	}
	l.revive()
	err = fed
	return err
}

// dropped counts what made no draft.
func (r *receipt) dropped(d *transform.Dropped) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.became.Dropped.Filtered += d.Filtered
	r.became.Dropped.Duplicate += d.Duplicate
	r.became.Dropped.Limited += d.Limited
	r.became.Dropped.Failed += d.Failed
}

// send keeps what a rule answers.
func (r *receipt) send(text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.became.Sent = append(r.became.Sent, text)
}

// enter counts a submission.
func (r *receipt) enter() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
}

// leave ends one that stored so many records, or none for an error; the last one is told. The first error counts.
func (r *receipt) leave(stored int, err error) {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.became.Accepted += uint64(stored)
	if r.err == nil {
		r.err = err
	}
	r.open--
	last, became, failed := r.open == 0, r.became, r.err
	r.mu.Unlock()
	if last {
		r.told(became, failed)
	}
}
