package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

const (
	// known is how long what the archive confirmed is taken for what it confirms now, and again how long it is not
	// asked for once more by who can do without when it did not answer.
	known = 10 * time.Second
	// glimpsed is how old what the archive confirmed may be for who can do without.
	glimpsed = time.Minute
	// glance is how long one waits for the archive who can do without it.
	glance = time.Second
	// pause is the time between two tries of an archive that is away.
	pause = 100 * time.Millisecond
)

// confirmed is what the archive said last of what it has; its list is never changed. mu guards all of it, and is a leaf: it is not held while
// the archive is asked.
type confirmed struct {
	mu   sync.Mutex
	list []storage.Archived
	// at is when it was asked for, zero when it never said; failed when it did not answer.
	at, failed time.Time
}

// of is what the archive may hold of a stream, as it said last, however long ago; false when it never did.
func (c *confirmed) of(stream messages.Stream) (said, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return said{c.list, stream}, !c.at.IsZero()
}

// fresh tells whether it was asked for less than a time ago; tried that it was, whether it answered or not.
func (c *confirmed) fresh(now time.Time, age time.Duration) (fresh, tried bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh = !c.at.IsZero() && now.Sub(c.at) < age
	return fresh, fresh || !c.failed.IsZero() && now.Sub(c.failed) < known
}

func (c *confirmed) set(at time.Time, list []storage.Archived, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.failed = at
	case !at.Before(c.at):
		c.list, c.at, c.failed = list, at, time.Time{}
	}
}

// learn asks the archive what it has, where that was longer ago than an age.
func (h *History) learn(ctx context.Context, age time.Duration) error {
	at := time.Now()
	if fresh, _ := h.confirmed.fresh(at, age); fresh {
		return nil
	}
	list, err := h.cfg.Archive.Confirmed(ctx, "")
	if err != nil {
		err = fmt.Errorf("what the archive has: %w", err)
	}
	h.confirmed.set(at, list, err)
	return err
}

// glimpse is learn for who can do without: it waits a second at most, and not at all for an archive that is known
// to be away.
func (h *History) glimpse(ctx context.Context, age time.Duration) {
	if _, tried := h.confirmed.fresh(time.Now(), age); tried || h.cfg.Archive.Stats().Away != "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	_ = h.learn(ctx, age) // it is noted that it failed
}

// mayHold tells whether the archive, as far as is known, is a place for records of a stream.
func (h *History) mayHold(stream messages.Stream) bool {
	if h.cfg.Archive.Takes().Match(stream) {
		return true
	}
	has, _ := h.confirmed.of(stream)
	return slices.ContainsFunc(has.list, func(a storage.Archived) bool { return has.holds(&a) })
}

// patiently asks the archive, again and again while it is away, for at most a time. What it gives then is a
// command.ErrUnavailable. before is the ms before which what was asked for was received, 0 where that says nothing.
func (h *History) patiently(ctx context.Context, patience time.Duration, before int64, ask func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ask(bounded)
		switch {
		case err == nil:
			h.silence.ends()
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case h.cfg.Archive.Stats().Refused:
			return h.unavailable(before, time.Time{}, err)
		case bounded.Err() == nil && !errors.Is(err, storage.ErrAway):
			return err
		}
		var since time.Time
		if s := h.cfg.Archive.Stats(); s.Away != "" {
			since = s.Since
		}
		if !since.IsZero() && time.Since(since) > patience || !rest(bounded) {
			return h.unavailable(before, since, err)
		}
	}
}

// silence is when somebody waited last for an archive in vain: in Unix ns, 0 where it has answered since. It is safe for concurrent use.
type silence struct{ at atomic.Int64 }

func (s *silence) begins() { s.at.Store(time.Now().UnixNano()) }
func (s *silence) ends()   { s.at.Store(0) }

// lately tells whether that was a moment ago: who can do without the archive does not ask it then.
func (s *silence) lately() bool {
	at := s.at.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < known
}

// rest waits before the next try; false when there is to be none.
func rest(ctx context.Context) bool {
	wait := time.NewTimer(pause)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// unavailable says that the archive can't be reached, to who needs it.
func (h *History) unavailable(before int64, since time.Time, err error) error {
	h.away.Add(1)
	h.silence.begins()
	if !errors.Is(err, storage.ErrAway) {
		err = fmt.Errorf("%w: %w", storage.ErrAway, err)
	}
	what, when := "what is asked for", "can't be reached now"
	if before > 0 && before <= most {
		what = "what was received before " + time.UnixMilli(before).UTC().Format(time.RFC3339)
	}
	switch {
	case h.cfg.Archive.Stats().Refused:
		when = "this node does not use"
	case !since.IsZero():
		when = "can't be reached since " + since.UTC().Format(time.RFC3339)
	}
	return fmt.Errorf("%w: %s is in the archive, which %s: %w", command.ErrUnavailable, what, when, err)
}
