package source

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"anode/actors/source/egress"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// Connector brings the messages of one feed. A source has one at a time.
type Connector interface {
	// Run makes one connection and hands what it brings to the line, until the connection or ctx
	// ends. Nil, or an EndedInOrder, means that the feed ended it in order; another error says in
	// words, without secrets, what went wrong. Whatever it started is gone when it returns; goroutines of its own run
	// under Catch. It is called again for the next
	// connection, never twice at once.
	Run(ctx context.Context, line *Line) error
	// Close releases what was kept between connections, after the last Run.
	Close()
}

// Kind makes connectors of one kind of feed. It compiles the spec's templates and does no I/O;
// faults of the spec come as spec.Faults.
type Kind func(Setup) (Connector, error)

// Setup is what a connector is made of.
type Setup struct {
	Spec     *spec.Spec
	Language transform.Language
	Guard    *egress.Guard
	Clock    func() time.Time
	Logger   *slog.Logger
	// Exposed tells that other machines may push to this node's sources.
	Exposed bool

	// pass waits until one more request may be made of a host.
	pass func(ctx context.Context, host string) error
	// transports has all that were compiled.
	transports *[]*Transport
}

// MaxMessage is the most bytes of one message of a feed.
const MaxMessage = 16 << 20

// ErrTooLarge marks a message above MaxMessage.
var ErrTooLarge = errors.New("the feed sent a message above 16 MiB")

// AskedToWait is an error with the feed's wish to be left alone for a time. Without Err the feed ended the
// connection in order.
type AskedToWait struct {
	Err  error
	Wait time.Duration
}

// Error is that of Err.
func (a *AskedToWait) Error() string {
	if a.Err == nil {
		return errNothing.Error()
	}
	return a.Err.Error()
}

// Unwrap gives Err.
func (a *AskedToWait) Unwrap() error { return a.Err }

// EndedInOrder is what a feed said when it ended a connection in order.
type EndedInOrder struct{ Words string }

// Error says it.
func (e *EndedInOrder) Error() string {
	return "the feed ended the connection before it brought data, and said " + strconv.Quote(e.Words)
}
