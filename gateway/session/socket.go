package session

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
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
	h := &handshake{ResponseWriter: w, rooms: &s.rooms}
	conn, err := s.upgrader.Upgrade(h, r, nil)
	if err != nil { // it has answered
		done()
		return
	}
	h.conn.over.Store(true)
	out := newWire(h.conn.Conn, done)
	session, err := s.open(r, socket{out})
	if err != nil { // the hub may be at the outlet: the client is told nothing, and comes again
		problem.OfRead(err).Log(s.life, s.Logger, err, "op", "subscribe")
		out.Close()
		return
	}
	c := &client{Server: s, conn: conn, session: session, publishes: make(chan struct{}, mostPublishes)}
	s.serve(out, session, func(ctx context.Context) { c.run(ctx, first, asked) })
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

const (
	// firstBytes is the buffer of a message: most are smaller.
	firstBytes = 1 << 10
	// smallMessage is how much of a message needs no place.
	smallMessage = 4 << 10
)

// message reads one message into buf, or into a larger one where that is too small. What comes takes its place.
// It gives up behind the most bytes that a message may have.
func (c *client) message(r io.Reader, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), maxFrame+1)])
		if buf = buf[:len(buf)+n]; len(buf) > smallMessage {
			c.hold(int64(len(buf)))
		}
		switch {
		case errors.Is(err, io.EOF), err == nil && len(buf) > maxFrame:
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
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
		if !c.next(ctx, r) {
			return
		}
	}
}

// next reads and does one message. It is false when the connection has ended.
func (c *client) next(ctx context.Context, r io.Reader) bool {
	buf := c.buffers.Get().(*[firstBytes]byte) // nothing of it is kept beyond take
	defer c.buffers.Put(buf)
	message, err := c.message(r, buf[:0])
	if err != nil {
		c.failed(err)
		return false
	}
	if len(message) > maxFrame {
		c.end(command.CloseTooLarge, "a message is above 1.5 MiB")
		return false
	}
	switch err := c.take(ctx, message); {
	case errors.Is(err, errBadFrame):
		c.end(command.CloseBadFrame, err.Error())
		return false
	case err != nil: // the connection ends, or the server does
		c.wait()
		return false
	}
	if c.place != nil {
		c.place.Hold(0)
	}
	return true
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
	if r, ok := quick(message); ok {
		c.do(ctx, &r)
		return c.session.Room(ctx)
	}
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
			c.do(ctx, &r)
		}
		if err := c.session.Room(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) do(ctx context.Context, r *request) {
	switch r.Op {
	case "subscribe":
		c.ask(ctx, *r, r.subscribe())
	case "unsubscribe":
		u := command.Unsubscribe{}
		if r.Sub != nil {
			u.Sub = *r.Sub
		}
		c.ask(ctx, *r, u)
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
func (c *client) publish(ctx context.Context, r *request) {
	d, err := r.Draft("")
	if err != nil {
		c.refuse(request{Op: r.Op, ID: r.ID}, err)
		return
	}
	select {
	case c.publishes <- struct{}{}:
	case <-c.session.Gone():
		return
	}
	answer := c.answer(r.ID)
	if err := c.Intake.Submit(ctx, command.Submission{Drafts: []messages.Draft{d}, Recognise: true, Done: answer}); err != nil {
		answer(command.Outcome{Err: err})
	}
}

// answer tells what became of a publish. It keeps of the request its id alone.
func (c *client) answer(id json.RawMessage) func(command.Outcome) {
	return func(o command.Outcome) {
		<-c.publishes
		switch {
		case o.Err != nil:
			c.refuse(request{Op: "publish", ID: id}, o.Err)
		case o.Positions[0].IsZero():
			c.session.Send(reply{Op: "published", ID: id, Duplicate: true}.encode())
		default:
			c.session.Send(reply{Op: "published", ID: id, Record: o.Positions[0].String()}.encode())
		}
	}
}
