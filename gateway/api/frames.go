package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"anode/messages/command"
	"anode/messages/units"
)

// For how long frames are given, where nobody says, and at most.
const (
	framesFor    = time.Minute
	mostFramesOf = 24 * time.Hour
)

// readFor reads ?for=.
func readFor(c echo.Context, otherwise, most time.Duration) (time.Duration, error) {
	text := c.QueryParam("for")
	if text == "" {
		return otherwise, nil
	}
	d, err := units.ParseDuration(text)
	switch {
	case err != nil:
		return 0, invalidParameter("for: %v", err)
	case d <= 0 || d > most:
		return 0, invalidParameter("for %s: above 0 and up to %s is allowed", clip(text), most)
	}
	return d, nil
}

// errOver ends what was asked for a time.
var errOver = errors.New("the time is over")

// bounded ends a request's context after a time, and when the server closes.
func (s *server) bounded(c echo.Context, d time.Duration) (context.Context, func()) {
	return s.until(context.WithTimeoutCause(c.Request().Context(), d, errOver))
}

// open ends a request's context when the server closes.
func (s *server) open(c echo.Context) (context.Context, func()) {
	return s.until(context.WithCancel(c.Request().Context()))
}

// until ends a context when the server closes.
func (s *server) until(ctx context.Context, cancel context.CancelFunc) (context.Context, func()) {
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-s.Closing:
			cancel()
		case <-stop:
		}
	}()
	return ctx, func() {
		close(stop)
		<-ended
		cancel()
	}
}

// frames streams what a source hears and says, a frame a line.
func (s *server) frames(c echo.Context) error {
	d, err := readFor(c, framesFor, mostFramesOf)
	if err != nil {
		return err
	}
	reader, err := command.Ask(c.Request().Context(), s.Node, command.Frames{Name: param(c, "name")})
	if err != nil {
		return err
	}
	defer reader.Close()
	out := beginLines(c)
	if c.Request().Method == http.MethodHead || !out.send() { // there may be no frame for long
		return nil
	}
	ctx, end := s.bounded(c, d)
	defer end()
	var line []byte
	for {
		frame, err := reader.Next(ctx)
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				s.Logger.Error("frames were cut", "path", c.Request().URL.Path, "error", err)
			}
			return nil
		}
		if line, err = frame.AppendJSON(line[:0]); err != nil {
			s.Logger.Error("a frame can't be written", "path", c.Request().URL.Path, "error", err)
			panic(http.ErrAbortHandler) // no client is to take a part for the whole
		}
		if _, err := out.Write(append(line, '\n')); err != nil || !out.send() {
			return nil //nolint:nilerr // the client is gone
		}
	}
}
