package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/gorilla/websocket"

	"anode/gateway/problem"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/jsontext"
)

// Config is what a Server needs; all fields but the last are required.
type Config struct {
	// Node opens sessions.
	Node command.Asker
	// Intake takes what clients publish.
	Intake command.Intake
	Logger *slog.Logger
	// MostOfAddress bounds the connections of one address: 10,000.
	MostOfAddress int
}

// Server serves subscribers. It is safe for concurrent use.
type Server struct {
	Config
	upgrader websocket.Upgrader
	serving

	// mu guards what follows.
	mu        sync.Mutex
	addresses map[string]int
	closed    bool
	life      context.Context
	cancel    context.CancelCauseFunc
}

// New makes a server.
func New(cfg Config) (*Server, error) {
	if cfg.Node == nil || cfg.Intake == nil || cfg.Logger == nil {
		return nil, errors.New("session server: Node, Intake and Logger are required")
	}
	if cfg.MostOfAddress <= 0 {
		cfg.MostOfAddress = 10_000
	}
	s := &Server{Config: cfg, addresses: make(map[string]int)}
	s.life, s.cancel = context.WithCancelCause(context.Background())
	s.upgrader = websocket.Upgrader{
		HandshakeTimeout: firstWrite, ReadBufferSize: 128, WriteBufferSize: 256, WriteBufferPool: &sync.Pool{},
		Subprotocols: []string{Subprotocol},
		CheckOrigin:  func(*http.Request) bool { return true }, // the guard has judged it
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			if status == http.StatusBadRequest {
				status = http.StatusUpgradeRequired
				w.Header().Set("Upgrade", "websocket")
			}
			problem.New(status, "not_websocket", "%s", reason.Error()).Write(w)
		},
	}
	return s, nil
}

// Close ends what reads; it returns when no goroutine of a session is left. The hub closes the
// connections.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(command.ErrUnavailable)
	s.work.Wait()
}

// admit counts a connection against its address; done gives the place back, once.
func (s *Server) admit(r *http.Request) (done func(), p *problem.Problem) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, problem.New(http.StatusServiceUnavailable, "unavailable", "the node is shutting down")
	case s.addresses[host] >= s.MostOfAddress:
		return nil, problem.New(http.StatusTooManyRequests, "rate_limited", "your address has %d connections", s.MostOfAddress)
	}
	s.addresses[host]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.addresses[host]--; s.addresses[host] <= 0 {
			delete(s.addresses, host)
		}
	}, nil
}

// open makes the session of a connection.
func (s *Server) open(r *http.Request, outlet command.Outlet) (command.Session, error) {
	ctx, cancel := context.WithTimeout(s.life, firstWrite)
	defer cancel()
	return command.Ask(ctx, s.Node, command.OpenSession{Outlet: outlet, Remote: r.RemoteAddr})
}

// serve runs the reading side of a session in a goroutine of its own, so that its handler can return.
func (s *Server) serve(out *wire, session command.Session, read func(ctx context.Context)) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		out.Close()
		session.Hangup()
		return
	}
	s.work.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.work.Done()
		defer session.Hangup()
		defer out.Close()
		defer func() {
			if r := recover(); r != nil {
				s.Logger.Error("a session's reader panicked", "session", session.ID(), "panic", r)
			}
		}()
		read(s.life)
	}()
}

// draft is the record that a publish request carries.
func (r *request) draft() (messages.Draft, error) {
	d := messages.Draft{Key: r.Key, NativeID: r.NativeID, ContentType: r.Content}
	var err error
	if d.Stream, err = messages.ParseStream(r.Stream); err != nil {
		return d, err
	}
	if d.Stream.Own() {
		return d, fmt.Errorf("%w: streams that begin with $ are the mesh's own", command.ErrForbidden)
	}
	if r.Time != "" {
		if d.Time, err = messages.ParseTime(r.Time); err != nil {
			return d, fmt.Errorf("%w: %w", messages.ErrDraft, err)
		}
	}
	given := 0
	for _, has := range []bool{r.Data != nil, r.Text != nil, r.Base64 != nil} {
		if has {
			given++
		}
	}
	if given != 1 {
		return d, fmt.Errorf("%w: has %d of data, text and base64, exactly one is needed", messages.ErrDraft, given)
	}
	return d, r.content(&d)
}

// content fills in payload and content type.
func (r *request) content(d *messages.Draft) error {
	raw := []byte(nil)
	otherwise := "text/plain"
	switch {
	case r.Data != nil:
		if !d.JSON() {
			return fmt.Errorf("%w: data is JSON, and content_type says %q", messages.ErrDraft, d.ContentType)
		}
		raw, otherwise = r.Data, ""
	case r.Text != nil:
		raw = []byte(*r.Text)
	default:
		var err error
		if raw, err = base64.StdEncoding.DecodeString(*r.Base64); err != nil {
			return fmt.Errorf("%w: base64: %w", messages.ErrDraft, err)
		}
		otherwise = "application/octet-stream"
	}
	if d.ContentType == "" {
		d.ContentType = otherwise
	}
	if d.ContentType != "" {
		kind, params, err := mime.ParseMediaType(d.ContentType)
		if err != nil {
			return fmt.Errorf("%w: content_type %q is no media type", messages.ErrDraft, clip(d.ContentType))
		}
		d.ContentType = mime.FormatMediaType(kind, params)
	}
	d.Payload = raw
	if d.JSON() {
		d.ContentType = ""
		compact, err := jsontext.Compact(nil, raw, messages.MaxJSONDepth)
		if err != nil {
			return fmt.Errorf("%w: data: %w", messages.ErrDraft, err)
		}
		d.Payload = compact
	}
	return nil
}

func statusText(status int) string {
	return strconv.Itoa(status) + " " + http.StatusText(status)
}

