package sse

import (
	"context"
	"fmt"
	"sync"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// mostStreams is the most streams of one source.
const mostStreams = 100

// connector implements source.Connector.
type connector struct {
	setup source.Setup
	// transport makes clients; before is called once a connection, for all streams.
	transport *source.Transport
	before    *source.Before
	endpoint  *source.Endpoint
	// wanted are the names of events that are read; nil means all.
	wanted map[string]bool
	// byLine tells that an answer of any type is read line by line.
	byLine  bool
	streams []*stream
}

// New makes a connector: a source.Kind.
func New(setup source.Setup) (source.Connector, error) {
	s := setup.Spec
	c := &connector{setup: setup, byLine: s.Parse == spec.ParseNDJSON || s.Parse == spec.ParseLines}
	var faults spec.Faults
	c.transport = setup.CompileTransport(&faults)
	c.before = setup.CompileBefore("/sse/before", s.SSE.Before, c.transport, &faults)
	c.endpoint = setup.CompileEndpoint(setup.Feed(), c.transport, &faults)
	if len(s.SSE.Events) > 0 {
		c.wanted = make(map[string]bool, len(s.SSE.Events))
		for _, name := range s.SSE.Events {
			c.wanted[name] = true
		}
	}
	if each := itemEach(s); !each {
		c.streams = []*stream{{connector: c, vars: transform.Vars{Items: s.Items}}}
	} else if len(s.Items) > mostStreams {
		faults = append(faults, spec.Fault{Path: "/items", Message: fmt.Sprintf("has %d entries, and each is a connection of its own as .item is used: at most %d are allowed", len(s.Items), mostStreams)})
	} else {
		for _, item := range s.Items {
			c.streams = append(c.streams, &stream{connector: c, vars: transform.Vars{Item: item, Items: s.Items}})
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// itemEach tells that each item has a stream of its own.
func itemEach(s *spec.Spec) bool {
	if len(s.Items) == 0 {
		return false
	}
	templates := []any{s.URL}
	for _, text := range s.Headers {
		templates = append(templates, text)
	}
	return source.UsesItem(templates)
}

// Close implements source.Connector.
func (c *connector) Close() { c.transport.Close() }

// Run implements source.Connector. Where there are several streams, the first that fails ends all.
func (c *connector) Run(ctx context.Context, line *source.Line) error {
	f := &funnel{line: line, whole: ctx, opening: len(c.streams)}
	for _, s := range c.streams {
		var err error
		if s.seen, err = line.Cursor(ctx, s.vars.Item); err != nil {
			return err
		}
		if s.stood = false; s.seen != "" {
			line.AsksAgain()
		}
	}
	before, err := c.before.Call(ctx, line)
	if err != nil {
		return err
	}
	for _, s := range c.streams {
		s.vars.Before = before
	}
	if len(c.streams) == 1 {
		_, err := c.streams[0].read(ctx, f)
		return err
	}
	life, cancel := context.WithCancel(ctx)
	defer cancel()
	var first error
	var once sync.Once
	var all sync.WaitGroup
	for _, s := range c.streams {
		all.Go(func() {
			err := source.Catch(func() error { return s.follow(life, f) })
			once.Do(func() { first = err })
			cancel()
		})
	}
	all.Wait()
	return first
}

// funnel is what the streams of one connection share.
type funnel struct {
	line *source.Line
	// whole is the context of the source's connection. Messages are fed under it: that one stream fails
	// takes no message from another.
	whole context.Context

	mu sync.Mutex // guards what follows; a leaf
	// opening is how many streams did not stand yet.
	opening int
}

// opened tells that one more stream stands for the first time.
func (f *funnel) opened() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.opening--; f.opening == 0 {
		f.line.Opened()
	}
}
