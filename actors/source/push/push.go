package push

import (
	"bytes"
	"context"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/command"
	"anode/messages/spec"
)

// connector implements source.Connector.
type connector struct {
	setup source.Setup
	spec  *spec.Push
	// token, secret and of are nil where the spec has none.
	token, secret, of transform.Template
	warned            bool
}

// New makes a connector: a source.Kind.
func New(setup source.Setup) (source.Connector, error) {
	c := &connector{setup: setup, spec: setup.Spec.Push}
	var faults spec.Faults
	if c.spec.Token != "" {
		c.token = setup.CompileTemplate("/push/token", c.spec.Token, &faults)
	}
	if v := c.spec.Verify; v != nil {
		c.secret = setup.CompileTemplate("/push/verify/secret", v.Secret, &faults)
		if v.Of != "" {
			c.of = setup.CompileTemplate("/push/verify/of", v.Of, &faults)
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// Close implements source.Connector: nothing is kept between connections.
func (c *connector) Close() {}

// stopPatience is how long a message that is being fed may still wait for the journal when the source is to end.
const stopPatience = 5 * time.Second

// Run implements source.Connector: it takes what is pushed until ctx ends, or the journal takes nothing.
func (c *connector) Run(ctx context.Context, line *source.Line) error {
	line.AsksAgain() // senders are told what is not stored
	door := &door{connector: c, line: line}
	if _, err := door.keys(ctx); err != nil {
		return err
	}
	if err := line.Settle(ctx); err != nil { // of an earlier connection: what it did not store is no duplicate
		return err
	}
	c.warn()
	next, end := line.Receive(door)
	defer end()
	line.Opened()
	line.Worked()
	feeding, stop := later(ctx, stopPatience)
	defer stop()
	var answers ledger
	for p := next(ctx); p != nil; p = next(ctx) {
		if err := feed(feeding, line, &answers, p); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// feed hands one message on.
func feed(ctx context.Context, line *source.Line, answers *ledger, p *source.Push) error {
	e := answers.enter(p)
	if len(bytes.TrimSpace(p.Message)) == 0 { // as some senders do to see whether somebody is there
		line.Heard()
		line.Understood()
		answers.settle(e, command.Pushed{}, nil)
		return nil
	}
	return line.FeedTold(ctx, p.Message, p.Meta, func(became command.Pushed, err error) { answers.settle(e, became, err) })
}

// later is a context that ends for a while after another.
func later(ctx context.Context, after time.Duration) (context.Context, func()) {
	last, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(context.Cause(ctx))
		case <-last.Done():
		}
	})
	return last, func() {
		stop()
		cancel(nil)
	}
}

// warn says once that anybody may push.
func (c *connector) warn() {
	if c.warned || !c.setup.Exposed || c.token != nil || c.secret != nil {
		return
	}
	c.warned = true
	c.setup.Logger.Warn("anybody who reaches this node can push to this source", "hint", "give its spec push.token or push.verify")
}
