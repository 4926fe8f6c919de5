package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"anode/messages/command"
)

// ban shuts a node out or lets it in again.
func (s *server) ban(lift bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		if _, err := command.Ask(c.Request().Context(), s.Node, command.Ban{Node: param(c, "node"), Lift: lift}); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}
}

func (s *server) listBans(c echo.Context) error {
	p, err := readPage(c, listLimit, maxListLimit)
	if err != nil {
		return err
	}
	views, err := command.Ask(c.Request().Context(), s.Node, command.Bans{})
	if err != nil {
		return err
	}
	return sendList(c, p, views, func(v command.BanView) string { return string(v.Node) })
}
