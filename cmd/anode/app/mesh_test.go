package app

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// outOfFiles is a listener whose process has no file descriptor left, until it is mended.
type outOfFiles struct {
	asked  atomic.Int64
	mended atomic.Bool
	conns  chan net.Conn
	closed chan struct{}
}

func (l *outOfFiles) Accept() (net.Conn, error) {
	l.asked.Add(1)
	if !l.mended.Load() {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *outOfFiles) Close() error   { close(l.closed); l.mended.Store(true); return nil }
func (l *outOfFiles) Addr() net.Addr { return &net.TCPAddr{} }

// noPackets is a UDP port that nobody uses.
type noPackets struct{ net.PacketConn }

func (noPackets) Close() error { return nil }

func TestMeshPortWithoutFilesPausesAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &outOfFiles{conns: make(chan net.Conn), closed: make(chan struct{})}
		m := newMeshPort(l, noPackets{})
		time.Sleep(time.Minute)
		if n := l.asked.Load(); n < 10 || n > 200 {
			t.Fatalf("it asked %d times in a minute", n)
		}
		l.mended.Store(true)
		ours, theirs := net.Pipe()
		l.conns <- theirs
		if _, err := ours.Read(make([]byte, 1)); err == nil {
			t.Fatal("a peer was not hung up on")
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMeshPortWithoutFilesClosesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &outOfFiles{conns: make(chan net.Conn), closed: make(chan struct{})}
		m := newMeshPort(l, noPackets{})
		time.Sleep(time.Minute)
		synctest.Wait()
		began := time.Now()
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 0 {
			t.Fatalf("it closed after %s", took)
		}
	})
}
