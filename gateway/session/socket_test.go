package session_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/actors/node"
	"anode/gateway/session"
	"anode/messages/command"
	"anode/testkit/documents"
	"anode/testkit/feeds"
	"anode/testkit/onenode"
)

// What is published comes to who subscribed, and its publisher hears where it stands.
func TestPublishAndSubscribe(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	c := dial(t, n, "")
	m := c.subscribe("1", `"streams":["lab.>"],"where":".key != \"no\""`)
	if m.Node != onenode.Self || len(m.Nodes) != 1 || m.Nodes[0] != n.URL {
		t.Errorf("%s", m.raw)
	}
	var order []string
	published, got := map[string]message{}, []record{}
	say := func(text string) {
		c.say(text)
		for before := len(published); len(published) == before; {
			switch m := c.hear(); m.Op {
			case "published":
				published[string(m.ID)] = m
				order = append(order, string(m.ID))
			case "records":
				got = append(got, m.Records...)
			case "cursor":
			default:
				t.Fatalf("%s", m.raw)
			}
		}
	}
	say(`{"op":"publish","id":{"a":[1.0,"<&>"]},"stream":"lab.a","key":"k","native_id":"7","time":"2026-11-22T10:00:00Z","data":{"c": 21.50}}`)
	say(`{"op":"publish","id":2,"stream":"lab.a","key":"k","native_id":"7","data":{"c":0}}`)
	say(`{"op":"publish","id":"3","stream":"lab.b","text":"hello\n"}`)
	say(`{"op":"publish","id":12345678901234567890,"stream":"lab.b","base64":"AP8=","content_type":"image/png"}`)
	say(`{"op":"publish","id":null,"stream":"lab.b","key":"no","data":1}`)
	say(`{"op":"publish","id":6,"stream":"lab.c","data":null}`)
	for len(got) < 4 {
		got = append(got, c.expect("records").Records...)
	}
	if want := []string{`{"a":[1.0,"<&>"]}`, `2`, `"3"`, `12345678901234567890`, `null`, `6`}; fmt.Sprint(order) != fmt.Sprint(want) {
		t.Errorf("answers to %v, want %v: ids come back as they were given", order, want)
	}
	if !published["2"].Duplicate || published["2"].Record != "" || published[`"3"`].Record == "" {
		t.Errorf("%+v", published)
	}
	r := got[0]
	if string(r.Data) != `{"c":21.50}` || r.Key != "k" || r.NativeID != "7" || r.ID != published[order[0]].Record {
		t.Errorf("%+v", r)
	}
	if got[1].Text != "hello\n" || got[1].ContentType != "text/plain" || got[2].Base64 != "AP8=" || string(got[3].Data) != "null" {
		t.Errorf("%+v", got)
	}
	c.say(`{"op":"unsubscribe","sub":"1"}`)
	c.expect("unsubscribed")
	c.say(`{"op":"publish","stream":"lab.a","data":1}`)
	if m := c.expect("published"); m.ID != nil {
		t.Errorf("%s", m.raw)
	}
	c.say(`{"op":"ping"}`)
	c.expect("pong")
}

