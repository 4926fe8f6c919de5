package session_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/actors/node"
	"anode/messages/command"
	"anode/testkit/documents"
	"anode/testkit/onenode"
)

// sender is a WebSocket that pushes.
type sender struct {
	*websocket.Conn
	t     *testing.T
	judge *documents.Judge
}

type pushed struct {
	Accepted uint64
	Dropped  command.SourceDrops
	Messages int
}

// register registers a source of YAML.
func register(t *testing.T, n *onenode.Node, document string) {
	t.Helper()
	if _, err := command.Ask(t.Context(), n, command.PutSource{Document: []byte(document), YAML: true, Replace: true}); err != nil {
		t.Fatal(err)
	}
}

func pushURL(n *onenode.Node, name, query string) string {
	return "ws" + strings.TrimPrefix(n.URL, "http") + "/api/v1/sources/" + name + "/push" + query
}

func sends(t *testing.T, n *onenode.Node, name, query string, headers ...string) *sender {
	t.Helper()
	h := http.Header{}
	for _, text := range headers {
		name, value, _ := strings.Cut(text, ": ")
		h.Add(name, value)
	}
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), pushURL(n, name, query), h)
	if err != nil {
		t.Fatalf("%v %v", err, answer)
	}
	t.Cleanup(func() { conn.Close() })
	return &sender{conn, t, documents.New(t)}
}

