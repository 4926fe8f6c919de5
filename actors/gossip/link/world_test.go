package link

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
	"anode/storage/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const cluster = "lab"

var secret = []byte("0123456789abcdef")

// keyOf is the key of a node of a test, by its name.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func idOf(name string) messages.NodeID {
	return state.NodeIDOf(keyOf(name).Public().(ed25519.PublicKey))
}

func keysOf(t testing.TB, cluster string, secrets ...[]byte) *Keys {
	t.Helper()
	k, err := NewKeys(cluster, secrets, false)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// configOf is that of a node of the cluster.
func configOf(t testing.TB, name string) Config {
	keys := keysOf(t, cluster, secret)
	return Config{
		Cluster: cluster, Key: keyOf(name), NodeIDOf: state.NodeIDOf, Keys: func() *Keys { return keys },
		Hello: func(_ context.Context, peer messages.NodeID) (frame.Hello, error) {
			return frame.Hello{Name: name, Epoch: 7, Mesh: "10.0.0.1:7946", Known: messages.Position{Origin: peer, Epoch: 1, Sequence: 2}}, nil
		},
		Counters: new(Counters),
	}
}

func endpointOf(t testing.TB, cfg Config) *Endpoint {
	t.Helper()
	e, err := NewEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newNode(t testing.TB, name string) *Endpoint { return endpointOf(t, configOf(t, name)) }

// sockets are the two ends of a TCP connection over an address of this machine.
func sockets(t testing.TB, host string) (dialed, accepted net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if dialed, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if accepted, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed, accepted
}

// outcome is what one side of a handshake came to.
type outcome struct {
	conn *Conn
	err  error
}

// listening answers on a connection, in the background.
func listening(t testing.TB, e *Endpoint, raw net.Conn) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		conn, err := e.Accept(t.Context(), raw)
		done <- outcome{conn, err}
	}()
	return done
}

// shake has two endpoints begin a link over two ends of a connection.
func shake(t testing.TB, dials, listens *Endpoint, want messages.NodeID, a, b net.Conn) (dialed, accepted outcome) {
	t.Helper()
	listened := listening(t, listens, b)
	dialed.conn, dialed.err = dials.Dial(t.Context(), a, want)
	return dialed, <-listened
}

// linked are the two ends of a link.
func linked(t testing.TB, a, b net.Conn) (dialed, accepted *Conn) {
	t.Helper()
	d, l := shake(t, newNode(t, "a"), newNode(t, "b"), idOf("b"), a, b)
	if d.err != nil || l.err != nil {
		t.Fatalf("dialer: %v, listener: %v", d.err, l.err)
	}
	return d.conn, l.conn
}

// stranger does TLS with a listener, by hand, with the key of a name.
func stranger(t testing.TB, raw net.Conn, name string) *tls.Conn {
	t.Helper()
	e := newNode(t, name)
	secure := tls.Client(raw, e.tlsConfig(func(messages.NodeID) error { return nil }))
	if err := secure.SetDeadline(time.Now().Add(DefaultHandshake)); err != nil {
		t.Fatal(err)
	}
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	return secure
}

// greeting is a Hello that is right, from a node over a session to the listener "b".
func greeting(t testing.TB, secure *tls.Conn, name string, side role) *frame.Hello {
	t.Helper()
	state := secure.ConnectionState()
	bound, err := binding(&state)
	if err != nil {
		t.Fatal(err)
	}
	return &frame.Hello{
		Version: 1, Oldest: 1, Cluster: cluster, Node: idOf(name), Name: name, Epoch: 1,
		Proof: prove(keysOf(t, cluster, secret).proof[0], side, bound, pair{idOf(name), idOf("b")}),
	}
}

// wantErr fails unless an error is what was wanted.
func wantErr(t testing.TB, who string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", who, got, want)
	}
}

// batch is a sealed batch of about so many bytes.
func batch(t testing.TB, sequence uint64, payload int) *wire.Sealed {
	t.Helper()
	place := wire.Place{BatchID: messages.BatchID{Origin: idOf("a"), Epoch: 1, Sequence: sequence}, First: messages.HLCFromMillis(1_764_000_000_000)}
	s, _, _, err := wire.NewSealer(wire.None).Seal(place, []messages.Draft{{Stream: "lab.a", Payload: []byte(strings.Repeat("7", payload))}})
	if err != nil {
		t.Fatal(err)
	}
	return &s
}
