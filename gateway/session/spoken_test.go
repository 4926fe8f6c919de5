package session

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// spokenPair is a connection whose handshake is over, and its other end.
func spokenPair(t testing.TB) (*spoken, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	s := newSpoken(near, &sync.Pool{New: func() any { return new([aheadBytes]byte) }})
	s.over.Store(true)
	return s, far
}

// What is read ahead comes whole and in order, however it is asked for, and then no room is held.
func TestReadAhead(t *testing.T) {
	s, far := spokenPair(t)
	want := make([]byte, 100_000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	go func() { _, _ = far.Write(want) }()
	var got []byte
	for size := 1; len(got) < len(want); size = size*3%7919 + 1 {
		p := make([]byte, min(size, len(want)-len(got)))
		n, err := s.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
	if !bytes.Equal(got, want) {
		t.Error("it is not what was sent")
	}
	if s.room != nil || s.ahead != nil {
		t.Error("room is held for nothing")
	}
}

// A reader that waits holds no room, and hears of a deadline and of the end as from the connection itself.
func TestReadAheadEnds(t *testing.T) {
	s, far := spokenPair(t)
	_ = s.SetReadDeadline(time.Now().Add(-time.Second))
	_, err := s.Read(make([]byte, 1))
	var network net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &network) || s.room != nil {
		t.Errorf("%v, room %v", err, s.room != nil)
	}
	_ = s.SetReadDeadline(time.Time{})
	go func() {
		_, _ = far.Write([]byte("x"))
		_ = far.Close()
	}()
	for _, want := range []error{nil, io.EOF} {
		if _, err := s.Read(make([]byte, 8)); !errors.Is(err, want) || s.room != nil {
			t.Errorf("%v, want %v", err, want)
		}
	}
	_ = s.Close()
	if _, err := s.Read(make([]byte, 8)); !errors.Is(err, net.ErrClosed) || !errors.As(err, &network) {
		t.Errorf("after Close: %v", err)
	}
}
