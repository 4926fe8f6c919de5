package expr

import (
	"encoding/json"
	"strings"

	"anode/messages/jsontext"
)

type (
	identity struct{}
	literal  struct{ val }
	// field is .name, index .[expression].
	field struct{ name string }
	index struct{ of, by node }
	pipe  struct{ first, then node }
	// optionalNode is "?": an error is nothing.
	optionalNode struct{ of node }
	comparison   struct {
		l, r  node
		holds func(order int) bool
	}
	logical struct {
		l, r node
		or   bool
	}
	alternative struct{ l, r node }
	condition   struct{ cond, then, other node }
	operation   struct {
		op   byte
		l, r node
	}
	objectNode struct {
		names  []node
		values []node
	}
	negation struct{ of node }
)

func (identity) eval(_ *filterRun, in val) (val, end) { return in, gave }

func (n literal) eval(*filterRun, val) (val, end) { return n.val, gave }

func (n field) eval(run *filterRun, in val) (val, end) { return lookUp(run, in, n.name) }

func lookUp(run *filterRun, in val, name string) (val, end) {
	switch in.kind() {
	case jsontext.Null, jsontext.None:
		return val{}, gave
	case jsontext.Object:
		out, ok := in.member(run, name)
		if ok {
			return out, gave
		}
	}
	return val{}, failed
}

func (n index) eval(run *filterRun, in val) (val, end) {
	by, e := n.by.eval(run, in)
	if e != gave {
		return by, e
	}
	of, e := n.of.eval(run, in)
	if e != gave {
		return of, e
	}
	switch by.kind() {
	case jsontext.Text:
		return lookUp(run, of, by.text())
	case jsontext.Number:
		i, ok := by.number()
		if !ok {
			return val{}, failed
		}
		return elementAt(run, of, i.toInt())
	}
	return val{}, failed
}

func elementAt(run *filterRun, of val, i int) (val, end) {
	switch of.kind() {
	case jsontext.Null, jsontext.None:
		return val{}, gave
	case jsontext.Array:
		if out, ok := of.element(run, i); ok {
			return out, gave
		}
	case jsontext.Text: // a character, as the library has it
		text := of.text()
		if !run.scan(4 * len(text)) {
			return val{}, failed
		}
		runes := []rune(text)
		if i < 0 {
			i += len(runes)
		}
		if i < 0 || i >= len(runes) {
			return val{}, gave
		}
		return val{v: string(runes[i])}, gave
	}
	return val{}, failed
}

func (n pipe) eval(run *filterRun, in val) (val, end) {
	out, e := n.first.eval(run, in)
	if e != gave {
		return out, e
	}
	return n.then.eval(run, out)
}

func (n optionalNode) eval(run *filterRun, in val) (val, end) {
	out, e := n.of.eval(run, in)
	if e == failed {
		e = nothing
	}
	return out, e
}

func (n comparison) eval(run *filterRun, in val) (val, end) {
	r, e := n.r.eval(run, in)
	if e != gave {
		return r, e
	}
	l, e := n.l.eval(run, in)
	if e != gave {
		return l, e
	}
	order, ok := compare(run, l, r)
	if !ok {
		return val{}, failed
	}
	return val{v: n.holds(order)}, gave
}

func (n logical) eval(run *filterRun, in val) (val, end) {
	l, e := n.l.eval(run, in)
	if e != gave {
		return l, e
	}
	if l.truthy() == n.or {
		return val{v: n.or}, gave
	}
	r, e := n.r.eval(run, in)
	if e != gave {
		return r, e
	}
	return val{v: r.truthy()}, gave
}

func (n alternative) eval(run *filterRun, in val) (val, end) {
	l, e := n.l.eval(run, in)
	if e == failed || e == gave && l.truthy() { // the library lets errors through here
		return l, e
	}
	return n.r.eval(run, in)
}

func (n condition) eval(run *filterRun, in val) (val, end) {
	c, e := n.cond.eval(run, in)
	if e != gave {
		return c, e
	}
	if c.truthy() {
		return n.then.eval(run, in)
	}
	return n.other.eval(run, in)
}

func (n operation) eval(run *filterRun, in val) (val, end) {
	r, e := n.r.eval(run, in)
	if e != gave {
		return r, e
	}
	l, e := n.l.eval(run, in)
	if e != gave {
		return l, e
	}
	if l.kind() == jsontext.Number && r.kind() == jsontext.Number {
		ln, lok := l.number()
		rn, rok := r.number()
		out, err := arithmetic(n.op, ln, rn)
		if !lok || !rok || err != nil {
			return val{}, failed
		}
		return val{v: out.value()}, gave
	}
	return n.general(run, l, r)
}

func (n operation) general(run *filterRun, l, r val) (val, end) {
	lv, lok := l.decode(run)
	rv, rok := r.decode(run)
	if !lok || !rok {
		return val{}, failed
	}
	var out any
	var err error
	switch n.op {
	case '+':
		out, err = run.allowance.add(lv, rv)
	case '-':
		out, err = run.allowance.subtract(lv, rv)
	case '*':
		out, err = run.allowance.multiply(lv, rv)
	case '/':
		out, err = run.allowance.divide(lv, rv)
	default:
		out, err = run.allowance.modulo(lv, rv)
	}
	if err != nil || run.allowance.check(out, maxText) != nil {
		return val{}, failed
	}
	return val{v: out}, gave
}

func (n negation) eval(run *filterRun, in val) (val, end) {
	v, e := n.of.eval(run, in)
	if e != gave {
		return v, e
	}
	x, ok := v.number()
	if v.kind() != jsontext.Number || !ok {
		return val{}, failed
	}
	if text, ok := v.numberText(); ok { // which it keeps
		if rest, negative := strings.CutPrefix(text, "-"); negative {
			return val{v: json.Number(rest)}, gave
		}
		return val{v: json.Number("-" + text)}, gave
	}
	if x.kind == float {
		return val{v: -x.f}, gave
	}
	out, err := arithmetic('-', number{}, x)
	if err != nil {
		return val{}, failed
	}
	return val{v: out.value()}, gave
}

func (n objectNode) eval(run *filterRun, in val) (val, end) {
	out := make(map[string]any, len(n.names))
	for i := range n.names {
		name, e := n.names[i].eval(run, in)
		if e != gave {
			return name, e
		}
		if name.kind() != jsontext.Text {
			return val{}, failed
		}
		v, e := n.values[i].eval(run, in)
		if e != gave {
			return v, e
		}
		decoded, ok := v.decode(run)
		if !ok {
			return val{}, failed
		}
		out[name.text()] = decoded
	}
	if run.allowance.check(out, maxText) != nil {
		return val{}, failed
	}
	return val{v: out}, gave
}
