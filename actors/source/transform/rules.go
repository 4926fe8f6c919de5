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
	text string // of set
	fail Template
}

func compileRule(language Language, path string, r spec.Rule, fault func(path string, err error)) rule {
	c := rule{path: path, text: r.Set}
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

// State is $state of one connection, of which the zero value is the beginning. Of two connections that
// are read at once each has its own. It belongs to who feeds.
type State struct {
	// The map is replaced, never changed: results of programs may hold it.
	values map[string]any
	sizes  map[string]int
	bytes  int
}

func (s *State) merge(more map[string]any) error {
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
func (r *rule) run(f *feeding, m *value) bool {
	env := f.env(f.meta)
	if !f.holds(&r.when, m, env) {
		return true
	}
	input, err := m.any()
	if err != nil {
		f.note(r.path, "", m, err)
		return true
	}
	if r.set != nil {
		if err := r.keep(f.ctx, f.stateOf(f.meta), input, env); err != nil {
			f.note(r.path+"/set", r.text, m, err)
		}
		env = f.env(f.meta)
	}
	seen := f.meta.Vars
	seen.Frame = input
	vars := seen.Input()
	if r.send != nil {
		if err := r.answer(f, vars, env); err != nil {
			f.note(r.path+"/send", "", m, err)
		}
	}
	if r.fail == nil {
		return true
	}
	f.out.Actions = append(f.out.Actions, Action{Fail: r.words(f, m, vars, env)})
	return false
}

// words are why the connection is ended. They are shown to people, so secrets have no place in them.
func (r *rule) words(f *feeding, m *value, vars any, env Env) string {
	const unsaid = "the feed reports an error"
	reason, present, err := r.fail.Eval(f.ctx, vars, env, nil)
	if err != nil {
		f.note(r.path+"/fail", "", m, err)
	}
	if err != nil || !present {
		return unsaid
	}
	text, err := Text(reason)
	if err != nil || len(text) == 0 {
		return unsaid
	}
	return string(text)
}

func (r *rule) keep(ctx context.Context, state *State, input any, env Env) error {
	results, err := r.set.Run(ctx, input, env)
	if err != nil {
		return err
	}
	for _, result := range results {
		object, ok := result.(map[string]any)
		if !ok {
			return fmt.Errorf("gives %s, not an object", expr.Kind(result))
		}
		if err := state.merge(object); err != nil {
			return err
		}
	}
	return nil
}

// maxActions is how many answers one message can have.
const maxActions = 1000

func (r *rule) answer(f *feeding, vars any, env Env) error {
	if len(f.out.Actions) >= maxActions {
		return fmt.Errorf("one message has more than %d answers", maxActions)
	}
	v, present, err := r.send.Eval(f.ctx, vars, env, f.meta.Secret)
	if err != nil || !present {
		return err
	}
	text, err := Text(v)
	if err != nil {
		return err
	}
	f.out.Actions = append(f.out.Actions, Action{Send: text})
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