// What can't be done is an error that names its request, and the connection lives.
func TestErrorsLive(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	c := dial(t, n, "")
	c.subscribe("taken", `"streams":["lab.>"]`)
	long := strings.Repeat("x", 300)
	for _, x := range []struct{ text, sub, id, code string }{
		{`{"op":"subscribe","sub":"taken","streams":["a"],"id":5}`, "taken", "5", "exists"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"extra":1}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","Streams":["a"]}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a..b"]}`, "1", "", "invalid_stream"},
		{`{"op":"subscribe","sub":"1","streams":[]}`, "1", "", "invalid_stream"},
		{`{"op":"subscribe","sub":"1"}`, "1", "", "invalid_stream"},
		{`{"op":"subscribe","sub":"1","streams":"a"}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"","streams":["a"]}`, "", "", "invalid"},
		{`{"op":"subscribe","streams":["a"]}`, "", "", "invalid"},
		{`{"op":"subscribe","sub":7,"streams":["a"]}`, "", "", "invalid"},
		{`{"op":"subscribe","sub":"` + long + `","streams":["a"]}`, long, "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"where":".a >"}`, "1", "", "invalid_filter"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"where":"input"}`, "1", "", "invalid_filter"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"where":"` + strings.Repeat(" ", 2050) + `"}`, "1", "", "invalid_filter"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":"now"}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"after":["x"]}}`, "1", "", "invalid_cursor"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"after":["@1","@2"]}}`, "1", "", "invalid_cursor"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"last":0}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"last":10001}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"time":"noon"}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"last":1,"time":"2026-11-22T10:00:00Z"}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"policy":"fast"}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"policy":{"conflate":"1ms"}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"unique":1}`, "1", "", "invalid"},
		{`{"op":"unsubscribe","sub":"none"}`, "none", "", "not_found"},
		{`{"op":"unsubscribe"}`, "", "", "not_found"},
		{`{"op":"unsubscribe","sub":"taken","streams":[]}`, "taken", "", "invalid"},
		{`{"op":"publish","id":"p","stream":"$status.x","data":1}`, "", `"p"`, "forbidden"},
		{`{"op":"publish","id":"p","stream":"a..b","data":1}`, "", `"p"`, "invalid_stream"},
		{`{"op":"publish","id":"p","data":1}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","data":1,"text":"x"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","base64":"?"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","data":1,"time":"noon"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","data":1,"key":"` + long + `"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","data":1,"sub":"1"}`, "1", `"p"`, "invalid"},
		{`{"op":"publish","id":"p","stream":"a","data":` + strings.Repeat("[", 129) + strings.Repeat("]", 129) + `}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","text":"` + strings.Repeat("x", 1<<20+1) + `"}`, "", `"p"`, "too_large"},
		{`{"op":"publish","id":"` + strings.Repeat("i", 1100) + `","stream":"a","data":1}`, "", "", "invalid"},
		{`{"op":"ping","id":1,"data":2}`, "", "1", "invalid"},
	} {
		c.say(x.text)
		if m := c.expect("error"); m.Sub != x.sub || string(m.ID) != x.id || m.Code != x.code || m.Message == "" {
			t.Errorf("%.200s:\n%.300s, want %s", x.text, m.raw, x.code)
		}
	}
	c.say(`{"op":"ping","id":"still here"}`)
	c.expect("pong")
}

// intake answers all that is published with an error; or refuses to take it.
type intake struct{ answer, refuse error }

func (i intake) Submit(_ context.Context, s command.Submission) error {
	if i.refuse == nil {
		s.Done(command.Outcome{Err: i.answer})
	}
	return i.refuse
}

