package source

import (
	"errors"
	"fmt"
	"time"

	"anode/actors/actor"
	"anode/messages/command"
	"anode/messages/spec"
)

// The ends that a source makes itself.
var (
	errReassigned = errors.New("the source is to be otherwise")
	errRestart    = errors.New("the source is started again")
	errRefused    = fmt.Errorf("%w: the journal does not take records", command.ErrUnavailable)
)

// late is the end of a connection whose feed was silent for too long.
type late struct {
	clock string
	after time.Duration
}

func (l *late) Error() string {
	switch l.clock {
	case clockData:
		return fmt.Sprintf("no data came for %s", l.after)
	case clockProtocol:
		return fmt.Sprintf("no message that can be read came for %s", l.after)
	}
	return fmt.Sprintf("nothing came for %s", l.after)
}

// The clocks of liveness.
const (
	clockTransport = "transport"
	clockProtocol  = "protocol"
	clockData      = "data"
)

// mostWait bounds what a feed can ask for.
const mostWait = 24 * time.Hour

// mostQuick is how many short connections in a row may follow each other at once.
const mostQuick = 3

// ending is how a connection ended.
type ending struct {
	// err is why; nil is an end in order.
	err error
	// data tells that it brought some; good, that the feed worked.
	data, good bool
	lived      time.Duration
}

// policy decides what comes after the end of a connection. It is pure but for the jitter.
type policy struct {
	backoff  spec.Backoff
	failures int // in a row
	quick    int // in a row: connections that brought data, ended in order and were short
}

var errNothing = errors.New("the feed ended the connection before it brought data")

// next is the pause before the next connection, and why; nil is an end in order that needs none.
func (p *policy) next(e ending) (pause time.Duration, why error) {
	var of *late
	var words *EndedInOrder
	wish := time.Duration(0)
	var asked *AskedToWait
	if errors.As(e.err, &asked) {
		wish = min(asked.Wait, mostWait)
	}
	inOrder := e.err == nil || asked != nil && asked.Err == nil || errors.As(e.err, &words)
	switch {
	case errors.As(e.err, &of) && of.clock == clockData:
		return 0, e.err
	case inOrder && e.data:
		p.failures = 0
		if p.quick++; e.lived >= p.backoff.Min.Of() {
			p.quick = 0
		}
		if p.quick <= mostQuick {
			return wish, nil
		}
		return max(p.pause(1), wish), nil
	}
	p.quick = 0
	if e.good || e.lived >= p.backoff.Max.Of() {
		p.failures = 0
	}
	p.failures++
	pause = max(p.pause(p.failures), wish)
	if why = e.err; why == nil {
		why = errNothing
	}
	return pause, why
}

// pause is a random time up to the least, doubled by each failure in a row, up to the most.
func (p *policy) pause(failures int) time.Duration {
	return actor.Backoff{Min: p.backoff.Min.Of(), Max: p.backoff.Max.Of()}.Pause(failures)
}

// signs are when a connection showed life last, in Unix ns; 0 means never.
type signs struct {
	begun, transport, protocol, data int64
	// heldUntil is until when the feed was not read, as the journal or a budget was waited for; waited is how long that was since the last data, in ns.
	heldUntil int64
	waited    time.Duration
	// stood is when the connection stood; before that no data are awaited.
	stood int64
	// quietUntil is until when none is awaited.
	quietUntil int64
}

// check finds the clock that is late, or how long it takes until one may be; 0 is never. Each counts
// from the beginning of the connection too, that of data from when it stands. dataWait is the clock of data, which grows. What is waited for
// begins the other clocks anew, as they are of any sign; that of data it only stops: each message waits for the journal, and most may make no record.
func check(l spec.Liveness, dataWait time.Duration, s signs, now int64) (*late, time.Duration) {
	soonest := time.Duration(0)
	for _, c := range []struct {
		name  string
		after time.Duration
		last  int64
	}{
		{clockTransport, l.Transport.Of(), max(s.begun, s.heldUntil, s.transport, s.quietUntil)},
		{clockProtocol, l.Protocol.Of(), max(s.begun, s.heldUntil, s.protocol, s.quietUntil)},
		{clockData, dataWait, max(s.begun, s.stood, s.data) + int64(s.waited)},
	} {
		if c.after <= 0 || c.name == clockData && s.stood == 0 {
			continue
		}
		left := time.Duration(c.last-now) + c.after
		if left <= 0 {
			return &late{c.name, c.after}, 0
		}
		if soonest == 0 || left < soonest {
			soonest = left
		}
	}
	return nil, soonest
}

// mostDataWait bounds how seldom a feed without data is connected anew.
const mostDataWait = 24 * time.Hour

// nextDataWait is the clock of data after it was late.
func nextDataWait(configured, last time.Duration) time.Duration {
	return min(2*last, max(configured, mostDataWait))
}
