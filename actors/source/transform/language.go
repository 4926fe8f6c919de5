package transform

import "context"

// Language compiles the jq of a spec. Values are as expr.Decode makes them and are never changed.
type Language interface {
	// Compile reads a program.
	Compile(text string) (Program, error)
	// Template reads a value whose texts may have ${…}.
	Template(value any) (Template, error)
	// Heavy waits for the turn to do work that takes more than a moment, until ctx ends; leave ends it.
	Heavy(ctx context.Context) (leave func(), err error)
}

// Program is compiled jq, bounded in time, memory, depth and output.
type Program interface {
	// Run gives all results; an error means that none counts.
	Run(ctx context.Context, input any, env Env) ([]any, error)
}

// Template is a value with expressions in it.
type Template interface {
	// Eval fills the template; absent when it is one whole ${…} that gives null.
	Eval(ctx context.Context, input any, env Env, secret Secret) (value any, present bool, err error)
	// EvalEscaped is Eval with secrets written as escape does, but for those within expressions.
	EvalEscaped(ctx context.Context, input any, env Env, secret Secret, escape func(string) string) (value any, present bool, err error)
	// UsesKey tells that an expression has $secret.
	UsesKey() bool
}

// Env is what expressions see besides their input.
type Env struct {
	// Meta is $meta, State is $state.
	Meta, State any
	// Computed is told what each expression with secrets gave, so that nobody is shown it; nil is nobody. Values are
	// only looked at.
	Computed func(value any)
}

// Secret resolves ${secret:NAME} for where the result goes, and $secret, whose name is empty; nil means that
// there is none.
type Secret func(name string) (string, error)
