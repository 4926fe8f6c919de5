package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// begin runs one side of a handshake.
func (e *Endpoint) begin(ctx context.Context, raw net.Conn, side role, want messages.NodeID) (*Conn, error) {
	e.cfg.Counters.Handshakes.Add(1)
	defer e.cfg.Counters.Handshakes.Add(-1)
	conn, err := e.try(ctx, raw, side, want)
	if err != nil {
		e.cfg.Counters.refuse(err)
		_ = raw.Close()
		return nil, err
	}
	if side == dialer {
		e.cfg.Counters.Dialed.Add(1)
	} else {
		e.cfg.Counters.Accepted.Add(1)
	}
	return conn, nil
}

// try puts the steps of a handshake under one deadline.
func (e *Endpoint) try(ctx context.Context, raw net.Conn, side role, want messages.NodeID) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Handshake)
	defer cancel()
	tune(raw)
	p := newPipe(raw, e.cfg.Counters)
	if err := raw.SetDeadline(time.Now().Add(e.cfg.Handshake)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnded, err)
	}
	undo := onDone(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	conn, err := e.steps(ctx, p, side, want)
	undo()
	if err == nil {
		err = p.trust(Patience)
	}
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		err = fmt.Errorf("%w: %w", context.Canceled, context.Cause(ctx))
	}
	return conn, err
}

func (e *Endpoint) steps(ctx context.Context, p *pipe, side role, want messages.NodeID) (*Conn, error) {
	secure, err := e.secure(p, side, want)
	if err != nil {
		return nil, err
	}
	state := secure.ConnectionState()
	peer, err := e.peerOf(&state)
	if err != nil {
		return nil, err
	}
	bound, err := binding(&state)
	if err != nil {
		return nil, err
	}
	s := &session{Endpoint: e, in: newInbox(secure), out: secure, peer: peer, binding: bound, keys: e.cfg.Keys()}
	greet := s.answer
	if side == dialer {
		greet = s.open
	}
	hello, err := greet(ctx)
	if err != nil {
		s.in.drop()
		return nil, fmt.Errorf("handshake with %s: %w", peer, err)
	}
	return &Conn{
		Peer: peer, Hello: hello, Version: min(e.version, hello.Version), Dialed: side == dialer,
		pipe: p, tls: secure, in: s.in, counters: e.cfg.Counters,
	}, nil
}

// secure runs TLS's own handshake. A dialer does not show its certificate to who is not wanted.
func (e *Endpoint) secure(p *pipe, side role, want messages.NodeID) (*tls.Conn, error) {
	config := e.tlsConfig(func(peer messages.NodeID) error {
		switch {
		case peer == e.id:
			return ErrSelf
		case want != "" && peer != want:
			return fmt.Errorf("%w: it is %s, wanted was %s", ErrIdentity, peer, want)
		}
		return nil
	})
	secure := tls.Server(p, config)
	if side == dialer {
		secure = tls.Client(p, config)
	}
	if err := secure.Handshake(); err != nil { // its deadline is that of the connection
		return nil, why(err)
	}
	return secure, nil
}

// session is a connection on which TLS is done, and both ends are still to prove that they know the secret.
type session struct {
	*Endpoint
	in      *inbox
	out     io.Writer
	peer    messages.NodeID
	binding []byte
	keys    *Keys
}

// open is the dialer's side: it speaks first.
func (s *session) open(ctx context.Context) (*frame.Hello, error) {
	ends := pair{dialer: s.id, listener: s.peer}
	if err := s.say(ctx, s.keys.proof[0], dialer, ends); err != nil {
		return nil, err
	}
	hello, err := s.hear()
	if err != nil {
		return nil, err
	}
	if s.keys.proven(hello.Proof, listener, s.binding, ends) == nil {
		return nil, ErrSecret
	}
	if err := s.check(hello); err != nil {
		return nil, err
	}
	return hello, s.agree(hello)
}

// answer is the listener's side: it says nothing to who has proven nothing. Then it answers with the key that the
// dialer used, so that two nodes understand each other at any moment of a rotation.
func (s *session) answer(ctx context.Context) (*frame.Hello, error) {
	ends := pair{dialer: s.peer, listener: s.id}
	hello, err := s.hear()
	if err != nil {
		return nil, err
	}
	key := s.keys.proven(hello.Proof, dialer, s.binding, ends)
	if err := s.check(hello); err != nil {
		return nil, err
	}
	if key == nil {
		return nil, ErrSecret
	}
	if err := s.say(ctx, key, listener, ends); err != nil {
		return nil, err
	}
	return hello, s.agree(hello)
}

// say sends this node's Hello.
func (s *session) say(ctx context.Context, key []byte, side role, ends pair) error {
	hello, err := s.cfg.Hello(ctx, s.peer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHello, err)
	}
	hello.Version, hello.Oldest = s.version, s.oldest
	hello.Cluster, hello.Node = s.cfg.Cluster, s.id
	hello.Proof = prove(key, side, s.binding, ends)
	if err := frame.Check(&hello); err != nil {
		return fmt.Errorf("%w: %w", ErrHello, err)
	}
	if hello.Size() > frame.MaxHello {
		return fmt.Errorf("%w: in %d bytes, at most %d are allowed", ErrHello, hello.Size(), frame.MaxHello)
	}
	if _, err := s.out.Write(frame.Append(nil, &hello)); err != nil {
		return why(err)
	}
	return nil
}

// hear reads the peer's Hello.
func (s *session) hear() (*frame.Hello, error) {
	hello, err := s.in.hello()
	switch {
	case err == nil:
		return hello, nil
	case errors.Is(err, frame.ErrFrame):
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil, why(err)
}

// check tells whether a Hello is of this mesh, and of who sent it.
func (s *session) check(hello *frame.Hello) error {
	switch {
	case hello.Cluster != s.cfg.Cluster:
		return fmt.Errorf("%w: %q, this one is %q", ErrCluster, hello.Cluster, s.cfg.Cluster)
	case hello.Node != s.peer:
		return fmt.Errorf("%w: it says that it is %s, and its key is that of %s", ErrIdentity, hello.Node, s.peer)
	}
	return nil
}

// agree tells whether there is a version that both speak. Both find out for themselves, so that both can say it.
func (s *session) agree(hello *frame.Hello) error {
	if min(s.version, hello.Version) < max(s.oldest, hello.Oldest) {
		return fmt.Errorf("%w: its are %d to %d, this node's %d to %d", ErrVersion, hello.Oldest, hello.Version, s.oldest, s.version)
	}
	return nil
}

// why puts what a connection says before the link began into words of this package.
func why(err error) error {
	var late net.Error
	switch {
	case ReasonOf(err) != ReasonOther:
		return err
	case errors.As(err, &late) && late.Timeout():
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case isEnd(err):
		return fmt.Errorf("%w: %w", ErrEnded, err)
	}
	return fmt.Errorf("%w: %w", ErrTLS, err)
}

// isEnd tells whether the other end closed or cut the connection. An alert of TLS is no such end: it stands
// under an Op of its own.
func isEnd(err error) bool {
	var broken *net.OpError
	if errors.As(err, &broken) {
		return broken.Op == "read" || broken.Op == "write"
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe)
}
