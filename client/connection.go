package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"

	"anode/messages"
)

const (
	subprotocol = "anode.v1.json"
	// subName is the one subscription of a connection.
	subName = "0"
	// readLimit is the most bytes of a node's message.
	readLimit = 2 << 20
	// writePatience bounds a write.
	writePatience = 10 * time.Second
)

// connection is one WebSocket with one subscription. It is for one goroutine.
type connection struct {
	ws      *websocket.Conn
	server  *url.URL
	silence time.Duration
	since   time.Time
	// subscribed: the node has accepted the subscription.
	subscribed bool
	// nodes are the servers that the node told of.
	nodes []string
}

// serverMessage is one message of a node; which fields are set depends on its op.
type serverMessage struct {
	Op      string            `json:"op"`
	Sub     string            `json:"sub"`
	After   messages.Cursor   `json:"after"`
	Nodes   []string          `json:"nodes"`
	Pos     string            `json:"pos"`
	Records []json.RawMessage `json:"records"`
	Origin  messages.NodeID   `json:"origin"`
	From    string            `json:"from"`
	To      string            `json:"to"`
	Reason  messages.Reason   `json:"reason"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
}

// dial connects to a server.
func (c *Client) dial(ctx context.Context, server *url.URL) (*connection, error) {
	dialer := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, NetDialContext: (&net.Dialer{Timeout: c.cfg.DialTimeout}).DialContext,
		TLSClientConfig: c.cfg.TLS, HandshakeTimeout: 2 * c.cfg.DialTimeout, Subprotocols: []string{subprotocol},
		ReadBufferSize: 32 << 10, WriteBufferSize: 4 << 10,
	}
	header := http.Header{}
	if c.cfg.Token != "" {
		header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	target := *server
	target.Scheme = map[string]string{"http": "ws", "https": "wss"}[server.Scheme]
	ws, answer, err := dialer.DialContext(ctx, endpoint(&target, api+"/subscribe", nil), header)
	switch {
	case errors.Is(err, websocket.ErrBadHandshake) && answer != nil:
		return nil, fmt.Errorf("%s: %w", server, readProblem(answer))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", server, err)
	case ws.Subprotocol() != subprotocol:
		_ = ws.Close() // nothing was said
		return nil, fmt.Errorf("%s: does not speak %s", server, subprotocol)
	}
	ws.SetReadLimit(readLimit)
	return &connection{ws: ws, server: server, silence: c.cfg.Silence, since: time.Now()}, nil
}

// subscribe asks for the subscription; the answer comes with next.
func (c *connection) subscribe(m subscribeMessage) error {
	if err := c.ws.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	return c.ws.WriteJSON(m)
}

// next waits for what the next message with events gives. An error ends the connection.
func (c *connection) next(ctx context.Context) ([]delivery, error) {
	defer context.AfterFunc(ctx, c.close)()
	for {
		text, err := c.read()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.server, problemOf(err))
		}
		list, err := c.open(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.server, err)
		}
		if len(list) > 0 {
			return list, nil
		}
	}
}

// read reads a message; no message at all, or a pause within one, may last as long as the silence.
func (c *connection) read() ([]byte, error) {
	if err := c.ws.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return nil, err
	}
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, errors.New("sent a binary message")
	}
	return io.ReadAll(patient{c, r})
}

// patient is a message's reader; each read has the whole silence.
type patient struct {
	*connection
	r io.Reader
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.ws.SetReadDeadline(time.Now().Add(p.silence)); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// open is what a message gives. What breaks the protocol is an error; unknown ops are passed over.
func (c *connection) open(text []byte) ([]delivery, error) {
	var m serverMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("sent what is no message of %s: %w", subprotocol, err)
	}
	switch {
	case m.Op == "error":
		return nil, &Problem{Code: m.Code, Detail: m.Message}
	case m.Sub != subName:
		return nil, nil
	case m.Op == "subscribed":
		c.subscribed, c.nodes = true, m.Nodes
		return []delivery{{event: begin{m.After}}}, nil
	case !c.subscribed:
		return nil, fmt.Errorf("sent %q before \"subscribed\"", m.Op)
	}
	switch m.Op {
	case "records":
		return m.records()
	case "live":
		return []delivery{{event: Live{}}}, nil
	case "cursor":
		d := delivery{event: Progress{}}
		for p := range m.After.All() {
			d.seen = append(d.seen, p)
		}
		return []delivery{d}, nil
	case "gap":
		return m.gap()
	}
	return nil, nil
}

// records are the message's records; its pos is seen with the last.
func (m *serverMessage) records() ([]delivery, error) {
	list := make([]delivery, 0, max(1, len(m.Records)))
	for _, raw := range m.Records {
		r, err := parseRecord(raw)
		if err != nil {
			return nil, err
		}
		d := delivery{event: r}
		if !r.Position.IsZero() {
			d.seen = []messages.Position{r.Position}
		}
		list = append(list, d)
	}
	if m.Pos == "" {
		return list, nil
	}
	pos, err := messages.ParsePosition(m.Pos)
	if err != nil {
		return nil, fmt.Errorf("pos: %w", err)
	}
	if len(list) == 0 {
		list = append(list, delivery{})
	}
	last := &list[len(list)-1]
	last.seen = append(last.seen, pos)
	return list, nil
}

func (m *serverMessage) gap() ([]delivery, error) {
	g := Gap{Origin: m.Origin, Reason: m.Reason}
	var err error
	if g.From, err = messages.ParsePosition(m.From); err != nil {
		return nil, fmt.Errorf("gap: from: %w", err)
	}
	if g.To, err = messages.ParsePosition(m.To); err != nil {
		return nil, fmt.Errorf("gap: to: %w", err)
	}
	return []delivery{{event: g, seen: []messages.Position{g.To}}}, nil
}

// bye says that the client leaves.
func (c *connection) bye() {
	text := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = c.ws.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second)) // it ends either way
}

// close may be called at any time, also twice.
func (c *connection) close() { _ = c.ws.Close() } // nobody is left to tell

// The close codes after which retrying is of no use, by the code of the Problem that they become.
var finalCodes = map[int]string{
	websocket.ClosePolicyViolation: "forbidden", websocket.CloseMessageTooBig: "too_large", 4400: "bad_frame", 4401: "unauthorized",
}

// problemOf names what a connection ended with.
func problemOf(err error) error {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return &Problem{Status: websocket.CloseMessageTooBig, Code: "too_large", Detail: fmt.Sprintf("a message of the node is above %d bytes", readLimit)}
	case errors.As(err, &closed):
		p := &Problem{Status: closed.Code, Code: finalCodes[closed.Code], Detail: closed.Text}
		if p.Code == "" {
			p.Code = fmt.Sprintf("closed_%d", closed.Code)
		}
		return p
	}
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return errors.New("was silent for too long")
	}
	return err
}

// final tells whether retrying is of no use.
func final(err error) bool {
	var p *Problem
	if !errors.As(err, &p) {
		return false
	}
	switch {
	case p.Status >= 1000:
		return finalCodes[p.Status] != ""
	case p.Status == 0:
		return p.Code != "unavailable" && p.Code != "unconfirmed" && p.Code != "rate_limited" && p.Code != "internal" && p.Code != "storage_full"
	case p.Status == http.StatusRequestTimeout, p.Status == http.StatusTooManyRequests, p.Status == http.StatusTooEarly:
		return false
	}
	return p.Status < http.StatusInternalServerError
}
