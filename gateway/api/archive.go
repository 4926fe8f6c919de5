package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"anode/messages"
	"anode/messages/command"
)

// backfill has the node write again into its archive, and tells how far it is, a line at a time.
func (s *server) backfill(c echo.Context) error {
	from, to, err := readTimes(c)
	if err != nil {
		return err
	}
	work, err := command.Ask(c.Request().Context(), s.Node, command.Backfill{FromMs: from, ToMs: to})
	if err != nil {
		return err
	}
	return s.work(c, work)
}

// checkArchive compares journal and archive, a line for each stream and hour.
func (s *server) checkArchive(c echo.Context) error {
	from, to, err := readTimes(c)
	if err != nil {
		return err
	}
	var streams messages.Pattern
	if text := c.QueryParam("streams"); text != "" {
		if streams, err = messages.ParseShortPattern(text); err != nil {
			return err
		}
	}
	work, err := command.Ask(c.Request().Context(), s.Node, command.CheckArchive{FromMs: from, ToMs: to, Streams: streams})
	if err != nil {
		return err
	}
	return s.work(c, work)
}

// readTimes reads ?from= and ?to= as Unix ms.
func readTimes(c echo.Context) (from, to int64, err error) {
	if from, err = readMs(c.QueryParams(), "from"); err != nil {
		return 0, 0, err
	}
	if to, err = readMs(c.QueryParams(), "to"); err != nil {
		return 0, 0, err
	}
	if to > 0 && to <= from {
		return 0, 0, invalidParameter("to is not after from")
	}
	return from, to, nil
}

// work sends what long work tells, a line at a time. The work ends with the request.
func (s *server) work(c echo.Context, work command.ArchiveWork) error {
	defer work.Close()
	out := beginLines(c)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	ctx, end := s.open(c)
	defer end()
	body := json.NewEncoder(out)
	for {
		line, err := work.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil: // the client is gone, or the server closes: no client is to take a part for the whole
			panic(http.ErrAbortHandler)
		}
		if err := body.Encode(line); err != nil || !out.send() {
			return nil //nolint:nilerr // the client is gone
		}
	}
}