func (s *sender) push(kind int, text string) {
	s.t.Helper()
	if err := s.WriteMessage(kind, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// next is the next message, or the close frame.
func (s *sender) next() ([]byte, *websocket.CloseError) {
	s.t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	_, text, err := s.ReadMessage()
	var closed *websocket.CloseError
	if err != nil && !errors.As(err, &closed) {
		s.t.Fatal(err)
	}
	return text, closed
}

// told adds up what is told until so many messages are answered.
func (s *sender) told(messages int) (sum pushed) {
	s.t.Helper()
	for sum.Messages < messages {
		text, closed := s.next()
		if closed != nil {
			s.t.Fatalf("closed: %v after %+v", closed, sum)
		}
		if err := s.judge.Message("Pushed", documents.Parse(s.t, text)); err != nil {
			s.t.Errorf("%s: %v", text, err)
		}
		var p pushed
		if err := json.Unmarshal(text, &p); err != nil {
			s.t.Fatal(err)
		}
		sum.Accepted += p.Accepted
		sum.Messages += p.Messages
		sum.Dropped.Filtered += p.Dropped.Filtered
		sum.Dropped.Duplicate += p.Dropped.Duplicate
		sum.Dropped.Failed += p.Dropped.Failed
	}
	return sum
}

// stored are the payloads of a stream, in order.
func stored(t *testing.T, n *onenode.Node, stream string) string {
	t.Helper()
	answer, err := n.Client.Get(n.URL + "/api/v1/streams/" + stream + "/records?limit=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page struct{ Items []record }
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range page.Items {
		all = append(all, string(r.Data)+r.Text+r.Base64)
	}
	return strings.Join(all, " ")
}

func TestPushedOverWebSocket(t *testing.T) {
	n := onenode.Start(t, onenode.Options{ReadTimeout: 200 * time.Millisecond})
	register(t, n, `name: p
kind: push
native_id: .n?
transform: {where: '. != "no"', map: 'if type == "object" then {n, u: $meta.url, h: $meta.headers["x-a"]} else . end'}`)
	s := sends(t, n, "p", "?device=7&token=x", "X-A: b", "Sec-WebSocket-Protocol: anode.bearer.t, ocpp1.6, v2")
	if got := s.Subprotocol(); got != "ocpp1.6" {
		t.Errorf("subprotocol %q", got)
	}
	time.Sleep(300 * time.Millisecond) // a server's time for requests is not a connection's
	for _, text := range []string{`{"n":1}`, `{"n": 1}`, `no`, `plain`, ``, `{"n":[1]}`} {
		s.push(websocket.TextMessage, text)
	}
	s.push(websocket.BinaryMessage, `{"n":2}`)
	sum := s.told(7)
	if sum.Accepted != 3 || sum.Dropped != (command.SourceDrops{Filtered: 1, Duplicate: 1, Failed: 1}) || sum.Messages != 7 {
		t.Errorf("%+v", sum)
	}
	if got := stored(t, n, "p"); got != `{"h":"b","n":1,"u":"/api/v1/sources/p/push?device=7"} "plain" {"h":"b","n":2,"u":"/api/v1/sources/p/push?device=7"}` {
		t.Errorf("%s", got)
	}
	// What was pushed before a farewell is answered before the node's.
	for i := range 100 {
		s.push(websocket.TextMessage, fmt.Sprintf(`{"n":%d}`, 100+i))
	}
	if err := s.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "bye"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if sum := s.told(100); sum.Accepted != 100 {
		t.Errorf("%+v", sum)
	}
	if _, closed := s.next(); closed == nil || closed.Code != 1000 {
		t.Errorf("%v", closed)
	}
}

func TestPushRefusedBeforeUpgrade(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hook"), []byte("open-sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := onenode.Start(t, onenode.Options{Sources: node.Sources{Secrets: dir}})
	register(t, n, "name: p\nkind: push\npush: {token: '${secret:hook}'}")
	register(t, n, "name: signed\nkind: push\npush: {verify: {alg: sha256, header: X-S, secret: '${secret:hook}'}}")
	register(t, n, "name: r\nkind: rest\nurl: http://192.0.2.1/")
	register(t, n, "name: paused\nkind: push\npaused: true")
	judge := documents.New(t)
	for _, c := range []struct {
		name, query string
		headers     []string
		status      int
		code        string
	}{
		{"nobody", "", nil, 404, "not_found"},
		{"r", "", nil, 409, "not_push"},
		{"paused", "", nil, 503, "unavailable"},
		{"p", "", nil, 401, "unauthorized"},
		{"p", "?token=wrong", nil, 401, "unauthorized"},
		{"p", "", []string{"Authorization: Bearer open-sesam"}, 401, "unauthorized"},
		{"p", "", []string{"Sec-WebSocket-Protocol: anode.bearer.open"}, 401, "unauthorized"},
		{"signed", "?token=open-sesame", nil, 401, "unauthorized"},
		{"p", "?token=open-sesame", []string{"Origin: https://evil.example"}, 403, "forbidden"},
	} {
		h := http.Header{}
		for _, text := range c.headers {
			name, value, _ := strings.Cut(text, ": ")
			h.Set(name, value)
		}
		conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), pushURL(n, c.name, c.query), h)
		if err == nil {
			conn.Close()
			t.Errorf("%+v: was let in", c)
			continue
		}
		body, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != c.status || !bytes.Contains(body, []byte(`"code":"`+c.code+`"`)) {
			t.Errorf("%+v: %d %s", c, answer.StatusCode, body)
		}
		if c.status == 401 && answer.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%+v: %v", c, answer.Header)
		}
		if err := judge.Answer("GET", "/api/v1/sources/"+c.name+"/push", answer.StatusCode, answer.Header, body); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		query   string
		headers []string
	}{
		{"?token=open-sesame", nil},
		{"", []string{"Authorization: bearer open-sesame"}},
		{"", []string{"Authorization: Basic YTpvcGVuLXNlc2FtZQ=="}},
		{"", []string{"Sec-WebSocket-Protocol: x, anode.bearer.open-sesame", "Origin: " + n.URL}},
	} {
		s := sends(t, n, "p", c.query, c.headers...)
		s.push(websocket.TextMessage, "1")
		if sum := s.told(1); sum.Accepted != 1 {
			t.Errorf("%v: %+v", c, sum)
		}
	}
	answer, err := n.Client.Get(n.URL + "/api/v1/sources/p/push")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 426 {
		t.Errorf("no WebSocket: %s", answer.Status)
	}
}

