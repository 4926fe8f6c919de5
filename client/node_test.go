package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"anode/client"
	"anode/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeNode speaks the protocol as a test's script says, a connection after the other.
type fakeNode struct {
	*httptest.Server
	connections atomic.Int64
}

// subscriberOf is a connection of a fake node, after its subscribe message was read.
type subscriberOf struct {
	*websocket.Conn
	t     testing.TB
	asked struct {
		Op      string          `json:"op"`
		Sub     string          `json:"sub"`
		Streams []string        `json:"streams"`
		Start   json.RawMessage `json:"start"`
		Where   string          `json:"where"`
		Unique  bool            `json:"unique"`
		Policy  json.RawMessage `json:"policy"`
	}
}

// newFakeNode serves /api/v1/subscribe by a script that gets the number of the connection, from 1. The
// connection is cut, without a word, when the script returns.
func newFakeNode(t testing.TB, script func(n int, s *subscriberOf)) *fakeNode {
	node := &fakeNode{}
	upgrader := websocket.Upgrader{Subprotocols: []string{"anode.v1.json"}}
	node.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/subscribe" {
			http.NotFound(w, r)
			return
		}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		s := &subscriberOf{Conn: ws, t: t}
		if err := ws.ReadJSON(&s.asked); err != nil {
			return
		}
		script(int(node.connections.Add(1)), s)
	}))
	t.Cleanup(node.Close)
	return node
}

func (s *subscriberOf) say(format string, args ...any) {
	_ = s.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)) // the client may have gone
}

func (s *subscriberOf) subscribed(after ...string) {
	s.say(`{"op":"subscribed","sub":%q,"after":%s,"node":"n","nodes":[]}`, s.asked.Sub, quote(after))
}

func (s *subscriberOf) records(pos string, ids ...string) {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = recordJSON(id)
	}
	s.say(`{"op":"records","sub":%q,"stream":"s","pos":%q,"records":[%s]}`, s.asked.Sub, pos, strings.Join(list, ","))
}

func (s *subscriberOf) live() { s.say(`{"op":"live","sub":%q}`, s.asked.Sub) }

func (s *subscriberOf) end(code int, reason string) {
	_ = s.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
}

// stay waits until the client goes.
func (s *subscriberOf) stay() {
	for {
		if _, _, err := s.ReadMessage(); err != nil {
			return
		}
	}
}

// after is the cursor that the client resumed from.
func (s *subscriberOf) after() messages.Cursor {
	var start struct {
		After messages.Cursor `json:"after"`
	}
	if err := json.Unmarshal(s.asked.Start, &start); err != nil {
		s.t.Errorf("start %s: %v", s.asked.Start, err)
	}
	return start.After
}

func quote(list []string) string {
	if list == nil {
		list = []string{}
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func recordJSON(id string) string {
	return fmt.Sprintf(`{"id":%q,"stream":"s","key":"k","time":"2026-11-22T10:00:00.123Z","received":"2026-11-22T10:00:00.301Z","data":{"n":1.10}}`, id)
}

// newClient makes a client that is quick to retry.
func newClient(t testing.TB, servers ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Servers: servers, MinPause: time.Millisecond, MaxPause: 5 * time.Millisecond, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func subscribe(t testing.TB, c *client.Client, ask client.Subscribe) *client.Subscription {
	t.Helper()
	sub, err := c.Subscribe(ask)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.Close)
	return sub
}
