package transform

import (
	"context"
	"time"

	"anode/actors/expr"
)

// engine is the language that sources are written in.
type engine struct{ *expr.Engine }

func language(clock func() time.Time) Language {
	return engine{expr.NewEngine(expr.EngineConfig{Clock: clock})}
}

type program struct{ *expr.Program }

type template struct{ *expr.Template }

func (e engine) Compile(text string) (Program, error) {
	p, err := e.Engine.Compile(text)
	return program{p}, err
}

func (e engine) Template(value any) (Template, error) {
	t, err := e.Engine.Template(value)
	return template{t}, err
}

func (p program) Run(ctx context.Context, input any, env Env) ([]any, error) {
	return p.Program.Run(ctx, input, expr.Env(env))
}

func (t template) Eval(ctx context.Context, input any, env Env, secret Secret) (any, bool, error) {
	return t.Template.Eval(ctx, input, expr.Env(env), secret)
}

// EvalEscaped implements Template.
func (t template) EvalEscaped(ctx context.Context, input any, env Env, secret Secret, escape func(string) string) (any, bool, error) {
	return t.Template.EvalEscaped(ctx, input, expr.Env(env), secret, escape)
}
