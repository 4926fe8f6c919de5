package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// rewriter makes a bounded program of a parsed one. Every name is resolved here, and what it
// stands for gets a name that no text can have: "user.f" is a function of the text, "std.f" one
// of our library, "__f" one of our natives. So the library's own functions are reached only by
// the names in kept, and never by accident.
type rewriter struct {
	text string
	std  *library
	used *uses
	// own tells that the text is our library's: it may name natives and has no place for errors.
	own bool
	// top are the bindings that the program is given; key tells that it uses $secret of them.
	top *binding
	key bool
	// vars counts what takes a place in the frames of functions.
	vars  int
	depth int
	// assigning is above zero on the left side of an assignment.
	assigning int
}

// binding is what a name stands for; the innermost is found first.
type binding struct {
	next *binding
	// key is "f/1" for a function, "$x" for a variable, "*x" for a label.
	key string
	// name is what a function is called in the result.
	name string
	// fn is nil for parameters and variables.
	fn *function
}

// function is a function of the text while its body is read.
type function struct{ open, recursive bool }

func (b *binding) find(key string) *binding {
	for ; b != nil && b.key != key; b = b.next {
		continue
	}
	return b
}

func (b *binding) with(key string) *binding { return &binding{next: b, key: key} }

// fault is an error at the first place of a word.
func (w *rewriter) fault(at, format string, args ...any) error {
	if w.own {
		panic(fmt.Sprintf("expr: the library: "+format, args...))
	}
	return &CompileError{Text: w.text, What: fmt.Sprintf(format, args...), Offset: find(w.text, at)}
}

// frame is what a call costs of a function that calls itself: the library keeps a frame for it
// that has room for about all variables of the program.
func (w *rewriter) frame() int { return 512 + 32*max(0, w.vars-16) }

// program rewrites a whole program and puts what it uses of our library before it.
func (w *rewriter) program(q *gojq.Query, variables []string) (*gojq.Query, error) {
	scope := (*binding)(nil)
	for _, name := range variables {
		scope = scope.with(name)
	}
	w.top = scope
	out, err := w.query(q, scope)
	if err != nil {
		return nil, err
	}
	return &gojq.Query{FuncDefs: w.used.defs, Term: paren(out)}, nil
}

func (w *rewriter) query(q *gojq.Query, s *binding) (*gojq.Query, error) {
	if w.depth++; w.depth > maxNesting {
		return nil, &CompileError{Text: w.text, What: fmt.Sprintf("the expression nests deeper than %d", maxNesting), Offset: -1}
	}
	defer func() { w.depth-- }()
	if q.Meta != nil || len(q.Imports) > 0 {
		return nil, w.fault("import", "modules are not allowed: an expression stands alone")
	}
	var defs []*gojq.FuncDef
	for _, fd := range q.FuncDefs {
		def, inner, err := w.define(fd, s, "user.")
		if err != nil {
			return nil, err
		}
		defs, s = append(defs, def), inner
	}
	out, err := w.body(q, s)
	if err != nil || len(defs) == 0 {
		return out, err
	}
	return &gojq.Query{FuncDefs: defs, Term: paren(out)}, nil
}

func (w *rewriter) body(q *gojq.Query, s *binding) (*gojq.Query, error) {
	switch {
	case q.Term != nil:
		t, err := w.term(q.Term, s)
		return &gojq.Query{Term: t}, err
	case q.Left == nil || q.Right == nil:
		return nil, &CompileError{Text: w.text, What: `there is no expression (the input as it is would be ".")`, Offset: len(w.text)}
	case q.Op == gojq.OpPipe && len(q.Patterns) > 0:
		return w.bind(q, s)
	case assignments[q.Op]:
		return w.assignment(q, s)
	}
	l, err := w.query(q.Left, s)
	if err != nil {
		return nil, err
	}
	r, err := w.query(q.Right, s)
	if err != nil {
		return nil, err
	}
	if name, ok := operatorNatives[q.Op]; ok {
		return w.native(name, l, r), nil
	}
	w.vars++
	return &gojq.Query{Op: q.Op, Left: l, Right: r}, nil
}

