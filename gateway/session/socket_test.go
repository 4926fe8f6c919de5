package session_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/messages/command"
	"anode/testkit/onenode"
)

// Nothing in a bad frame can be answered: the connection ends.
func TestBadFrames(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	for name, x := range map[string]struct {
		kind int
		text string
		code int
	}{
		"broken":           {websocket.TextMessage, `{"op":`, 4400},
		"empty":            {websocket.TextMessage, ``, 4400},
		"blank":            {websocket.TextMessage, " \n", 4400},
		"list":             {websocket.TextMessage, `[{"op":"ping"}]`, 4400},
		"text":             {websocket.TextMessage, `"ping"`, 4400},
		"null":             {websocket.TextMessage, `null`, 4400},
		"unknown op":       {websocket.TextMessage, `{"op":"dance"}`, 4400},
		"op of a server":   {websocket.TextMessage, `{"op":"records"}`, 4400},
		"no op":            {websocket.TextMessage, `{}`, 4400},
		"op no text":       {websocket.TextMessage, `{"op":1}`, 4400},
		"second is broken": {websocket.TextMessage, "{\"op\":\"ping\"}\n{", 4400},
		"not utf-8":        {websocket.TextMessage, "{\"op\":\"ping\",\"id\":\"\xff\"}", 4400},
		"too deep":         {websocket.TextMessage, `{"op":"ping","id":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, 4400},
		"binary":           {websocket.BinaryMessage, `{"op":"ping"}`, 4400},
		"too large":        {websocket.TextMessage, `{"op":"ping"` + strings.Repeat(" ", 3<<19) + `}`, 1009},
		"too large binary": {websocket.BinaryMessage, strings.Repeat("x", 3<<19+1), 4400},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, n, "")
			if err := c.WriteMessage(x.kind, []byte(x.text)); err != nil {
				t.Fatal(err)
			}
			if closed := c.ends(); closed.Code != x.code || closed.Text == "" {
				t.Errorf("%v, want %d", closed, x.code)
			}
		})
	}
}

// A message of exactly the limit is taken.
func TestLargestMessage(t *testing.T) {
	c := dial(t, onenode.Start(t, onenode.Options{}), "")
	c.say(`{"op":"ping"` + strings.Repeat(" ", 3<<19-13) + `}`)
	c.expect("pong")
}

// Bytes that are no frames of a client end it too, and nothing but a close frame comes.
func TestBrokenFraming(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	for name, bytes := range map[string][]byte{
		"not masked":     {0x81, 2, '{', '}'},
		"reserved bits":  {0xF1, 0x80, 0, 0, 0, 0},
		"reserved op":    {0x83, 0x80, 0, 0, 0, 0},
		"long control":   {0x89, 0xFE, 1, 0, 0, 0, 0, 0},
		"continue alone": {0x80, 0x80, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, n, "")
			if _, err := c.NetConn().Write(bytes); err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(c.NetConn())
			if err != nil {
				t.Fatal(err)
			}
			if len(raw) < 4 || raw[0] != 0x88 || int(raw[1]) != len(raw)-2 || binary.BigEndian.Uint16(raw[2:]) != 4400 {
				t.Errorf("% x", raw)
			}
		})
	}
}

func TestSubscribeByURL(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	publish(t, n, "lab.a", "application/x-ndjson", "1\n2\n3\n4\n")
	c := dial(t, n, "?stream=lab.&stream=other&start=last:3&where=.data%20%3E%202&policy=catchup&unique=false")
	if m := c.expect("subscribed"); m.Sub != "0" {
		t.Errorf("%s", m.raw)
	}
	if m := c.expect("records"); len(m.Records) != 2 || string(m.Records[0].Data) != "3" {
		t.Errorf("%s", m.raw)
	}
	c.expect("live")
	c = dial(t, n, "?stream=lab.&where=.a%20%3E")
	if m := c.expect("error"); m.Sub != "0" || m.Code != "invalid_filter" {
		t.Errorf("%s", m.raw)
	}
	c = dial(t, n, "?start=earliest")
	if m := c.expect("error"); m.Sub != "0" || m.Code != "invalid_stream" {
		t.Errorf("%s", m.raw)
	}
}

// refused tries to connect, and gives the answer instead.
func refused(t *testing.T, n *onenode.Node, path string, headers http.Header) (status int, body string) {
	t.Helper()
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(n.URL, "http")+path, headers)
	if err == nil {
		conn.Close()
		t.Fatalf("%s was not refused", path)
	}
	if answer == nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body) // a part of it says enough
	if kind := answer.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("refused with a %s: %s", kind, text)
	}
	return answer.StatusCode, string(text)
}

func TestRefusedBeforeUpgrade(t *testing.T) {
	n := onenode.Start(t, onenode.Options{MostOfAddress: 1})
	for path, code := range map[string]string{
		"/api/v1/subscribe?stream=a..b":              "invalid_stream",
		"/api/v1/subscribe?stream=a&start=x":         "invalid",
		"/api/v1/subscribe?stream=a&start=after:x":   "invalid_cursor",
		"/api/v1/subscribe?stream=a&policy=x":        "invalid",
		"/api/v1/subscribe?stream=a&unique=maybe":    "invalid",
		"/api/v1/subscribe?streams=a":                "invalid_parameter",
		"/api/v1/subscribe?start=latest&start=last5": "invalid_parameter",
	} {
		if status, body := refused(t, n, path, nil); status != 422 || !strings.Contains(body, `"code":"`+code+`"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := refused(t, n, "/api/v1/subscribe", http.Header{"Origin": {"https://evil.example"}}); status != 403 {
		t.Errorf("%d %s", status, body)
	}
	answer, err := n.Client.Get(n.URL + "/api/v1/subscribe")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUpgradeRequired || answer.Header.Get("Upgrade") != "websocket" {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
	first := dial(t, n, "")
	if status, body := refused(t, n, "/api/v1/subscribe", nil); status != 429 || !strings.Contains(body, "rate_limited") {
		t.Errorf("%d %s", status, body)
	}
	first.Close()
	eventually(t, "the place is free again", func() bool {
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(n.URL, "http")+"/api/v1/subscribe", nil)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestSubprotocols(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	for offered, chosen := range map[string]string{
		"anode.v1.json": "anode.v1.json", "anode.bearer.secret, anode.v1.json": "anode.v1.json",
		"anode.v1.json, anode.bearer.a.b": "anode.v1.json", "anode.bearer.secret": "", "mqtt": "",
	} {
		c := dial(t, n, "", "Sec-Websocket-Protocol: "+offered)
		if c.Subprotocol() != chosen {
			t.Errorf("%s: %q was chosen", offered, c.Subprotocol())
		}
		c.say(`{"op":"ping"}`)
		c.expect("pong")
	}
}

func TestControlFrames(t *testing.T) {
	c := dial(t, onenode.Start(t, onenode.Options{}), "")
	pong := make(chan string, 1)
	c.SetPongHandler(func(data string) error { pong <- data; return nil })
	deadline := time.Now().Add(time.Second)
	if err := c.WriteControl(websocket.PingMessage, []byte("are you there"), deadline); err != nil {
		t.Fatal(err)
	}
	c.say(`{"op":"ping"}`)
	c.expect("pong")
	if got := <-pong; got != "are you there" {
		t.Errorf("%q", got)
	}
	if err := c.WriteControl(websocket.PongMessage, []byte("unasked"), deadline); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "enough"), deadline); err != nil {
		t.Fatal(err)
	}
	if closed := c.ends(); closed.Code != 4001 {
		t.Errorf("%v", closed)
	}
	if _, err := io.Copy(io.Discard, c.NetConn()); err != nil {
		t.Errorf("the connection does not end: %v", err)
	}
}

// A client that answers a farewell, or closes first, is not kept waiting for the end of the connection.
func TestClosingTakesNoTime(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	const tries, linger = 5, time.Second
	for name, begin := range map[string]func(c *client){
		"the client closes first": func(c *client) {
			if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(linger)); err != nil {
				t.Fatal(err)
			}
		},
		"the node closes first": func(c *client) { c.say("no JSON") },
		"a message too large":   func(c *client) { c.say(strings.Repeat("x", 2<<20)) },
	} {
		fastest := time.Hour
		for range tries { // a loaded machine may be slow, but hardly each time
			c := dial(t, n, "")
			began := time.Now()
			begin(c)
			c.ends() // the library answers a close frame by itself
			if _, err := io.Copy(io.Discard, c.NetConn()); err != nil {
				t.Fatal(err)
			}
			if fastest = min(fastest, time.Since(began)); fastest < linger/2 {
				break
			}
		}
		if fastest >= linger/2 {
			t.Errorf("%s: the connection ended after %v at best", name, fastest)
		}
	}
}

func TestSubscriptionsOfConnection(t *testing.T) {
	c := dial(t, onenode.Start(t, onenode.Options{}), "")
	for i := range 64 {
		c.say(fmt.Sprintf(`{"op":"subscribe","sub":"s%d","streams":["a"]}`, i))
	}
	c.say(`{"op":"subscribe","sub":"over","streams":["a"]}`)
	for {
		if m := c.hear(); m.Op == "error" {
			if m.Code != "rate_limited" || m.Sub != "over" {
				t.Errorf("%s", m.raw)
			}
			return
		}
	}
}

// A node that stops says so with 4503, to those who sit there and to those who come.
func TestShutdown(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	c := dial(t, n, "")
	c.subscribe("1", `"streams":[">"]`)
	idle := dial(t, n, "")
	closing := make(chan struct{})
	go func() { defer close(closing); n.Sessions.Close() }()
	if closed := c.ends(); closed.Code != command.CloseUnavailable {
		t.Errorf("%v", closed)
	}
	if closed := idle.ends(); closed.Code != command.CloseUnavailable {
		t.Errorf("%v", closed)
	}
	<-closing
	if status, body := refused(t, n, "/api/v1/subscribe", nil); status != 503 || !strings.Contains(body, "unavailable") {
		t.Errorf("%d %s", status, body)
	}
	answer, err := n.Client.Get(n.URL + "/api/v1/streams/%3E/events")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 503 {
		t.Errorf("events: %s", answer.Status)
	}
}

// The time in which a request must have arrived is not the life of a session.
func TestSessionsOutliveReadTimeout(t *testing.T) {
	n := onenode.Start(t, onenode.Options{ReadTimeout: 50 * time.Millisecond})
	c := dial(t, n, "")
	time.Sleep(150 * time.Millisecond) // the server's own time, which nothing tells of
	c.subscribe("1", `"streams":["lab.>"]`)
	publish(t, n, "lab.a", "application/json", "1")
	c.expect("records")
}
