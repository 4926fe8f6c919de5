package command

import (
	"context"
	"errors"
	"fmt"
)

// Asker answers questions; a node is one.
type Asker interface {
	// Ask blocks until the answer, its error, or the end of ctx.
	Ask(ctx context.Context, question any) (any, error)
}

// Question is a value that has an answer of type A. A type becomes one by embedding To[A].
type Question[A any] interface{ answeredBy(A) }

// To makes a struct that embeds it a Question with answers of type A.
type To[A any] struct{}

func (To[A]) answeredBy(A) {}

// Ask asks with the answer's type.
func Ask[A any](ctx context.Context, node Asker, question Question[A]) (A, error) {
	var none A
	answer, err := node.Ask(ctx, question)
	if err != nil {
		return none, err
	}
	typed, ok := answer.(A)
	if !ok {
		return none, fmt.Errorf("%T was answered with %T, not %T", question, answer, none)
	}
	return typed, nil
}

// The errors that answers carry over the seam between actors and the gateway, which maps
// them to status and close codes. Each is wrapped with what is wrong in words.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("exists already")
	ErrConflict    = errors.New("version conflict")
	ErrInvalid     = errors.New("invalid")
	ErrForbidden   = errors.New("forbidden")
	ErrUnavailable = errors.New("unavailable")
	ErrStorageFull = errors.New("storage is full")
	ErrTooMany     = errors.New("too many")
	// ErrSelf marks what is not done to the node itself that is asked.
	ErrSelf = errors.New("that is this node")
	// ErrUnauthorized marks what needs another credential.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrPaused marks what can't be done with a source that is paused.
	ErrPaused = errors.New("paused")
	// ErrNotPush marks a push to a source that is no push source.
	ErrNotPush = errors.New("no push source")
	// ErrUnconfirmed is an ErrUnavailable after which what was asked may be done, or is done and not
	// durable yet: who asks again may have it done twice.
	ErrUnconfirmed = fmt.Errorf("%w: not confirmed", ErrUnavailable)
	// ErrUncovered is an ErrUnconfirmed of what is stored, as durable as it is to be, and in no other node that is known
	// of, where an answer is to wait for one.
	ErrUncovered = fmt.Errorf("%w: stored in this node, and no other is known to hold it", ErrUnconfirmed)
	// ErrInvalidFilter marks a where that is no expression of the safe subset.
	ErrInvalidFilter = errors.New("invalid filter")
)
