package api

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
)

// lines is an answer of NDJSON whose lines are sent as they come, for as long as they do.
type lines struct {
	*echo.Response
	control *http.ResponseController
}

// beginLines writes the head of such an answer. To HEAD there is no more of it.
func beginLines(c echo.Context) lines {
	l := lines{c.Response(), http.NewResponseController(c.Response().Writer)}
	l.Header().Set("Content-Type", typeNDJSON)
	l.Header().Set("Cache-Control", "no-store")
	l.Header().Set("X-Accel-Buffering", "no")
	l.WriteHeader(http.StatusOK)
	return l
}

// send sends what is written. It is false where the client is gone. A recorder in a test sends nothing.
func (l lines) send() bool {
	err := l.control.Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}
