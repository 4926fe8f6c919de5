package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

func TestTwoNodesThatKnowTheSecretAreLinked(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		for _, want := range []messages.NodeID{idOf("b"), ""} {
			a, b := sockets(t, host)
			d, l := shake(t, newNode(t, "a"), newNode(t, "b"), want, a, b)
			if d.err != nil || l.err != nil {
				t.Fatalf("%s: dialer: %v, listener: %v", host, d.err, l.err)
			}
			if d.conn.Peer != idOf("b") || l.conn.Peer != idOf("a") || !d.conn.Dialed || l.conn.Dialed || d.conn.Version != frame.Version {
				t.Errorf("%s: %+v, %+v", host, d.conn, l.conn)
			}
			if h := l.conn.Hello; h.Name != "a" || h.Epoch != 7 || h.Known.Origin != idOf("b") || h.Cluster != cluster {
				t.Errorf("%s: the listener was told %+v", host, h)
			}
			if h := d.conn.Hello; h.Name != "b" || h.Known.Origin != idOf("a") {
				t.Errorf("%s: the dialer was told %+v", host, h)
			}
			d.conn.Close()
			l.conn.Close()
		}
	}
}

// refusals are handshakes between two endpoints that must fail, and what each side says of it.
func refusals(t *testing.T) map[string]func() (dials, listens *Endpoint, want messages.NodeID, dialer, listener error) {
	other := func(change func(*Config)) *Endpoint {
		cfg := configOf(t, "a")
		change(&cfg)
		return endpointOf(t, cfg)
	}
	keyed := func(name string, secrets ...[]byte) func(*Config) {
		return func(cfg *Config) {
			keys := keysOf(t, name, secrets...)
			cfg.Cluster, cfg.Keys = name, func() *Keys { return keys }
		}
	}
	b := newNode(t, "b")
	return map[string]func() (*Endpoint, *Endpoint, messages.NodeID, error, error){
		"another secret": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			return other(keyed(cluster, []byte("another secret, as long"))), b, "", ErrEnded, ErrSecret
		},
		"another cluster": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			return other(keyed("home", secret)), b, "", ErrEnded, ErrCluster
		},
		"an old dialer": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			young := newNode(t, "b")
			young.oldest, young.version = 2, 3
			return newNode(t, "a"), young, "", ErrVersion, ErrVersion
		},
		"an old listener": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			young := newNode(t, "a")
			young.oldest, young.version = 2, 3
			return young, b, "", ErrVersion, ErrVersion
		},
		"not who was wanted": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			return newNode(t, "a"), b, idOf("c"), ErrIdentity, ErrTLS
		},
		"itself": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			return newNode(t, "b"), b, "", ErrSelf, ErrTLS
		},
		"a dialer without words": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			return other(func(cfg *Config) {
				cfg.Hello = func(context.Context, messages.NodeID) (frame.Hello, error) {
					return frame.Hello{}, errors.New("not now")
				}
			}), b, "", ErrHello, ErrEnded
		},
		"a dialer with a bad epoch": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			return other(func(cfg *Config) {
				cfg.Hello = func(context.Context, messages.NodeID) (frame.Hello, error) { return frame.Hello{Epoch: 0}, nil }
			}), b, "", ErrHello, ErrEnded
		},
		"an unknown peer by its own listener": func() (*Endpoint, *Endpoint, messages.NodeID, error, error) {
			mute := newNode(t, "b")
			mute.cfg.Hello = func(context.Context, messages.NodeID) (frame.Hello, error) {
				return frame.Hello{Epoch: 1, Name: strings.Repeat("x", frame.MaxText+1)}, nil
			}
			return newNode(t, "a"), mute, "", ErrEnded, ErrHello
		},
	}
}

func TestBothSidesSayWhyTheyRefuse(t *testing.T) {
	for name, make := range refusals(t) {
		t.Run(name, func(t *testing.T) {
			dials, listens, want, dialer, listener := make()
			a, b := sockets(t, "127.0.0.1")
			before := listens.cfg.Counters.Refused[ReasonOf(listener)].Load()
			d, l := shake(t, dials, listens, want, a, b)
			wantErr(t, "dialer", d.err, dialer)
			wantErr(t, "listener", l.err, listener)
			if n := listens.cfg.Counters.Refused[ReasonOf(listener)].Load() - before; n != 1 {
				t.Errorf("the listener counted %d with reason %s, want 1", n, ReasonOf(listener))
			}
			if n := dials.cfg.Counters.Refused[ReasonOf(dialer)].Load(); n != 1 {
				t.Errorf("the dialer counted %d with reason %s, want 1", n, ReasonOf(dialer))
			}
			if n := listens.cfg.Counters.Handshakes.Load(); n != 0 {
				t.Errorf("%d handshakes are under way at the end", n)
			}
		})
	}
}