func TestPushesThatEndTheConnection(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	register(t, n, "name: p\nkind: push\non: [{when: '.bad', fail: 'not like this: ${.frame.bad}'}, {when: '.ping', send: {pong: '${.frame.ping}'}}]")
	s := sends(t, n, "p", "")
	s.push(websocket.TextMessage, `{"ping":7}`)
	if text, _ := s.next(); string(text) != `{"pong":7}` {
		t.Errorf("%s", text)
	}
	if sum := s.told(1); sum.Accepted != 1 {
		t.Errorf("%+v", sum)
	}
	s.push(websocket.TextMessage, `{"bad":"thing"}`)
	s.push(websocket.TextMessage, `{"good":"thing"}`)
	for {
		_, closed := s.next()
		if closed == nil {
			continue
		}
		if closed.Code != 1008 || !strings.Contains(closed.Text, "not like this: thing") {
			t.Errorf("%v", closed)
		}
		break
	}
	large := sends(t, n, "p", "")
	large.push(websocket.TextMessage, `"`+strings.Repeat("x", 1<<20-2)+`"`)
	if sum := large.told(1); sum.Accepted != 1 {
		t.Errorf("%+v", sum)
	}
	large.push(websocket.TextMessage, strings.Repeat("x", 3<<19+1))
	if _, closed := large.next(); closed == nil || closed.Code != 1009 {
		t.Errorf("%v", closed)
	}
	raw := sends(t, n, "p", "")
	if _, err := raw.NetConn().Write([]byte{0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	raw.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, _, err := raw.ReadMessage(); err == nil {
		t.Error("a frame that is none was taken")
	}
	paused := sends(t, n, "p", "")
	if _, err := command.Ask(t.Context(), n, command.PauseSource{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	for { // what comes before the source has heard of it is taken
		paused.push(websocket.TextMessage, "1")
		_, closed := paused.next()
		if closed == nil {
			continue
		}
		if closed.Code != 4503 || !strings.Contains(closed.Text, "source p is paused") {
			t.Errorf("%v", closed)
		}
		break
	}
}

// A connection that is cut in the middle of a message loses that message, and no other; nothing is left of it.
func TestACutSender(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	register(t, n, "name: p\nkind: push")
	for i := range 20 {
		s := sends(t, n, "p", "")
		for k := range 5 {
			s.push(websocket.TextMessage, fmt.Sprint(10*i+k))
		}
		if i%2 == 0 {
			s.told(5)
		}
		if _, err := s.NetConn().Write([]byte{0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, 5}); err != nil { // the beginning of 4 KiB
			t.Fatal(err)
		}
		s.NetConn().Close()
	}
	for deadline := time.Now().Add(10 * time.Second); len(strings.Fields(stored(t, n, "p"))) < 50; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("stored: %s", stored(t, n, "p"))
		}
	}
	if got := stored(t, n, "p"); !strings.Contains(got, "184") || len(strings.Fields(got)) > 100 {
		t.Errorf("stored: %s", got)
	}
}

// A node that shuts down tells its senders, and waits for none for long.
func TestShutdownWithSenders(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	register(t, n, "name: p\nkind: push")
	polite, silent := sends(t, n, "p", ""), sends(t, n, "p", "")
	for _, s := range []*sender{polite, silent} {
		s.push(websocket.TextMessage, "1")
		s.told(1)
	}
	ended := make(chan *websocket.CloseError, 1)
	go func() {
		polite.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, _, err := polite.ReadMessage()
		var closed *websocket.CloseError
		errors.As(err, &closed)
		ended <- closed
	}()
	begun := time.Now()
	n.Shut()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if closed := <-ended; closed == nil || closed.Code != 4503 {
		t.Errorf("%v", closed)
	}
}
