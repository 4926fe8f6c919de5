package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
	"anode/messages/command"
)

// What a try does where nobody says.
const (
	tryFor     = 5 * time.Second
	tryRecords = 20
	// tryTail is how much longer than its time a try may take to end.
	tryTail = 15 * time.Second
)

// try runs a spec on this node or the one that is named, or guesses what is missing of one that has a url and no kind, and saves nothing.
func (s *server) try(c echo.Context) error {
	q := command.Try{Node: c.QueryParam("node"), Records: tryRecords}
	var err error
	if q.For, err = readFor(c, tryFor, command.MaxTry); err != nil {
		return err
	}
	if text := c.QueryParam("max"); text != "" {
		if q.Records, err = strconv.Atoi(text); err != nil || q.Records < 1 || q.Records > command.MaxTryRecords {
			return invalidParameter("max %s: 1 to %d are allowed", clip(text), command.MaxTryRecords)
		}
	}
	if q.Document, q.YAML, err = readSpec(c.Request()); err != nil {
		return err
	}
	ctx, end := s.bounded(c, q.For+tryTail)
	defer end()
	view, err := command.Ask(ctx, s.Node, q)
	if err != nil {
		if errors.Is(err, errOver) || ctx.Err() != nil && c.Request().Context().Err() == nil {
			return problem.New(http.StatusServiceUnavailable, "unavailable", "the try did not end in time, or the node is stopping")
		}
		return err
	}
	return c.JSON(http.StatusOK, view)
}
