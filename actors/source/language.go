package source

import (
	"context"
	"errors"

	"anode/actors/source/transform"
	"anode/messages/spec"
)

// Literal is a Language without programs: templates have literals and secrets only.
type Literal struct{}

var errNoPrograms = errors.New("only paths and conditions of the safe subset are supported by this version")

// Compile implements transform.Language.
func (Literal) Compile(string) (transform.Program, error) { return nil, errNoPrograms }

// Template implements transform.Language.
func (Literal) Template(value any) (transform.Template, error) {
	t := literalTemplate{value}
	_, err := t.fill(value, func(string) (string, error) { return "", nil })
	return t, err
}

type literalTemplate struct{ value any }

// Eval implements transform.Template.
func (t literalTemplate) Eval(_ context.Context, _ any, _ transform.Env, secret transform.Secret) (any, bool, error) {
	v, err := t.fill(t.value, secret)
	return v, true, err
}

func (t literalTemplate) fill(v any, secret transform.Secret) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return fillText(v, secret)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			if out[i], err = t.fill(v[i], secret); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for name := range v {
			if out[name], err = t.fill(v[name], secret); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

func fillText(text string, secret transform.Secret) (any, error) {
	pieces, err := spec.Pieces(text)
	if err != nil {
		return nil, err
	}
	var out string
	for _, p := range pieces {
		switch {
		case p.Expr:
			return nil, errNoPrograms
		case p.Secret && secret == nil:
			return nil, errors.New("a secret has no place here")
		case p.Secret:
			value, err := secret(p.Text)
			if err != nil {
				return nil, err
			}
			out += value
		default:
			out += p.Text
		}
	}
	return out, nil
}
