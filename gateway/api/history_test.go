package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// fakeWalk gives n records, of which each has so many bytes of data, and fails at one.
type fakeWalk struct {
	n, failAt, size int
	given           int
	next            func(ctx context.Context) error
	closed          *atomic.Int32
	// odd is what it fails with; nil is a fault of the node.
	odd error
}

func (w *fakeWalk) Next(ctx context.Context) (*messages.Record, error) {
	if w.next != nil {
		if err := w.next(ctx); err != nil {
			return nil, err
		}
	}
	if w.failAt > 0 && w.given == w.failAt {
		return nil, cmp.Or(w.odd, errors.New("the disk is odd"))
	}
	if w.given == w.n {
		return nil, nil
	}
	w.given++
	return &messages.Record{
		Draft:    messages.Draft{Stream: "lab.a", Payload: []byte(`"` + strings.Repeat("x", w.size) + `"`)},
		Position: messages.Position{Origin: "self", Epoch: 1, Sequence: uint64(w.given)},
	}, nil
}

func (w *fakeWalk) Page() string {
	if w.given == w.n {
		return ""
	}
	return fmt.Sprintf("at=%d&x", w.given)
}

func (w *fakeWalk) Cursor() messages.Cursor {
	var c messages.Cursor
	c.Advance(messages.Position{Origin: "self", Epoch: 1, Sequence: uint64(w.given)})
	return c
}

func (w *fakeWalk) Close() { w.closed.Add(1) }

// walks has the node answer with walks over n records, and gives how many are closed.
func (w *world) walks(f fakeWalk) *atomic.Int32 {
	f.closed = &atomic.Int32{}
	w.node.answer = func(context.Context, any) (any, error) {
		walk := f
		return command.Walk(&walk), nil
	}
	return f.closed
}

type historyList struct {
	Items  []struct{ ID string }
	Next   string
	Cursor []string
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	closed := w.walks(fakeWalk{n: 150})
	a := w.do("GET", "/api/v1/streams/lab.a/records", "")
	w.is(a, 200, "")
	l := decode[historyList](t, a.body)
	if len(l.Items) != 100 || l.Next == "" || fmt.Sprint(l.Cursor) != "[self-1-100-0]" {
		t.Errorf("%d items, next %q, cursor %v", len(l.Items), l.Next, l.Cursor)
	}
	if l = decode[historyList](t, w.do("GET", "/api/v1/streams/lab.a/records?limit=99999", "").body); len(l.Items) != 150 || l.Next != "" {
		t.Errorf("%d items, next %q", len(l.Items), l.Next)
	}
	w.walks(fakeWalk{n: 10_001})
	if l = decode[historyList](t, w.do("GET", "/api/v1/streams/lab.a/records?limit=99999", "").body); len(l.Items) != 10_000 || l.Next == "" {
		t.Errorf("%d items, next %q", len(l.Items), l.Next)
	}
	none := w.walks(fakeWalk{})
	if a := w.do("GET", "/api/v1/streams/unknown/records", ""); string(a.body) != `{"items":[],"cursor":["self-1-0-0"]}`+"\n" {
		t.Errorf("%s", a.body)
	}
	if closed.Load() != 2 || none.Load() != 1 {
		t.Errorf("%d and %d walks are closed", closed.Load(), none.Load())
	}
}

// A page that is on its way when the walk comes to an archive that is away ends there, and says where to go on; one that is not is 503.
func TestAPageEndsWhereTheArchiveIsAway(t *testing.T) {
	away := fmt.Errorf("%w: it is in the archive, which can't be reached", command.ErrUnavailable)
	w := newWorld(t)
	w.walks(fakeWalk{n: 1000, failAt: 600, size: 1000, odd: away})
	a := w.do("GET", "/api/v1/streams/lab.a/records?limit=1000", "")
	w.is(a, 200, "")
	l := decode[historyList](t, a.body)
	if len(l.Items) != 600 || l.Next == "" || fmt.Sprint(l.Cursor) != "[self-1-600-0]" {
		t.Errorf("%d items, next %q, cursor %v", len(l.Items), l.Next, l.Cursor)
	}
	w.walks(fakeWalk{n: 1000, failAt: 3, size: 1000, odd: away})
	w.is(w.do("GET", "/api/v1/streams/lab.a/records?limit=1000", ""), 503, "unavailable")
}

