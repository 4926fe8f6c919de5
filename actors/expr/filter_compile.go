package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"anode/messages/jsontext"
)

// filterCompiler makes nodes of what the library parsed.
type filterCompiler struct {
	depth int
}

// outside is the error for what is not in the safe subset.
func outside(what string, part fmt.Stringer) error {
	return fmt.Errorf("%s is not in the safe subset: %s", what, clip(part.String()))
}

var orders = map[gojq.Operator]func(int) bool{
	gojq.OpEq: func(o int) bool { return o == 0 },
	gojq.OpNe: func(o int) bool { return o != 0 },
	gojq.OpLt: func(o int) bool { return o < 0 },
	gojq.OpLe: func(o int) bool { return o <= 0 },
	gojq.OpGt: func(o int) bool { return o > 0 },
	gojq.OpGe: func(o int) bool { return o >= 0 },
}

var operators = map[gojq.Operator]byte{gojq.OpAdd: '+', gojq.OpSub: '-', gojq.OpMul: '*', gojq.OpDiv: '/', gojq.OpMod: '%'}

func (c *filterCompiler) query(q *gojq.Query) (node, error) {
	if c.depth++; c.depth > 200 {
		return nil, fmt.Errorf("nests deeper than 200: %s", clip(q.String()))
	}
	defer func() { c.depth-- }()
	switch {
	case len(q.FuncDefs) > 0:
		return nil, outside("a function of your own", q.FuncDefs[0])
	case q.Meta != nil || len(q.Imports) > 0:
		return nil, outside("a module", q)
	case len(q.Patterns) > 0:
		return nil, outside("a variable", q)
	case q.Term != nil:
		return c.term(q.Term, len(q.Term.SuffixList))
	case q.Left == nil || q.Right == nil:
		return identity{}, nil
	}
	l, err := c.query(q.Left)
	if err != nil {
		return nil, err
	}
	r, err := c.query(q.Right)
	if err != nil {
		return nil, err
	}
	if holds, ok := orders[q.Op]; ok {
		return comparison{l, r, holds}, nil
	}
	if op, ok := operators[q.Op]; ok {
		return operation{op, l, r}, nil
	}
	switch q.Op {
	case gojq.OpPipe:
		return pipe{l, r}, nil
	case gojq.OpAnd, gojq.OpOr:
		return logical{l, r, q.Op == gojq.OpOr}, nil
	case gojq.OpAlt:
		return alternative{l, r}, nil
	case gojq.OpComma:
		return nil, outside("more than one result (',')", q)
	}
	return nil, outside("an assignment", q)
}

// term makes a term with its first n suffixes.
func (c *filterCompiler) term(t *gojq.Term, n int) (node, error) {
	if n == 0 {
		return c.bare(t)
	}
	s := t.SuffixList[n-1]
	if s.Optional && n > 1 && !t.SuffixList[n-2].Optional {
		return c.optionalSuffix(t, n-2)
	}
	of, err := c.term(t, n-1)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Optional:
		return optionalNode{of}, nil
	case s.Iter:
		return nil, outside("'.[]' outside of any(…) and all(…)", t)
	}
	return c.index(of, s.Index, t)
}

// optionalSuffix makes the suffix i and the "?" behind it, which quiets that suffix alone.
func (c *filterCompiler) optionalSuffix(t *gojq.Term, i int) (node, error) {
	of, err := c.term(t, i)
	if err != nil {
		return nil, err
	}
	if t.SuffixList[i].Iter {
		return nil, outside("'.[]' outside of any(…) and all(…)", t)
	}
	last, err := c.index(identity{}, t.SuffixList[i].Index, t)
	return pipe{of, optionalNode{last}}, err
}

func (c *filterCompiler) index(of node, i *gojq.Index, t *gojq.Term) (node, error) {
	switch {
	case i.IsSlice:
		return nil, outside("a slice", t)
	case i.Name != "":
		return pipe{of, field{i.Name}}, nil
	case i.Str != nil && i.Str.Queries == nil:
		return pipe{of, field{i.Str.Str}}, nil
	case i.Str != nil:
		return nil, outside(`a text with \(…)`, t)
	}
	by, err := c.query(i.Start)
	if err != nil {
		return nil, err
	}
	return index{of, by}, nil
}

