package link

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// inUse is the memory in use: heap and stacks.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// dialFrom dials from an address of this machine: each stands for another host. It is nil where the connection
// was cut before it was there.
func dialFrom(t testing.TB, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", to)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return conn
}

// besieged is a node that listens through a mux, with more patience than a slow machine needs.
func besieged(t testing.TB) (at string, counters *Counters, links chan *Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := configOf(t, "b")
	cfg.Handshake = time.Minute
	m := NewMux(ln, MuxConfig{Peek: time.Minute, Counters: cfg.Counters})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { m.Run(ctx) })
	links = make(chan *Conn, 1)
	e := endpointOf(t, cfg)
	all.Go(func() { e.Listen(ctx, m.Links(), func(c *Conn) { links <- c }) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	return ln.Addr().String(), cfg.Counters, links
}

func TestAThousandStrangersAtOnce(t *testing.T) {
	at, counters, links := besieged(t)
	before := inUse()
	var cut atomic.Int64
	var readers sync.WaitGroup
	var conns []net.Conn
	for range 1000 {
		conn := dialFrom(t, "127.0.0.1", at)
		if conn == nil {
			cut.Add(1)
			continue
		}
		conns = append(conns, conn)
		conn.Write([]byte{0x16, 3, 1, 0, 200})
		readers.Go(func() {
			io.Copy(io.Discard, conn)
			cut.Add(1)
		})
	}
	for deadline := time.Now().Add(30 * time.Second); cut.Load() < 1000-DefaultHandshakesPerAddress; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of 1000 were cut", cut.Load())
		}
		runtime.Gosched()
	}
	if n := counters.Handshakes.Load(); n > DefaultHandshakesPerAddress {
		t.Errorf("%d handshakes are under way with one address", n)
	}
	if n := counters.Refused[ReasonLimit].Load(); n < 1000-DefaultHandshakesPerAddress {
		t.Errorf("%d were counted", n)
	}
	// What the test itself has for them is in it: a goroutine and a connection each.
	if grown := inUse() - before; grown > 8<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	// Who comes from elsewhere is let in.
	raw := dialFrom(t, "127.0.0.2", at)
	conn, err := newNode(t, "a").Dial(t.Context(), raw, idOf("b"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	(<-links).Close()
	for _, c := range conns {
		c.Close()
	}
	readers.Wait()
}

func TestStrangersThatFailAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newMemory()
		cfg := configOf(t, "b")
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { endpointOf(t, cfg).Listen(ctx, ln, func(*Conn) {}) })
		began := time.Now()
		for time.Since(began) < 10*time.Second { // one fails at once, and comes again 100 times a second
			conn := ln.dial(t, "x")
			go io.Copy(io.Discard, conn)
			conn.Write([]byte("garbage"))
			conn.Close()
			time.Sleep(10 * time.Millisecond)
		}
		if tried, cut := cfg.Counters.Refused[ReasonTLS].Load(), cfg.Counters.Refused[ReasonLimit].Load(); tried != 10*DefaultHandshakesPerAddress || tried+cut != 1000 {
			t.Errorf("%d handshakes were tried and %d cut in 10 s", tried, cut)
		}
		cancel()
		all.Wait()
	})
}

// halfOpen has so many strangers say something, each from an address of its own, and tells what one takes.
func halfOpen(t testing.TB, n int, sent []byte) int64 {
	at, counters, _ := besieged(t)
	var conns []net.Conn
	before := inUse()
	for i := range n {
		conn := dialFrom(t, (&net.IPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}).String(), at)
		conn.Write(sent)
		conns = append(conns, conn)
	}
	for counters.Handshakes.Load()+counters.Peeks.Load() < int64(n) || counters.BytesIn.Load() < uint64(n*len(sent)) {
		runtime.Gosched()
	}
	took := (inUse() - before) / int64(n)
	for _, conn := range conns {
		conn.Close()
	}
	return took
}

func TestAHalfOpenConnectionTakesLittle(t *testing.T) {
	for name, sent := range map[string][]byte{
		"nothing":          nil,
		"the first bytes":  {0x16, 3, 1, 0, 200},
		"15 KB of a hello": append([]byte{0x16, 3, 1, 0x3f, 0xff, 1, 0, 0xff, 0xff}, make([]byte, 15<<10)...),
	} {
		took := halfOpen(t, DefaultHandshakes, sent)
		t.Logf("%s: %d bytes a connection", name, took)
		if took > 64<<10 {
			t.Errorf("%s: a connection takes %d bytes", name, took)
		}
	}
}

func FuzzListener(f *testing.F) {
	f.Add([]byte{0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	e := newNode(f, "b")
	f.Fuzz(func(t *testing.T, b []byte) {
		left, right := net.Pipe()
		go func() {
			left.Write(b)
			left.Close()
		}()
		go io.Copy(io.Discard, left)
		conn, err := e.Accept(t.Context(), right)
		if err == nil {
			t.Fatalf("%x made a link with %s", b, conn.Peer)
		}
		if ReasonOf(err) == ReasonOther {
			t.Errorf("%x: %v has no reason", b, err)
		}
	})
}

// outlet counts what is said.
type outlet struct{ bytes int }

func (o *outlet) Write(b []byte) (int, error) {
	o.bytes += len(b)
	return len(b), nil
}

// chopped gives its bytes a few at a time.
type chopped struct {
	rest []byte
	step int
}

func (c *chopped) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), c.step)], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func FuzzListenerBehindTLS(f *testing.F) {
	bound := make([]byte, bindingBytes)
	keys := keysOf(f, cluster, secret)
	right := &frame.Hello{
		Version: 1, Oldest: 1, Cluster: cluster, Node: idOf("x"), Name: "x", Epoch: 1,
		Proof: prove(keys.proof[0], dialer, bound, pair{idOf("x"), idOf("b")}),
	}
	wrong := *right
	wrong.Proof[3] ^= 1
	f.Add(frame.Append(nil, right), 100)
	f.Add(frame.Append(nil, &wrong), 1)
	f.Add(frame.Append(nil, &frame.Ping{}), 5)
	e := newNode(f, "b")
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		out := new(outlet)
		in := newInbox(&chopped{b, max(1, step)})
		s := &session{Endpoint: e, in: in, out: out, peer: idOf("x"), binding: bound, keys: keys}
		hello, err := s.answer(t.Context())
		in.drop()
		knows := hello != nil && hello.Proof == right.Proof && hello.Node == messages.NodeID(idOf("x")) && hello.Cluster == cluster
		if (err == nil || out.bytes > 0) && !knows {
			t.Errorf("%x was told %d bytes: %v", b, out.bytes, err)
		}
		if err != nil && ReasonOf(err) == ReasonOther || errors.Is(err, ErrHello) {
			t.Errorf("%x: %v", b, err)
		}
	})
}
