package session

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"anode/gateway/problem"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/room"
)

// Subprotocol is the name of the protocol that clients offer.
const Subprotocol = "anode.v1.json"

const (
	// maxFrame is the most bytes of a client's message.
	maxFrame = 3 << 19
	// mostPublishes is how many of a client's publishes may wait for their answer.
	mostPublishes = 256
	// firstWrite bounds the handshake.
	firstWrite = 10 * time.Second
)

// ServeWebSocket upgrades a request to a session.
func (s *Server) ServeWebSocket(w http.ResponseWriter, r *http.Request) {
	first, asked, err := fromQuery(r.URL.Query())
	if err != nil {
		problem.Of(err).Write(w)
		return
	}
	done, p := s.admit(r)
	if p != nil {
		p.Write(w)
		return
	}
	h := &handshake{ResponseWriter: w}
	conn, err := s.upgrader.Upgrade(h, r, nil)
	if err != nil { // it has answered
		done()
		return
	}
	h.conn.over.Store(true)
	out := newWire(h.conn.Conn, done)
	session, err := s.open(r, socket{out})
	if err != nil {
		out.Close()
		return
	}
	c := &client{Server: s, conn: conn, session: session, publishes: make(chan struct{}, mostPublishes)}
	s.serve(out, session, func(ctx context.Context) { c.run(ctx, first, asked) })
}

// handshake is a response whose connection is let speak for the handshake only.
type handshake struct {
	http.ResponseWriter
	conn *spoken
}

// Hijack implements http.Hijacker.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &spoken{Conn: conn}
	return h.conn, buffered, nil
}

// spoken is a connection to which nothing is written any more once the handshake is over: a library
// that answers a broken frame by itself would write into the middle of one of the hub's.
type spoken struct {
	net.Conn
	over atomic.Bool
}

// Write implements net.Conn.
func (s *spoken) Write(p []byte) (int, error) {
	if s.over.Load() {
		return len(p), nil
	}
	return s.Conn.Write(p)
}

// client is the reading side of a WebSocket.
type client struct {
	*Server
	conn      *websocket.Conn
	session   command.Session
	publishes chan struct{}
	// place is what a large message holds; cut: it was too much.
	place *room.Place
	cut   atomic.Bool
}

// smallMessage is how much of a message needs no place.
const smallMessage = 4 << 10

// message reads one message, of which what comes takes its place.
func (c *client) message(r io.Reader) ([]byte, error) {
	return io.ReadAll(&incoming{Reader: io.LimitReader(r, maxFrame+1), client: c})
}

// incoming is a message as it comes.
type incoming struct {
	io.Reader
	client *client
	came   int64
}

// Read implements io.Reader.
func (i *incoming) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p)
	if i.came += int64(n); i.came > smallMessage {
		i.client.hold(i.came)
	}
	return n, err
}

// hold says how much the message holds that is read or done now. When all are too much together the connection
// ends, and what came of its message is let go at once.
func (c *client) hold(bytes int64) {
	if c.place == nil {
		c.place = c.incoming.Enter(func() {
			c.cut.Store(true)
			c.session.Close(command.CloseTooMany, "too many large messages come in just now: come again, or send smaller ones")
			_ = c.conn.NetConn().SetReadDeadline(time.Now())
		})
	}
	c.place.Hold(bytes)
}

// run reads until the connection ends.
func (c *client) run(ctx context.Context, first command.Subscribe, asked bool) {
	c.conn.SetPingHandler(func(data string) error {
		c.session.Raw(appendControl(nil, websocket.PongMessage, []byte(data)))
		return c.session.Room(ctx)
	})
	c.conn.SetPongHandler(func(string) error { return nil })
	c.conn.SetCloseHandler(func(code int, _ string) error {
		if code == websocket.CloseNoStatusReceived {
			code = websocket.CloseNormalClosure
		}
		c.session.Close(code, "")
		c.session.Heard()
		return nil
	})
	defer func() {
		if c.place != nil {
			c.place.Leave()
		}
	}()
	if asked {
		c.ask(ctx, request{Sub: &first.Sub}, first)
	}
	for {
		kind, r, err := c.conn.NextReader()
		if err != nil {
			c.failed(err)
			return
		}
		if kind != websocket.TextMessage {
			c.end(command.CloseBadFrame, "a binary message")
			return
		}
		message, err := c.message(r)
		if err != nil {
			c.failed(err)
			return
		}
		if len(message) > maxFrame {
			c.end(command.CloseTooLarge, "a message is above 1.5 MiB")
			return
		}
		switch err := c.take(ctx, message); {
		case errors.Is(err, errBadFrame):
			c.end(command.CloseBadFrame, err.Error())
			return
		case err != nil: // the connection ends, or the server does
			c.wait()
			return
		}
		if c.place != nil {
			c.place.Hold(0)
		}
	}
}

