package expr

import (
	"strconv"
)

// native is one of our functions: what it does pays from the machine's allowance. Neither the
// input nor the arguments are changed or, but for their parts, kept.
type native struct {
	args int
	// shows is what its errors call it; nothing where they say all themselves.
	shows string
	do    func(m *machine, in any, args []any) (any, error)
}

// natives are all, by the names that rewritten programs have for them.
var natives = collect(guardNatives, operatorNativeTable, valueNatives, textNatives, sortNatives, matchNatives, signNatives, editNatives)

func collect(tables ...map[string]native) map[string]native {
	out := make(map[string]native)
	for _, table := range tables {
		for name, n := range table {
			out[name] = n
		}
	}
	for i := 1; i <= 20; i++ {
		out["__text"+strconv.Itoa(i)] = native{i, "tostring", concat}
	}
	return out
}

var operatorNativeTable = map[string]native{
	"__add":       {2, "", func(m *machine, _ any, args []any) (any, error) { return m.add(args[0], args[1]) }},
	"__subtract":  {2, "subtract", func(m *machine, _ any, args []any) (any, error) { return m.subtract(args[0], args[1]) }},
	"__multiply":  {2, "", func(m *machine, _ any, args []any) (any, error) { return m.multiply(args[0], args[1]) }},
	"__divide":    {2, "", func(m *machine, _ any, args []any) (any, error) { return m.divide(args[0], args[1]) }},
	"__modulo":    {2, "", func(m *machine, _ any, args []any) (any, error) { return m.modulo(args[0], args[1]) }},
	"__equal":     ordering(func(order int) bool { return order == 0 }),
	"__notequal":  ordering(func(order int) bool { return order != 0 }),
	"__less":      ordering(func(order int) bool { return order < 0 }),
	"__lesseq":    ordering(func(order int) bool { return order <= 0 }),
	"__greater":   ordering(func(order int) bool { return order > 0 }),
	"__greatereq": ordering(func(order int) bool { return order >= 0 }),
	"__not":       {0, "", func(_ *machine, in any, _ []any) (any, error) { return in == nil || in == false, nil }},
}

func ordering(holds func(order int) bool) native {
	return native{2, "a comparison", func(m *machine, _ any, args []any) (any, error) {
		order, err := m.compare(args[0], args[1])
		return holds(order), err
	}}
}

// guardNatives give back what they are given, so that paths go through them, and pay for what
// the library does with it next.
var guardNatives = map[string]native{
	// __each stands before ".[]": the library makes a list of the elements, and sorts names.
	"__each": {0, "the iteration", func(m *machine, in any, _ []any) (any, error) {
		switch v := in.(type) {
		case []any:
			return in, m.take(32 * len(v))
		case map[string]any:
			if len(v) > maxElements {
				return nil, errMembers
			}
			return in, m.take(64 * len(v))
		}
		return in, nil
	}},
	// __characters stands before a slice and an index: for these the library counts runes.
	"__characters": {0, "", func(m *machine, in any, _ []any) (any, error) {
		if text, ok := in.(string); ok {
			return in, m.take(4 * len(text))
		}
		return in, nil
	}},
	// __key refuses what the library would search for.
	"__key": {0, "", func(_ *machine, in any, _ []any) (any, error) {
		if list, ok := in.([]any); ok {
			return nil, &callError{"an index", list, errListKey}
		}
		return in, nil
	}},
	// __path is a short path of names and numbers.
	"__path": {0, "getpath", func(_ *machine, in any, _ []any) (any, error) { return in, checkPath(in) }},
	// __made pays for a path that the library made.
	"__made": {0, "path", func(m *machine, in any, _ []any) (any, error) {
		path, _ := in.([]any)
		return in, m.take(32 * len(path))
	}},
	// __shallow stands before what makes about as much as it is given.
	"__shallow": {0, "", func(m *machine, in any, _ []any) (any, error) {
		switch v := in.(type) {
		case string:
			return in, m.take(24 * len(v))
		case []any:
			return in, m.take(8 * len(v))
		}
		return in, nil
	}},
	// __short stands at times and their formats.
	"__short": {0, "the time or its format", func(_ *machine, in any, _ []any) (any, error) {
		switch v := in.(type) {
		case string:
			if len(v) > maxTimeText {
				return nil, errSize
			}
		case []any:
			if len(v) > 16 {
				return nil, errSize
			}
		}
		return in, nil
	}},
	// __small stands before formats, which take whole values, and __fits behind them.
	"__small": {0, "the format", func(m *machine, in any, _ []any) (any, error) {
		if err := m.check(in, maxText); err != nil {
			return nil, err
		}
		if text, ok := in.(string); ok {
			return in, m.take(6 * len(text))
		}
		return in, m.take(6 * weight(in, maxText))
	}},
	"__fits": {0, "the format", func(_ *machine, in any, _ []any) (any, error) {
		if text, ok := in.(string); ok && len(text) > maxText {
			return nil, errSize
		}
		return in, nil
	}},
	// __enter pays for the frame of a function that calls itself.
	"__enter": {0, "", func(m *machine, in any, _ []any) (any, error) { return in, m.take(m.frame) }},
}

// maxTimeText is the longest text of a time and of its format, in bytes.
const maxTimeText = 256
