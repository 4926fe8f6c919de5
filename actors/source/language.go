package source

import (
	"context"

	"anode/actors/expr"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// Language is the jq of an engine.
func Language(engine *expr.Engine) transform.Language { return language{engine} }

// Compile tells what is wrong within an expression of a spec, for spec.ParseWith.
func Compile(l transform.Language) func(spec.Expression) error {
	return func(x spec.Expression) error {
		if x.Kind == spec.Template {
			_, err := l.Template(x.Text)
			return err
		}
		_, err := l.Compile(x.Text)
		return err
	}
}

type language struct{ engine *expr.Engine }

// Compile implements transform.Language.
func (l language) Compile(text string) (transform.Program, error) {
	p, err := l.engine.Compile(text)
	if err != nil {
		return nil, err // not the typed nil
	}
	return program{p}, nil
}

// Template implements transform.Language.
func (l language) Template(value any) (transform.Template, error) {
	t, err := l.engine.Template(value)
	if err != nil {
		return nil, err // not the typed nil
	}
	return template{t}, nil
}

// Heavy implements transform.Language.
func (l language) Heavy(ctx context.Context) (func(), error) { return l.engine.Heavy(ctx) }

// hiding is a language whose templates keep what they compute of secrets out of sight.
type hiding struct {
	transform.Language
	hidden *hidden
}

// Template implements transform.Language.
func (h hiding) Template(value any) (transform.Template, error) {
	t, err := h.Language.Template(value)
	if err != nil {
		return nil, err
	}
	return hidingTemplate{t, h.hidden}, nil
}

type hidingTemplate struct {
	transform.Template
	hidden *hidden
}

// Eval implements transform.Template.
func (t hidingTemplate) Eval(ctx context.Context, input any, env transform.Env, secret transform.Secret) (any, bool, error) {
	env.Computed = t.hidden.noteComputed
	return t.Template.Eval(ctx, input, env, secret)
}

// EvalEscaped implements transform.Template.
func (t hidingTemplate) EvalEscaped(ctx context.Context, input any, env transform.Env, secret transform.Secret, escape func(string) string) (any, bool, error) {
	env.Computed = t.hidden.noteComputed
	return t.Template.EvalEscaped(ctx, input, env, secret, escape)
}

type program struct{ *expr.Program }

// Run implements transform.Program.
func (p program) Run(ctx context.Context, input any, env transform.Env) ([]any, error) {
	return p.Program.Run(ctx, input, expr.Env(env))
}

type template struct{ *expr.Template }

// Eval implements transform.Template.
func (t template) Eval(ctx context.Context, input any, env transform.Env, secret transform.Secret) (any, bool, error) {
	return t.Template.Eval(ctx, input, expr.Env(env), secret)
}

// EvalEscaped implements transform.Template.
func (t template) EvalEscaped(ctx context.Context, input any, env transform.Env, secret transform.Secret, escape func(string) string) (any, bool, error) {
	return t.Template.EvalEscaped(ctx, input, expr.Env(env), secret, escape)
}
