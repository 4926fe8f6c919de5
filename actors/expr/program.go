package expr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"
	"time"

	"github.com/itchyny/gojq"

	"anode/messages"
	"anode/messages/spec"
	"anode/messages/units"
)

const (
	// maxResults is how many results one run may give.
	maxResults = 1 << 16
	// maxResultSize bounds them in all: about what they take as JSON, and 8 bytes a value.
	maxResultSize = 32 << 20
)

// Env is what expressions see besides their input: $meta and $state.
type Env struct {
	Meta, State any
	// Computed is told what each expression of a template gave that uses secrets; nil is nobody. Values are only looked at.
	Computed func(value any)
}

// Program is compiled jq. It is safe for concurrent use.
type Program struct {
	engine  *Engine
	text    string
	query   *gojq.Query
	natives []string
	frame   int
	// secret tells that the program may use secrets, key that it has $secret.
	secret, key bool

	// heat is for how many runs it still counts as heavy.
	heat atomic.Int32

	mu   sync.Mutex // guards idle
	idle []*machine
}

const (
	// A run is heavy that takes so many steps, makes so much, or has so much work in functions and with its results:
	// each is about 2 ms. Real time does not tell: on a busy machine it is long for everybody. But of a run that ran out
	// of it a fiftieth is enough.
	heavySteps, heavyMade, heavyWork = 100_000, 4 << 20, 200_000
	outOf                            = 50
	// heavyFor is how many runs a program counts as heavy after one that was.
	heavyFor = 100
)

// heavy tells that the last run was.
func (m *machine) heavy() bool {
	part := 1
	if m.err != nil {
		part = outOf
	}
	return m.steps < maxSteps-heavySteps/part || m.left < maxMade-heavyMade/part || m.work > heavyWork/part
}

// machine is a program's code with functions that pay from its own allowance, so that what they
// make is known. It is used by one run at a time; a program has as many as ever ran at once.
type machine struct {
	Allowance
	engine *Engine
	code   *gojq.Code
	// frame is what a call costs of a function that calls itself.
	frame int
	// time is the patience of each run.
	time time.Duration
	// work is what a run did besides steps, and what it made: about 10 ns each.
	work int
}

// String is the program's text.
func (p *Program) String() string { return p.text }

// Run gives all results, at most 65,536; an error means that none counts. It waits while as many
// runs as there are workers are under way, or until the context ends.
func (p *Program) Run(ctx context.Context, input any, env Env) ([]any, error) {
	return p.run(ctx, input, env, secrets{})
}

// secrets are what a template's expression has of them.
type secrets struct {
	byName map[string]any
	key    any // nil, or a text
}

// keyVariable is the secret that a template has without a name.
const keyVariable = "$secret"

// variables are those of a program, in the order of values.
func (p *Program) variables() []string {
	names := []string{"$meta", "$state"}
	if p.secret {
		names = append(names, spec.SecretsVariable, keyVariable)
	}
	return names
}

func (p *Program) values(env Env, s secrets) []any {
	values := []any{env.Meta, env.State}
	if p.secret {
		values = append(values, s.byName, s.key)
	}
	return values
}

func (p *Program) run(ctx context.Context, input any, env Env, s secrets) ([]any, error) {
	heavy := p.heat.Load() > 0
	if err := p.engine.enter(ctx, heavy); err != nil {
		return nil, err
	}
	defer p.engine.leave(heavy)
	m, err := p.take()
	if err != nil {
		return nil, err
	}
	out, err := m.run(ctx, input, p.values(env, s))
	switch {
	case m.heavy():
		p.heat.Store(heavyFor)
	case heavy:
		p.heat.Add(-1)
	}
	if m.code != nil {
		p.give(m)
	}
	return out, err
}

func (p *Program) prepare() (*machine, error) {
	m := &machine{engine: p.engine, frame: p.frame, time: patience}
	options := []gojq.CompilerOption{gojq.WithVariables(p.variables())}
	for _, name := range p.natives {
		n := natives[name]
		options = append(options, gojq.WithFunction(name, n.args, n.args, m.bind(n)))
	}
	var err error
	m.code, err = gojq.Compile(p.query, options...)
	return m, err
}

