package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
	"anode/messages/command"
	"anode/messages/units"
)

// prefix stands before the paths of this version of the API.
const prefix = "/api/v1"

// route is one method of one path.
type route struct {
	method, path string
	handler      echo.HandlerFunc
	// params are the query parameters that it knows; others are refused.
	params []string
	// anyParams: it takes whatever parameters come.
	anyParams bool
	// socket: it takes the connection out of the server.
	socket bool
}

// pushPath is where senders push. They may have parameters of their own, and compress.
const pushPath = prefix + "/sources/:name/push"

// several is the one parameter that may be given more than once.
const several = "stream"

func (s *server) routes() []route {
	subscription := []string{several, "start", "where", "policy", "unique"}
	list := []string{"limit", "page"}
	routes := []route{
		{method: "GET", path: "/healthz", handler: s.healthz},
		{method: "GET", path: "/readyz", handler: s.readyz},
		{method: "GET", path: prefix + "/subscribe", handler: echo.WrapHandler(s.Subscribe), params: subscription, socket: true},
		{method: "POST", path: prefix + "/sources", handler: s.postSource},
		{method: "POST", path: prefix + "/sources/try", handler: s.try, params: []string{"for", "max", "node"}},
		{method: "POST", path: prefix + "/sources/check", handler: s.checkSource},
		{method: "GET", path: prefix + "/sources", handler: s.listSources, params: list},
		{method: "GET", path: prefix + "/sources/:name", handler: s.getSource},
		{method: "PUT", path: prefix + "/sources/:name", handler: s.putSource},
		{method: "DELETE", path: prefix + "/sources/:name", handler: s.deleteSource},
		{method: "POST", path: prefix + "/sources/:name/pause", handler: s.pauseSource},
		{method: "POST", path: prefix + "/sources/:name/resume", handler: s.resumeSource},
		{method: "POST", path: prefix + "/sources/:name/restart", handler: s.restartSource},
		{method: "POST", path: pushPath, handler: s.push, anyParams: true},
		{method: "GET", path: pushPath, handler: s.pushSocket, anyParams: true, socket: true},
		{method: "GET", path: prefix + "/sources/:name/frames", handler: s.frames, params: []string{"for"}},
		{method: "POST", path: prefix + "/records", handler: s.publishMany},
		{method: "GET", path: prefix + "/streams", handler: s.listStreams, params: []string{"match", "limit", "page"}},
		{method: "POST", path: prefix + "/streams/:stream/records", handler: s.publish, params: []string{"key", "native_id", "time"}},
		{method: "GET", path: prefix + "/streams/:stream/records", handler: s.history, params: append(slices.Clone(walkParams), "limit", "page")},
		{method: "GET", path: prefix + "/streams/:stream/events", handler: s.events, params: subscription[1:], socket: true},
		{method: "GET", path: prefix + "/status", handler: answer(s, command.Status{})},
		{method: "GET", path: prefix + "/cluster", handler: answer(s, command.Cluster{})},
		{method: "GET", path: prefix + "/cluster/rates", handler: answer(s, command.MeshRates{})},
		{method: "POST", path: prefix + "/cluster/drain", handler: s.drain},
		{method: "GET", path: prefix + "/cluster/bans", handler: s.listBans, params: list},
		{method: "POST", path: prefix + "/cluster/bans/:node", handler: s.ban(false)},
		{method: "DELETE", path: prefix + "/cluster/bans/:node", handler: s.ban(true)},
		{method: "GET", path: prefix + "/archive", handler: answer(s, command.Archive{})},
		{method: "POST", path: prefix + "/archive/backfill", handler: s.backfill, params: []string{"from", "to"}},
		{method: "GET", path: prefix + "/archive/check", handler: s.checkArchive, params: []string{"from", "to", "streams"}},
		{method: "GET", path: prefix + "/alarms", handler: answer(s, command.Alarms{})},
		{method: "GET", path: prefix + "/actors", handler: answer(s, command.Actors{})},
		{method: "GET", path: prefix + "/subscribers", handler: s.listSubscribers, params: list},
		{method: "GET", path: prefix + "/events", handler: s.listEvents, params: list},
	}
	if s.Metrics != nil {
		routes = append(routes, route{method: "GET", path: "/metrics", handler: echo.WrapHandler(s.Metrics), anyParams: true})
	}
	for path, file := range s.Page {
		routes = append(routes, route{method: "GET", path: path, handler: echo.WrapHandler(file)})
	}
	for path, body := range s.Documents {
		routes = append(routes, route{method: "GET", path: prefix + path, handler: func(c echo.Context) error {
			return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body)
		}})
	}
	return routes
}

// mount puts a route on the router: what answers GET answers HEAD too.
func (s *server) mount(e *echo.Echo, r route) {
	handler := r.checked(r.handler)
	if !r.socket {
		handler = s.patiently(handler)
	}
	e.Add(r.method, r.path, handler)
	if r.method == http.MethodGet && !r.socket {
		e.Add(http.MethodHead, r.path, handler)
	}
}

// checked refuses parameters that the route does not know, and what is given twice.
func (r route) checked(next echo.HandlerFunc) echo.HandlerFunc {
	if r.anyParams {
		return next
	}
	known := "none is known here"
	if len(r.params) > 0 {
		sorted := slices.Sorted(slices.Values(r.params))
		known = "known are " + strings.Join(sorted, ", ")
	}
	return func(c echo.Context) error {
		for name, values := range c.QueryParams() {
			if !slices.Contains(r.params, name) {
				return problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "unknown parameter %q: %s", clip(name), known)
			}
			if len(values) > 1 && name != several {
				return problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "%s is given %d times", name, len(values))
			}
		}
		return next(c)
	}
}

// param is a part of the path. The router gives parts as they were sent where the path has
// characters that are escaped without need, as $ is by browsers.
func param(c echo.Context, name string) string {
	text := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return text
	}
	plain, err := url.PathUnescape(text)
	if err != nil { // the path was parsed
		return text
	}
	return plain
}

// clip cuts a refused text so that an error stays readable.
func clip(text string) string { return units.Clip(text, 80) }

// answer makes the handler of a question whose answer is the body.
func answer[A any](s *server, question command.Question[A]) echo.HandlerFunc {
	return func(c echo.Context) error {
		view, err := command.Ask(c.Request().Context(), s.Node, question)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, view)
	}
}

func (s *server) pushSocket(c echo.Context) error {
	r := c.Request()
	r.SetPathValue("name", param(c, "name"))
	s.Push.ServeHTTP(c.Response(), r)
	return nil
}

func (s *server) events(c echo.Context) error {
	r := c.Request()
	r.SetPathValue("pattern", param(c, "stream"))
	s.Events.ServeHTTP(c.Response(), r)
	return nil
}
