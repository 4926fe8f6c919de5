package source

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"anode/actors/source/guess"
	"anode/actors/source/transform"
	"anode/messages/command"
	"anode/messages/spec"
)

// The bounds of what a guess keeps of the feed's messages.
const (
	mostSamples      = 200
	mostSamplesBytes = 8 << 20
)

// sample is a message as it came, of which a spec is guessed.
type sample struct {
	index   int
	message []byte
	meta    transform.Meta
}

// probe is the spec with which a feed is listened to before anything is known: what was given, and no more.
func probe(given map[string]json.RawMessage, kind string, d time.Duration) (*spec.Spec, error) {
	members := map[string]any{"name": "try", "kind": kind}
	for name, text := range given {
		members[name] = text
	}
	for _, late := range []string{"transform", "key", "native_id", "time", "dedupe", "stream", "schema", "sequence", "limit", "since"} {
		delete(members, late)
	}
	if kind == spec.KindREST && given["rest"] == nil {
		members["rest"] = map[string]any{"every": "1h", "timeout": (d * 6 / 10).Round(time.Millisecond).String()}
	}
	document, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return spec.Parse(document, false)
}

// guess listens to a feed, makes a spec of what it says, and shows what that makes of it.
func (s *Sources) guess(ctx context.Context, given map[string]json.RawMessage, q command.Try) (command.Trial, error) {
	kind, err := guess.KindOf(given)
	if err != nil {
		return command.Trial{}, err
	}
	until := s.cfg.Clock().Add(q.For)
	heard, err := s.listen(ctx, given, kind, q)
	if err != nil {
		return command.Trial{}, err
	}
	var other *WrongKind
	if errors.As(heard.err, &other) && s.cfg.Kinds[other.Is] != nil {
		kind = other.Is
		q.For = max(until.Sub(s.cfg.Clock()), time.Second)
		if heard, err = s.listen(ctx, given, kind, q); err != nil {
			return command.Trial{}, err
		}
	}
	if kind == spec.KindREST && errors.As(heard.err, new(*NoAnswer)) { // it may be one that has no end
		lines := maps.Clone(given)
		lines["parse"] = json.RawMessage(`"` + spec.ParseNDJSON + `"`)
		q.For = max(until.Sub(s.cfg.Clock()), time.Second)
		if more, err := s.listen(ctx, lines, spec.KindSSE, q); err == nil && more.lines() {
			heard, kind, given = more, spec.KindSSE, lines
		}
	}
	heard.view.Spec = nil
	in := guess.Input{Given: given, Kind: kind}
	for _, one := range heard.samples {
		in.Messages = append(in.Messages, guess.Message{Data: one.message, Event: one.meta.Event, Headers: one.meta.Headers})
	}
	if heard.page {
		text := isPage
		heard.view.Error, heard.view.Hints = &text, nil
		return heard.view, nil
	}
	g, err := guess.Of(in)
	switch {
	case errors.Is(err, guess.ErrNothing):
		if heard.view.Error == nil {
			text := err.Error()
			heard.view.Error = &text
		}
		return heard.view, nil
	case err != nil:
		return command.Trial{}, err
	}
	return s.shown(ctx, heard, g, q.Records)
}

// heard is what a feed said.
type heard struct {
	view    command.Trial
	samples []sample
	hidden  *hidden
	err     error
	// page tells that it is a page for people.
	page bool
}

// lines tells that all that came are JSON texts, each on a line.
func (h *heard) lines() bool {
	for i := range h.samples {
		if !json.Valid(h.samples[i].message) {
			return false
		}
	}
	return len(h.samples) > 0
}

// listen runs a probe.
func (s *Sources) listen(ctx context.Context, given map[string]json.RawMessage, kind string, q command.Try) (*heard, error) {
	parsed, err := probe(given, kind, q.For)
	if err != nil {
		return nil, err
	}
	most := mostSamples
	if kind == spec.KindREST {
		most = command.MaxTryRecords
	}
	t, err := s.run(ctx, parsed, q.For, most, true)
	if err != nil {
		return nil, err
	}
	h := &heard{view: t.view, samples: t.samples, hidden: t.hidden, err: t.err}
	h.view.Records, h.view.RecordFrames, h.view.Dropped = []json.RawMessage{}, []int{}, []command.TrialDrop{}
	h.view.More.Records, h.view.More.Dropped = 0, 0
	for i := range h.view.Frames {
		h.page = h.page || notData(&h.view.Frames[i]) != ""
	}
	return h, nil
}

// shown runs a guessed spec on what was heard.
func (s *Sources) shown(ctx context.Context, h *heard, g *guess.Guess, most int) (command.Trial, error) {
	p, err := transform.New(transform.Config{Spec: g.Spec, Language: s.cfg.Language, Clock: s.cfg.Clock})
	if err != nil {
		return command.Trial{}, err
	}
	enough := false
	t := &trial{clock: s.cfg.Clock, most: most, hidden: h.hidden, view: h.view, at: -1, end: func(error) { enough = true }}
	t.view.Spec, t.view.YAML = g.Spec.JSON, g.YAML
	for i := range h.samples {
		if enough || ctx.Err() != nil {
			break
		}
		one := &h.samples[i]
		t.begin(one.index, one.message)
		result := p.Feed(ctx, one.message, one.meta)
		t.take(result.Drafts)
		t.done(&result)
		for f := range result.Failures {
			t.failed(result.Failures[f].Reason, result.Failures[f].Frame)
		}
		t.settled()
	}
	return t.view, nil
}