var operatorNatives = map[gojq.Operator]string{
	gojq.OpAdd: "__add", gojq.OpSub: "__subtract", gojq.OpMul: "__multiply", gojq.OpDiv: "__divide", gojq.OpMod: "__modulo",
	gojq.OpEq: "__equal", gojq.OpNe: "__notequal", gojq.OpLt: "__less", gojq.OpLe: "__lesseq", gojq.OpGt: "__greater", gojq.OpGe: "__greatereq",
}

var assignments = map[gojq.Operator]bool{
	gojq.OpAssign: true, gojq.OpModify: true, gojq.OpUpdateAdd: true, gojq.OpUpdateSub: true,
	gojq.OpUpdateMul: true, gojq.OpUpdateDiv: true, gojq.OpUpdateMod: true, gojq.OpUpdateAlt: true,
}

var updates = map[gojq.Operator]string{
	gojq.OpUpdateAdd: "__add", gojq.OpUpdateSub: "__subtract", gojq.OpUpdateMul: "__multiply",
	gojq.OpUpdateDiv: "__divide", gojq.OpUpdateMod: "__modulo",
}

// operand is the variable that "p += f" keeps a result of f in; no text can name it.
const operand = "$__operand"

func (w *rewriter) assignment(q *gojq.Query, s *binding) (*gojq.Query, error) {
	w.assigning++
	l, err := w.query(q.Left, s)
	w.assigning--
	if err != nil {
		return nil, err
	}
	assigning := w.assigning
	w.assigning = 0
	r, err := w.query(q.Right, s)
	w.assigning = assigning
	switch {
	case err != nil:
		return nil, err
	case q.Op == gojq.OpAssign:
		return w.library("__assign/2", l, r), nil
	case q.Op == gojq.OpModify:
		return w.library("__modify/2", l, r), nil
	}
	w.vars++
	value := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: operand}}}
	change := &gojq.Query{Op: gojq.OpAlt, Left: identityQuery(), Right: value}
	if q.Op != gojq.OpUpdateAlt {
		change = w.native(updates[q.Op], identityQuery(), value)
	}
	return &gojq.Query{
		Op: gojq.OpPipe, Left: r, Patterns: []*gojq.Pattern{{Name: operand}}, Right: w.library("__modify/2", l, change),
	}, nil
}

func (w *rewriter) bind(q *gojq.Query, s *binding) (*gojq.Query, error) {
	l, err := w.query(q.Left, s)
	if err != nil {
		return nil, err
	}
	patterns, s, err := w.patterns(q.Patterns, s)
	if err != nil {
		return nil, err
	}
	r, err := w.query(q.Right, s)
	return &gojq.Query{Op: gojq.OpPipe, Left: l, Patterns: patterns, Right: r}, err
}

// define rewrites a function. It calls its parameters $x by value, as jq does, in its body.
func (w *rewriter) define(fd *gojq.FuncDef, s *binding, prefix string) (*gojq.FuncDef, *binding, error) {
	if strings.HasPrefix(fd.Name, "__") && !w.own {
		return nil, nil, w.fault(fd.Name, "a name must not begin with \"__\"")
	}
	if len(fd.Args) > 20 {
		return nil, nil, w.fault(fd.Name, "%s has more than 20 parameters", fd.Name)
	}
	fn := &function{open: true}
	outer := &binding{next: s, key: fd.Name + "/" + strconv.Itoa(len(fd.Args)), name: prefix + fd.Name, fn: fn}
	inner := outer
	out := &gojq.FuncDef{Name: prefix + fd.Name}
	for _, arg := range fd.Args {
		name := strings.TrimPrefix(arg, "$")
		out.Args = append(out.Args, "user."+name)
		inner = &binding{next: inner, key: name + "/0", name: "user." + name}
		if arg[0] == '$' {
			inner = inner.with(arg)
		}
		w.vars += 2
	}
	body, err := w.query(fd.Body, inner)
	if err != nil {
		return nil, nil, err
	}
	fn.open = false
	for _, arg := range slices.Backward(fd.Args) {
		if arg[0] == '$' {
			body = &gojq.Query{
				Op: gojq.OpPipe, Left: funcQuery("user." + arg[1:]), Patterns: []*gojq.Pattern{{Name: arg}}, Right: body,
			}
		}
	}
	if fn.recursive {
		body = pipeQuery(w.native("__enter"), body)
	}
	out.Body = body
	return out, outer, nil
}

