package websocket

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"anode/actors/source"
)

const (
	// overlap is for how long two connections are read at once after the open frames of the new one are sent,
	// or a twelfth of the time between two renewals, if that is less. A new one that brings nothing is waited
	// for three times as long.
	overlap     = 5 * time.Second
	overlapPart = 12
	// renewAgainMost bounds the pause after a new connection that failed: an overlap, doubled by each.
	renewAgainMost = 5 * time.Minute
)

func (c *connector) overlap() time.Duration { return min(overlap, c.spec.Renew.Of()/overlapPart) }

var errRenewed = errors.New("the connection is renewed")

// renewIn is a time up to a twentieth before the connection is to be renewed: sources that began together
// need not end together.
func (c *connector) renewIn() time.Duration {
	whole := c.spec.Renew.Of()
	return whole - rand.N(whole/20+1)
}

// oneByOne ends each connection before it makes the next.
func (c *connector) oneByOne(ctx context.Context, line *source.Line) error {
	for {
		life, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(c.renewIn(), func() { cancel(errRenewed) })
		err := c.session(ctx, line).run(life)
		timer.Stop()
		cancel(nil)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !errors.Is(err, errRenewed) {
			return err
		}
		line.Renewed()
	}
}

// relay makes each connection before it ends the one before: for a while there are two, and both are read. It
// belongs to the goroutine of the connector; each connection has one of its own.
type relay struct {
	*connector
	line *source.Line
	ends chan end
	// current is the connection that counts, next the one that is to follow it; nil means none.
	current, next *leg
	// running is how many goroutines there are.
	running int
	// failed counts the nexts in a row that came to nothing.
	failed int
}

// leg is a connection of a relay.
type leg struct {
	session *session
	cancel  context.CancelCauseFunc
	// standing tells that it is known to stand.
	standing bool
}

type end struct {
	of  *leg
	err error
}

// stands is closed when a connection stands; nil where there is none, or where it is known already.
func (l *leg) stands() <-chan struct{} {
	if l == nil || l.standing {
		return nil
	}
	return l.session.stood
}

// run returns with the end of a connection that has no successor.
func (r *relay) run(ctx context.Context) error {
	defer r.join()
	r.current = r.launch(ctx)
	renew, handover := time.NewTimer(0), time.NewTimer(0)
	renew.Stop()
	handover.Stop()
	defer renew.Stop()
	defer handover.Stop()
	for {
		select {
		case e := <-r.ends:
			r.running--
			if r.next == nil {
				return e.err
			}
			handover.Stop()
			if again := r.ended(e); r.current.standing {
				renew.Reset(again)
			}
		case <-r.current.stands():
			if r.current.standing = true; r.next == nil {
				renew.Reset(r.renewIn())
			}
		case <-renew.C:
			r.next = r.launch(ctx)
		case <-r.next.stands():
			r.next.standing = true
			handover.Reset(r.overlap())
		case <-handover.C:
			if s := r.next.session; s.messages.Load() == 0 && time.Since(s.begun) < 3*r.overlap() {
				handover.Reset(r.overlap() / 5)
				continue
			}
			r.current.cancel(errRenewed) // its end comes
		}
	}
}

// launch begins a connection.
func (r *relay) launch(ctx context.Context) *leg {
	life, cancel := context.WithCancelCause(ctx)
	l := &leg{session: r.session(ctx, r.line), cancel: cancel}
	r.running++
	go func() { r.ends <- end{l, source.Catch(func() error { return l.session.run(life) })} }()
	return l
}

// ended is called with the end of one of two connections; the other goes on. It gives when the next renewal is due.
func (r *relay) ended(e end) time.Duration {
	e.of.cancel(nil)
	if e.of == r.current {
		r.current, r.next, r.failed = r.next, nil, 0
		r.line.Renewed()
		return r.renewIn()
	}
	r.next = nil
	r.failed++
	r.line.Report(fmt.Sprintf("the connection can't be renewed, and stays as it is: %v", e.err), nil, 0)
	return min(r.overlap()<<min(r.failed-1, 10), renewAgainMost)
}

// join ends what is left.
func (r *relay) join() {
	for _, l := range []*leg{r.current, r.next} {
		if l != nil {
			l.cancel(errRenewed)
		}
	}
	for ; r.running > 0; r.running-- {
		<-r.ends
	}
}
