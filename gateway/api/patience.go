package api

import (
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"anode/messages/room"
)

// patience is how long a client may take nothing of an answer.
const patience = 2 * time.Minute

const (
	// mostAnswers is the most bytes that answers on their way to slow clients hold together.
	mostAnswers = 256 << 20
	// smallWrite is up to how much of an answer needs no place: the server's buffer takes it.
	smallWrite = 2 << 10
)

// patient is a writer to a client that has so long for each write, however long the whole takes. What an
// answer holds while a write goes on has a place in the room: when all together are too much, those whose
// writes take longest are cut.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	each    time.Duration
	room    *room.Room
	place   *room.Place
	cut     atomic.Bool
	// behind is what the answer holds besides what is being written.
	behind int
}

// Write implements http.ResponseWriter.
func (p *patient) Write(b []byte) (int, error) {
	p.allow()
	held := len(b) + p.behind
	if held <= smallWrite {
		return p.ResponseWriter.Write(b)
	}
	if p.place == nil {
		p.place = p.room.Enter(func() {
			p.cut.Store(true)
			_ = p.control.SetWriteDeadline(time.Now())
		})
	}
	p.place.Hold(int64(held))
	defer p.place.Hold(0)
	if p.cut.Load() { // between two writes: the time of this one would begin anew, and what it holds would not count
		return 0, os.ErrDeadlineExceeded
	}
	return p.ResponseWriter.Write(b)
}

// leave ends it; it tells whether the answer was cut for what it held.
func (p *patient) leave() (cut bool) {
	if p.place != nil {
		p.place.Leave()
	}
	return p.cut.Load()
}

// allow begins the time of a write. A recorder in a test has no deadlines.
func (p *patient) allow() { _ = p.control.SetWriteDeadline(time.Now().Add(p.each)) }

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// patiently gives a handler a patient writer.
func (s *server) patiently(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		w := c.Response().Writer
		p := &patient{ResponseWriter: w, control: http.NewResponseController(w), each: s.Patience, room: s.answers}
		c.Response().Writer = p
		defer func() {
			if p.leave() {
				s.Logger.Warn("an answer was cut: slow clients together hold too much", "path", c.Request().URL.Path, "remote", c.Request().RemoteAddr)
			}
		}()
		return next(c)
	}
}