// patterns rewrites the patterns of a destructuring; all names of all are bound.
func (w *rewriter) patterns(in []*gojq.Pattern, s *binding) ([]*gojq.Pattern, *binding, error) {
	var out []*gojq.Pattern
	for _, p := range in {
		q, inner, err := w.pattern(p, s)
		if err != nil {
			return nil, nil, err
		}
		out, s = append(out, q), inner
	}
	return out, s, nil
}

func (w *rewriter) pattern(p *gojq.Pattern, s *binding) (*gojq.Pattern, *binding, error) {
	if w.depth++; w.depth > maxNesting {
		return nil, nil, &CompileError{Text: w.text, What: fmt.Sprintf("the expression nests deeper than %d", maxNesting), Offset: -1}
	}
	defer func() { w.depth-- }()
	w.vars++
	switch {
	case p.Name != "":
		if strings.HasPrefix(p.Name, "$__") && !w.own {
			return nil, nil, w.fault(p.Name, "a name must not begin with \"__\"")
		}
		return p, s.with(p.Name), nil
	case len(p.Array) > 0:
		elements, s, err := w.patterns(p.Array, s)
		return &gojq.Pattern{Array: elements}, s, err
	}
	out := &gojq.Pattern{}
	for _, member := range p.Object {
		var err error
		if s, err = w.patternMember(member, s, out); err != nil {
			return nil, nil, err
		}
	}
	return out, s, nil
}

func (w *rewriter) patternMember(member *gojq.PatternObject, s *binding, out *gojq.Pattern) (*binding, error) {
	next := &gojq.PatternObject{Key: member.Key}
	switch {
	case member.KeyString != nil:
		t, err := w.words(member.KeyString, "", s)
		if err != nil {
			return nil, err
		}
		next.KeyQuery = &gojq.Query{Term: t}
	case member.KeyQuery != nil:
		q, err := w.query(member.KeyQuery, s)
		if err != nil {
			return nil, err
		}
		next.KeyQuery = pipeQuery(q, w.native("__key"))
	case strings.HasPrefix(member.Key, "$"): // {$x: p} takes .x for $x and for p
		if strings.HasPrefix(member.Key, "$__") && !w.own {
			return nil, w.fault(member.Key, "a name must not begin with \"__\"")
		}
		s = s.with(member.Key)
	}
	if member.Val != nil {
		v, inner, err := w.pattern(member.Val, s)
		if err != nil {
			return nil, err
		}
		next.Val, s = v, inner
	}
	out.Object = append(out.Object, next)
	return s, nil
}

func identityQuery() *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
}

func funcQuery(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func pipeQuery(l, r *gojq.Query) *gojq.Query { return &gojq.Query{Op: gojq.OpPipe, Left: l, Right: r} }

func paren(q *gojq.Query) *gojq.Term { return &gojq.Term{Type: gojq.TermTypeQuery, Query: q} }

// native calls one of our natives.
func (w *rewriter) native(name string, args ...*gojq.Query) *gojq.Query {
	if len(args) > 0 {
		w.vars++
	}
	w.used.native(name)
	return funcQuery(name, args...)
}

// library calls one of our library's functions.
func (w *rewriter) library(key string, args ...*gojq.Query) *gojq.Query {
	w.vars++
	def := w.std.defs[key]
	w.used.add(def)
	return funcQuery(def.def.Name, args...)
}
