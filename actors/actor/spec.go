package actor

import (
	"math/rand/v2"
	"time"
)

// Actor is one incarnation. Messages come one at a time; each is immutable.
type Actor interface {
	Receive(ctx *Context, message any)
}

// Starter is an Actor that acquires what it needs before its first message. An error is a failure.
type Starter interface {
	Started(ctx *Context) error
}

// Stopper is an Actor that releases what it has. Its children and owned goroutines are gone by
// then.
type Stopper interface {
	Stopped(ctx *Context)
}

// Spec says how an actor is made and kept.
type Spec struct {
	// Name tells it apart among its siblings; required, without '/'.
	Name string
	// New makes an incarnation; required. It only allocates.
	New func() Actor
	// Limit is the most messages in the mailbox: 1,024 when zero.
	Limit int
	// LimitBytes is the most bytes in it, as told with TryTell; 0 is no bound. One message larger
	// than that is taken when the mailbox is empty.
	LimitBytes int64
	// Backoff is the pause before the next incarnation.
	Backoff Backoff
}

const defaultLimit = 1024

// Backoff is an exponential pause with full jitter: a random time up to Min doubled by each
// failure in a row, up to Max. Marc Brooker, "Exponential Backoff and Jitter" (2015), has why.
type Backoff struct {
	// Min is 100 ms when zero, Max 30 s.
	Min, Max time.Duration
	// ResetAfter is how long an incarnation lives for its failure to be the first in a row again:
	// Max when zero.
	ResetAfter time.Duration
}

func (b Backoff) withDefaults() Backoff {
	if b.Min <= 0 {
		b.Min = 100 * time.Millisecond
	}
	if b.Max <= 0 {
		b.Max = 30 * time.Second
	}
	b.Max = max(b.Max, b.Min)
	if b.ResetAfter <= 0 {
		b.ResetAfter = b.Max
	}
	return b
}

// Pause is how long to wait after that many failures in a row, from 1.
func (b Backoff) Pause(failures int) time.Duration {
	b = b.withDefaults()
	most := b.Min
	for range min(failures-1, 40) {
		if most = 2 * most; most >= b.Max {
			most = b.Max
			break
		}
	}
	return rand.N(most + 1)
}
