package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anode/gateway/session"
	"anode/messages"
	"anode/messages/command"
	"anode/testkit/documents"
	"anode/testkit/onenode"
)

// events follows a stream of server-sent events.
type events struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Reader
}

func follow(t *testing.T, n *onenode.Node, path string, headers ...string) *events {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+"/api/v1/streams/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range headers {
		name, value, _ := strings.Cut(text, ": ")
		r.Header.Set(name, value)
	}
	answer, err := n.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return &events{t, answer, bufio.NewReader(answer.Body)}
}

// block is what stands between two empty lines.
func (e *events) block() []string {
	e.t.Helper()
	var lines []string
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			e.t.Fatalf("the stream ended: %v after %q", err, lines)
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return lines
		}
		lines = append(lines, line)
	}
}

// until reads blocks up to one that begins so, and gives it with the records and ids before.
func (e *events) until(begin string) (found []string, records []record, id string) {
	e.t.Helper()
	judge := documents.New(e.t)
	for {
		b := e.block()
		for _, line := range b {
			if data, ok := strings.CutPrefix(line, "data: "); ok && len(b) == 1 {
				if err := judge.Message("Record", documents.Parse(e.t, []byte(data))); err != nil {
					e.t.Errorf("%s: %v", data, err)
				}
				var r record
				if err := json.Unmarshal([]byte(data), &r); err != nil {
					e.t.Fatal(err)
				}
				records = append(records, r)
			}
			if text, ok := strings.CutPrefix(line, "id: "); ok {
				if id = text; len(b) != 1 {
					e.t.Errorf("an id stands beside something: %q", b)
				}
			}
		}
		if len(b) > 0 && strings.HasPrefix(b[0], begin) {
			return b, records, id
		}
	}
}

func TestEvents(t *testing.T) {
	n := onenode.Start(t, onenode.Options{ReadTimeout: 100 * time.Millisecond})
	e := follow(t, n, "lab./events")
	h := e.answer.Header
	if e.answer.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s %v", e.answer.Status, h)
	}
	if b := e.block(); len(b) != 1 || b[0] != "retry: 1000" {
		t.Errorf("%q", b)
	}
	e.until("id: ")
	time.Sleep(150 * time.Millisecond) // the server's own time, which nothing tells of
	publish(t, n, "lab.a", "application/json", "1")
	publish(t, n, "other", "application/json", "2")
	_, _, _ = e.until("data: ")
	_, _, first := e.until("id: ")
	cursor, err := messages.ParseCursorText(first)
	if err != nil || cursor.Len() != 1 {
		t.Fatalf("id %q: %v", first, err)
	}
	if _, timed := cursor.From(); !timed {
		t.Errorf("the id is not the whole cursor: %s", first)
	}
	e.answer.Body.Close()

	publish(t, n, "lab.b", "application/json", "3")
	for _, again := range []*events{
		follow(t, n, "lab.%3E/events", "Last-Event-ID: "+first), follow(t, n, "lab./events?start=after:"+first),
		follow(t, n, "lab./events?start=earliest", "Last-Event-ID: "+first),
	} {
		if _, records, _ := again.until("data: "); len(records) != 1 || string(records[0].Data) != "3" {
			t.Errorf("resumed with %+v", records)
		}
	}
}

func TestEventsParameters(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	publish(t, n, "lab.a", "application/x-ndjson", "1\n2\n3\n4\n")
	e := follow(t, n, "lab.a/events?start=earliest&where=.data%20%3E%202&policy=conflate:20ms&unique=true")
	var got []string
	for len(got) == 0 || got[len(got)-1] != "4" {
		_, records, _ := e.until("data: ")
		got = append(got, string(records[0].Data))
	}
	if strings.Contains(strings.Join(got, ""), "1") || strings.Contains(strings.Join(got, ""), "2") {
		t.Errorf("%v", got)
	}
	e = follow(t, n, "lab./events?start=last:2")
	_, one, _ := e.until("data: ")
	_, two, _ := e.until("data: ")
	if string(one[0].Data) != "3" || string(two[0].Data) != "4" {
		t.Errorf("%+v %+v", one, two)
	}
}

