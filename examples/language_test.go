package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/itchyny/gojq"

	"anode/actors/source/transform"
	"anode/messages/spec"
)

func language(*testing.T) transform.Language { return plainJQ{} }

// plainJQ is the library without any bound, for tests only.
type plainJQ struct{}

type plainProgram struct{ code *gojq.Code }

func (plainJQ) Compile(text string) (transform.Program, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, err
	}
	code, err := gojq.Compile(query, gojq.WithVariables([]string{"$meta", "$state"}),
		gojq.WithFunction("now", 0, 0, func(any, []any) any { return 1000 }))
	return plainProgram{code}, err
}

func (p plainProgram) Run(ctx context.Context, input any, env transform.Env) ([]any, error) {
	var out []any
	for it := p.code.RunWithContext(ctx, input, env.Meta, env.State); ; {
		v, ok := it.Next()
		if !ok {
			return out, nil
		}
		if err, bad := v.(error); bad {
			return nil, err
		}
		out = append(out, v)
	}
}

type plainTemplate struct{ value any }

func (plainJQ) Template(v any) (transform.Template, error) { return plainTemplate{v}, nil }

func (t plainTemplate) Eval(ctx context.Context, input any, env transform.Env, secret transform.Secret) (any, bool, error) {
	v, err := fill(ctx, t.value, input, env, secret)
	return v, v != nil, err
}

func fill(ctx context.Context, v, input any, env transform.Env, secret transform.Secret) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, e := range v {
			filled, err := fill(ctx, e, input, env, secret)
			if err != nil {
				return nil, err
			}
			if filled != nil {
				out[name] = filled
			}
		}
		return out, nil
	case []any:
		out := []any{}
		for _, e := range v {
			filled, err := fill(ctx, e, input, env, secret)
			if err != nil {
				return nil, err
			}
			if filled != nil {
				out = append(out, filled)
			}
		}
		return out, nil
	case string:
		return fillText(ctx, v, input, env, secret)
	}
	return v, nil
}

func fillText(ctx context.Context, text string, input any, env transform.Env, secret transform.Secret) (any, error) {
	pieces, err := spec.Pieces(text)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, p := range pieces {
		switch {
		case p.Secret:
			s, err := secret(p.Text)
			if err != nil {
				return nil, err
			}
			b.WriteString(s)
		case p.Expr:
			program, err := plainJQ{}.Compile(p.Text)
			if err != nil {
				return nil, err
			}
			results, err := program.Run(ctx, input, env)
			if err != nil || len(results) == 0 {
				return nil, err
			}
			if len(pieces) == 1 {
				return results[0], nil
			}
			switch r := results[0].(type) {
			case string, json.Number, int, float64, *big.Int, bool:
				fmt.Fprint(&b, r)
			}
		default:
			b.WriteString(p.Text)
		}
	}
	return b.String(), nil
}