// hostile are dialers that do TLS right, as the node "x", and then something else.
var hostile = map[string]struct {
	say  func(t *testing.T, secure *tls.Conn) []byte
	want error
}{
	"a proof of nothing": {func(t *testing.T, s *tls.Conn) []byte {
		h := greeting(t, s, "x", dialer)
		h.Proof = [32]byte{}
		return frame.Append(nil, h)
	}, ErrSecret},
	"the proof of a listener": {func(t *testing.T, s *tls.Conn) []byte { return frame.Append(nil, greeting(t, s, "x", listener)) }, ErrSecret},
	"a proof for another node": {func(t *testing.T, s *tls.Conn) []byte {
		h := greeting(t, s, "y", dialer)
		h.Node = idOf("x")
		return frame.Append(nil, h)
	}, ErrSecret},
	"another node's name": {func(t *testing.T, s *tls.Conn) []byte {
		h := greeting(t, s, "x", dialer)
		h.Node = idOf("y")
		return frame.Append(nil, h)
	}, ErrIdentity},
	"another cluster's name with the right proof": {func(t *testing.T, s *tls.Conn) []byte {
		h := greeting(t, s, "x", dialer)
		h.Cluster = "home"
		return frame.Append(nil, h)
	}, ErrCluster},
	"a ping first":         {func(*testing.T, *tls.Conn) []byte { return frame.Append(nil, &frame.Ping{}) }, ErrFrame},
	"garbage":              {func(*testing.T, *tls.Conn) []byte { return []byte(strings.Repeat("garbage ", 99)) }, ErrFrame},
	"a hello of 9 KiB":     {func(*testing.T, *tls.Conn) []byte { return append([]byte{0, 0x24, 0, 0, 1}, make([]byte, 9<<10)...) }, ErrFrame},
	"a hello of 4 GiB":     {func(*testing.T, *tls.Conn) []byte { return []byte{0xff, 0xff, 0xff, 0xff, 1} }, ErrFrame},
	"an empty hello":       {func(*testing.T, *tls.Conn) []byte { return []byte{0, 0, 0, 0, 1} }, ErrFrame},
	"a hello that is cut":  {func(t *testing.T, s *tls.Conn) []byte { return frame.Append(nil, greeting(t, s, "x", dialer))[:40] }, ErrEnded},
	"nothing, and the end": {func(*testing.T, *tls.Conn) []byte { return nil }, ErrEnded},
}

func TestAStrangerLearnsNothing(t *testing.T) {
	for name, h := range hostile {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t, "127.0.0.1")
			done := listening(t, newNode(t, "b"), b)
			secure := stranger(t, a, "x")
			if _, err := secure.Write(h.say(t, secure)); err != nil {
				t.Fatal(err)
			}
			if err := secure.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			said, _ := io.ReadAll(secure)
			if len(said) > 0 {
				t.Errorf("the stranger was told %d bytes: %q", len(said), said)
			}
			wantErr(t, "listener", (<-done).err, h.want)
		})
	}
}

func TestARecordedHelloIsOfNoUse(t *testing.T) {
	a, b := sockets(t, "127.0.0.1")
	done := listening(t, newNode(t, "b"), b)
	secure := stranger(t, a, "a")
	hello := frame.Append(nil, greeting(t, secure, "a", dialer))
	secure.Write(hello)
	if first := <-done; first.err != nil {
		t.Fatal("the recorded handshake itself:", first.err)
	}

	// With the very key of the node: only the session differs.
	a, b = sockets(t, "127.0.0.1")
	done = listening(t, newNode(t, "b"), b)
	stranger(t, a, "a").Write(hello)
	wantErr(t, "listener", (<-done).err, ErrSecret)
}

func TestAListenerThatReflectsTheProofIsRefused(t *testing.T) {
	for name, reflect := range map[string]func(*frame.Hello){
		"as it came":      func(*frame.Hello) {},
		"under its name":  func(h *frame.Hello) { h.Node = idOf("b") },
		"proving nothing": func(h *frame.Hello) { h.Node, h.Proof = idOf("b"), [32]byte{} },
	} {
		a, b := sockets(t, "127.0.0.1")
		fake := tls.Server(b, newNode(t, "b").tlsConfig(func(messages.NodeID) error { return nil }))
		go func() {
			h, err := frame.NewReader(fake).Hello()
			if err == nil {
				reflect(h)
				fake.Write(frame.Append(nil, h))
			}
		}()
		_, err := newNode(t, "a").Dial(t.Context(), a, idOf("b"))
		wantErr(t, "dialer, "+name, err, ErrSecret)
	}
}