func (c *filterCompiler) bare(t *gojq.Term) (node, error) {
	switch t.Type {
	case gojq.TermTypeIdentity:
		return identity{}, nil
	case gojq.TermTypeNull:
		return literal{}, nil
	case gojq.TermTypeTrue:
		return literal{val{v: true}}, nil
	case gojq.TermTypeFalse:
		return literal{val{v: false}}, nil
	case gojq.TermTypeNumber:
		return literal{val{v: parseNumber(t.Number).value()}}, nil
	case gojq.TermTypeString:
		if t.Str.Queries != nil {
			return nil, outside(`a text with \(…)`, t)
		}
		return literal{val{v: t.Str.Str}}, nil
	case gojq.TermTypeIndex:
		return c.index(identity{}, t.Index, t)
	case gojq.TermTypeQuery:
		return c.query(t.Query)
	case gojq.TermTypeIf:
		return c.condition(t.If)
	case gojq.TermTypeObject:
		return c.object(t.Object)
	case gojq.TermTypeFunc:
		return c.function(t.Func)
	case gojq.TermTypeUnary:
		return c.unary(t.Unary)
	case gojq.TermTypeArray:
		if t.Array.Query == nil {
			return literal{val{v: []any{}}}, nil
		}
		return nil, outside("an array", t)
	}
	return nil, outside("this", t)
}

func (c *filterCompiler) unary(u *gojq.Unary) (node, error) {
	of, err := c.term(u.Term, len(u.Term.SuffixList))
	if err != nil {
		return nil, err
	}
	if u.Op != gojq.OpSub {
		return nil, outside("a sign that is not '-'", u.Term)
	}
	if l, ok := of.(literal); ok {
		out, e := negation{l}.eval(nil, val{})
		if e == gave {
			return literal{out}, nil
		}
	}
	return negation{of}, nil
}

func (c *filterCompiler) condition(i *gojq.If) (node, error) {
	arms := []*gojq.IfElif{{Cond: i.Cond, Then: i.Then}}
	arms = append(arms, i.Elif...)
	var other node = identity{}
	if i.Else != nil {
		var err error
		if other, err = c.query(i.Else); err != nil {
			return nil, err
		}
	}
	for _, arm := range slices.Backward(arms) {
		cond, err := c.query(arm.Cond)
		if err != nil {
			return nil, err
		}
		then, err := c.query(arm.Then)
		if err != nil {
			return nil, err
		}
		other = condition{cond, then, other}
	}
	return other, nil
}

func (c *filterCompiler) object(o *gojq.Object) (node, error) {
	var out objectNode
	for _, kv := range o.KeyVals {
		name, value, err := c.member(kv)
		if err != nil {
			return nil, err
		}
		out.names, out.values = append(out.names, name), append(out.values, value)
	}
	return out, nil
}

func (c *filterCompiler) member(kv *gojq.ObjectKeyVal) (name, value node, err error) {
	switch {
	case kv.KeyQuery != nil:
		name, err = c.query(kv.KeyQuery)
	case kv.KeyString != nil && kv.KeyString.Queries != nil:
		err = outside(`a text with \(…)`, kv.KeyString)
	case kv.KeyString != nil:
		name = literal{val{v: kv.KeyString.Str}}
	case strings.HasPrefix(kv.Key, "$"):
		err = outside("a variable", kv)
	default:
		name = literal{val{v: kv.Key}}
	}
	if err != nil {
		return nil, nil, err
	}
	if kv.Val != nil {
		value, err = c.query(kv.Val)
		return name, value, err
	}
	key, ok := name.(literal)
	if !ok {
		return nil, nil, outside("a member without a value", kv)
	}
	return name, field{key.text()}, nil
}

func (c *filterCompiler) function(f *gojq.Func) (node, error) {
	if strings.HasPrefix(f.Name, "$") {
		return nil, outside("a variable", f)
	}
	if do, ok := unary[f.Name]; ok && len(f.Args) == 0 {
		return call{do}, nil
	}
	if (f.Name == "any" || f.Name == "all") && len(f.Args) <= 2 {
		return c.quantified(f)
	}
	if f.Name == "test" && (len(f.Args) == 1 || len(f.Args) == 2) {
		return c.test(f)
	}
	if len(f.Args) != 1 {
		return nil, outside(fmt.Sprintf("%s/%d", f.Name, len(f.Args)), f)
	}
	arg, err := c.query(f.Args[0])
	if err != nil {
		return nil, err
	}
	switch f.Name {
	case "has", "in":
		return having(arg, f.Name == "in"), nil
	case "contains", "inside":
		return containing(arg, f.Name == "inside"), nil
	case "startswith":
		return withText(arg, strings.HasPrefix), nil
	case "endswith":
		return withText(arg, strings.HasSuffix), nil
	case "select":
		return condition{arg, identity{}, call{unary["empty"]}}, nil
	}
	return nil, outside(f.Name+"/1", f)
}

