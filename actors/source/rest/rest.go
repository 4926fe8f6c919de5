package rest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// connector implements source.Connector.
type connector struct {
	setup     source.Setup
	spec      *spec.REST
	transport *source.Transport
	before    *source.Before
	endpoint  *source.Endpoint

	// What makes the next request conditional: of the last answer that the journal has.
	address, etag, modified string
}

// New makes a connector: a source.Kind.
func New(setup source.Setup) (source.Connector, error) {
	c := &connector{setup: setup, spec: setup.Spec.REST}
	var faults spec.Faults
	c.transport = setup.CompileTransport(&faults)
	c.before = setup.CompileBefore("/rest/before", c.spec.Before, c.transport, &faults)
	feed := setup.Feed()
	feed.Method, feed.In, feed.Query, feed.Body = c.spec.Method, "/rest", c.spec.Query, c.spec.Body
	c.endpoint = setup.CompileEndpoint(feed, c.transport, &faults)
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// Close implements source.Connector.
func (c *connector) Close() { c.transport.Close() }

// Run implements source.Connector: it polls until a poll fails.
func (c *connector) Run(ctx context.Context, line *source.Line) error {
	line.AsksAgain()
	defer c.transport.Settle()
	before, err := c.before.Call(ctx, line)
	if err != nil {
		return err
	}
	if line.Again() {
		c.etag, c.modified = "", ""
	}
	for first := true; ; first = false {
		begun := c.setup.Clock()
		wait, err := c.poll(ctx, line, before, first)
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
func (c *connector) poll(ctx context.Context, line *source.Line, before any, first bool) (time.Duration, error) {
	vars, err := line.Vars(ctx, nil)
	if err != nil {
		return 0, err
	}
	vars.Before = before
	answer, err := c.endpoint.Ask(ctx, line, source.Question{
		Vars: vars, Connects: first, Feed: true, Timeout: c.spec.Timeout.Of(), Accept: source.AcceptJSON, Prepare: c.prepare,
	})
	if err != nil {
		return 0, err
	}
	defer answer.Close()
	body, err := answer.Read(source.MaxMessage)
	if err != nil && !(errors.Is(err, source.ErrTooLarge) && !success(answer.StatusCode)) {
		return 0, err
	}
	wait := source.Asked(answer.Response, c.setup.Clock())
	switch {
	case answer.StatusCode == http.StatusNotModified && (c.etag != "" || c.modified != ""):
		line.Understood()
		line.Answered(answer.Response, answer.Shown, body)
		return wait, nil
	case !success(answer.StatusCode):
		line.Answered(answer.Response, answer.Shown, body)
		return 0, answer.Refused(body, c.spec.Every.Of()) // at least as seldom as when all is well
	}
	if len(bytes.TrimSpace(body)) == 0 {
		line.Understood()
		line.Answered(answer.Response, answer.Shown, body)
	} else if err := c.feed(ctx, line, vars, body, answer); err != nil {
		return 0, err
	}
	if err := line.Settle(ctx); err != nil {
		return 0, err
	}
	c.remember(answer.Request, answer.Response)
	return wait, nil
}

// prepare makes a request conditional.
func (c *connector) prepare(r *http.Request) {
	if !c.conditional(r) || c.address != r.URL.String() {
		return
	}
	if c.etag != "" {
		setDefault(r.Header, "If-None-Match", c.etag)
	}
	if c.modified != "" {
		setDefault(r.Header, "If-Modified-Since", c.modified)
	}
}

func success(status int) bool { return status >= 200 && status < 300 }

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
func (c *connector) feed(ctx context.Context, line *source.Line, vars transform.Vars, body []byte, answer *source.Answer) error {
	actions, err := line.Feed(ctx, body, transform.Meta{
		Received: c.setup.Clock(), URL: answer.Shown, Status: answer.StatusCode, Headers: source.HeadersOf(answer.Response), Vars: vars,
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
