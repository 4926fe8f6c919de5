package sse

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// raw serves one connection after another with what is written as it is, after the head of a request.
func raw(t *testing.T, answers ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for i := 0; ; i++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, answers[min(i, len(answers)-1)])
			}
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func get(t *testing.T, url string, cfg *tls.Config) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	var d net.Dialer
	return (&http.Client{Transport: exchange{dial: d.DialContext, tls: cfg}}).Do(r)
}

func TestAnswersAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		status int
		body   string
		end    error
	}{
		"a length":        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", 200, "abc", nil},
		"chunks":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, "abc", nil},
		"up to the end":   {"HTTP/1.0 200 OK\r\n\r\nabc", 200, "abc", nil},
		"after hints":     {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 200, "a", nil},
		"a switch":        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 101, "", nil},
		"a cut chunk":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", 200, "abc", io.ErrUnexpectedEOF},
		"a missing chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 200, "abc", io.ErrUnexpectedEOF},
		"a short length":  {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 200, "abc", io.ErrUnexpectedEOF},
	} {
		r, err := get(t, raw(t, c.answer), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, err := io.ReadAll(r.Body)
		if r.StatusCode != c.status || string(body) != c.body || !errors.Is(err, c.end) {
			t.Errorf("%s: %d %q %v", name, r.StatusCode, body, err)
		}
		if err := r.Body.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNoAnswerIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"nothing":         {"", "ended the connection before it answered"},
		"half a head":     {"HTTP/1.1 200 OK\r\nContent-", "ended the connection before it answered"},
		"another tongue":  {"SSH-2.0-OpenSSH_9.6\r\n\r\n", "malformed HTTP"},
		"an endless head": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*mostHead), "the head of the feed's answer has more than"},
		"many headers":    {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", mostHead), "the head of the feed's answer has more than"},
		"hints for ever":  {strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", mostHead/20), "the head of the feed's answer has more than"},
		"two lengths":     {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "Content-Length"},
	} {
		if r, err := get(t, raw(t, c.answer), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
}

func TestTLSIsChecked(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	defer s.Close()
	if _, err := get(t, s.URL, nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody signed passes: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	cfg := &tls.Config{RootCAs: pool}
	r, err := get(t, s.URL, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "HTTP/1.1" || cfg.ServerName != "" {
		t.Errorf("%q %v, the configuration was changed: %q", body, err, cfg.ServerName)
	}
	if _, err := get(t, strings.Replace(s.URL, "127.0.0.1", "localhost", 1), cfg); err == nil || !strings.Contains(err.Error(), "localhost") {
		t.Errorf("a certificate for another name passes: %v", err)
	}
}

func TestAnExchangeEndsWithItsContext(t *testing.T) {
	held := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		held <- struct{}{}
	}))
	defer s.Close()
	for _, path := range []string{"/head", "/body"} {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		var d net.Dialer
		if path == "/head" {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
		answer, err := (&http.Client{Transport: exchange{dial: d.DialContext}}).Do(r)
		if path == "/head" {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", path, err)
			}
		} else {
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if _, err := io.ReadAll(answer.Body); err == nil {
				t.Errorf("%s: the body ends in order", path)
			}
			_ = answer.Body.Close()
		}
		cancel()
		<-held
	}
}
