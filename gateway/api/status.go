package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"anode/messages"
	"anode/messages/command"
)

// healthz says that the process lives and can answer.
func (s *server) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether the node can take and deliver records now.
func (s *server) readyz(c echo.Context) error {
	view, err := command.Ask(c.Request().Context(), s.Node, command.Ready{})
	if err != nil {
		return err
	}
	if !view.Ready {
		return c.JSON(http.StatusServiceUnavailable, view)
	}
	return c.JSON(http.StatusOK, view)
}

func (s *server) listStreams(c echo.Context) error {
	p, err := readPage(c, listLimit, maxListLimit, "match")
	if err != nil {
		return err
	}
	match := messages.Everything
	if text := p.params.Get("match"); text != "" {
		if match, err = messages.ParseShortPattern(text); err != nil {
			return err
		}
	}
	streams, err := command.Ask(c.Request().Context(), s.Node, command.Streams{
		Match: match, After: messages.Stream(p.token.Get("after")), Most: p.limit + 1, // one more tells whether there is a next page
	})
	if err != nil {
		return err
	}
	return sendList(c, p, streams, func(v command.StreamView) string { return string(v.Name) })
}

func (s *server) listSubscribers(c echo.Context) error {
	p, err := readPage(c, listLimit, maxListLimit)
	if err != nil {
		return err
	}
	views, err := command.Ask(c.Request().Context(), s.Node, command.Subscribers{})
	if err != nil {
		return err
	}
	return sendList(c, p, views, func(v command.SubscriberView) string { return v.ID })
}

func (s *server) listEvents(c echo.Context) error {
	p, err := readPage(c, listLimit, maxListLimit)
	if err != nil {
		return err
	}
	views, err := command.Ask(c.Request().Context(), s.Node, command.Events{})
	if err != nil {
		return err
	}
	return sendList(c, p, views, func(v command.EventView) string {
		return v.At.UTC().Format("2006-01-02T15:04:05.000000000Z") + " " + v.Source + " " + v.Version + " " + v.Event
	})
}
