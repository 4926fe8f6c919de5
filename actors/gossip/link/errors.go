package link

import (
	"context"
	"errors"
)

// Why a link did not begin.
var (
	// ErrSecret: the peer does not know the cluster's secret, or somebody stands between.
	ErrSecret = errors.New("the peer does not know the cluster's secret")
	// ErrCluster: the peer is of a mesh of another name.
	ErrCluster = errors.New("the peer is of another cluster")
	// ErrVersion: no version of the protocol is spoken by both.
	ErrVersion = errors.New("the peer speaks no version of the protocol that this node does")
	// ErrIdentity: the peer is not who it says it is, or not who was wanted.
	ErrIdentity = errors.New("the peer is not the node that it should be")
	// ErrSelf: the other end has this node's own key. It is this node, or a copy of it.
	ErrSelf = errors.New("the other end is this node itself")
	// ErrTLS: no TLS 1.3 with certificates on both sides came to be.
	ErrTLS = errors.New("TLS failed")
	// ErrTimeout: it took longer than it may.
	ErrTimeout = errors.New("it took too long")
	// ErrEnded: the peer ended the connection without a word. Who is refused is told nothing; the peer's log has
	// the reason.
	ErrEnded = errors.New("the peer ended the connection before the link began; if it refused this node, its log says why: " +
		"the cluster's secret or name may differ")
	// ErrLimit: too many connections that were no link yet, of all or of that address.
	ErrLimit = errors.New("too many connections at once")
	// ErrStranger: what came is neither a peer link nor memberlist's.
	ErrStranger = errors.New("the first byte is neither of TLS nor of memberlist")
	// ErrHello: this node could not say what it is.
	ErrHello = errors.New("this node can't introduce itself")
)

// Why a link ended, besides the end of the context that Run was given.
var (
	// ErrFrame: bytes came that are no frame, in a handshake too.
	ErrFrame = errors.New("the peer sent what is no frame")
	// ErrGone: the peer ended the link, or the connection was cut.
	ErrGone = errors.New("the peer is gone")
	// ErrStuck: the peer takes nothing.
	ErrStuck = errors.New("the peer takes nothing")
	// ErrClosed: Close was called. Its reason follows.
	ErrClosed = errors.New("closed")
)

// Reason is a short name for why a link did not begin.
type Reason uint8

// The reasons, in the order of the errors.
const (
	ReasonOther Reason = iota
	ReasonCanceled
	ReasonSecret
	ReasonCluster
	ReasonVersion
	ReasonIdentity
	ReasonSelf
	ReasonTLS
	ReasonTimeout
	ReasonEnded
	ReasonLimit
	ReasonStranger
	ReasonHello
	ReasonFrame
	// Reasons is how many there are.
	Reasons
)

// reasons has each reason's name, and the error that it stands for.
var reasons = [Reasons]struct {
	name string
	err  error
}{
	ReasonOther:    {"other", nil},
	ReasonCanceled: {"canceled", context.Canceled},
	ReasonSecret:   {"secret", ErrSecret},
	ReasonCluster:  {"cluster", ErrCluster},
	ReasonVersion:  {"version", ErrVersion},
	ReasonIdentity: {"identity", ErrIdentity},
	ReasonSelf:     {"self", ErrSelf},
	ReasonTLS:      {"tls", ErrTLS},
	ReasonTimeout:  {"timeout", ErrTimeout},
	ReasonEnded:    {"ended", ErrEnded},
	ReasonLimit:    {"limit", ErrLimit},
	ReasonStranger: {"stranger", ErrStranger},
	ReasonHello:    {"hello", ErrHello},
	ReasonFrame:    {"frame", ErrFrame},
}

// String is the reason's name, as in metrics.
func (r Reason) String() string {
	if r < Reasons {
		return reasons[r].name
	}
	return reasons[ReasonOther].name
}

// ReasonOf is the reason for an error of this package.
func ReasonOf(err error) Reason {
	for r := ReasonOther + 1; r < Reasons; r++ {
		if errors.Is(err, reasons[r].err) {
			return r
		}
	}
	return ReasonOther
}
