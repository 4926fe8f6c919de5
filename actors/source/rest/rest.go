package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// connector implements source.Connector.
type connector struct {
	setup    source.Setup
	spec     *spec.REST
	client   *http.Client
	endpoint *source.Endpoint
	body     transform.Template // nil: none

	// What makes the next request conditional: of the last answer that the journal has.
	address, etag, modified string
}

// New makes a connector: a source.Kind.
func New(setup source.Setup) (source.Connector, error) {
	c := &connector{setup: setup, spec: setup.Spec.REST}
	var faults spec.Faults
	c.endpoint = setup.CompileEndpoint("/rest/query", c.spec.Query, &faults)
	if c.spec.Body != nil {
		c.body = setup.CompileTemplate("/rest/body", c.spec.Body, &faults)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	c.client = setup.Guard.Client()
	return c, nil
}

// Close implements source.Connector.
func (c *connector) Close() { c.client.CloseIdleConnections() }

// Run implements source.Connector: it polls until a poll fails.
func (c *connector) Run(ctx context.Context, line *source.Line) error {
	line.AsksAgain()
	for first := true; ; first = false {
		begun := c.setup.Clock()
		wait, err := c.poll(ctx, line, first)
		if err != nil {
			return err
		}
		line.Worked()
		line.Opened()
		every := c.spec.Every.Of()
		next := begun.Add(every + spread(c.spec.Jitter.Of(every)))
		if wait > 0 { // the feed's wish counts from its answer
			next = later(next, c.setup.Clock().Add(wait))
		}
		line.Quiet(next)
		if !sleep(ctx, next.Sub(c.setup.Clock())) {
			return context.Cause(ctx)
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func spread(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most)
}

// sleep tells whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// poll asks once, and gives for how long the feed wants to be left alone. The first poll connects; the
// others are spread by their pace.
func (c *connector) poll(ctx context.Context, line *source.Line, first bool) (time.Duration, error) {
	vars, err := line.Vars(ctx, nil)
	if err != nil {
		return 0, err
	}
	address, err := c.endpoint.Fill(ctx, line, vars)
	if err != nil {
		return 0, err
	}
	if first {
		if err := line.Connect(ctx, address.Host); err != nil {
			return 0, err
		}
	}
	bounded, cancel := context.WithTimeoutCause(ctx, c.spec.Timeout.Of(), fmt.Errorf("the feed did not answer within %s", c.spec.Timeout.Of()))
	defer cancel()
	request, err := c.request(bounded, line, address, vars)
	if err != nil {
		return 0, err
	}
	line.Requested(request, address.Shown)
	response, err := c.client.Do(request)
	if err != nil {
		return 0, failure(bounded, line, err)
	}
	defer func() { _ = response.Body.Close() }()
	line.Heard()
	if err := source.Stream(response); err != nil {
		return 0, err
	}
	body, err := read(response.Body, line)
	if err != nil && !(errors.Is(err, source.ErrTooLarge) && !success(response.StatusCode)) {
		return 0, failure(bounded, line, err)
	}
	cancel() // the time-out is the feed's; what follows is ours
	wait := source.Asked(response, c.setup.Clock())
	switch {
	case response.StatusCode == http.StatusNotModified && (c.etag != "" || c.modified != ""):
		line.Understood()
		line.Answered(response, address.Shown, body)
		return wait, nil
	case !success(response.StatusCode):
		line.Answered(response, address.Shown, body)
		return 0, c.refused(response, body, wait, line)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		line.Understood()
		line.Answered(response, address.Shown, body)
	} else if err := c.feed(ctx, line, body, response, address.Shown, vars); err != nil {
		return 0, err
	}
	if err := line.Settle(ctx); err != nil {
		return 0, err
	}
	c.remember(request, response)
	return wait, nil
}

func success(status int) bool { return status >= 200 && status < 300 }

// failure is why a request failed: the time-out, the end of the source, or the cause itself.
func failure(ctx context.Context, line *source.Line, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return line.Cause(err)
}

func (c *connector) request(ctx context.Context, line *source.Line, address source.Address, vars transform.Vars) (*http.Request, error) {
	var body io.Reader
	isJSON := false
	if c.body != nil {
		v, present, err := c.body.Eval(ctx, vars.Input(), transform.Env{}, line.Secret(address.Host))
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		if present && v != nil {
			text, err := transform.Text(v)
			if err != nil {
				return nil, fmt.Errorf("body: %w", err)
			}
			_, isText := v.(string)
			body, isJSON = bytes.NewReader(text), !isText
		}
	}
	r, err := http.NewRequestWithContext(ctx, c.spec.Method, address.URL.String(), body)
	if err != nil {
		return nil, line.Cause(err)
	}
	r.Header = address.Header
	setDefault(r.Header, "User-Agent", "anode")
	setDefault(r.Header, "Accept", "application/json, */*;q=0.5")
	if isJSON {
		setDefault(r.Header, "Content-Type", "application/json")
	}
	if c.conditional(r) && c.address == r.URL.String() {
		if c.etag != "" {
			setDefault(r.Header, "If-None-Match", c.etag)
		}
		if c.modified != "" {
			setDefault(r.Header, "If-Modified-Since", c.modified)
		}
	}
	return r, nil
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

func (c *connector) conditional(r *http.Request) bool {
	return c.spec.Conditional && r.Method == http.MethodGet
}

// remember keeps what makes the next request conditional: the journal has what this answer brought.
func (c *connector) remember(request *http.Request, response *http.Response) {
	if c.conditional(request) {
		c.address = request.URL.String()
		c.etag, c.modified = response.Header.Get("ETag"), response.Header.Get("Last-Modified")
	}
}

// feed hands an answer to the line. There is nobody to send to, so only fail counts.
func (c *connector) feed(ctx context.Context, line *source.Line, body []byte, response *http.Response, shown string, vars transform.Vars) error {
	actions, err := line.Feed(ctx, body, transform.Meta{
		Received: c.setup.Clock(), URL: shown, Status: response.StatusCode, Headers: source.HeadersOf(response), Vars: vars,
	})
	if err != nil {
		return err
	}
	for _, a := range actions {
		if a.Fail != "" {
			return errors.New(line.Hide(a.Fail))
		}
	}
	return nil
}

// read reads a body within the bound; each piece is a sign of life.
func read(body io.Reader, line *source.Line) ([]byte, error) {
	var all bytes.Buffer
	_, err := io.Copy(&all, io.LimitReader(heard{body, line}, source.MaxMessage+1))
	if err == nil && all.Len() > source.MaxMessage {
		err = source.ErrTooLarge
	}
	return all.Bytes(), err
}

type heard struct {
	io.Reader
	line *source.Line
}

func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.line.Heard()
	}
	return n, err
}
