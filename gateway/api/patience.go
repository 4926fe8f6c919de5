package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// patience is how long a client may take nothing of an answer.
const patience = 2 * time.Minute

// patient is a writer to a client that has so long for each write, however long the whole takes.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	each    time.Duration
}

// Write implements http.ResponseWriter.
func (p *patient) Write(b []byte) (int, error) {
	p.allow()
	return p.ResponseWriter.Write(b)
}

// allow begins the time of a write. A recorder in a test has no deadlines.
func (p *patient) allow() { _ = p.control.SetWriteDeadline(time.Now().Add(p.each)) }

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// patiently gives a handler a patient writer.
func (s *server) patiently(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		w := c.Response().Writer
		c.Response().Writer = &patient{ResponseWriter: w, control: http.NewResponseController(w), each: s.Patience}
		return next(c)
	}
}