// A hole is an event of its own.
func TestEventsGap(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	for range 3 {
		publish(t, n, "lab.a", "application/json", "1")
	}
	n.Journal.Lose(messages.BatchID{Origin: onenode.Self, Epoch: 1, Sequence: 2})
	if err := n.Journal.GiveUp(onenode.Self, 1, messages.Range{From: 2, To: 2}); err != nil {
		t.Fatal(err)
	}
	e := follow(t, n, "lab.a/events?start=earliest")
	gap, before, _ := e.until("event: gap")
	if len(before) != 1 || len(gap) != 2 {
		t.Fatalf("%+v, then %q", before, gap)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(gap[1], "data: ")), &m); err != nil || m["reason"] != "missing" || m["origin"] != onenode.Self {
		t.Errorf("%q: %v", gap, err)
	}
	if _, after, _ := e.until("data: "); len(after) != 1 {
		t.Errorf("%+v", after)
	}
}

// What can't be followed is a problem, whole and alone.
func TestEventsRefused(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	for path, want := range map[string]string{
		"a..b/events": "invalid_stream", "x/events?start=later": "invalid", "x/events?start=after:y": "invalid_cursor",
		"x/events?where=.a%20%3E": "invalid_filter", "x/events?where=" + strings.Repeat("a", 3000): "invalid_filter",
		"x/events?policy=fast": "invalid", "x/events?unique=1": "invalid", "x/events?stream=y": "invalid_parameter", "x/events?sub=1": "invalid_parameter",
	} {
		status, body := whole(t, n, "GET /api/v1/streams/"+path)
		var p struct{ Code string }
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != "422" || p.Code != want {
			t.Errorf("%s: %s %q, want %s (%v)", path, status, body, want, err)
		}
	}
	status, body := whole(t, n, "GET /api/v1/streams/x/events", "Last-Event-ID: nonsense")
	if status != "422" || !strings.Contains(body, "invalid_cursor") {
		t.Errorf("%s %s", status, body)
	}
	status, _ = whole(t, n, "GET /api/v1/streams/x/events", "Origin: https://evil.example")
	if status != "403" {
		t.Errorf("a foreign page: %s", status)
	}
}

// whole asks on a connection of its own and reads all that ever comes on it.
func whole(t *testing.T, n *onenode.Node, line string, headers ...string) (status, body string) {
	t.Helper()
	host := strings.TrimPrefix(n.URL, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text := line + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + strings.Join(append(headers, "", ""), "\r\n")
	if len(headers) == 0 {
		text = line + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := bufio.NewReader(conn).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(b.String(), "\r\n\r\n")
	return strings.Fields(head + " - -")[1], body
}

// A page of an allowed origin may read events, also those of a connection that was taken over.
func TestEventsAcrossOrigins(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	e := follow(t, n, "x/events", "Origin: http://localhost:5173")
	if got := e.answer.Header.Get("Access-Control-Allow-Origin"); got != "http://localhost:5173" {
		t.Errorf("%q", got)
	}
}

// A node that stops ends the stream; a browser comes again.
func TestEventsEnd(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	e := follow(t, n, "x/events")
	e.until("id: ")
	closing := make(chan struct{})
	go func() { defer close(closing); n.Sessions.Close() }()
	e.until(": the node is shutting down")
	e.answer.Body.Close()
	<-closing
}

// shutting is a node whose sessions end as soon as they are open.
type shutting struct{ *onenode.Node }

func (s shutting) Ask(ctx context.Context, question any) (any, error) {
	answer, err := s.Node.Ask(ctx, question)
	if session, ok := answer.(command.Session); ok {
		session.Close(command.CloseUnavailable, "the node is shutting down")
	}
	return answer, err
}

// Who comes while the node ends gets an answer of HTTP, whatever wins: the hub's farewell or the head.
func TestEventsOpenedDuringAShutdownAreAnswered(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	s, err := session.New(session.Config{Node: shutting{n}, Intake: n.Node, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/streams/{pattern}/events", s.ServeEvents)
	server := httptest.NewServer(mux)
	defer s.Close()
	defer server.Close()
	for range 20 {
		answer, err := server.Client().Get(server.URL + "/api/v1/streams/lab./events")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !strings.Contains(string(body), `"code":"unavailable"`) {
			t.Fatalf("%s %q, %v", answer.Status, body, err)
		}
	}
}