func TestHistoryParameters(t *testing.T) {
	w := newWorld(t)
	w.walks(fakeWalk{n: 1})
	w.is(w.do("GET", "/api/v1/streams/lab.a/records?from=2026-11-22T10:00:00.0001Z&to=1795341600&after=self-1-2-3&order=desc&unique=true&limit=5", ""), 200, "")
	q := w.node.last().(command.History)
	want := command.History{
		Stream: "lab.a", FromMs: time.Date(2026, 11, 22, 10, 0, 0, 1e6, time.UTC).UnixMilli(), ToMs: 1795341600000,
		After: messages.Position{Origin: "self", Epoch: 1, Sequence: 2, Index: 3}, Descending: true, Unique: true,
	}
	if q != want {
		t.Errorf("%+v, want %+v", q, want)
	}
	for query, code := range map[string]string{
		"from=x": "invalid_parameter", "to=x": "invalid_parameter", "after=x": "invalid_cursor", "order=up": "invalid_parameter", "unique=1": "invalid_parameter",
		"limit=0": "invalid_limit", "page=x": "invalid_page", "page=" + strings.Repeat("A", 4000): "invalid_page",
	} {
		w.is(w.do("GET", "/api/v1/streams/lab.a/records?"+query, ""), 422, code)
	}
	w.is(w.do("GET", "/api/v1/streams/lab.*/records", ""), 422, "invalid_stream")
	w.walks(fakeWalk{n: 10})
	next := decode[historyList](t, w.do("GET", "/api/v1/streams/lab.a/records?limit=2", "").body).Next
	w.node.answer = says(nil, fmt.Errorf("%w: page", command.ErrInvalid))
	w.is(w.do("GET", "/api/v1/streams/lab.a/records", ""), 422, "invalid")
	w.is(w.do("GET", "/api/v1/streams/lab.a/records?after=a-1-1-1", ""), 422, "invalid_cursor")
	w.is(w.do("GET", "/api/v1/streams/lab.a/records?page="+next, ""), 422, "invalid_page")
}

// A page goes on with the walk as it began, and is of that stream only.
func TestHistoryPages(t *testing.T) {
	w := newWorld(t)
	w.walks(fakeWalk{n: 10})
	l := decode[historyList](t, w.do("GET", "/api/v1/streams/lab.a/records?order=desc&from=5&limit=3", "").body)
	for _, beside := range []string{"", "&order=desc", "&from=5&limit=3"} {
		next := decode[historyList](t, w.do("GET", "/api/v1/streams/lab.a/records?page="+l.Next+beside, "").body)
		if q := w.node.last().(command.History); q.Page != "at=3&x" || !q.Descending || q.FromMs != 5000 || len(next.Items) != 3 {
			t.Errorf("%q: %+v, %d items", beside, q, len(next.Items))
		}
	}
	w.is(w.do("GET", "/api/v1/streams/lab.a/records?order=asc&page="+l.Next, ""), 422, "invalid_page")
	w.is(w.do("GET", "/api/v1/streams/lab.b/records?page="+l.Next, ""), 422, "invalid_page")
	w.is(w.do("GET", "/api/v1/streams?page="+l.Next, ""), 422, "invalid_page")
}

