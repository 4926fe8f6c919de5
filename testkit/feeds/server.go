package feeds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// Server serves handlers on a free loopback port.
type Server struct {
	http   *http.Server
	addr   string
	cancel context.CancelFunc
	served chan error

	mu     sync.Mutex // guards what follows
	conns  map[*tracked]struct{}
	taken  int
	closed bool
	busy   sync.WaitGroup
}

// Start listens and serves h until Close.
func Start(h http.Handler) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("feeds: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{addr: l.Addr().String(), cancel: cancel, served: make(chan error, 1), conns: make(map[*tracked]struct{})}
	s.http = &http.Server{Handler: s.counted(h), BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() { s.served <- s.http.Serve(listener{l, s}) }()
	return s, nil
}

// counted lets Close wait for handlers, also for those that took their connection over.
func (s *Server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		s.busy.Add(1)
		s.mu.Unlock()
		defer s.busy.Done()
		h.ServeHTTP(w, r)
	})
}

// URL is the address of a path, with http.
func (s *Server) URL(path string) string { return "http://" + s.addr + path }

// SocketURL is the address of a path, with ws.
func (s *Server) SocketURL(path string) string { return "ws://" + s.addr + path }

// Rewrite leads a real feed's address to this server: path and query stay, https becomes http,
// wss becomes ws. Templates in the address are left as they are.
func (s *Server) Rewrite(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("feeds: %q is no URL", address)
	}
	switch u.Scheme {
	case "https", "http":
		u.Scheme = "http"
	case "wss", "ws":
		u.Scheme = "ws"
	default:
		return "", fmt.Errorf("feeds: %q is neither http nor ws", address)
	}
	u.Host, u.User = s.addr, nil
	return u.String(), nil
}

// Connections is how many connections are open now, and how many there ever were.
func (s *Server) Connections() (open, ever int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), s.taken
}

// Cut resets all open connections, as a failing network would.
func (s *Server) Cut() {
	for _, c := range s.open() {
		cut(c)
	}
}

// Close ends all connections and handlers and waits for them.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	err := s.http.Close()
	for _, c := range s.open() { // those that handlers took over
		_ = c.Close()
	}
	s.busy.Wait()
	// A client that connects in between is refused with net.ErrClosed.
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) && !errors.Is(served, net.ErrClosed) {
		err = errors.Join(err, served)
	}
	s.served <- http.ErrServerClosed // for who closes twice
	return err
}

func (s *Server) open() []*tracked {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*tracked, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// listener keeps the connections that it accepts on the server's list.
type listener struct {
	net.Listener
	server *Server
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &tracked{TCPConn: conn.(*net.TCPConn), server: l.server}
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	if l.server.closed {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	l.server.conns[c] = struct{}{}
	l.server.taken++
	return c, nil
}

// tracked is a connection that takes itself off the list when it is closed.
type tracked struct {
	*net.TCPConn
	server *Server
}

// Close implements net.Conn.
func (c *tracked) Close() error {
	c.server.mu.Lock()
	delete(c.server.conns, c)
	c.server.mu.Unlock()
	return c.TCPConn.Close()
}

// cut resets a connection: the other end gets an error, not an end.
func cut(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// halfClose ends what is sent; what comes is still read.
func halfClose(c net.Conn) error {
	tcp, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("feeds: a %T can't be half closed", c)
	}
	return tcp.CloseWrite()
}
