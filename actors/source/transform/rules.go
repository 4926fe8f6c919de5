package transform

import (
	"context"
	"fmt"
	"maps"

	"anode/actors/expr"
	"anode/messages/spec"
)

// The bounds of $state.
const (
	maxStateKeys  = 10_000
	maxStateBytes = 1 << 20
)

// rule is one compiled entry of on.
type rule struct {
	path string
	when condition
	send Template
	set  Program
	fail Template
}

func compileRule(language Language, path string, r spec.Rule, fault func(path string, err error)) rule {
	c := rule{path: path}
	var err error
	if c.when, err = compileCondition(language, r.When); err != nil {
		fault(path+"/when", err)
	}
	if r.Send != nil {
		if c.send, err = language.Template(r.Send); err != nil {
			fault(path+"/send", err)
		}
	}
	if r.Set != "" {
		if c.set, err = language.Compile(r.Set); err != nil {
			fault(path+"/set", err)
		}
	}
	if r.Fail != "" {
		if c.fail, err = language.Template(r.Fail); err != nil {
			fault(path+"/fail", err)
		}
	}
	return c
}

// state is $state of one connection. The map is replaced, never changed: results of programs may
// hold it.
type state struct {
	values map[string]any
	sizes  map[string]int
	bytes  int
}

func (s *state) merge(more map[string]any) error {
	next := maps.Clone(s.values)
	if next == nil {
		next = make(map[string]any, len(more))
	}
	sizes, total := maps.Clone(s.sizes), s.bytes
	if sizes == nil {
		sizes = make(map[string]int, len(more))
	}
	for name, v := range more {
		raw, err := expr.Append(nil, v)
		if err != nil {
			return err
		}
		size := len(name) + len(raw)
		total += size - sizes[name]
		next[name], sizes[name] = v, size
	}
	switch {
	case len(next) > maxStateKeys:
		return fmt.Errorf("$state would have %d keys, at most %d are allowed", len(next), maxStateKeys)
	case total > maxStateBytes:
		return fmt.Errorf("$state would have %d bytes, at most %d are allowed", total, maxStateBytes)
	}
	s.values, s.sizes, s.bytes = next, sizes, total
	return nil
}

// run does the rule for a message that it holds for; false ends the message.
func (r *rule) run(ctx context.Context, p *Pipeline, m *value, meta *Meta, frame []byte, out *Result) bool {
	env := p.env(meta)
	if !r.when.holds(ctx, m, env) {
		return true
	}
	input, err := m.any()
	if err != nil {
		out.note(frame, "%s: %v", r.path, err)
		return true
	}
	if r.set != nil {
		if err := r.keep(ctx, p, input, env); err != nil {
			out.note(frame, "%s/set: %v", r.path, err)
		}
		env = p.env(meta)
	}
	seen := meta.Vars
	seen.Frame = input
	vars := seen.Input()
	if r.send != nil {
		if err := r.answer(ctx, vars, env, meta, out); err != nil {
			out.note(frame, "%s/send: %v", r.path, err)
		}
	}
	if r.fail == nil {
		return true
	}
	// The reason is shown to people, so secrets have no place in it.
	reason, present, err := r.fail.Eval(ctx, vars, env, nil)
	switch {
	case err != nil:
		out.note(frame, "%s/fail: %v", r.path, err)
		out.Actions = append(out.Actions, Action{Fail: "the feed reports an error"})
	case !present:
		out.Actions = append(out.Actions, Action{Fail: "the feed reports an error"})
	default:
		text, err := Text(reason)
		if err != nil || len(text) == 0 {
			text = []byte("the feed reports an error")
		}
		out.Actions = append(out.Actions, Action{Fail: string(text)})
	}
	return false
}

func (r *rule) keep(ctx context.Context, p *Pipeline, input any, env Env) error {
	results, err := r.set.Run(ctx, input, env)
	if err != nil {
		return err
	}
	for _, result := range results {
		object, ok := result.(map[string]any)
		if !ok {
			return fmt.Errorf("gives a %T, not an object", result)
		}
		if err := p.state.merge(object); err != nil {
			return err
		}
	}
	return nil
}

func (r *rule) answer(ctx context.Context, vars any, env Env, meta *Meta, out *Result) error {
	v, present, err := r.send.Eval(ctx, vars, env, meta.Secret)
	if err != nil || !present {
		return err
	}
	text, err := Text(v)
	if err != nil {
		return err
	}
	out.Actions = append(out.Actions, Action{Send: text})
	return nil
}

// Vars is what templates see, as values of expr; nil is null.
type Vars struct {
	// Item is the one that is asked for, Items those that are asked for at once.
	Item  any
	Items []any
	// Before is the answer of the call before the connection.
	Before any
	// Since is the source's incremental state.
	Since any
	// Frame is the message that is answered.
	Frame any
	// Request is what is signed, Page which page is asked for: objects.
	Request, Page any
}

// Input is what the expressions of a template run on.
func (v Vars) Input() any {
	var items any
	if v.Items != nil {
		items = v.Items
	}
	return map[string]any{
		"item": v.Item, "items": items, "before": v.Before, "since": v.Since, "frame": v.Frame, "request": v.Request, "page": v.Page,
	}
}

// Text is the text of a filled template: a text as it is, anything else as JSON.
func Text(v any) ([]byte, error) {
	if text, ok := v.(string); ok {
		return []byte(text), nil
	}
	return expr.Append(nil, v)
}