func (p *Program) take() (*machine, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		m := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return m, nil
	}
	return p.prepare()
}

func (p *Program) give(m *machine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, m)
}

// bind makes a native function one of the library's.
func (m *machine) bind(n native) func(any, []any) any {
	return func(in any, args []any) any {
		v, err := n.do(m, in, args)
		if err == nil {
			return v
		}
		if n.shows == "" || errors.As(err, new(*mismatchError)) {
			return err
		}
		return &callError{n.shows, in, err}
	}
}

// callError is an error of a function, with the value that it met.
type callError struct {
	name string
	in   any
	err  error
}

func (e *callError) Error() string {
	switch e.in.(type) {
	case *editor, *substitution: // the program does not see these
		return e.name + ": " + e.err.Error()
	}
	return e.name + " of " + shown(e.in) + ": " + e.err.Error()
}

func (e *callError) Unwrap() error { return e.err }

func (m *machine) run(ctx context.Context, input any, variables []any) (out []any, err error) {
	m.Allowance = Allowance{left: maxMade, steps: maxSteps, patience: m.time, looked: time.Now(), parent: ctx}
	size := measured{maxResultSize}
	m.work = 0
	defer func() {
		m.parent = nil
		m.work += (maxResultSize - size.left) / 8
		if p := recover(); p != nil { // a fault of the library must not end the node
			m.code, out, err = nil, nil, fmt.Errorf("the jq library failed: %.200v", p)
		}
	}()
	for it := m.code.RunWithContext(m, input, variables...); ; {
		v, ok := it.Next()
		if m.err != nil {
			return nil, m.err
		}
		if !ok {
			return out, nil
		}
		if failed, bad := v.(error); bad {
			return nil, runError(failed)
		}
		if len(out) == maxResults {
			return nil, fmt.Errorf("the program gives more than %d results", maxResults)
		}
		if err := size.take(v, messages.MaxJSONDepth); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

// runError is an error that a program ended with. What error(…) was given is shown as a value:
// as text it may be without end.
func runError(err error) error {
	v, ok := err.(gojq.ValueError) //nolint:errorlint // only the library's own
	if !ok {
		return errors.New(units.Clip(err.Error(), maxMessage))
	}
	if text, ok := v.Value().(string); ok {
		return errors.New("error: " + units.Clip(text, maxMessage))
	}
	return errors.New("error: " + preview(v.Value()))
}

// measured is what is left for results.
type measured struct{ left int }

// take measures a value; parts that are shared count as often as they are reached.
func (r *measured) take(v any, depth int) error {
	r.left -= 8
	switch v := v.(type) {
	case string:
		r.left -= len(v)
	case json.Number:
		r.left -= len(v)
	case *big.Int:
		r.left -= v.BitLen() / 3
	case []any:
		if depth == 0 {
			return errDepth
		}
		for _, e := range v {
			if err := r.take(e, depth-1); err != nil {
				return err
			}
		}
	case map[string]any:
		if depth == 0 {
			return errDepth
		}
		for name, e := range v {
			r.left -= len(name)
			if err := r.take(e, depth-1); err != nil {
				return err
			}
		}
	}
	if r.left < 0 {
		return errResults
	}
	return nil
}

var errResults = fmt.Errorf("the results take more than %d MiB", maxResultSize>>20)

// A machine is the context of its run: the library asks for its end before each instruction,
// which makes that the place where instructions are counted.

// Deadline is none that a context would know.
func (m *machine) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done counts one instruction.
func (m *machine) Done() <-chan struct{} {
	if m.steps--; m.steps&15 == 0 {
		m.look()
	}
	if m.err != nil {
		return m.engine.over
	}
	return nil
}

// Err is why the run is over.
func (m *machine) Err() error { return m.err }

// Value is nil.
func (m *machine) Value(any) any { return nil }
