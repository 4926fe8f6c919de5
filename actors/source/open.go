package source

import (
	"context"
	"errors"
	"fmt"

	"anode/messages/command"
	"anode/messages/spec"
)

// ErrNotYet is an ErrUnavailable of a source that is about to run.
var ErrNotYet = fmt.Errorf("%w: it starts", command.ErrUnavailable)

// OpenPush opens the way into a push source that runs here. It fails as command.OpenPush says, with
// ErrNotFound too where the source does not run here, and with ErrNotYet where it will soon.
func (s *Sources) OpenPush(ctx context.Context, q command.OpenPush) (command.Pusher, error) {
	if s.drained.Load() {
		return nil, fmt.Errorf("%w: the node is stopping", command.ErrUnavailable)
	}
	b := s.board(q.Name)
	if b == nil {
		return nil, fmt.Errorf("%w: source %s", command.ErrNotFound, q.Name)
	}
	want := b.want.Load()
	if want.Spec.Kind != spec.KindPush {
		return nil, fmt.Errorf("%w: source %s is of kind %s: it fetches its data itself", command.ErrNotPush, q.Name, want.Spec.Kind)
	}
	if want.Paused {
		return nil, pausedNow(q.Name)
	}
	in := b.inbox.Load()
	door := in.standing()
	if door == nil {
		return nil, s.notOpen(b)
	}
	if err := door.Admit(ctx, q.Token, q.Socket); err != nil {
		b.judge(err)
		return nil, err
	}
	return &sender{board: b, in: in, door: door, all: s.cfg.pushed}, nil
}

// notOpen is why a source takes nothing. One that waits for the journal tries again at once where that
// takes records now.
func (s *Sources) notOpen(b *board) error {
	why := b.refusal()
	switch {
	case why == nil:
		return fmt.Errorf("%w: source %s", ErrNotYet, b.name)
	case storageFailed(b.shown.Load().why):
		stats := s.cfg.Journal.Stats()
		if ref := s.ref.Load(); stats.Full == "" && stats.Refused == "" && ref != nil && ref.Tell(knockOn{b.name}) {
			return fmt.Errorf("%w: source %s", ErrNotYet, b.name)
		}
	}
	return why
}

func pausedNow(name string) error {
	return fmt.Errorf("%w: source %s is paused", command.ErrUnavailable, name)
}

// refusal is why a source takes nothing that is pushed, by its state; nil where it does, or will soon. Who pushes need
// not be one who may read more.
func (b *board) refusal() error {
	s := b.shown.Load()
	switch s.state {
	case command.SourcePaused:
		return pausedNow(b.name)
	case command.SourceFailed:
		return fmt.Errorf("%w: source %s has failed, its status says why", command.ErrUnavailable, b.name)
	case command.SourceBackoff:
		if errors.Is(s.why, command.ErrStorageFull) {
			return s.why
		}
		return fmt.Errorf("%w: source %s waits to try again, its status says why", command.ErrUnavailable, b.name)
	}
	return nil
}

// judge counts a sender that was refused.
func (b *board) judge(err error) {
	if errors.Is(err, command.ErrUnauthorized) {
		b.unauthorized.Add(1)
	}
}

// inlet is the source's inbox; it is made when it is needed.
func (b *board) inlet() *inbox {
	if in := b.inbox.Load(); in != nil {
		return in
	}
	b.inbox.CompareAndSwap(nil, newInbox())
	return b.inbox.Load()
}
