package rest

import (
	"context"
	"errors"
	"net/http"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// mostAtOnce is how many items are asked for at once. Where there are pages, or the source is exclusive, it is one.
const mostAtOnce = 4

// connector implements source.Connector.
type connector struct {
	setup     source.Setup
	spec      *spec.REST
	transport *source.Transport
	before    *source.Before
	endpoint  *source.Endpoint
	pages     *pages
	schedule  *schedule
	targets   []*target
	atOnce    int
}

// New makes a connector: a source.Kind.
func New(setup source.Setup) (source.Connector, error) {
	c := &connector{setup: setup, spec: setup.Spec.REST, atOnce: mostAtOnce}
	var faults spec.Faults
	c.transport = setup.CompileTransport(&faults)
	c.before = setup.CompileBefore("/rest/before", c.spec.Before, c.transport, &faults)
	feed := setup.Feed()
	feed.Method, feed.In, feed.Query, feed.Body = c.spec.Method, "/rest", c.spec.Query, c.spec.Body
	c.endpoint = setup.CompileEndpoint(feed, c.transport, &faults)
	if c.pages = compilePages(setup.Spec); c.pages != nil || setup.Spec.Exclusive {
		c.atOnce = 1
	}
	c.targets = targetsOf(c)
	var err error
	if c.schedule, err = newSchedule(c.spec, len(c.targets), setup.Clock()); err != nil {
		faults = append(faults, spec.FaultAt("/rest/cron", err))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// targetsOf are what is asked for: the items, or all of it at once.
func targetsOf(c *connector) []*target {
	items := c.setup.Spec.Items
	if len(items) == 0 {
		return []*target{{connector: c}}
	}
	if all := requestTemplates(c.setup.Spec); source.UsesItems(all) && !source.UsesItem(all) {
		return []*target{{connector: c, items: items}}
	}
	targets := make([]*target, len(items))
	for i, item := range items {
		targets[i] = &target{connector: c, item: item}
	}
	return targets
}

// requestTemplates are those that make a request.
func requestTemplates(s *spec.Spec) []any {
	all := []any{s.URL, s.REST.Body, map[string]any(s.REST.Query)}
	for _, text := range s.Headers {
		all = append(all, text)
	}
	return all
}

// Close implements source.Connector.
func (c *connector) Close() { c.transport.Close() }

// Run implements source.Connector: it polls until a poll fails.
func (c *connector) Run(ctx context.Context, line *source.Line) error {
	line.AsksAgain()
	defer c.transport.Settle()
	answer, err := c.before.Call(ctx, line)
	if err != nil {
		return err
	}
	if line.Again() {
		for _, t := range c.targets {
			t.etag, t.modified = "", ""
		}
	}
	r := &round{connector: c, line: line, before: answer, done: make(chan result, c.atOnce)}
	return r.run(ctx)
}

// vars is what the templates of a target see.
func (t *target) vars(ctx context.Context, r *round) (transform.Vars, error) {
	vars, err := r.line.Vars(ctx, t.item)
	vars.Items, vars.Before = t.items, r.before
	return vars, err
}

func success(status int) bool { return status >= 200 && status < 300 }

// ofTheItem tells that a failure is about what was asked for, not about the feed: others are asked on.
func ofTheItem(err error) bool {
	var refused *source.Refused
	var asked *source.AskedToWait
	if !errors.As(err, &refused) || errors.As(err, &asked) {
		return false
	}
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return false
	}
	return refused.Status >= 400
}