func TestAManInTheMiddleIsFound(t *testing.T) {
	a, left := sockets(t, "127.0.0.1")
	right, b := sockets(t, "127.0.0.1")
	done := listening(t, newNode(t, "b"), b)
	dialed := make(chan error, 1)
	go func() {
		_, err := newNode(t, "a").Dial(t.Context(), a, "")
		dialed <- err
	}()
	// The one in the middle ends both sessions, and hands on what is said. It can't have the keys of a and b, only its
	// own; with them it is found just the same.
	inner := tls.Server(left, newNode(t, "b").tlsConfig(func(messages.NodeID) error { return nil }))
	outer := stranger(t, right, "a")
	hello, err := frame.NewReader(inner).Hello()
	if err != nil {
		t.Fatal(err)
	}
	outer.Write(frame.Append(nil, hello))
	wantErr(t, "listener", (<-done).err, ErrSecret)
	inner.Close()
	wantErr(t, "dialer", <-dialed, ErrEnded)
}

func TestOnlyTLS13WithCertificatesOfNodesIsSpoken(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, curve.Public(), curve)
	if err != nil {
		t.Fatal(err)
	}
	good := newNode(t, "x").tlsConfig(func(messages.NodeID) error { return nil })
	for name, c := range map[string]struct {
		change func(*tls.Config)
		want   error
	}{
		"TLS 1.2":        {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }, ErrTLS},
		"no certificate": {func(c *tls.Config) { c.Certificates = nil }, ErrTLS},
		"a key of another kind": {func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: curve}}
		}, ErrIdentity},
		"a certificate of 60 KB": {func(c *tls.Config) {
			big := c.Certificates[0]
			for range 200 {
				big.Certificate = append(big.Certificate, big.Certificate[0])
			}
			c.Certificates = []tls.Certificate{big}
		}, ErrFrame},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t, "127.0.0.1")
			done := listening(t, newNode(t, "b"), b)
			config := good.Clone()
			c.change(config)
			secure := tls.Client(a, config)
			secure.Write([]byte("anybody there?"))
			if n, _ := io.Copy(io.Discard, secure); n > 0 {
				t.Errorf("it was told %d bytes", n)
			}
			wantErr(t, "listener", (<-done).err, c.want)
		})
	}
	a, b := sockets(t, "127.0.0.1")
	done := listening(t, newNode(t, "b"), b)
	a.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	wantErr(t, "plain text", (<-done).err, ErrTLS)
}

func TestAHandshakeEndsInTime(t *testing.T) {
	dribble := func(t *testing.T, conn net.Conn, b []byte) {
		for _, c := range b {
			time.Sleep(time.Second)
			if _, err := conn.Write([]byte{c}); err != nil {
				return
			}
		}
	}
	for name, hold := range map[string]func(*testing.T, net.Conn){
		"half open":         func(*testing.T, net.Conn) {},
		"TLS byte by byte":  func(t *testing.T, conn net.Conn) { dribble(t, conn, []byte{0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3}) },
		"silent behind TLS": func(t *testing.T, conn net.Conn) { stranger(t, conn, "x") },
		"a hello byte by byte": func(t *testing.T, conn net.Conn) {
			secure := stranger(t, conn, "x")
			dribble(t, secure, frame.Append(nil, greeting(t, secure, "x", dialer)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := net.Pipe()
				began := time.Now()
				done := listening(t, newNode(t, "b"), b)
				var held sync.WaitGroup
				held.Go(func() { hold(t, a) })
				wantErr(t, "listener", (<-done).err, ErrTimeout)
				if took := time.Since(began); took != DefaultHandshake {
					t.Errorf("it took %s, want %s", took, DefaultHandshake)
				}
				a.Close()
				held.Wait()
			})
		})
	}
}

func TestAHandshakeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer a.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("shutting down")) })
		_, err := newNode(t, "a").Dial(ctx, b, "")
		wantErr(t, "dialer", err, context.Canceled)
		if ReasonOf(err) != ReasonCanceled || !strings.Contains(err.Error(), "shutting down") {
			t.Errorf("%v: reason %s", err, ReasonOf(err))
		}
	})
}

func TestSecretsAreRotated(t *testing.T) {
	old, young := []byte("the old secret, 128 bits"), []byte("the new secret, 128 bits")
	steps := [][][]byte{{old}, {old, young}, {young, old}, {young}}
	node := func(name string, secrets [][]byte) *Endpoint {
		cfg := configOf(t, name)
		keys := keysOf(t, cluster, secrets...)
		cfg.Keys = func() *Keys { return keys }
		return endpointOf(t, cfg)
	}
	for i := range steps {
		for j := max(0, i-1); j <= min(i+1, len(steps)-1); j++ {
			a, b := sockets(t, "127.0.0.1")
			d, l := shake(t, node("a", steps[i]), node("b", steps[j]), idOf("b"), a, b)
			if d.err != nil || l.err != nil {
				t.Errorf("step %d to step %d: dialer: %v, listener: %v", i, j, d.err, l.err)
			}
		}
	}
	a, b := sockets(t, "127.0.0.1")
	_, l := shake(t, node("a", steps[0]), node("b", steps[3]), idOf("b"), a, b)
	wantErr(t, "the secret that was removed", l.err, ErrSecret)
}
