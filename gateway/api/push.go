package api

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"anode/gateway/auth"
	"anode/gateway/problem"
	"anode/messages/command"
)

const (
	// pushPatience is how long a push waits for room among the others.
	pushPatience = 5 * time.Second
	// freeBytes are the first of each body, which need no room.
	freeBytes = 4 << 10
)

// push takes one message for a push source, in its sender's own format, and answers when the journal has
// what became of it.
func (s *server) push(c echo.Context) error {
	r := c.Request()
	ctx := r.Context()
	pusher, err := command.Ask(ctx, s.Node, command.OpenPush{Name: param(c, "name"), Token: auth.Credential(r)})
	if err != nil {
		return pushRefused(c, err)
	}
	defer pusher.Close()
	m := command.PushMessage{URL: auth.Shown(r.URL), Header: r.Header}
	if err := readPush(r, pusher, &m); err != nil {
		return err
	}
	done := make(chan pushed, 1)
	waiting, cancel := context.WithTimeout(ctx, pushPatience)
	defer cancel()
	if err := pusher.Push(waiting, m, func(became command.Pushed, err error) { done <- pushed{became, err} }); err != nil {
		return pushRefused(c, err)
	}
	select {
	case p := <-done:
		if p.err != nil {
			return p.err
		}
		return sendPushed(c, &p.became)
	case <-ctx.Done():
		return fmt.Errorf("%w: the client went away before the answer: %w", command.ErrUnconfirmed, context.Cause(ctx))
	}
}

type pushed struct {
	became command.Pushed
	err    error
}

// pushRefused says how a sender is to show who it is.
func pushRefused(c echo.Context, err error) error {
	if errors.Is(err, command.ErrUnauthorized) {
		c.Response().Header().Set("WWW-Authenticate", "Bearer")
	}
	return err
}

// sendPushed answers with what the source's rules send, or else with what became of the message.
func sendPushed(c echo.Context, p *command.Pushed) error {
	switch len(p.Sent) {
	case 0:
		return c.JSON(http.StatusAccepted, p)
	case 1:
	default:
		return c.Blob(http.StatusOK, echo.MIMETextPlainCharsetUTF8, bytes.Join(p.Sent, []byte{'\n'}))
	}
	kind := echo.MIMETextPlainCharsetUTF8
	if text := bytes.TrimSpace(p.Sent[0]); len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid(text) {
		kind = echo.MIMEApplicationJSON
	}
	return c.Blob(http.StatusOK, kind, p.Sent[0])
}

// readPush reads the body of a push, and takes its coding off.
func readPush(r *http.Request, pusher command.Pusher, m *command.PushMessage) error {
	reserve := func(n int) error {
		waiting, cancel := context.WithTimeout(r.Context(), pushPatience)
		defer cancel()
		return pusher.Reserve(waiting, n)
	}
	body, err := readReserved(r.Body, reserve)
	if err != nil {
		return readFault(err, badBody)
	}
	m.Body = body
	from, err := decoder(r.Header.Get("Content-Encoding"), body)
	if err != nil || from == nil {
		return err
	}
	m.Wire = body
	if m.Body, err = readReserved(from, reserve); err != nil {
		return readFault(err, badCoding)
	}
	return nil
}

// readFault keeps what is not about the body as it is.
func readFault(err error, otherwise func(error) error) error {
	if errors.Is(err, command.ErrTooMany) || errors.Is(err, errTooLarge) {
		return err
	}
	return otherwise(err)
}

func badCoding(err error) error {
	return problem.New(http.StatusBadRequest, "bad_body", "the body is not what Content-Encoding says: %v", err)
}

// decoder takes a coding off; nil where there is none.
func decoder(coding string, body []byte) (io.Reader, error) {
	var from io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
		return nil, nil
	case "gzip", "x-gzip":
		from, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		from, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return nil, problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Encoding %q: gzip and deflate are known", clip(coding))
	}
	if err != nil {
		return nil, badCoding(err)
	}
	return from, nil
}

// errTooLarge is a body above MaxBody.
var errTooLarge error = tooLargeBody()

// readReserved reads all, with room for it: it is made before it is needed, and doubles.
func readReserved(from io.Reader, reserve func(n int) error) ([]byte, error) {
	buf := make([]byte, 0, 512)
	for {
		if len(buf) == cap(buf) {
			if len(buf) > MaxBody {
				return nil, errTooLarge
			}
			grown := min(2*cap(buf), MaxBody+1)
			if grown > freeBytes {
				if err := reserve(grown - max(cap(buf), freeBytes)); err != nil {
					return nil, err
				}
			}
			buf = append(make([]byte, 0, grown), buf...)
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			if len(buf) > MaxBody {
				return nil, errTooLarge
			}
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
}