func TestHistoryLines(t *testing.T) {
	w := newWorld(t)
	w.walks(fakeWalk{n: 25_000})
	a := w.do("GET", "/api/v1/streams/lab.a/records", "", "Accept: text/html, application/x-ndjson;q=0.9")
	if lines := bytes.Count(a.body, []byte{'\n'}); a.status != 200 || a.header.Get("Content-Type") != typeNDJSON || lines != 25_000 {
		t.Errorf("%d %q, %d lines", a.status, a.header.Get("Content-Type"), lines)
	}
	if a = w.do("GET", "/api/v1/streams/lab.a/records?limit=7", "", "Accept: application/x-ndjson"); bytes.Count(a.body, []byte{'\n'}) != 7 {
		t.Errorf("%s", a.body)
	}
	a = w.do("GET", "/api/v1/streams/lab.a/records", "", "Accept: application/x-ndjson;q=0")
	if a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%q", a.header.Get("Content-Type"))
	}
	w.walks(fakeWalk{})
	if a = w.do("GET", "/api/v1/streams/lab.a/records", "", "Accept: application/x-ndjson"); a.status != 200 || len(a.body) > 0 {
		t.Errorf("%d %q", a.status, a.body)
	}
	w.is(w.do("HEAD", "/api/v1/streams/lab.a/records", "", "Accept: application/x-ndjson"), 200, "")
}

// What fails at once is a problem.
func TestHistoryFailsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.walks(fakeWalk{n: 10, failAt: 5})
	for _, accept := range []string{"*/*", typeNDJSON} {
		w.is(w.do("GET", "/api/v1/streams/lab.a/records", "", "Accept: "+accept), 500, "internal")
	}
}

// overHTTP serves the API as a node does, with short times.
func (w *world) overHTTP(patience time.Duration) *httptest.Server {
	w.t.Helper()
	w.config.Patience = patience
	api, err := New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(api)
	s.Config.ReadTimeout = 100 * time.Millisecond
	s.Start()
	w.t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.Close()
	})
	return s
}

func (w *world) get(u string, accept string) (*http.Response, []byte, error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, u, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(answer.Body)
	return answer, body.Bytes(), err
}

// What fails on the way cuts the connection: a part is never taken for the whole.
func TestHistoryIsCut(t *testing.T) {
	w := newWorld(t)
	w.walks(fakeWalk{n: 500, failAt: 400, size: 1000})
	s := w.overHTTP(time.Minute)
	for _, accept := range []string{"*/*", typeNDJSON} {
		if answer, body, err := w.get(s.URL+"/api/v1/streams/lab.a/records?limit=500", accept); err == nil {
			t.Errorf("%s: %d with %d bytes came as if whole", accept, answer.StatusCode, len(body))
		}
	}
}

// A long answer outlives the time in which a request must have arrived.
func TestHistoryOutlivesReadTimeout(t *testing.T) {
	w := newWorld(t)
	start := time.Now()
	w.walks(fakeWalk{n: 20, size: 10, next: func(ctx context.Context) error {
		select {
		case <-time.After(20 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	s := w.overHTTP(time.Minute)
	_, body, err := w.get(s.URL+"/api/v1/streams/lab.a/records", typeNDJSON)
	if err != nil || bytes.Count(body, []byte{'\n'}) != 20 || time.Since(start) < 300*time.Millisecond {
		t.Errorf("%v after %s, %d bytes", err, time.Since(start), len(body))
	}
}

// A client that takes nothing of its answer is cut, and its walk is closed.
func TestHistoryOfDeafClient(t *testing.T) {
	w := newWorld(t)
	closed := w.walks(fakeWalk{n: 1 << 30, size: 64 << 10})
	s := w.overHTTP(100 * time.Millisecond)
	address, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /api/v1/streams/lab.a/records HTTP/1.1\r\nHost: %s\r\nAccept: %s\r\n\r\n", address.Host, typeNDJSON)
	deadline := time.After(20 * time.Second)
	for closed.Load() == 0 {
		select {
		case <-deadline:
			t.Fatal("it is still fed")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A body that does not come is 408.
func TestSlowBody(t *testing.T) {
	w := newWorld(t)
	s := w.overHTTP(time.Minute)
	address, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/streams/lab/records HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", address.Host)
	var head [64]byte
	n, err := conn.Read(head[:])
	if err != nil || !strings.HasPrefix(string(head[:n]), "HTTP/1.1 408") {
		t.Errorf("%v %q", err, head[:n])
	}
}
