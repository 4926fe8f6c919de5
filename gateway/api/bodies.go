package api

import (
	"io"
	"net/http"
	"sync/atomic"

	"anode/gateway/problem"
)

const (
	// smallBody is how much of each body needs no room, so that large ones never keep small ones out.
	smallBody = 64 << 10
	// mostBodies is the most bytes that all bodies together hold beyond that.
	mostBodies = 256 << 20
)

// bodies bounds what the bodies that come in just now hold in memory, whoever sends them, however slowly.
type bodies struct {
	most int64
	used atomic.Int64
}

// lend makes a body take its place in the room as it comes. give returns it, once nothing reads the
// body any more.
func (b *bodies) lend(body io.ReadCloser) (lent io.ReadCloser, give func()) {
	l := &lentBody{ReadCloser: body, room: b}
	return l, func() { b.used.Add(-l.taken) }
}

// lentBody is one body; it is for one goroutine.
type lentBody struct {
	io.ReadCloser
	room        *bodies
	came, taken int64
}

// Read implements io.Reader. Without room it ends in a *problem.Problem.
func (l *lentBody) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.came += int64(n)
	more := max(0, l.came-smallBody) - l.taken
	if more <= 0 {
		return n, err
	}
	l.taken += more
	if l.room.used.Add(more) > l.room.most {
		return n, problem.New(http.StatusServiceUnavailable, "unavailable", "too many large bodies come in just now: try again, or send smaller ones")
	}
	return n, err
}
