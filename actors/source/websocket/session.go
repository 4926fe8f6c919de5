package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/actors/source/unpack"
	"anode/messages/command"
)

const (
	// writePatience bounds one write.
	writePatience = 5 * time.Second
	// farewellPatience bounds the close frame, and the wait for the feed's.
	farewellPatience = time.Second
)

// session is one connection.
type session struct {
	*connector
	line *source.Line
	// whole is the context of the source's connection. Messages are fed under it: one that is renewed takes a message
	// that it has begun with to its end.
	whole  context.Context
	conn   *websocket.Conn
	shown  string
	secret transform.Secret
	// answer is that of the call before.
	answer any
	// state is the $state of this connection: that of another one is another.
	state transform.State

	begun time.Time
	// stood is closed when all open frames are sent.
	stood chan struct{}
	// messages counts those that came; lastMessage is when the last did, in Unix ns.
	messages    atomic.Uint64
	lastMessage atomic.Int64
	// done is closed when the connection is over; keeper and workers are what is beside the reader.
	done    chan struct{}
	keeper  *keeper
	workers sync.WaitGroup

	// writing lets one message be written at a time; it is a leaf.
	writing sync.Mutex

	// mu guards broken: what went wrong outside of the reader. It is a leaf.
	mu     sync.Mutex
	broken error
}

func (c *connector) session(whole context.Context, line *source.Line) *session {
	return &session{connector: c, line: line, whole: whole, stood: make(chan struct{}), done: make(chan struct{})}
}

// run connects and reads until the end.
func (s *session) run(ctx context.Context) error {
	var err error
	if s.answer, err = s.before.Call(ctx, s.line); err != nil {
		return err
	}
	for again := false; ; again = true {
		done, err := s.try(ctx, again)
		if done {
			return err
		}
	}
}

// try connects once; it is not done where the feed refused a token that can be got anew.
func (s *session) try(ctx context.Context, again bool) (done bool, err error) {
	vars, err := s.vars(ctx)
	if err != nil {
		return true, err
	}
	address, err := s.endpoint.Open(ctx, s.line, vars, source.Detour{})
	if err != nil {
		return true, err
	}
	way, err := s.transport.Way(ctx, s.line, address.Host)
	if err != nil {
		return true, err
	}
	pipes := s.line.Pipes(func(ctx context.Context, network, to string) (net.Conn, error) {
		return s.setup.Guard.DialBy(ctx, way, network, to)
	})
	defer pipes.Close()
	conn, status, err := s.dial(ctx, s.line, address, way, pipes)
	if err != nil {
		return again || status != http.StatusUnauthorized || !address.Renew(), err
	}
	s.conn, s.shown, s.secret, s.begun = conn, address.Shown, s.line.Secret(address.Host), time.Now()
	return true, s.converse(ctx)
}

// vars is what templates see now.
func (s *session) vars(ctx context.Context) (transform.Vars, error) {
	vars, err := s.line.Vars(ctx, nil)
	vars.Items, vars.Before = s.setup.Spec.Items, s.answer
	return vars, err
}

// converse reads until the end, and says goodbye.
func (s *session) converse(ctx context.Context) error {
	farewell := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(farewell)
		s.farewell(websocket.CloseNormalClosure)
	})
	life, over := context.WithCancel(ctx)
	defer over()
	err := s.talk(life)
	close(s.done)
	over()
	if errors.Is(err, errCut) && ctx.Err() == nil {
		err = s.lastWords(err)
	}
	if stop() {
		s.farewell(websocket.CloseNormalClosure)
	} else {
		<-farewell
	}
	s.drain()
	_ = s.conn.Close() // the reason of the end is known
	s.keeper.stop()
	s.workers.Wait()
	closed := (*websocket.CloseError)(nil)
	switch broken := s.brokenBy(); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure || broken == nil:
		return s.words(err)
	default:
		return broken
	}
}

// lastWords looks for a close frame behind a write that failed: it says more.
func (s *session) lastWords(err error) error {
	_ = s.conn.SetReadDeadline(time.Now().Add(farewellPatience))
	for range 1000 {
		_, _, read := s.conn.NextReader()
		if closed := (*websocket.CloseError)(nil); errors.As(read, &closed) && closed.Code != websocket.CloseAbnormalClosure {
			return read
		}
		if read != nil {
			return err
		}
	}
	return err
}

