package session_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"anode/gateway/session"
	"anode/testkit/documents"
	"anode/testkit/onenode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// message is what a server says.
type message struct {
	Op, Sub, Stream, Pos, Code, Message, Node, Record string
	ID                                                json.RawMessage
	Duplicate                                         bool
	After, Nodes                                      []string
	Records                                           []record
	raw                                               string
}

type record struct {
	ID, Stream, Source, Key, Text, Base64 string
	ContentType                           string `json:"content_type"`
	NativeID                              string `json:"native_id"`
	Data                                  json.RawMessage
}

// schemas are the schemas of messages by op.
var schemas = map[string]string{
	"subscribed": "Subscribed", "records": "Records", "live": "Live", "cursor": "CursorMoved", "gap": "Gap",
	"unsubscribed": "Unsubscribed", "published": "Published", "pong": "Pong", "error": "Error",
}

// client is a WebSocket client that holds what it gets to the AsyncAPI document.
type client struct {
	*websocket.Conn
	t     *testing.T
	judge *documents.Judge
}

func dial(t *testing.T, n *onenode.Node, query string, headers ...string) *client {
	t.Helper()
	h := http.Header{}
	for _, text := range headers {
		name, value, _ := strings.Cut(text, ": ")
		h.Add(name, value)
	}
	if h.Get("Sec-Websocket-Protocol") == "" {
		h.Set("Sec-Websocket-Protocol", session.Subprotocol)
	}
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(n.URL, "http")+"/api/v1/subscribe"+query, h)
	if err != nil {
		t.Fatalf("%v %v", err, answer)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadLimit(2 << 20)
	return &client{conn, t, documents.New(t)}
}

func (c *client) say(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// hear is the next message.
func (c *client) hear() message {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	kind, text, err := c.ReadMessage()
	if err != nil || kind != websocket.TextMessage {
		c.t.Fatalf("kind %d: %v", kind, err)
	}
	m := message{raw: string(text)}
	if err := json.Unmarshal(text, &m); err != nil {
		c.t.Fatalf("%s: %v", text, err)
	}
	if schema := schemas[m.Op]; schema == "" {
		c.t.Errorf("%s is none of the protocol's messages", text)
	} else if err := c.judge.Message(schema, documents.Parse(c.t, text)); err != nil {
		c.t.Errorf("%.500s: %v", text, err)
	}
	return m
}

// expect is the next message but heartbeats, which must be of an op.
func (c *client) expect(op string) message {
	c.t.Helper()
	for {
		m := c.hear()
		if m.Op == op {
			return m
		}
		if m.Op != "cursor" {
			c.t.Fatalf("%.300s came, not %s", m.raw, op)
		}
	}
}

// ends reads until the connection ends, and gives the close frame.
func (c *client) ends() *websocket.CloseError {
	c.t.Helper()
	for {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			c.t.Fatal(err)
		}
		_, _, err := c.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed
		}
		if err != nil {
			c.t.Fatalf("ended without a close frame: %v", err)
		}
	}
}

// subscribe subscribes and reads up to live.
func (c *client) subscribe(sub, rest string) message {
	c.t.Helper()
	c.say(`{"op":"subscribe","sub":"` + sub + `",` + rest + `}`)
	m := c.expect("subscribed")
	if m.Sub != sub {
		c.t.Fatalf("%s", m.raw)
	}
	c.expect("live")
	return m
}

// publish publishes over HTTP.
func publish(t *testing.T, n *onenode.Node, stream, kind, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL+"/api/v1/streams/"+stream+"/records", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	answer, err := n.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("publish: %s", answer.Status)
	}
}