// failed ends a connection that can't be read: with a reason where it is the client's fault.
func (c *client) failed(err error) {
	var closed *websocket.CloseError
	var network net.Error
	switch {
	case errors.As(err, &closed):
		if closed.Code == websocket.CloseAbnormalClosure || closed.Code == command.CloseUnavailable {
			return // it is gone, or has answered that it heard of the node's end
		}
		c.wait()
	case c.cut.Load():
		_ = c.conn.NetConn().SetReadDeadline(time.Time{})
		c.wait()
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
	default: // a frame that breaks RFC 6455
		c.end(command.CloseBadFrame, "a frame that is not WebSocket")
	}
}

// end closes the connection with a code, and waits until the client heard it or is gone.
func (c *client) end(code int, reason string) {
	c.session.Close(code, reason)
	c.wait()
}

// wait reads on until the client has said that it closes too, or the connection has ended, so that
// what was sent last is not cut off.
func (c *client) wait() {
	for {
		if _, _, err := c.conn.NextReader(); err != nil {
			break
		}
	}
	drain(c.conn.NetConn())
	<-c.session.Gone()
}

// take does what a message asks. errBadFrame is the client's fault; another error tells that the
// connection ends.
func (c *client) take(ctx context.Context, message []byte) error {
	list, err := split(message)
	if err != nil {
		return err
	}
	for _, raw := range list {
		r, err := parse(raw)
		switch {
		case errors.Is(err, errBadFrame):
			return err
		case err != nil:
			c.refuse(r, err)
		default:
			c.do(ctx, r)
		}
		if err := c.session.Room(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) do(ctx context.Context, r request) {
	switch r.Op {
	case "subscribe":
		c.ask(ctx, r, r.subscribe())
	case "unsubscribe":
		u := command.Unsubscribe{}
		if r.Sub != nil {
			u.Sub = *r.Sub
		}
		c.ask(ctx, r, u)
	case "ping":
		c.session.Send(reply{Op: "pong", ID: r.ID}.encode())
	case "publish":
		c.publish(ctx, r)
	}
}

func (c *client) ask(ctx context.Context, r request, operation any) {
	if err := c.session.Ask(ctx, operation); err != nil {
		c.refuse(r, err)
	}
}

// refuse tells the client what is wrong with its request.
func (c *client) refuse(r request, err error) {
	p := problem.Of(err)
	p.Log(context.Background(), c.Logger, err, "session", c.session.ID(), "op", r.Op)
	c.session.Send(reply{Op: "error", Sub: r.Sub, ID: r.ID, Code: p.Code, Message: p.Detail}.encode())
}

// publish hands a record to the journal; the answer comes when that has it.
func (c *client) publish(ctx context.Context, r request) {
	d, err := r.Draft("")
	if err != nil {
		c.refuse(r, err)
		return
	}
	select {
	case c.publishes <- struct{}{}:
	case <-c.session.Gone():
		return
	}
	answer := func(o command.Outcome) {
		<-c.publishes
		switch {
		case o.Err != nil:
			c.refuse(r, o.Err)
		case o.Positions[0].IsZero():
			c.session.Send(reply{Op: "published", ID: r.ID, Duplicate: true}.encode())
		default:
			c.session.Send(reply{Op: "published", ID: r.ID, Record: o.Positions[0].String()}.encode())
		}
	}
	if err := c.Intake.Submit(ctx, command.Submission{Drafts: []messages.Draft{d}, Recognise: true, Done: answer}); err != nil {
		answer(command.Outcome{Err: err})
	}
}

// serving counts the goroutines of sessions, so that a server that ends waits for them.
type serving struct {
	work sync.WaitGroup
}
