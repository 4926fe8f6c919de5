package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a listener for connections in memory.
type memory struct {
	*branch
}

func newMemory() *memory { return &memory{branch: newBranch(place("here"))} }

// place is the address of a connection in memory.
type place string

func (place) Network() string  { return "memory" }
func (p place) String() string { return string(p) }

// placed is a connection that comes from a place.
type placed struct {
	net.Conn
	from place
}

func (p placed) RemoteAddr() net.Addr { return p.from }

// dial connects from a place.
func (m *memory) dial(t testing.TB, from place) net.Conn {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	m.taken <- placed{b, from}
	return a
}

// muxed runs a Mux over a listener until the test ends.
func muxed(t testing.TB, from net.Listener, cfg MuxConfig) *Mux {
	t.Helper()
	cfg.Counters = new(Counters)
	m := NewMux(from, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		wantErr(t, "Run", <-done, context.Canceled)
	})
	return m
}

func TestTheFirstByteTellsWhoseAConnectionIs(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		m := muxed(t, ln, MuxConfig{})
		for first := range 256 {
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			text := []byte{byte(first), 'r', 'e', 's', 't'}
			conn.Write(text)
			var to net.Listener
			switch {
			case first == 0x16:
				to = m.Links()
			case first <= 13, first == 244:
				to = m.Streams()
			}
			if to == nil {
				if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
					t.Errorf("%s, %#x: not cut: %d bytes, %v", host, first, n, err)
				}
				conn.Close()
				continue
			}
			taken, err := to.Accept()
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if b, err := io.ReadAll(taken); string(b) != string(text) || err != nil {
				t.Errorf("%s, %#x: %q, %v", host, first, b, err)
			}
			if tcpOf(taken) == nil {
				t.Errorf("%s, %#x: the TCP connection is not found", host, first)
			}
			taken.Close()
		}
		if n := m.cfg.Counters.Refused[ReasonStranger].Load(); n != 240 {
			t.Errorf("%s: %d strangers were counted, want 240", host, n)
		}
	}
}

func TestALinkOverAMux(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := muxed(t, ln, MuxConfig{})
	accepted := make(chan *Conn)
	ctx, cancel := context.WithCancel(t.Context())
	listened := make(chan error, 1)
	go func() { listened <- newNode(t, "b").Listen(ctx, m.Links(), func(c *Conn) { accepted <- c }) }()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := newNode(t, "a").Dial(t.Context(), raw, idOf("b"))
	if err != nil {
		t.Fatal(err)
	}
	l := <-accepted
	if l.Peer != idOf("a") || l.Remote().String() != raw.LocalAddr().String() {
		t.Errorf("%s at %s", l.Peer, l.Remote())
	}
	d.Close()
	l.Close()
	cancel()
	wantErr(t, "Listen", <-listened, context.Canceled)
}

func TestWhoSaysNothingIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newMemory()
		m := muxed(t, ln, MuxConfig{})
		conn := ln.dial(t, "x")
		began := time.Now()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("it was not cut")
		}
		if took := time.Since(began); took != DefaultPeek {
			t.Errorf("it took %s, want %s", took, DefaultPeek)
		}
		synctest.Wait()
		if n := m.cfg.Counters.Refused[ReasonTimeout].Load(); n != 1 || m.cfg.Counters.Peeks.Load() != 0 {
			t.Errorf("%d were counted, %d are waited for", n, m.cfg.Counters.Peeks.Load())
		}
	})
}

func TestWhatNobodyTakesIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newMemory()
		muxed(t, ln, MuxConfig{})
		conn := ln.dial(t, "x")
		conn.Write([]byte{0})
		began := time.Now()
		if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(began) != DefaultPeek {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestWhoWaitsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newMemory()
		var refused atomic.Int64
		m := muxed(t, ln, MuxConfig{MaxPeeks: 10, MaxPerAddress: 4, Refused: func(_ net.Addr, err error) {
			if errors.Is(err, ErrLimit) {
				refused.Add(1)
			}
		}})
		for i := range 9 {
			ln.dial(t, place(fmt.Sprint("host", i/3)))
		}
		synctest.Wait()
		began := time.Now()
		good := ln.dial(t, "good")
		go good.Write([]byte{0})
		taken, err := m.Streams().Accept()
		if err != nil || time.Since(began) != 0 {
			t.Fatalf("%v after %s", err, time.Since(began))
		}
		taken.Close()
		synctest.Wait()
		for range 3 { // one more of a host that has three, and no more of any
			ln.dial(t, "host0")
		}
		synctest.Wait()
		if n := refused.Load(); n != 2 || m.cfg.Counters.Peeks.Load() != 10 {
			t.Errorf("%d were refused, %d are waited for", n, m.cfg.Counters.Peeks.Load())
		}
	})
}

// failing is a listener that fails a few times before it accepts.
type failing struct {
	*memory
	left atomic.Int64
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.memory.Accept()
}

func TestAcceptingGoesOnAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &failing{memory: newMemory()}
		ln.left.Store(20)
		began := time.Now()
		m := muxed(t, ln, MuxConfig{})
		go ln.dial(t, "x").Write([]byte{0})
		taken, err := m.Streams().Accept()
		if err != nil {
			t.Fatal(err)
		}
		taken.Close()
		if took := time.Since(began); took < 10*mostWait || took > 20*mostWait || m.cfg.Counters.AcceptFailures.Load() != 20 {
			t.Errorf("%s for %d failures", took, m.cfg.Counters.AcceptFailures.Load())
		}
	})
}

// A port that somebody else closes ends all that waits for connections of it: else who listens for them never ends.
func TestBothListenersEndWithThePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := newMemory()
		m := NewMux(port, MuxConfig{})
		ended := make(chan error, 3)
		go func() { ended <- m.Run(t.Context()) }()
		for _, l := range []net.Listener{m.Links(), m.Streams()} {
			go func() {
				_, err := l.Accept()
				ended <- err
			}()
		}
		synctest.Wait()
		port.Close()
		synctest.Wait()
		if n := len(ended); n != 3 {
			t.Errorf("%d of 3 have ended", n)
			m.Links().Close()
			m.Streams().Close()
		}
		for range 3 {
			wantErr(t, "what waited", <-ended, net.ErrClosed)
		}
	})
}

func TestHosts(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1:1": "10.0.0.1", "[::ffff:10.0.0.1]:1": "10.0.0.1", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[fe80::1%lo]:1": "fe80::/64", "[::1]:1": "::/64",
	} {
		addr, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostOf(addr); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := hostOf(place("x")); got != "x" {
		t.Error(got)
	}
}
