package expr

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"anode/messages/jsontext"
)

// unary are the functions without arguments.
var unary = map[string]func(run *filterRun, in val) (val, end){
	"not":            func(_ *filterRun, in val) (val, end) { return val{v: !in.truthy()}, gave },
	"empty":          func(*filterRun, val) (val, end) { return val{}, nothing },
	"length":         lengthOf,
	"type":           func(_ *filterRun, in val) (val, end) { return val{v: kindName(in.kind())}, gave },
	"ascii_downcase": func(run *filterRun, in val) (val, end) { return mapASCII(run, in, 'A', 'Z') },
	"ascii_upcase":   func(run *filterRun, in val) (val, end) { return mapASCII(run, in, 'a', 'z') },
	"tonumber":       toNumber,
	"tostring":       toText,
}

func kindName(k jsontext.Kind) string {
	switch k {
	case jsontext.Bool:
		return "boolean"
	case jsontext.Number:
		return "number"
	case jsontext.Text:
		return "string"
	case jsontext.Array:
		return "array"
	case jsontext.Object:
		return "object"
	}
	return "null"
}

type call struct {
	do func(run *filterRun, in val) (val, end)
}

func (n call) eval(run *filterRun, in val) (val, end) { return n.do(run, in) }

func lengthOf(run *filterRun, in val) (val, end) {
	switch in.kind() {
	case jsontext.Null, jsontext.None:
		return val{v: 0}, gave
	case jsontext.Text:
		text := in.text()
		return val{v: utf8.RuneCountInString(text)}, run.looked(len(text))
	case jsontext.Array:
		return val{v: in.length(run)}, gave
	case jsontext.Object:
		v, ok := in.decode(run)
		m, _ := v.(map[string]any)
		if !ok {
			return val{}, failed
		}
		return val{v: len(m)}, gave
	case jsontext.Number:
		x, ok := in.number()
		if !ok {
			return val{}, failed
		}
		if compareNumbers(x, number{}) >= 0 {
			return in, gave
		}
		return negation{literal{in}}.eval(run, in)
	}
	return val{}, failed
}

func mapASCII(run *filterRun, in val, from, to byte) (val, end) {
	if in.kind() != jsontext.Text {
		return val{}, failed
	}
	text := in.text()
	if !run.scan(4 * len(text)) {
		return val{}, failed
	}
	if strings.IndexFunc(text, func(r rune) bool { return r >= rune(from) && r <= rune(to) }) < 0 {
		return val{v: text}, gave
	}
	out := []byte(text)
	for i, c := range out {
		if c >= from && c <= to {
			out[i] = c ^ 0x20
		}
	}
	return val{v: string(out)}, gave
}

var numberText = regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)

func toNumber(_ *filterRun, in val) (val, end) {
	switch in.kind() {
	case jsontext.Number:
		return in, gave
	case jsontext.Text:
		if text := in.text(); len(text) <= maxDigits && numberText.MatchString(text) {
			return val{v: parseNumber(text).value()}, gave
		}
	}
	return val{}, failed
}

func toText(run *filterRun, in val) (val, end) {
	v, ok := in.decode(run)
	if !ok {
		return val{}, failed
	}
	if text, ok := scalarText(v); ok {
		return val{v: text}, gave
	}
	text, err := gojqJSON(v)
	if err != nil {
		return val{}, failed
	}
	return val{v: text}, gave
}

// withText is a function of two texts.
func withText(arg node, do func(l, r string) bool) node {
	return call{func(run *filterRun, in val) (val, end) {
		r, e := arg.eval(run, in)
		if e != gave {
			return r, e
		}
		if in.kind() != jsontext.Text || r.kind() != jsontext.Text {
			return val{}, failed
		}
		text := in.text()
		return val{v: do(text, r.text())}, run.looked(len(text))
	}}
}

