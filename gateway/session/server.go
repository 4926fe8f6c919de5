package session

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/gorilla/websocket"

	"anode/gateway/problem"
	"anode/messages/command"
	"anode/messages/room"
)

// Config is what a Server needs; all fields but the last two are required.
type Config struct {
	// Node opens sessions.
	Node command.Asker
	// Intake takes what clients publish.
	Intake command.Intake
	Logger *slog.Logger
	// MostOfAddress bounds the connections of one address: 10,000.
	MostOfAddress int
	// SlowBytes is the most that messages hold together which are not yet whole, or wait to be done: 256 MiB. Beyond,
	// those that take longest end their connections.
	SlowBytes int64
}

// Server serves subscribers. It is safe for concurrent use.
type Server struct {
	Config
	upgrader websocket.Upgrader
	incoming *room.Room
	// buffers are lent to connections while a message of theirs is read and done: idle ones have none.
	buffers sync.Pool
	// rooms are what is read into, of aheadBytes, lent while something is in them.
	rooms sync.Pool
	// work are the goroutines of sessions, which Close waits for; life ends with it.
	work   sync.WaitGroup
	life   context.Context
	cancel context.CancelCauseFunc

	mu        sync.Mutex // guards what follows
	addresses map[string]int
	closed    bool
}

// New makes a server.
func New(cfg Config) (*Server, error) {
	if cfg.Node == nil || cfg.Intake == nil || cfg.Logger == nil {
		return nil, errors.New("session server: Node, Intake and Logger are required")
	}
	if cfg.MostOfAddress <= 0 {
		cfg.MostOfAddress = 10_000
	}
	if cfg.SlowBytes <= 0 {
		cfg.SlowBytes = 256 << 20
	}
	s := &Server{Config: cfg, addresses: make(map[string]int), incoming: room.New(cfg.SlowBytes)}
	s.rooms.New = func() any { return new([aheadBytes]byte) }
	s.buffers.New = func() any { return new([firstBytes]byte) }
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

// Close tells all sessions that the node is shutting down, and takes no new ones. It returns when
// no goroutine of a session is left: when the hub has closed their connections.
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
	var o opening
	session, err := command.Ask(ctx, s.Node, command.OpenSession{Outlet: outlet, Remote: r.RemoteAddr, Taken: o.take})
	if err != nil {
		if late := o.end(); late != nil {
			late.Hangup()
		}
		return nil, err
	}
	return session, nil
}

// opening is a connection that waits for its session. What comes after it has given up is nobody's, and would stay.
type opening struct {
	mu      sync.Mutex // guards what follows; a leaf
	session command.Session
	over    bool
}

// take takes the session, unless it is too late.
func (o *opening) take(session command.Session) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return false
	}
	o.session = session
	return true
}

// end waits no longer, and gives the session that came, which may be none.
func (o *opening) end() command.Session {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	return o.session
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
				s.Logger.Error("a session's reader panicked", "session", session.ID(), "panic", r, "stack", string(debug.Stack()))
			}
		}()
		defer context.AfterFunc(s.life, func() { session.Close(command.CloseUnavailable, "the node is shutting down") })()
		read(s.life)
	}()
}
