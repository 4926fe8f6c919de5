package expr

import (
	"errors"
	"strings"
	"unicode/utf8"
)

var textNatives = map[string]native{
	"__split":   {1, "split", splitText},
	"__join":    {1, "join", join},
	"__indices": {1, "indices", func(m *machine, in any, args []any) (any, error) { return indices(m, in, args[0], every) }},
	"__index":   {1, "index", func(m *machine, in any, args []any) (any, error) { return indices(m, in, args[0], first) }},
	"__rindex":  {1, "rindex", func(m *machine, in any, args []any) (any, error) { return indices(m, in, args[0], last) }},
	"__hexint":  {0, "hexint", hexInt},
}

// concat puts the texts of values together; of one, it is tostring.
func concat(m *machine, _ any, args []any) (any, error) {
	if len(args) == 1 {
		if text, ok := args[0].(string); ok {
			return text, nil
		}
	}
	size := 0
	var parts [20]string
	for i, v := range args {
		text, ok := scalarText(v)
		if !ok {
			var err error
			if text, err = gojqJSON(v); err != nil {
				return nil, &callError{"tostring", v, err}
			}
		}
		parts[i] = text
		if size += len(text); size > maxText {
			return nil, errSize
		}
	}
	if err := m.take(size); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		return parts[0], nil
	}
	return strings.Join(parts[:len(args)], ""), nil
}

func splitText(m *machine, in any, args []any) (any, error) {
	text, ok := in.(string)
	by, also := args[0].(string)
	if !ok || !also {
		return nil, errType
	}
	return m.split(text, by)
}

// join puts scalars together; null is no text.
func join(m *machine, in any, args []any) (any, error) {
	list, err := m.elementsOf(in)
	if err != nil || len(list) == 0 {
		return "", err
	}
	by, ok := args[0].(string)
	if !ok && args[0] != nil && len(list) > 1 {
		return nil, errors.New("the separator must be a string, is " + shown(args[0]))
	}
	if err := m.take(16 * len(list)); err != nil {
		return nil, err
	}
	parts := make([]any, len(list))
	for i, v := range list {
		text, scalar := scalarText(v)
		switch {
		case v == nil:
			text = ""
		case !scalar:
			return nil, errors.New("an element is no scalar: " + shown(v))
		}
		parts[i] = text
	}
	return joined(m, parts, by)
}

// which of the places are wanted.
type which byte

const (
	every which = iota
	first
	last
)

// indices are the places of x in v, of which index is the first and rindex the last.
func indices(m *machine, v, x any, wanted which) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		text, ok := x.(string)
		if !ok {
			return nil, errors.New("what is looked for must be a string, is " + shown(x))
		}
		return places(m, v, text, wanted)
	case []any:
		list, ok := x.([]any)
		if !ok {
			list = []any{x}
		}
		return listPlaces(m, v, list, wanted)
	}
	return nil, errType
}

// places counts in characters. Occurrences may overlap.
func places(m *machine, text, part string, wanted which) (any, error) {
	var found []any
	for at, runes := 0, 0; part != ""; {
		i := strings.Index(text[at:], part)
		if i < 0 {
			break
		}
		runes += utf8.RuneCountInString(text[at : at+i])
		if wanted == first {
			return runes, nil
		}
		if err := m.take(24 + i + len(part)); err != nil {
			return nil, err
		}
		found = append(found, runes)
		_, width := utf8.DecodeRuneInString(text[at+i:])
		at, runes = at+i+width, runes+1
	}
	return wanted.of(found), m.take(len(text))
}

func listPlaces(m *machine, list, part []any, wanted which) (any, error) {
	var found []any
	for i := 0; len(part) > 0 && i+len(part) <= len(list); i++ {
		order, err := m.compareArrays(list[i:i+len(part)], part, 0)
		if err != nil {
			return nil, err
		}
		if order != 0 {
			continue
		}
		if wanted == first {
			return i, nil
		}
		found = append(found, i)
	}
	return wanted.of(found), nil
}

func (w which) of(found []any) any {
	switch {
	case w == every && found == nil:
		return []any{}
	case w == every:
		return found
	case len(found) == 0:
		return nil
	}
	return found[len(found)-1]
}
