package sse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"anode/actors/source"
	"anode/actors/source/transform"
)

// pieceSize is how much of a body is taken apart at once, in bytes.
const pieceSize = 1 << 10

// stream is one answer after another of one address. It belongs to the goroutine that runs it.
type stream struct {
	*connector
	vars transform.Vars
	// seen is the id of the last event that was fed.
	seen string
	// stood tells that this connection of the source had an answer already.
	stood bool
}

// follow reads again for as long as the feed ends in order what brought messages.
func (s *stream) follow(ctx context.Context, f *funnel) error {
	for {
		messages, err := s.read(ctx, f)
		wait := s.setup.Spec.Backoff.Min.Of()
		wait = wait/2 + rand.N(wait)
		var asked *source.AskedToWait
		if errors.As(err, &asked) && asked.Err == nil {
			err, wait = nil, max(wait, asked.Wait)
		}
		if err != nil || messages == 0 {
			return err
		}
		if err := source.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// read makes one request and reads its answer to the end. The error of an end in order is nil, or has the
// feed's wish for the pause. It gives how many messages came.
func (s *stream) read(ctx context.Context, f *funnel) (messages int, err error) {
	items, before := s.vars.Items, s.vars.Before
	if s.vars, err = f.line.Vars(ctx, s.vars.Item); err != nil {
		return 0, err
	}
	s.vars.Items, s.vars.Before = items, before
	a, err := s.ask(ctx, f.line)
	if err != nil {
		return 0, err
	}
	defer a.close()
	if !s.stood {
		s.stood = true
		f.opened()
	}
	r := &reader{stream: s, funnel: f, meta: transform.Meta{
		URL: a.address.Shown, Status: a.response.StatusCode, Headers: source.HeadersOf(a.response), Vars: s.vars, Secret: f.line.Secret(a.address.Host),
	}}
	r.meta.State = &r.state
	r.splitter = splitter{most: source.MaxMessage, onlyLF: a.byLine}
	r.sequence = sequence{most: source.MaxMessage}
	r.events = events{most: source.MaxMessage, id: s.seen, idBuffer: s.seen}
	err = r.run(ctx, a)
	if retry := r.events.retry; retry > 0 && ctx.Err() == nil {
		err = &source.AskedToWait{Err: err, Wait: retry}
	}
	return r.messages, err
}

// reader takes one answer apart.
type reader struct {
	*stream
	funnel   *funnel
	meta     transform.Meta
	splitter splitter
	sequence sequence
	events   events
	// state is the $state of this answer.
	state    transform.State
	messages int
}

// run reads until the end.
func (r *reader) run(ctx context.Context, a *answer) error {
	buffer := make([]byte, pieceSize)
	for {
		n, err := a.response.Body.Read(buffer)
		if fed := r.take(a, buffer[:n]); fed != nil {
			return fed
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return r.last(a)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the feed cut the connection")
		default:
			return r.funnel.line.Cause(err)
		}
	}
}

// take takes a piece of the body.
func (r *reader) take(a *answer, piece []byte) error {
	for {
		l, rest, ok := r.splitter.next(piece)
		if !ok {
			break
		}
		if err := r.line(a, l); err != nil {
			return err
		}
		piece = rest
	}
	if r.splitter.endless() || r.events.endless() || r.sequence.endless() {
		return source.ErrTooLarge
	}
	return nil
}

// last takes what follows the last end of a line: of events it is cut, of lines it is one.
func (r *reader) last(a *answer) error {
	l, ok := r.splitter.last()
	if ok && a.byLine {
		if err := r.line(a, l); err != nil {
			return err
		}
	}
	return r.texts(r.sequence.end())
}

// texts hands on what is complete of a sequence.
func (r *reader) texts(all []event) error {
	for _, e := range all {
		if err := r.feed(e); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) line(a *answer, l line) error {
	if a.sequence {
		return r.texts(r.sequence.take(l))
	}
	if a.byLine {
		text := textOf(l)
		if text.size == 0 {
			return nil
		}
		return r.feed(text)
	}
	before := r.events.id
	e, complete := r.events.take(l)
	fed := complete && (r.wanted == nil || r.wanted[e.name])
	switch {
	case fed:
		id := r.events.id
		r.meta.Event, r.meta.ID, r.meta.Cursor = e.name, id, &id
		if err := r.feed(e); err != nil {
			return err
		}
	case complete:
		r.messages++
		r.funnel.line.Filtered()
	}
	if r.events.id == before {
		return nil
	}
	r.seen = r.events.id
	if fed && !e.tooLarge {
		return nil
	}
	return r.funnel.line.Passed(r.funnel.whole, r.vars.Item, r.seen)
}

// feed hands a message on.
func (r *reader) feed(e event) error {
	r.messages++
	if e.tooLarge {
		r.funnel.line.Unreadable(fmt.Sprintf("a message of %d bytes is passed over: at most 16 MiB are read", e.size), e.data, e.size, r.meta)
		return nil
	}
	r.meta.Received = r.setup.Clock()
	actions, err := r.funnel.line.Feed(r.funnel.whole, e.data, r.meta)
	if err != nil {
		return err
	}
	for _, a := range actions {
		if a.Fail != "" {
			return errors.New(r.funnel.line.Hide(a.Fail))
		}
	}
	return nil
}

// textOf is the message of a line; its size is 0 where it has none. It keeps nothing of the line.
func textOf(l line) event {
	text := l.text
	if len(text) > 0 && text[0] == recordSeparator {
		text = text[1:]
		l.size--
	}
	if l.tooLong {
		return event{data: bytes.Clone(text), size: l.size, tooLarge: true}
	}
	text = bytes.TrimSuffix(text, []byte("\r"))
	if len(bytes.TrimSpace(text)) == 0 {
		return event{}
	}
	return event{data: bytes.Clone(text), size: len(text)}
}