// talk opens the connection and reads it.
func (s *session) talk(ctx context.Context) error {
	s.conn.SetReadLimit(source.MaxMessage)
	s.lastMessage.Store(s.setup.Clock().UnixNano())
	first := min(mostFirst, len(s.openings))
	if err := s.introduce(ctx, s.openings[:first]); err != nil {
		return err
	}
	s.line.Opened()
	if first == len(s.openings) {
		close(s.stood)
	} else {
		s.workers.Go(func() {
			if err := source.Catch(func() error { return s.introduce(ctx, s.openings[first:]) }); err != nil {
				s.breakOff(err)
				return
			}
			close(s.stood)
		})
	}
	s.keeper = s.keep(ctx)
	for {
		kind, message, err := s.conn.ReadMessage()
		if err != nil {
			return err
		}
		now := s.setup.Clock()
		s.lastMessage.Store(now.UnixNano())
		s.messages.Add(1)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := s.take(ctx, kind == websocket.BinaryMessage, message, now); err != nil {
			return err
		}
	}
}

// take hands a message on and does what the rules want.
func (s *session) take(ctx context.Context, binary bool, message []byte, now time.Time) error {
	vars, err := s.vars(ctx)
	if err != nil {
		return err
	}
	meta := transform.Meta{Received: now, URL: s.shown, Secret: s.secret, Binary: binary, Vars: vars, State: &s.state}
	if binary && len(s.spec.Decode) > 0 {
		meta.Raw = message
		text, err := unpack.Message(s.spec.Decode, message)
		if err != nil {
			s.line.Unreadable("decode: "+err.Error(), message, len(message), meta)
			return nil
		}
		message = text
	}
	actions, err := s.line.Feed(s.whole, message, meta)
	if err != nil {
		return err
	}
	for _, a := range actions {
		if a.Fail != "" {
			return errors.New(s.line.Hide(a.Fail))
		}
		if err := s.send(ctx, a.Send); err != nil {
			return err
		}
	}
	return nil
}

// send writes a text message, at the pace of the source.
func (s *session) send(ctx context.Context, text []byte) error {
	if err := s.line.Pace(ctx); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return s.line.Cause(err)
	}
	if err := s.conn.WriteMessage(websocket.TextMessage, text); err != nil {
		return fmt.Errorf("%w: it takes no message: %w", errCut, s.line.Cause(err))
	}
	s.line.Sent(text, command.FrameMeta{URL: s.shown})
	return nil
}

// farewell writes a close frame, and lets the reader wait for the feed's for a little while.
func (s *session) farewell(code int) {
	until := time.Now().Add(farewellPatience)
	_ = s.conn.NetConn().SetWriteDeadline(until) // a write that hangs ends
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), until)
	_ = s.conn.NetConn().SetReadDeadline(until)
}

// drain reads what still comes, so that the close frame is not lost to a reset.
func (s *session) drain() {
	for range 1000 {
		if _, _, err := s.conn.NextReader(); err != nil {
			return
		}
	}
}

func (s *session) brokenBy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// breakOff ends the connection from outside of the reader.
func (s *session) breakOff(err error) {
	s.mu.Lock()
	if s.broken == nil {
		s.broken = err
	}
	s.mu.Unlock()
	_ = s.conn.Close() // the reader sees it
}

var errCut = errors.New("the feed cut the connection")

// words is the error of a read, as people should see it.
func (s *session) words(err error) error {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return source.ErrTooLarge
	case !errors.As(err, &closed):
		return s.line.Cause(err)
	}
	text := s.line.Hide(source.Words([]byte(closed.Text)))
	switch closed.Code {
	case websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived, websocket.CloseServiceRestart:
		return &source.EndedInOrder{Words: fmt.Sprintf("%d %s", closed.Code, text)}
	case websocket.CloseAbnormalClosure:
		return errCut
	}
	return fmt.Errorf("the feed closed the connection with %d: %s", closed.Code, text)
}
