package transform

import (
	"context"
	"fmt"
	"strings"

	"anode/actors/expr"
	"anode/messages"
	"anode/messages/spec"
)

// condition is a where or when: a filter on raw bytes if it is of the safe subset.
type condition struct {
	filter  *expr.Filter
	program Program
}

func compileCondition(language Language, text string) (condition, error) {
	if filter, err := expr.CompileFilter(text); err == nil {
		return condition{filter: filter}, nil
	}
	program, err := language.Compile(text)
	return condition{program: program}, err
}

// holds tells whether it is true; an error, or nothing, is false.
func (c *condition) holds(ctx context.Context, m *value, env Env) (bool, error) {
	if c.filter != nil {
		raw, err := m.json()
		return err == nil && c.filter.MatchJSON(raw), err
	}
	input, err := m.any()
	if err != nil {
		return false, err
	}
	results, err := c.program.Run(ctx, input, env)
	if err != nil {
		return false, err
	}
	for _, r := range results {
		if r != nil && r != false {
			return true, nil
		}
	}
	return false, nil
}

// mapped runs a mapping on what is not decoded; not ok where the program has to.
func mapped(by *expr.Mapping, m *value) (values []*value, ok bool) {
	if by == nil || m.has && m.raw == nil {
		return nil, false
	}
	raw, err := m.json()
	if err != nil {
		return nil, false
	}
	results, ok := by.Map(raw)
	if !ok {
		return nil, false
	}
	values = make([]*value, len(results))
	for i, r := range results {
		values[i] = &value{raw: r, shared: by.Shares()}
	}
	return values, true
}

// extractor gives one scalar of a mapped value: by a path where it is one, else by a program.
type extractor struct {
	name    string
	source  string // its text
	path    []spec.Step
	program Program
	mapping *expr.Mapping // nil where the program is not of the safe subset
}

// compileExtractor makes nil of an empty text.
func compileExtractor(language Language, name, text string) (*extractor, error) {
	if text == "" {
		return nil, nil
	}
	x := &extractor{name: name, source: text}
	if path, ok := plainPath(text); ok {
		x.path = path
		return x, nil
	}
	var err error
	if x.program, err = language.Compile(text); err != nil {
		return x, err
	}
	if mapping, err := expr.CompileMapping(text); err == nil {
		x.mapping = mapping
	}
	return x, nil
}

// plainPath reads jq that is nothing but a path, such as .a.b[0].
func plainPath(text string) ([]spec.Step, bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, ".") || strings.ContainsAny(text, "{}\"") {
		return nil, false
	}
	pieces, err := spec.StreamPieces("{" + text + "}")
	if err != nil || len(pieces) != 1 {
		return nil, false
	}
	return pieces[0].Path, true
}

func (x *extractor) text(ctx context.Context, m *value, env Env) (string, bool, error) {
	found, err := x.value(ctx, m, env)
	if err != nil || found == nil {
		return "", false, err
	}
	return found.text()
}

func (x *extractor) value(ctx context.Context, m *value, env Env) (*value, error) {
	if x.path != nil {
		return m.walk(x.path)
	}
	if values, ok := mapped(x.mapping, m); ok && len(values) <= 1 {
		if len(values) == 0 {
			return nil, nil
		}
		return values[0], nil
	}
	input, err := m.any()
	if err != nil {
		return nil, err
	}
	results, err := x.program.Run(ctx, input, env)
	switch {
	case err != nil:
		return nil, err
	case len(results) > 1:
		return nil, fmt.Errorf("gives %d values, one is allowed", len(results))
	case len(results) == 0:
		return nil, nil
	}
	return decodedValue(results[0]), nil
}

// streamName makes stream names of mapped values.
type streamName struct {
	pieces []spec.StreamPiece
	fixed  messages.Stream
}

func compileStream(text string) (streamName, error) {
	pieces, err := spec.StreamPieces(text)
	if err != nil {
		return streamName{}, err
	}
	if len(pieces) == 1 && pieces[0].Path == nil {
		stream, err := messages.ParseStream(text)
		return streamName{fixed: stream}, err
	}
	return streamName{pieces: pieces}, nil
}

func (s streamName) of(m *value) (messages.Stream, error) {
	if s.fixed != "" {
		return s.fixed, nil
	}
	var name []byte
	for _, p := range s.pieces {
		if p.Path == nil {
			name = append(name, p.Text...)
			continue
		}
		at, err := m.walk(p.Path)
		if err != nil {
			return "", fmt.Errorf("{%s}: %w", p.Text, err)
		}
		text, present, err := at.text()
		switch {
		case err != nil:
			return "", fmt.Errorf("{%s} %w", p.Text, err)
		case !present:
			return "", fmt.Errorf("{%s} is not there", p.Text)
		}
		name = append(name, messages.StreamToken(text)...)
	}
	return messages.ParseStream(string(name))
}
