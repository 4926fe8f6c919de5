package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"anode/messages/command"
)

// drain begins to hand the node's sources over; then the node ends.
func (s *server) drain(c echo.Context) error {
	view, err := command.Ask(c.Request().Context(), s.Node, command.Retire{})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, view)
}
