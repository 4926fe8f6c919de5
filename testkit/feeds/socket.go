package feeds

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Script is what one connection sees.
type Script struct {
	// Instead answers the handshake; nil accepts it.
	Instead http.Handler
	// Subprotocols are those that the handshake accepts.
	Subprotocols []string
	// Steps are played in order; after the last the connection is closed with 1000. A step
	// that fails ends the script, and the connection is dropped.
	Steps []Step
}

// Play is a script of steps.
func Play(steps ...Step) Script { return Script{Steps: steps} }

// Refuse is a script that answers the handshake with something else.
func Refuse(with http.Handler) Script { return Script{Instead: with} }

// Step is a part of a script. It ends early when the connection's context ends.
type Step func(*Conn) error

const (
	// mostReceived bounds what a Socket keeps of what clients sent.
	mostReceived = 100_000
	// mostMessage bounds a client's message, in bytes.
	mostMessage = 16 << 20
)

// Message is what a client sent.
type Message struct {
	// Connection counts the handler's handshakes from 1, refused ones too.
	Connection int
	At         time.Time
	// Binary tells that it was no text.
	Binary bool
	Body   []byte
}

// Socket is the handler of a WebSocket feed. Each handshake gets the next script; the last one is
// repeated.
type Socket struct {
	scripts []Script

	mu       sync.Mutex // guards what follows
	count    int
	received []Message
	faults   []error
	changed  chan struct{}
}

// NewSocket makes a handler. Without a script, connections are accepted and stay silent.
func NewSocket(scripts ...Script) *Socket {
	if len(scripts) == 0 {
		scripts = []Script{Play(Silence())}
	}
	return &Socket{scripts: scripts, changed: make(chan struct{})}
}

// ServeHTTP implements http.Handler. It returns when the script has ended and the connection is
// closed.
func (s *Socket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	script := s.scripts[min(s.count, len(s.scripts)-1)]
	s.count++
	number := s.count
	s.announce()
	s.mu.Unlock()
	if script.Instead != nil {
		script.Instead.ServeHTTP(w, r)
		return
	}
	upgrader := websocket.Upgrader{Subprotocols: script.Subprotocols, CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.fault(err)
		return
	}
	s.play(r, ws, script.Steps, number)
}

func (s *Socket) play(r *http.Request, ws *websocket.Conn, steps []Step, number int) {
	ctx, cancel := context.WithCancel(r.Context())
	c := &Conn{ctx: ctx, request: r, number: number, ws: ws, came: make(chan struct{})}
	ws.SetReadLimit(mostMessage)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer cancel()
		c.read(s)
	}()
	// A write that blocks, because the client does not read, ends with the context too.
	stop := context.AfterFunc(r.Context(), func() { _ = ws.Close() })
	defer stop()
	err := c.steps(steps)
	if err != nil && ctx.Err() == nil {
		s.fault(err)
	}
	if err == nil {
		c.bye()
	}
	_ = ws.Close()
	<-read
}

// announce wakes who waits. The lock is held.
func (s *Socket) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Socket) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.received) < mostReceived {
		s.received = append(s.received, m)
	}
	s.announce()
}

func (s *Socket) fault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) < mostReceived {
		s.faults = append(s.faults, err)
	}
	s.announce()
}

// Received is what clients sent so far, the first 100,000 messages.
func (s *Socket) Received() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.received...)
}

// Handshakes is how many there were, refused ones too.
func (s *Socket) Handshakes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Faults are what steps and handshakes failed with while the client was there.
func (s *Socket) Faults() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.faults...)
}

// Await blocks until the condition holds, which is asked anew after each handshake, message and fault.
func (s *Socket) Await(ctx context.Context, condition func(*Socket) bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if condition(s) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Conn is the server's end of one connection, for steps.
type Conn struct {
	ctx     context.Context
	request *http.Request
	number  int
	ws      *websocket.Conn

	mu       sync.Mutex // guards what follows
	received int
	came     chan struct{}
	awaited  int
}

// Context ends when the client is gone or the server closes.
func (c *Conn) Context() context.Context { return c.ctx }

// Request is the handshake.
func (c *Conn) Request() *http.Request { return c.request }

// Number counts the handler's handshakes, from 1.
func (c *Conn) Number() int { return c.number }

func (c *Conn) steps(steps []Step) error {
	for _, step := range steps {
		if err := step(c); err != nil {
			return err
		}
	}
	return nil
}

// read takes the client's messages until there are none.
func (c *Conn) read(into *Socket) {
	for {
		kind, body, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		into.keep(Message{Connection: c.number, At: time.Now(), Binary: kind == websocket.BinaryMessage, Body: body})
		c.mu.Lock()
		c.received++
		close(c.came)
		c.came = make(chan struct{})
		c.mu.Unlock()
	}
}

// patience bounds a write to a client that does not read.
const patience = time.Minute

// Text sends a text message.
func (c *Conn) Text(body []byte) error { return c.write(websocket.TextMessage, body) }

// Binary sends a binary message.
func (c *Conn) Binary(body []byte) error { return c.write(websocket.BinaryMessage, body) }

func (c *Conn) write(kind int, body []byte) error {
	if err := c.ws.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return c.ws.WriteMessage(kind, body)
}

// Raw sends bytes as they are, between messages: what they mean is the caller's matter.
func (c *Conn) Raw(bytes []byte) error {
	_, err := c.ws.NetConn().Write(bytes)
	return err
}

// Pause waits.
func (c *Conn) Pause(d time.Duration) error {
	if d <= 0 {
		return c.ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// Await waits for n more messages of the client than all Awaits before.
func (c *Conn) Await(n int) error {
	c.awaited += n
	for {
		c.mu.Lock()
		received, came := c.received, c.came
		c.mu.Unlock()
		if received >= c.awaited {
			return nil
		}
		select {
		case <-came:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}

// bye closes as the protocol says, and lets the client answer for a moment.
func (c *Conn) bye() {
	err := c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	if err != nil && !errors.Is(err, websocket.ErrCloseSent) {
		return
	}
	_ = c.Pause(time.Second) // ends when the answer was read
}
