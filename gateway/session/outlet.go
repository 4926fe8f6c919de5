package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"anode/gateway/problem"
)

// wire is a connection that is written without blocking where it can be. It is the part of an
// Outlet that both kinds share.
type wire struct {
	conn net.Conn
	raw  syscall.RawConn
	// said tells that something was written, or is about to be, of a response that has no frames.
	said atomic.Bool
	once sync.Once
	done func()
	// attempt is w.try, made once; it writes what out is, and leaves how that went.
	attempt func(fd uintptr) bool
	out     []byte
	wrote   int
	failed  error
}

func newWire(conn net.Conn, done func()) *wire {
	w := &wire{conn: conn, done: done}
	w.attempt = w.try
	w.raw = rawConn(conn)
	return w
}

// TryWrite implements command.Outlet. A connection without a file descriptor takes nothing at
// once: everything goes by Write.
func (w *wire) TryWrite(p []byte) (int, error) {
	if w.raw == nil {
		return 0, nil
	}
	w.out = p
	err := w.raw.Write(w.attempt)
	n, failed := w.wrote, w.failed
	w.out, w.failed = nil, nil
	switch {
	case err != nil:
		return 0, fmt.Errorf("write: %w", err)
	case again(failed):
		return 0, nil
	case failed != nil:
		return 0, fmt.Errorf("write: %w", failed)
	}
	return max(n, 0), nil
}

// try writes once, whatever comes of it.
func (w *wire) try(fd uintptr) bool {
	w.wrote, w.failed = writeOnce(fd, w.out)
	return true
}

// Write implements command.Outlet.
func (w *wire) Write(p []byte, patience time.Duration) error {
	for len(p) > 0 {
		if err := w.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		n, err := w.conn.Write(p)
		p = p[n:]
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return w.conn.SetWriteDeadline(time.Time{})
}

// Close implements command.Outlet.
func (w *wire) Close() {
	w.once.Do(func() {
		_ = w.conn.Close() // nobody is left to tell
		w.done()
	})
}

// socket is the Outlet of a WebSocket. A server's frames are not masked (RFC 6455, 5.2).
type socket struct{ *wire }

// Events implements command.Outlet.
func (socket) Events() bool { return false }

// Frame implements command.Outlet: one text frame.
func (socket) Frame(dst, head, body []byte) []byte {
	dst = appendFrameHeader(dst, websocket.TextMessage, len(head)+len(body))
	return append(append(dst, head...), body...)
}

// Farewell implements command.Outlet: a close frame.
func (socket) Farewell(dst []byte, code int, reason string) []byte {
	return appendControl(dst, websocket.CloseMessage, websocket.FormatCloseMessage(code, clip(reason)))
}

// clip cuts a reason to what a close frame takes.
func clip(reason string) string {
	const most = 123
	if len(reason) <= most {
		return reason
	}
	cut := most
	for cut > 0 && reason[cut]&0xC0 == 0x80 {
		cut--
	}
	return reason[:cut]
}

func appendControl(dst []byte, opcode int, payload []byte) []byte {
	return append(appendFrameHeader(dst, opcode, len(payload)), payload...)
}

func appendFrameHeader(dst []byte, opcode, length int) []byte {
	const final = 0x80
	dst = append(dst, final|byte(opcode))
	switch {
	case length < 126:
		return append(dst, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(length))
	}
}

// stream is the Outlet of server-sent events. They have no close code: the connection ends; before anything
// was said on it, with a 503.
type stream struct {
	*wire
	header http.Header
}

// TryWrite implements command.Outlet.
func (s stream) TryWrite(p []byte) (int, error) {
	s.said.Store(true)
	return s.wire.TryWrite(p)
}

// Events implements command.Outlet.
func (stream) Events() bool { return true }

// Frame implements command.Outlet.
func (stream) Frame(dst, head, body []byte) []byte { return append(append(dst, head...), body...) }

// Farewell implements command.Outlet.
func (s stream) Farewell(dst []byte, _ int, reason string) []byte {
	// a head that was not queued before the end is not coming, though a place in a stream may be told already
	if !bytes.HasPrefix(dst, []byte("HTTP/")) && s.said.CompareAndSwap(false, true) {
		return appendProblem(dst[:0], problem.New(http.StatusServiceUnavailable, "unavailable", "%s", reason), s.header)
	}
	for _, c := range []byte(reason) {
		if c < ' ' {
			reason = ""
		}
	}
	return append(append(append(dst, ": "...), reason...), "\n\n"...)
}

// drain reads until the connection ends, and throws away what comes.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }
