package api

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"anode/gateway/auth"
	"anode/gateway/problem"
	"anode/messages/command"
	"anode/messages/room"
)

// MaxBody is the most bytes of a request body.
const MaxBody = 8 << 20

// Config is what the API is made of; all fields from Metrics on may be left out.
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
	// Push serves WebSockets to push sources, by their path value "name".
	Push http.Handler
	// Logger gets what fails for the node's own fault.
	Logger *slog.Logger
	// Metrics serves /metrics; nil leaves it out.
	Metrics http.Handler
	// Documents are served as they are, by path below /api/v1.
	Documents map[string][]byte
	// Page are the page at "/" and its files, by path; nil leaves them out.
	Page map[string]http.Handler
	// Fault shows people what is wrong at a path that is none of the API's; nil gives them the problem document too.
	Fault func(w http.ResponseWriter, r *http.Request, status int, title, detail string)
	// Closing ends answers that go on until somebody ends them; nil never does.
	Closing <-chan struct{}
	// Patience is how long a client may take nothing of an answer before it is cut: 2 minutes.
	Patience time.Duration
	// SlowBytes is the most that all answers together hold while their clients don't take them: 256 MiB.
	// Beyond, those are cut that take nothing for longest.
	SlowBytes int64
	// BodyBytes is the most that all bodies which come in hold together: 256 MiB. Beyond, large ones are answered 503.
	BodyBytes int64
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
	require(c.Push != nil, "Push")
	require(c.Logger != nil, "Logger")
	return errors.Join(faults...)
}

// server holds what the handlers need. It is immutable, but for the room that bodies and answers take.
type server struct {
	Config
	bodies  *bodies
	answers *room.Room
}

// New makes the handler of everything that the node serves over HTTP. It is safe for
// concurrent use.
func New(cfg Config) (http.Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Patience <= 0 {
		cfg.Patience = patience
	}
	if cfg.SlowBytes <= 0 {
		cfg.SlowBytes = mostAnswers
	}
	if cfg.BodyBytes <= 0 {
		cfg.BodyBytes = mostBodies
	}
	s := &server{Config: cfg, bodies: &bodies{most: cfg.BodyBytes}, answers: room.New(cfg.SlowBytes)}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.fail
	e.Use(s.recover, s.guard, s.bounds)
	for _, r := range s.routes() {
		s.mount(e, r)
	}
	return e, nil
}

// fail turns every error into a problem document, or into a page where a browser opened what is none of the API's.
func (s *server) fail(err error, c echo.Context) {
	r, w := c.Request(), c.Response()
	if w.Committed {
		return
	}
	p := s.problem(err, r)
	if s.Fault == nil || !forPeople(r.URL.Path) {
		p.Write(w)
		return
	}
	w.Header().Add("Vary", "Accept")
	if prefersPage(r) {
		s.Fault(w, r, p.Status, p.Title, p.Detail)
		return
	}
	p.Write(w)
}

func (s *server) problem(err error, r *http.Request) *problem.Problem {
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return routeProblem(he, r)
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return tooLargeBody()
	}
	of := problem.Of
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		of = problem.OfRead
	}
	p := of(err)
	if r.Context().Err() == nil {
		p.Log(r.Context(), s.Logger, err, "method", r.Method, "path", r.URL.Path)
	}
	return p
}

func tooLargeBody() *problem.Problem {
	return problem.New(http.StatusRequestEntityTooLarge, "too_large", "the body is above %d bytes", MaxBody)
}

// routeProblem is what the router says: no such path, or not with this method.
func routeProblem(he *echo.HTTPError, r *http.Request) *problem.Problem {
	path := clip(r.URL.Path)
	switch he.Code {
	case http.StatusNotFound:
		return problem.New(he.Code, "not_found", "nothing is at %s", path)
	case http.StatusMethodNotAllowed:
		return problem.New(he.Code, "method_not_allowed", "%s is not for %s", clip(r.Method), path)
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
			if c.Response().Committed {
				panic(http.ErrAbortHandler) // no client is to take a part for the whole
			}
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
		h.Add("Vary", "Origin")
		if p := s.Guard.Check(r); p != nil {
			return p
		}
		origin := r.Header.Get("Origin")
		if origin == "" {
			return next(c)
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After")
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			return next(c)
		}
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Last-Event-ID")
		h.Set("Access-Control-Max-Age", "600")
		return c.NoContent(http.StatusNoContent)
	}
}

// bounds holds a request to what every one must keep, and its time to what it needs: a body
// must come within the server's time, an answer may take longer.
func (s *server) bounds(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, w := c.Request(), c.Response().Writer
		control := http.NewResponseController(w) // a recorder in a test has no deadlines
		_ = control.SetWriteDeadline(time.Now().Add(s.Patience))
		if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
			return problem.New(http.StatusBadRequest, "bad_request", "the query can't be read, special characters must be percent-encoded: %v", err)
		}
		if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") && c.Path() != pushPath {
			return problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Encoding %q: bodies come as they are", clip(coding))
		}
		if r.ContentLength > MaxBody {
			c.Response().Header().Set("Connection", "close")
			return tooLargeBody()
		}
		if r.Body == http.NoBody {
			_ = control.SetReadDeadline(time.Time{})
		} else {
			body, give := s.bodies.lend(http.MaxBytesReader(w, r.Body, MaxBody))
			defer give()
			r.Body = body
		}
		return next(c)
	}
}
