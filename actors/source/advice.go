package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"syscall"
	"time"

	"anode/actors/source/egress"
	"anode/messages/spec"
)

// Refused is the error of a feed that answered, and not with what it was asked for.
type Refused struct {
	Status int
	// Text says it, with the feed's own words.
	Text string
}

// Error says it.
func (r *Refused) Error() string { return r.Text }

// NoAnswer is the error of who did not answer, or not wholly, in time.
type NoAnswer struct {
	Who    string
	Within time.Duration
}

// Error says it.
func (n *NoAnswer) Error() string { return fmt.Sprintf("%s did not answer within %s", n.Who, n.Within) }

// WrongKind is the error of a feed that speaks as another kind does.
type WrongKind struct{ Is, Why string }

// Error says what to write instead.
func (w *WrongKind) Error() string { return w.Why + ": write kind: " + w.Is }

// Stream tells of a successful answer that never ends: server-sent events are no answer to a poll.
func Stream(r *http.Response) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || r.StatusCode != http.StatusOK || kind != "text/event-stream" {
		return nil
	}
	return &WrongKind{Is: spec.KindSSE, Why: "the feed answers with server-sent events, which have no end"}
}

// Advice says what to do about the error of a connection; empty where nobody can tell.
func Advice(err error, s *spec.Spec) string {
	var refused *Refused
	var private *egress.RefusedError
	var name *net.DNSError
	var tooMuch *AskedToWait
	switch {
	case errors.As(err, new(*NoSecret)):
		return "the feed was not asked: give this node the secret as the reason says; it is tried again with it"
	case errors.Is(err, ErrTooLarge):
		return "ask the feed for less at once: fewer items, a shorter page, or a part of it"
	case errors.As(err, &private):
		return fmt.Sprintf("sources reach public addresses only. If %s is meant, the operator of the node can allow it with --allow-private", private.Addr)
	case errors.As(err, &refused):
		return refusedAdvice(refused.Status, s)
	case errors.As(err, &tooMuch):
		return "the feed wants to be asked less often: a longer rest.every, or a budget for all sources of that host"
	case errors.As(err, &name) && name.IsNotFound:
		return "no such host is known: look for a typing error in url"
	case errors.As(err, &name):
		return "the node can't resolve the name: look at its DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: look at the port in url, and whether the feed runs"
	case certificate(err):
		return "the feed's certificate is not one that the node trusts: name its authority in tls.ca, and see that url has the name in the certificate"
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, http.ErrSchemeMismatch):
		return "the feed does not speak TLS there: http:// or ws:// in place of https:// or wss://, or another port"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, new(*NoAnswer)):
		return "the feed is slow or can't be reached from this node"
	}
	return ""
}

func certificate(err error) bool {
	return errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(x509.CertificateInvalidError)) || errors.As(err, new(*tls.CertificateVerificationError))
}

func refusedAdvice(status int, s *spec.Spec) string {
	switch {
	case status == http.StatusUnauthorized:
		return "the feed wants credentials: put them into a file of --secrets, and write auth: {bearer: '${secret:NAME}'}, basic, or a header as its documentation says"
	case status == http.StatusForbidden:
		return "the feed knows who asks and refuses, or wants a header that browsers send: look at its credentials, and at what its documentation wants (some want a User-Agent that names you)"
	case status == http.StatusNotFound || status == http.StatusGone:
		return "nothing is at that address: look at the path and the version in url"
	case status == http.StatusMethodNotAllowed:
		return "the address takes another method: rest.method"
	case status == http.StatusNotAcceptable || status == http.StatusUnsupportedMediaType:
		return "the feed wants another Accept or Content-Type: set it in headers"
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		return "the feed does not like what it was asked: its own words say what; look at url, rest.query and rest.body"
	case status == http.StatusUpgradeRequired:
		return "the feed speaks WebSocket there: kind: websocket, with wss:// in url"
	case status == http.StatusTooManyRequests:
		return "the feed wants to be asked less often: a longer rest.every, or a budget for all sources of that host"
	case status >= 300 && status < 400:
		return "the feed moved: use the address that it names"
	case status == http.StatusOK && s != nil && s.Kind == spec.KindWebSocket:
		return "the address answers plain HTTP: kind: rest, or the path of its WebSocket"
	case status >= 500:
		return "the feed itself fails; it is tried again by itself"
	}
	return ""
}
