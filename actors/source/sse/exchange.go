package sse

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"anode/actors/source"
)

const (
	readBuffer, writeBuffer = 2 << 10, 1 << 10
	// mostHead is the most bytes of the head of an answer.
	mostHead = 256 << 10
	// tlsPatience bounds the handshake of TLS.
	tlsPatience = 10 * time.Second
)

// exchange makes one HTTP/1.1 request a connection. Other than http.Transport it keeps nothing, has no
// goroutine and small buffers: thousands of answers that come bit by bit are read at once. It implements
// http.RoundTripper.
type exchange struct {
	dial source.Dial
	tls  *tls.Config // nil: the system's
}

// RoundTrip implements http.RoundTripper. The connection ends with the context of the request, or when
// the body is closed.
func (e exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	conn, err := e.connect(ctx, r)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	answer, err := converse(conn, r)
	if err != nil {
		stop()
		_ = conn.Close() // the cause is known
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	body := &body{Reader: answer.Body, close: func() error {
		stop()
		return conn.Close()
	}}
	if strings.EqualFold(answer.Header.Get("Content-Encoding"), "gzip") {
		body.Reader = &unpacking{packed: answer.Body}
		answer.Header.Del("Content-Encoding")
		answer.Header.Del("Content-Length")
		answer.ContentLength, answer.Uncompressed = -1, true
	}
	answer.Body = body
	return answer, nil
}

// connect dials the host, with TLS where the scheme says so.
func (e exchange) connect(ctx context.Context, r *http.Request) (net.Conn, error) {
	port := r.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[r.URL.Scheme]
	}
	conn, err := e.dial(ctx, "tcp", net.JoinHostPort(r.URL.Hostname(), port))
	if err != nil || r.URL.Scheme != "https" {
		return conn, err
	}
	cfg := e.tls.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	if cfg.ServerName == "" {
		cfg.ServerName = r.URL.Hostname()
	}
	cfg.NextProtos = []string{"http/1.1"}
	bounded, cancel := context.WithTimeoutCause(ctx, tlsPatience, fmt.Errorf("the feed did not agree on TLS within %s", tlsPatience))
	defer cancel()
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(bounded); err != nil {
		if bounded.Err() != nil {
			err = context.Cause(bounded)
		}
		_ = conn.Close() // the cause is known
		return nil, err
	}
	return secure, nil
}

// converse sends the request and reads the head of the answer.
func converse(conn net.Conn, r *http.Request) (*http.Response, error) {
	asked := *r
	asked.Header = r.Header.Clone()
	asked.Header.Set("Accept-Encoding", "gzip")
	out := bufio.NewWriterSize(conn, writeBuffer)
	if err := asked.Write(out); err != nil {
		return nil, err
	}
	if err := out.Flush(); err != nil {
		return nil, err
	}
	head := &headBytes{Reader: conn, left: mostHead}
	in := bufio.NewReaderSize(head, readBuffer)
	for {
		answer, err := http.ReadResponse(in, r)
		switch {
		case err != nil && head.left == 0:
			return nil, fmt.Errorf("the head of the feed's answer has more than %d bytes", mostHead)
		case err != nil && head.ended:
			return nil, errors.New("the feed ended the connection before it answered")
		case err != nil:
			return nil, err
		case answer.StatusCode/100 == 1 && answer.StatusCode != http.StatusSwitchingProtocols:
			continue
		}
		head.left = -1
		return answer, nil
	}
}

// headBytes bounds what is read while left is not negative.
type headBytes struct {
	io.Reader
	left int
	// ended tells that the end came.
	ended bool
}

// Read implements io.Reader.
func (h *headBytes) Read(p []byte) (int, error) {
	if h.left < 0 {
		return h.Reader.Read(p)
	}
	if h.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := h.Reader.Read(p[:min(len(p), h.left)])
	h.left -= n
	h.ended = errors.Is(err, io.EOF)
	return n, err
}

// body is that of an answer. To close it ends the connection: what is left of it is not awaited.
type body struct {
	io.Reader
	close func() error
}

// Close implements io.Closer.
func (b *body) Close() error { return b.close() }

// unpacking reads gzip. It looks at nothing before it is read: the first bytes may come late.
type unpacking struct {
	packed io.Reader
	plain  *gzip.Reader
}

// Read implements io.Reader.
func (u *unpacking) Read(p []byte) (int, error) {
	if u.plain == nil {
		plain, err := gzip.NewReader(u.packed)
		if err != nil {
			return 0, err
		}
		u.plain = plain
	}
	return u.plain.Read(p)
}
