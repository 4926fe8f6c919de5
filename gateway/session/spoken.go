package session

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// handshake is a response whose connection is let speak for the handshake only.
type handshake struct {
	http.ResponseWriter
	rooms *sync.Pool
	conn  *spoken
}

// Hijack implements http.Hijacker.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = newSpoken(conn, h.rooms)
	return h.conn, buffered, nil
}

// aheadBytes is how much is read at once.
const aheadBytes = 4 << 10

// spoken is a connection to which nothing is written any more once the handshake is over: a library
// that answers a broken frame by itself would write into the middle of one of the hub's.
//
// From then on it reads ahead, into room that it holds only while something is in it: who asks for a
// frame's header and then for its parts makes one call to the system for many small frames, and a
// connection that says nothing has no buffer.
type spoken struct {
	net.Conn
	over atomic.Bool

	// What follows is the reader's. raw is nil where there is no file descriptor.
	raw   syscall.RawConn
	rooms *sync.Pool
	// ahead is what was read and not yet taken; it stands in room.
	ahead []byte
	room  *[aheadBytes]byte
	// attempt is s.try, made once; count and failed are what came of it.
	attempt func(fd uintptr) bool
	count   int
	failed  error
}

func newSpoken(conn net.Conn, rooms *sync.Pool) *spoken {
	s := &spoken{Conn: conn, rooms: rooms}
	s.attempt = s.try
	s.raw = rawConn(conn)
	return s
}

// Write implements net.Conn.
func (s *spoken) Write(p []byte) (int, error) {
	if s.over.Load() {
		return len(p), nil
	}
	return s.Conn.Write(p)
}

// Read implements net.Conn.
func (s *spoken) Read(p []byte) (int, error) {
	if len(s.ahead) == 0 {
		if s.raw == nil || len(p) == 0 || len(p) >= aheadBytes || !s.over.Load() {
			return s.Conn.Read(p)
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.ahead)
	if s.ahead = s.ahead[n:]; len(s.ahead) == 0 {
		s.rooms.Put(s.room)
		s.ahead, s.room = nil, nil
	}
	return n, nil
}

// fill waits for something to read, and reads what there is.
func (s *spoken) fill() error {
	err := s.raw.Read(s.attempt)
	count, failed := s.count, s.failed
	s.count, s.failed = 0, nil
	if err == nil && failed == nil && count > 0 {
		s.ahead = s.room[:count]
		return nil
	}
	if s.room != nil {
		s.rooms.Put(s.room)
		s.room = nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case failed != nil:
		return &net.OpError{Op: "read", Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: os.NewSyscallError("read", failed)}
	}
	return io.EOF
}

// try reads once; it is false when there is nothing yet, and holds no room while that is so.
func (s *spoken) try(fd uintptr) bool {
	s.room = s.rooms.Get().(*[aheadBytes]byte)
	s.count, s.failed = readOnce(fd, s.room[:])
	if again(s.failed) {
		s.rooms.Put(s.room)
		s.room, s.failed = nil, nil
		return false
	}
	return true
}
