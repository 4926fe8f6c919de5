package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"anode/actors/source/transform"
)

// Question is what Ask asks.
type Question struct {
	Vars transform.Vars
	// To is another place than the endpoint's own.
	To Detour
	// Connects tells that it takes the budget of a connection too.
	Connects bool
	// Feed tells that the feed itself is asked: its bytes are signs of life, and those who look at frames see the
	// request.
	Feed bool
	// Timeout bounds it, from the request to the end of the answer, without the waits for budgets and tokens.
	Timeout time.Duration
	// Accept is the header of that name, where the spec has none.
	Accept string
	// Prepare changes the request before it is sent; nil does not.
	Prepare func(*http.Request)
}

// Answer is what Ask got. Who has it closes it.
type Answer struct {
	*http.Response
	Address
	// Request is what was sent.
	Request *http.Request

	who    string
	line   *Line
	ctx    context.Context
	cancel context.CancelFunc
}

// Ask fills the endpoint's templates and sends the request, as budgets allow. After 401 a token that the spec
// gets by OAuth 2 is got anew, and the request sent once more. Any status is an answer; an error is in words that
// have no secret.
func (e *Endpoint) Ask(ctx context.Context, line *Line, q Question) (*Answer, error) {
	for again := false; ; again = true {
		address, err := e.enter(ctx, line, q.Vars, q.To, q.Connects && !again)
		if err != nil {
			return nil, err
		}
		answer, err := e.send(ctx, line, &q, address)
		if err != nil || again || answer.StatusCode != http.StatusUnauthorized || !address.Renew() {
			return answer, err
		}
		_, _ = answer.Read(mostRefusal) // so that the connection can be used again
		answer.Close()
	}
}

// mostRefusal is the most bytes that are read of an answer that is asked for once more.
const mostRefusal = 64 << 10

func (e *Endpoint) send(ctx context.Context, line *Line, q *Question, address Address) (*Answer, error) {
	client, err := e.transport.Client(ctx, line, address.Host)
	if err != nil {
		return nil, err
	}
	a := &Answer{Address: address, line: line, who: "the server"}
	if q.Feed {
		a.who = "the feed"
	}
	a.ctx, a.cancel = context.WithTimeoutCause(ctx, q.Timeout, &NoAnswer{Who: a.who, Within: q.Timeout})
	if a.Request, err = address.HTTP(a.ctx); err != nil {
		a.cancel()
		return nil, err
	}
	if q.Accept != "" && a.Request.Header.Get("Accept") == "" {
		a.Request.Header.Set("Accept", q.Accept)
	}
	if q.Prepare != nil {
		q.Prepare(a.Request)
	}
	if q.Feed {
		line.Requested(a.Request, address.Shown)
	}
	if a.Response, err = client.Do(a.Request); err != nil {
		err = a.failure(err)
		a.cancel()
		return nil, err
	}
	if q.Feed {
		line.Heard()
		a.Response.Body = heardBody{a.Response.Body, line}
		if err := Stream(a.Response); err != nil {
			a.Close()
			return nil, err
		}
	}
	return a, nil
}

// failure is why it failed: the time-out, the end of the source, or the cause itself.
func (a *Answer) failure(err error) error {
	if a.ctx.Err() != nil {
		return context.Cause(a.ctx)
	}
	return a.line.Cause(err)
}

// Read reads the body, which has at most so many bytes. Above MaxMessage it fails with ErrTooLarge.
func (a *Answer) Read(most int) ([]byte, error) {
	var all bytes.Buffer
	_, err := io.Copy(&all, io.LimitReader(a.Response.Body, int64(most)+1))
	switch {
	case err != nil:
		return all.Bytes(), a.failure(err)
	case all.Len() > most && most == MaxMessage:
		return all.Bytes(), ErrTooLarge
	case all.Len() > most:
		return all.Bytes(), fmt.Errorf("%s sent more than %d bytes", a.who, most)
	}
	return all.Bytes(), nil
}

// Close ends it.
func (a *Answer) Close() {
	_ = a.Response.Body.Close() // what is read is read
	a.cancel()
}

// Refused is the error of an answer that is no success, in the words of who gave it. Least is for how long it
// is left alone after 429 where it does not say.
func (a *Answer) Refused(body []byte, least time.Duration) error {
	text := fmt.Sprintf("%s answered %d %s", a.who, a.StatusCode, http.StatusText(a.StatusCode))
	switch words := Words(body); {
	case a.StatusCode >= 300 && a.StatusCode < 400 && a.Response.Header.Get("Location") == "" && a.StatusCode != http.StatusNotModified:
		text += " without saying where to"
	case words != "":
		text += ": " + words
	}
	err := error(&Refused{Status: a.StatusCode, Text: a.line.Hide(text)})
	wait := Asked(a.Response, a.line.cfg.Clock())
	if a.StatusCode == http.StatusTooManyRequests && wait == 0 {
		wait = least
	}
	if wait == 0 {
		return err
	}
	return &AskedToWait{Err: err, Wait: wait}
}

// heardBody notes every byte that comes.
type heardBody struct {
	io.ReadCloser
	line *Line
}

// Read implements io.Reader.
func (h heardBody) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	if n > 0 {
		h.line.Heard()
	}
	return n, err
}