// Who publishes must be able to tell whether the record may be stored all the same.
func TestPublishSaysWhetherTheRecordMayBeStored(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	disk := errors.New("sync /data/journal: no such device")
	for _, x := range []struct {
		intake        intake
		code, message string
	}{
		{intake{answer: fmt.Errorf("%w: stored, but not yet durable: %w", command.ErrUnconfirmed, disk)}, "unconfirmed", "unavailable: not confirmed: stored, but not yet durable"},
		{intake{answer: fmt.Errorf("%w: %w", command.ErrUnavailable, disk)}, "unavailable", "unavailable"},
		{intake{answer: fmt.Errorf("%w: %w", command.ErrStorageFull, disk)}, "storage_full", "storage is full"},
		{intake{refuse: fmt.Errorf("%w: the journal's queue is full: %w", command.ErrUnavailable, context.DeadlineExceeded)}, "unavailable", "unavailable: the journal's queue is full: context deadline exceeded"},
	} {
		s, err := session.New(session.Config{Node: n.Node, Intake: x.intake, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(s.ServeWebSocket))
		c := dial(t, &onenode.Node{URL: server.URL}, "")
		c.say(`{"op":"publish","id":7,"stream":"a","data":1}`)
		if m := c.expect("error"); string(m.ID) != "7" || m.Code != x.code || m.Message != x.message {
			t.Errorf("%s, want %s %q", m.raw, x.code, x.message)
		}
		c.Close()
		server.Close()
		s.Close()
	}
}

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

func TestSeveralInOneMessage(t *testing.T) {
	c := dial(t, onenode.Start(t, onenode.Options{}), "")
	c.say("{\"op\":\"ping\",\"id\":1}\n{\"op\":\"nothing\",\"x\":1}\n")
	if closed := c.ends(); closed.Code != 4400 {
		t.Errorf("%v", closed)
	}
	c = dial(t, onenode.Start(t, onenode.Options{}), "")
	c.say("{\"op\":\"ping\",\"id\":1}\n\n{\"op\":\"subscribe\",\"sub\":\"a\",\"streams\":[\"x\"]}\r\n{\"op\":\"ping\",\"id\":2,\"more\":1}\n{\"op\":\"ping\",\"id\":3}\n")
	seen := map[string]int{}
	for seen["pong"] < 2 || seen["live"] < 1 || seen["error"] < 1 {
		seen[c.hear().Op]++
	}
}

// A client that asks and asks gets all its answers, whenever it reads.
func TestManyQuestions(t *testing.T) {
	c := dial(t, onenode.Start(t, onenode.Options{}), "")
	const many = 50_000
	go func() {
		text := strings.Repeat(`{"op":"ping"}`+"\n", 1000)
		for range many / 1000 {
			_ = c.WriteMessage(websocket.TextMessage, []byte(text)) // the reader sees what is wrong
		}
	}()
	for range many {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, text, err := c.ReadMessage(); err != nil || string(text) != `{"op":"pong"}` {
			t.Fatalf("%v %s", err, text)
		}
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

// What the node tells of itself is as the document says, which hear checks: of its sources, of what
// they could not read, and of its own state.
func TestTheNodesOwnStreams(t *testing.T) {
	feed, err := feeds.Start(feeds.NewSocket(feeds.Play(feeds.Send("{broken", `{"a":1}`), feeds.Silence())))
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	n := onenode.Start(t, onenode.Options{Sources: node.Sources{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	for _, document := range []string{
		"name: good\nkind: websocket\nparse: json\nurl: " + feed.SocketURL("/"),
		"name: lost\nkind: websocket\nurl: ws://127.0.0.1:1/",
	} {
		if _, err := command.Ask(t.Context(), n.Node, command.PutSource{YAML: true, Document: []byte(document)}); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, n, "")
	c.say(`{"op":"subscribe","sub":"1","streams":["$errors.>","$sources.>","$status.>"],"start":"earliest"}`)
	missing := map[string]string{
		"$errors.good": `"frame":"{broken"`, "$sources.good": `"state":"running"`, "$sources.lost": `"state":"backoff"`, "$status." + onenode.Self: `"state":"degraded"`,
	}
	for deadline := time.Now().Add(20 * time.Second); len(missing) > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %v", missing)
		}
		m := c.hear()
		for _, r := range m.Records {
			if part, ok := missing[m.Stream]; ok && bytes.Contains(r.Data, []byte(part)) {
				delete(missing, m.Stream)
			}
		}
	}
	for stream, data := range map[string]string{
		"$errors.x": `{"reason":"r"}`, "$sources.x": `{"source":"x","state":"odd"}`, "$status.x": `{"node":{}}`,
	} {
		text := fmt.Sprintf(`{"id":"a-1-1-0","source":"x","stream":%q,"time":"2026-11-22T10:00:00Z","received":"2026-11-22T10:00:00Z","data":%s}`, stream, data)
		if c.judge.Message("Record", documents.Parse(t, []byte(text))) == nil {
			t.Errorf("%s may be %s by the document", stream, data)
		}
	}
}

// A new subscriber of status first gets the latest of it, without position.
func TestStatusComesFirst(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	eventually(t, "the node has told of itself", func() bool {
		_, err := command.Ask(context.Background(), n.Node, command.Status{})
		return err == nil
	})
	c := dial(t, n, "")
	c.say(`{"op":"subscribe","sub":"s","streams":["$status.>"]}`)
	c.expect("subscribed")
	m := c.expect("records")
	if m.Stream != "$status."+onenode.Self || m.Pos != "" || len(m.Records) != 1 || m.Records[0].ID != "" {
		t.Errorf("%s", m.raw)
	}
	if len(m.Records[0].Data) > 2<<10 || !bytes.Contains(m.Records[0].Data, []byte(`"components"`)) {
		t.Errorf("%s", m.Records[0].Data)
	}
	all := dial(t, n, "")
	all.subscribe("all", `"streams":[">"]`)
	if err := all.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		_, text, err := all.ReadMessage()
		if err != nil {
			if errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return
		}
		if strings.Contains(string(text), "$status") {
			t.Errorf("> has %s", text)
		}
	}
}
