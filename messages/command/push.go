package command

import (
	"context"
	"net/http"
)

// OpenPush opens a sender's way into a push source of this node. The answer must be closed. Nothing of a
// message need have been read for it. ErrNotFound where no such source is registered, ErrNotPush where it
// is of another kind, ErrUnauthorized where the token is not the source's, ErrStorageFull where the journal
// has no room, ErrUnavailable where the source does not run, as when it is paused.
type OpenPush struct {
	To[Pusher]
	Name string
	// Token is what the sender showed; empty is none.
	Token string
	// Socket tells that the messages have no headers of their own: ErrUnauthorized where each must be signed.
	Socket bool
}

// Pusher takes the messages of one sender. It is for one goroutine.
type Pusher interface {
	// Reserve makes room for so many more bytes of messages that are not pushed yet. It waits for it until
	// ctx ends, and fails with ErrTooMany then.
	Reserve(ctx context.Context, bytes int) error
	// Push hands a message over, in order; what was reserved is given back once it is answered. It waits
	// for a place until ctx ends. Done is called once, when the journal has what the message made, as its
	// durability says; it must not block. An error tells that the message is not taken, and Done is never called:
	// ErrTooMany, ErrUnauthorized where its signature is wrong, and what OpenPush fails with.
	Push(ctx context.Context, m PushMessage, done func(Pushed, error)) error
	// Close gives back what was reserved for what was not pushed.
	Close()
}

// PushMessage is a message of a sender. All of it is the source's from Push on.
type PushMessage struct {
	// Body is the message; Wire is how it came where that is otherwise, as compressed.
	Body, Wire []byte
	// Binary tells that it was a binary message of a WebSocket.
	Binary bool
	// URL is where it was sent, without credentials.
	URL string
	// Header are the request's headers: of the handshake for a WebSocket.
	Header http.Header
}

// Pushed is what became of messages, in records.
type Pushed struct {
	// Accepted are in the journal.
	Accepted uint64      `json:"accepted"`
	Dropped  SourceDrops `json:"dropped"`
	// Sent is what the source's rules answer, in order.
	Sent [][]byte `json:"-"`
}

// Add counts further messages.
func (p *Pushed) Add(more Pushed) {
	p.Accepted += more.Accepted
	p.Dropped.Filtered += more.Dropped.Filtered
	p.Dropped.Duplicate += more.Dropped.Duplicate
	p.Dropped.Limited += more.Dropped.Limited
	p.Dropped.Failed += more.Dropped.Failed
	p.Sent = append(p.Sent, more.Sent...)
}