func (c *filterCompiler) quantified(f *gojq.Func) (node, error) {
	from, cond := generator{[]step{{}}}, node(identity{})
	var err error
	if n := len(f.Args); n > 0 {
		if cond, err = c.query(f.Args[n-1]); err != nil {
			return nil, err
		}
	}
	if len(f.Args) == 2 {
		if from, err = c.generator(f.Args[0]); err != nil {
			return nil, err
		}
	}
	return quantified(from, cond, f.Name == "all"), nil
}

// generator makes a path that may have .[] in it.
func (c *filterCompiler) generator(q *gojq.Query) (generator, error) {
	if q.Op == gojq.OpPipe && len(q.Patterns) == 0 && len(q.FuncDefs) == 0 {
		l, err := c.generator(q.Left)
		if err != nil {
			return l, err
		}
		r, err := c.generator(q.Right)
		return generator{append(l.steps, r.steps...)}, err
	}
	if q.Term == nil {
		n, err := c.query(q)
		return generator{[]step{{node: n}}}, err
	}
	return c.generatorTerm(q.Term)
}

func (c *filterCompiler) generatorTerm(t *gojq.Term) (generator, error) {
	plain := *t
	plain.SuffixList = nil
	if t.Type == gojq.TermTypeQuery && slices.ContainsFunc(t.SuffixList, func(s *gojq.Suffix) bool { return s.Optional }) {
		n, err := c.term(t, len(t.SuffixList))
		return generator{[]step{{node: n}}}, err
	}
	var g generator
	if t.Type == gojq.TermTypeQuery {
		inner, err := c.generator(t.Query)
		if err != nil {
			return g, err
		}
		g = inner
	} else {
		n, err := c.bare(&plain)
		if err != nil {
			return g, err
		}
		g.steps = []step{{node: n}}
	}
	for i, s := range t.SuffixList {
		switch {
		case s.Optional && i > 0 && t.SuffixList[i-1].Optional:
			for i := range g.steps {
				g.steps[i].quiet = true
			}
		case s.Optional: // quiets what stands right before it
			g.steps[len(g.steps)-1].quiet = true
		case s.Iter:
			g.steps = append(g.steps, step{})
		default:
			if s.Index.Start != nil && s.Index.Name == "" && s.Index.Str == nil && !constantQuery(s.Index.Start) {
				return g, outside("a computed index beside '.[]'", t)
			}
			n, err := c.index(identity{}, s.Index, t)
			if err != nil {
				return g, err
			}
			g.steps = append(g.steps, step{node: n})
		}
	}
	return g, nil
}

// constantQuery tells whether a query is a literal number or text.
func constantQuery(q *gojq.Query) bool {
	if q.Term == nil || len(q.Term.SuffixList) > 0 {
		return false
	}
	switch q.Term.Type {
	case gojq.TermTypeNumber:
		return true
	case gojq.TermTypeString:
		return q.Term.Str.Queries == nil
	case gojq.TermTypeUnary:
		return q.Term.Unary.Term.Type == gojq.TermTypeNumber
	}
	return false
}

func (c *filterCompiler) test(f *gojq.Func) (node, error) {
	var texts []string
	for _, arg := range f.Args {
		if !constantQuery(arg) || arg.Term.Type != gojq.TermTypeString {
			return nil, outside("test with a pattern that is no literal", f)
		}
		texts = append(texts, arg.Term.Str.Str)
	}
	flags := ""
	if len(texts) == 2 {
		flags = texts[1]
	}
	p, err := compilePattern(texts[0], flags)
	if err != nil {
		return nil, err
	}
	return matching(p), nil
}

func matching(p *pattern) node {
	return call{func(run *filterRun, in val) (val, end) {
		if in.kind() != jsontext.Text || !run.scan(len(in.text())) {
			return val{}, failed
		}
		text := in.text()
		if run.search -= p.cost(text); run.search < 0 {
			return val{}, failed
		}
		return val{v: p.re.MatchString(text)}, gave
	}}
}
