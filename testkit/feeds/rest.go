package feeds

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Request is what a client asked.
type Request struct {
	At     time.Time
	Method string
	// Target is path and query, the query sorted by name.
	Target string
	Header http.Header
	// Body is cut to 1 MiB.
	Body []byte
}

const (
	// mostRequests bounds what a REST keeps of what clients asked.
	mostRequests = 100_000
	mostBody     = 1 << 20
)

// REST is the handler of polled feeds. Each path and query has answers in order; the last one is
// repeated. What it does not know is answered with 404.
type REST struct {
	answers map[string][]http.Handler

	mu       sync.Mutex // guards what follows
	next     map[string]int
	requests []Request
	changed  chan struct{}
}

// NewREST makes a handler of answers by path and query; the order of a query's parts does not
// matter.
func NewREST(answers map[string][]http.Handler) *REST {
	r := &REST{answers: make(map[string][]http.Handler, len(answers)), next: make(map[string]int), changed: make(chan struct{})}
	for target, list := range answers {
		key := target
		if u, err := url.Parse(target); err == nil {
			key = Target(u)
		}
		r.answers[key] = append(r.answers[key], list...)
	}
	return r
}

// ServeHTTP implements http.Handler.
func (s *REST) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody))
	if err != nil {
		return // the client is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	target := Target(r.URL)
	s.mu.Lock()
	if len(s.requests) < mostRequests {
		s.requests = append(s.requests, Request{At: time.Now(), Method: r.Method, Target: target, Header: r.Header.Clone(), Body: body})
	}
	list := s.answers[target]
	at := min(s.next[target], len(list)-1)
	s.next[target] = at + 1
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	list[at].ServeHTTP(w, r)
}

// Requests is what clients asked so far, the first 100,000.
func (s *REST) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Await blocks until n requests came.
func (s *REST) Await(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		count, changed := len(s.requests), s.changed
		s.mu.Unlock()
		if count >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Body answers with a status, headers and a body. A HEAD gets no body.
func Body(status int, header http.Header, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})
}

// JSON answers 200 with a JSON body.
func JSON(body string) http.Handler {
	return Body(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, []byte(body))
}

// Status answers with a status and a text.
func Status(status int, text string) http.Handler {
	return Body(status, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, []byte(text))
}

// HTML answers 200 with a page where data is expected, as captive portals and gateways do.
func HTML() http.Handler {
	return Body(http.StatusOK, http.Header{"Content-Type": {"text/html"}}, []byte("<!doctype html><title>Sign in</title><p>Please sign in to the network."))
}

// TooMany answers 429 with Retry-After in whole seconds, rounded up.
func TooMany(after time.Duration) http.Handler {
	seconds := strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10)
	return Body(http.StatusTooManyRequests, http.Header{"Retry-After": {seconds}, "Content-Type": {"application/json"}}, []byte(`{"error":"too many requests"}`))
}

// Redirect answers 302.
func Redirect(to string) http.Handler { return http.RedirectHandler(to, http.StatusFound) }

// Tagged answers with an ETag, and 304 to who has that already.
func Tagged(tag, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		JSON(body).ServeHTTP(w, r)
	})
}

// Big answers with a JSON string of n bytes.
func Big(n int) http.Handler {
	return Body(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, bigString(n))
}

// Hang takes the request and answers nothing until the client leaves.
func Hang() http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// Dribble is a slow loris: a body that comes byte by byte.
func Dribble(body string, pause time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		flush := http.NewResponseController(w)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for i := range len(body) {
			select {
			case <-timer.C:
			case <-r.Context().Done():
				return
			}
			if _, err := io.WriteString(w, body[i:i+1]); err != nil || flush.Flush() != nil {
				return
			}
			timer.Reset(pause)
		}
	})
}

// CutBody promises a whole body, sends n bytes of it, and ends the connection.
func CutBody(body string, n int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = buffered.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body[:min(n, len(body))])
		_ = buffered.Flush()
	})
}

// Drop resets the connection instead of answering.
func Drop() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			cut(conn)
		}
	})
}