func containing(arg node, inside bool) node {
	return call{func(run *filterRun, in val) (val, end) {
		r, e := arg.eval(run, in)
		if e != gave {
			return r, e
		}
		if inside {
			in, r = r, in
		}
		if in.kind() == jsontext.Text && r.kind() == jsontext.Text {
			return val{v: strings.Contains(in.text(), r.text())}, gave
		}
		lv, lok := in.decode(run)
		rv, rok := r.decode(run)
		steps := maxElements
		out, err := contains(lv, rv, &steps)
		if !lok || !rok || err != nil {
			return val{}, failed
		}
		return val{v: out}, gave
	}}
}

// having is has, or with turned arguments in.
func having(arg node, turned bool) node {
	return call{func(run *filterRun, in val) (val, end) {
		by, e := arg.eval(run, in)
		if e != gave {
			return by, e
		}
		if turned {
			in, by = by, in
		}
		return has(run, in, by)
	}}
}

func has(run *filterRun, in, by val) (val, end) {
	switch in.kind() {
	case jsontext.Null, jsontext.None:
		return val{v: false}, gave
	case jsontext.Array:
		if i, ok := by.number(); ok && by.kind() == jsontext.Number {
			at := i.toInt()
			return val{v: at >= 0 && at < in.length(run)}, gave
		}
	case jsontext.Object:
		if by.kind() == jsontext.Text {
			return hasMember(run, in, by.text())
		}
	}
	return val{}, failed
}

func hasMember(run *filterRun, in val, name string) (val, end) {
	if m, ok := in.v.(map[string]any); ok && in.raw == nil && in.record == nil {
		_, found := m[name]
		return val{v: found}, gave
	}
	out, ok := in.member(run, name)
	if !ok {
		return val{}, failed
	}
	return val{v: out.raw != nil || out.v != nil}, gave
}

// quantified is any or all over what a generator gives.
func quantified(from generator, cond node, all bool) node {
	return call{func(run *filterRun, in val) (val, end) {
		out := val{v: all}
		how := from.each(run, in, func(v val) end {
			c, e := cond.eval(run, v)
			if e == gave && c.truthy() != all {
				out = val{v: !all}
				return stop
			}
			if e == nothing {
				return gave
			}
			return e
		})
		if how == failed {
			return val{}, failed
		}
		return out, gave
	}}
}

// stop ends a generator early.
const stop = end(100)

// generator is a path with .[] in it: it gives each value to yield, until that says otherwise
// than gave.
type generator struct {
	steps []step
}

// step is one step of a generator: a node, or .[] where it is nil; quiet means "?".
type step struct {
	node  node
	quiet bool
}

func (g generator) each(run *filterRun, in val, yield func(val) end) end {
	if len(g.steps) == 0 {
		return yield(in)
	}
	first, rest := g.steps[0], generator{g.steps[1:]}
	if first.node != nil {
		out, e := first.node.eval(run, in)
		switch {
		case e == nothing || e == failed && first.quiet:
			return gave
		case e == failed:
			return failed
		}
		return rest.each(run, out, yield)
	}
	how := elements(run, in, func(v val) end { return rest.each(run, v, yield) })
	if how == unsuitable {
		if first.quiet {
			return gave
		}
		return failed
	}
	return how
}

// unsuitable is what has no elements.
const unsuitable = end(101)

// elements gives the elements of an array or the values of an object.
func elements(run *filterRun, in val, each func(val) end) end {
	k := in.kind()
	if k != jsontext.Array && k != jsontext.Object {
		return unsuitable
	}
	yield := func(v val) end {
		if !run.scan(elementWeight) {
			return failed
		}
		return each(v)
	}
	if in.raw != nil && k == jsontext.Array {
		if !run.scan(len(in.raw)) {
			return failed
		}
		for s := jsontext.Scan(in.raw); ; {
			_, v, ok := s.Next()
			if !ok {
				return gave
			}
			if how := yield(rawVal(v)); how != gave {
				return how
			}
		}
	}
	decoded, ok := in.decode(run)
	if !ok {
		return failed
	}
	return decodedElements(decoded, yield)
}

func decodedElements(v any, yield func(val) end) end {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if how := yield(val{v: e}); how != gave {
				return how
			}
		}
	case map[string]any:
		for _, name := range sortedNames(v) {
			if how := yield(val{v: v[name]}); how != gave {
				return how
			}
		}
	}
	return gave
}
