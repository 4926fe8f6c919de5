package link

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// What an Endpoint takes where nothing else is said.
const (
	// DefaultHandshake is how long all steps of a handshake may take together: it is three ways there and back, and
	// the longest on earth take 0.3 s.
	DefaultHandshake = 5 * time.Second
	// DefaultHandshakes is the most connections that are accepted and no link yet, DefaultHandshakesPerAddress of
	// one address. One takes 13 to 25 KB.
	DefaultHandshakes           = 64
	DefaultHandshakesPerAddress = 8

	// atonement is how long a connection that did not become a link counts at least: a handshake costs 0.5 ms of
	// CPU, so strangers can have 3 % of a core, and one address less than 1 %.
	atonement = time.Second

	// strangerBytes is the most that is read of who has proven nothing: about 2 KiB are TLS, and a Hello has at
	// most 8 KiB. TLS alone would take certificates of 256 KiB.
	strangerBytes = 16 << 10
)

// Config is what an Endpoint needs. Zeros of the numbers stand for the defaults.
type Config struct {
	// Cluster is the mesh's name.
	Cluster string
	// Key is the node's. Its certificate is made of it.
	Key ed25519.PrivateKey
	// NodeIDOf is the name that a key gives.
	NodeIDOf func(ed25519.PublicKey) messages.NodeID
	// Keys are the cluster's now; asked at each handshake, so that they can be changed.
	Keys func() *Keys
	// Hello is what the node says of itself to a peer: all but versions, cluster, node and proof, which are the
	// Endpoint's to say. A dialer says it before it knows whether the other end knows the secret. It may be asked by many at a
	// time, and must not outlast ctx.
	Hello func(ctx context.Context, peer messages.NodeID) (frame.Hello, error)

	Handshake                    time.Duration
	MaxHandshakes, MaxPerAddress int
	// Refused, where there is one, is told why a connection that was accepted did not become a link. It may be called
	// by many at a time, and in a flood very often.
	Refused func(remote net.Addr, err error)
	// Counters are counted up; nil are none.
	Counters *Counters
}

// Validate tells all that is wrong with a Config.
func (c *Config) Validate() error {
	var faults []error
	if c.Cluster == "" || len(c.Cluster) > frame.MaxText {
		faults = append(faults, fmt.Errorf("cluster name of %d bytes: 1 to %d are allowed", len(c.Cluster), frame.MaxText))
	}
	if len(c.Key) != ed25519.PrivateKeySize {
		faults = append(faults, fmt.Errorf("node key of %d bytes, %d are needed", len(c.Key), ed25519.PrivateKeySize))
	}
	if c.NodeIDOf == nil || c.Keys == nil || c.Hello == nil {
		faults = append(faults, errors.New("NodeIDOf, Keys and Hello are needed"))
	}
	if c.Handshake < 0 || c.MaxHandshakes < 0 || c.MaxPerAddress < 0 {
		faults = append(faults, errors.New("bounds must not be negative"))
	}
	return errors.Join(faults...)
}

// Endpoint is where links of a node begin. It is safe for concurrent use.
type Endpoint struct {
	cfg         Config
	id          messages.NodeID
	certificate tls.Certificate
	gate        *gate
	// oldest and version are the versions that are spoken.
	oldest, version uint16
}

// NewEndpoint makes an Endpoint of a valid Config.
func NewEndpoint(cfg Config) (*Endpoint, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	certificate, err := certify(cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	cfg.Handshake = or(cfg.Handshake, DefaultHandshake)
	cfg.MaxHandshakes, cfg.MaxPerAddress = or(cfg.MaxHandshakes, DefaultHandshakes), or(cfg.MaxPerAddress, DefaultHandshakesPerAddress)
	cfg.Counters = or(cfg.Counters, new(Counters))
	return &Endpoint{
		cfg: cfg, certificate: certificate, gate: newGate(cfg.MaxHandshakes, cfg.MaxPerAddress),
		id:     cfg.NodeIDOf(cfg.Key.Public().(ed25519.PublicKey)),
		oldest: frame.Oldest, version: frame.Version,
	}, nil
}

// ID is the node's.
func (e *Endpoint) ID() messages.NodeID { return e.id }

// Listen accepts links until ctx ends or the listener is closed, and closes it. Each that began is given to
// accepted, from a goroutine of its own, and belongs to it; accepted must not outlast ctx.
func (e *Endpoint) Listen(ctx context.Context, from net.Listener, accepted func(*Conn)) error {
	ctx, cancel := context.WithCancel(ctx)
	var hands sync.WaitGroup
	defer hands.Wait()
	defer cancel()
	defer onDone(ctx, func() { _ = from.Close() })()
	for {
		raw, err := accept(ctx, from, func() { e.cfg.Counters.AcceptFailures.Add(1) })
		if err != nil {
			return ended(ctx, err)
		}
		if !e.gate.enter(raw.RemoteAddr()) {
			e.refuse(raw.RemoteAddr(), ErrLimit)
			e.cfg.Counters.refuse(ErrLimit)
			cut(raw)
			continue
		}
		hands.Go(func() {
			err := guarded(func() {
				if conn := e.admit(ctx, raw); conn != nil {
					accepted(conn)
				}
			})
			if err != nil {
				e.refuse(raw.RemoteAddr(), err)
				e.cfg.Counters.refuse(err)
				cut(raw)
			}
		})
	}
}

// admit makes a link of a connection that was let in, and leaves the gate: at once with a link, but not before atonement
// is over with none.
func (e *Endpoint) admit(ctx context.Context, raw net.Conn) *Conn {
	defer e.gate.leave(raw.RemoteAddr())
	over := time.NewTimer(atonement)
	defer over.Stop()
	conn, err := e.Accept(ctx, raw)
	if err == nil {
		return conn
	}
	e.refuse(raw.RemoteAddr(), err)
	select {
	case <-over.C:
	case <-ctx.Done():
	}
	return nil
}

func (e *Endpoint) refuse(remote net.Addr, err error) {
	if e.cfg.Refused != nil {
		e.cfg.Refused(remote, err)
	}
}

// Accept makes a link of a connection that was accepted, within the time of a handshake and outside of the
// bounds on strangers, which are Listen's. The connection is the Endpoint's from here on: an error has closed it.
func (e *Endpoint) Accept(ctx context.Context, raw net.Conn) (*Conn, error) {
	return e.begin(ctx, raw, listener, "")
}

// Dial makes a link of a connection that was dialled, to the node that is wanted; "" is any. The connection is the
// Endpoint's from here on: an error has closed it.
func (e *Endpoint) Dial(ctx context.Context, raw net.Conn, want messages.NodeID) (*Conn, error) {
	return e.begin(ctx, raw, dialer, want)
}
