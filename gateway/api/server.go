package api

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/labstack/echo/v4"

	"anode/gateway/auth"
	"anode/gateway/problem"
	"anode/messages/command"
)

// MaxBody is the most bytes of a request body.
const MaxBody = 8 << 20

// Config is what the API is made of; all fields are required but the last three.
type Config struct {
	// Node answers questions.
	Node command.Asker
	// Intake takes published records.
	Intake command.Intake
	// Guard judges where requests come from.
	Guard *auth.Guard
	// Subscribe serves WebSocket subscribers; Events serves server-sent events of the streams in
	// its path value "pattern".
	Subscribe, Events http.Handler
	// Logger gets what fails for the node's own fault.
	Logger *slog.Logger
	// Metrics serves /metrics; nil leaves it out.
	Metrics http.Handler
	// Documents are served as they are, by path below /api/v1.
	Documents map[string][]byte
	// Root serves "/"; nil leaves it out.
	Root http.Handler
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	require := func(ok bool, name string) {
		if !ok {
			faults = append(faults, errors.New(name+" is required"))
		}
	}
	require(c.Node != nil, "Node")
	require(c.Intake != nil, "Intake")
	require(c.Guard != nil, "Guard")
	require(c.Subscribe != nil, "Subscribe")
	require(c.Events != nil, "Events")
	require(c.Logger != nil, "Logger")
	return errors.Join(faults...)
}

// server holds what the handlers need. It is immutable.
type server struct{ Config }

// New makes the handler of everything that the node serves over HTTP. It is safe for
// concurrent use.
func New(cfg Config) (http.Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &server{cfg}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.fail
	e.Use(s.recover, s.guard, s.bounds)
	s.routes(e)
	return e, nil
}

func (s *server) routes(e *echo.Echo) {
	e.GET("/healthz", s.healthz)
	e.GET("/readyz", s.readyz)
	if s.Metrics != nil {
		e.GET("/metrics", echo.WrapHandler(s.Metrics))
	}
	if s.Root != nil {
		e.GET("/", echo.WrapHandler(s.Root))
	}
	v1 := e.Group("/api/v1")
	v1.GET("/subscribe", echo.WrapHandler(s.Subscribe))
	v1.POST("/sources", s.postSource)
	v1.GET("/sources", s.listSources)
	v1.GET("/sources/:name", s.getSource)
	v1.PUT("/sources/:name", s.putSource)
	v1.DELETE("/sources/:name", s.deleteSource)
	v1.POST("/sources/:name/pause", s.pauseSource)
	v1.POST("/sources/:name/resume", s.resumeSource)
	v1.POST("/sources/:name/restart", s.restartSource)
	v1.POST("/records", s.publishMany)
	v1.GET("/streams", s.listStreams)
	v1.POST("/streams/:stream/records", s.publish)
	v1.GET("/streams/:stream/records", s.history)
	v1.GET("/streams/:stream/events", s.events)
	v1.GET("/status", answer(s, command.Status{}))
	v1.GET("/cluster", answer(s, command.Cluster{}))
	v1.GET("/alarms", answer(s, command.Alarms{}))
	v1.GET("/actors", answer(s, command.Actors{}))
	v1.GET("/subscribers", s.listSubscribers)
	v1.GET("/events", s.listEvents)
	for path, body := range s.Documents {
		v1.GET(path, func(c echo.Context) error { return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body) })
	}
}

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

// fail turns every error into a problem document.
func (s *server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := s.problem(err, c.Request())
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(p.Status)
		return
	}
	p.Write(c.Response())
}

func (s *server) problem(err error, r *http.Request) *problem.Problem {
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return routeProblem(he, r)
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return problem.New(http.StatusRequestEntityTooLarge, "too_large", "the body is above %d bytes", tooLarge.Limit)
	}
	p := problem.Of(err)
	if p.Status == http.StatusInternalServerError && r.Context().Err() == nil {
		s.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	return p
}

// routeProblem is what the router says: no such path, or not with this method.
func routeProblem(he *echo.HTTPError, r *http.Request) *problem.Problem {
	switch he.Code {
	case http.StatusNotFound:
		return problem.New(he.Code, "not_found", "nothing is at %s", r.URL.Path)
	case http.StatusMethodNotAllowed:
		return problem.New(he.Code, "method_not_allowed", "%s is not for %s", r.Method, r.URL.Path)
	}
	return problem.New(he.Code, strings.ReplaceAll(strings.ToLower(http.StatusText(he.Code)), " ", "_"), "%v", he.Message)
}

// recover keeps a panic of one request from the others.
func (s *server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if r == http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
				panic(r)
			}
			s.Logger.Error("request panicked", "method", c.Request().Method, "path", c.Request().URL.Path, "panic", r, "stack", string(debug.Stack()))
			err = problem.New(http.StatusInternalServerError, "internal", "the node failed to answer; its log says why")
		}()
		return next(c)
	}
}

// guard refuses foreign pages and names, and answers browsers' preflights.
func (s *server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if p := s.Guard.Check(r); p != nil {
			return p
		}
		origin := r.Header.Get("Origin")
		if origin == "" {
			return next(c)
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After")
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			return next(c)
		}
		h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Last-Event-ID")
		h.Set("Access-Control-Max-Age", "600")
		return c.NoContent(http.StatusNoContent)
	}
}

// bounds limits the body.
func (s *server) bounds(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		r.Body = http.MaxBytesReader(c.Response(), r.Body, MaxBody)
		return next(c)
	}
}

func (s *server) events(c echo.Context) error {
	r := c.Request()
	r.SetPathValue("pattern", c.Param("stream"))
	s.Events.ServeHTTP(c.Response(), r)
	return nil
}
