package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"anode/messages"
	"anode/messages/jsontext"
)

var (
	errListKey = errors.New("a list is no index here: indices(…) finds lists")
	errType    = errors.New("is not of a type that it takes")
)

var valueNatives = map[string]native{
	"__length":     {0, "length", length},
	"__keys":       {0, "keys", keys},
	"__reverse":    {0, "reverse", reverse},
	"__sum":        {0, "add", sum},
	"__contains":   {1, "contains", func(m *machine, in any, args []any) (any, error) { return m.contains(in, args[0]) }},
	"__inside":     {1, "inside", func(m *machine, in any, args []any) (any, error) { return m.contains(args[0], in) }},
	"__flatten":    {0, "flatten", func(m *machine, in any, _ []any) (any, error) { return flatten(m, in, maxDepth) }},
	"__flatten_to": {1, "flatten", flattenTo},
	"__transpose":  {0, "transpose", transpose},
	"__entries":    {0, "to_entries", entries},
	"__tonumber":   {0, "tonumber", toNumberValue},
	"__tojson": {0, "tojson", func(m *machine, in any, _ []any) (any, error) {
		text, err := gojqJSON(in)
		return text, errors.Join(err, m.take(len(text)))
	}},
	"__fromjson": {0, "fromjson", fromJSON},
}

func length(_ *machine, in any, _ []any) (any, error) {
	switch v := in.(type) {
	case nil:
		return 0, nil
	case string:
		return utf8.RuneCountInString(v), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	case json.Number:
		return json.Number(strings.TrimPrefix(string(v), "-")), nil
	}
	n, ok := numberOf(in)
	switch {
	case !ok:
		return nil, errType
	case n.kind == float && n.f < 0:
		return -n.f, nil
	case n.kind != float && compareNumbers(n, number{}) < 0:
		n, err := arithmetic('-', number{}, n)
		return n.value(), err
	}
	return in, nil
}

// keys are the names of an object or the indexes of an array.
func keys(m *machine, in any, _ []any) (any, error) {
	switch v := in.(type) {
	case []any:
		if err := m.take(24 * len(v)); err != nil {
			return nil, err
		}
		out := make([]any, len(v))
		for i := range v {
			out[i] = i
		}
		return out, nil
	case map[string]any:
		names, err := m.names(v)
		if err != nil {
			return nil, err
		}
		return textList(m, names)
	}
	return nil, errType
}

// textList is a list of texts.
func textList(m *machine, list []string) (any, error) {
	if err := m.take(32 * len(list)); err != nil {
		return nil, err
	}
	out := make([]any, len(list))
	for i, text := range list {
		out[i] = text
	}
	return out, nil
}

func reverse(m *machine, in any, _ []any) (any, error) {
	switch v := in.(type) {
	case nil:
		return []any{}, nil
	case string:
		runes := []rune(v)
		slices.Reverse(runes)
		return string(runes), m.take(5 * len(v))
	case []any:
		if err := m.take(16 * len(v)); err != nil {
			return nil, err
		}
		out := slices.Clone(v)
		slices.Reverse(out)
		return out, nil
	}
	return nil, errType
}

// elementsOf are the elements of an array or the values of an object.
func (m *machine) elementsOf(in any) ([]any, error) {
	switch v := in.(type) {
	case []any:
		return v, nil
	case map[string]any:
		names, err := m.names(v)
		if err != nil {
			return nil, err
		}
		out := make([]any, len(names))
		for i, name := range names {
			out[i] = v[name]
		}
		return out, m.take(16 * len(out))
	}
	return nil, errType
}

// sum is add: runs of texts, arrays and objects are put together at once.
func sum(m *machine, in any, _ []any) (any, error) {
	list, err := m.elementsOf(in)
	if err != nil {
		return nil, err
	}
	var out any
	for len(list) > 0 {
		n := sameKind(list)
		var part any
		switch list[0].(type) {
		case string:
			part, err = joined(m, list[:n], "")
		case []any:
			part, err = arraysTogether(m, list[:n])
		case map[string]any:
			part, err = objectsTogether(m, list[:n])
		default:
			part, n = list[0], 1
		}
		if err != nil {
			return nil, err
		}
		if out, err = m.add(out, part); err != nil {
			return nil, err
		}
		if err := m.take(8); err != nil {
			return nil, err
		}
		list = list[n:]
	}
	return out, nil
}

// sameKind is how many elements at the beginning are of the first one's kind.
func sameKind(list []any) int {
	kind := val{v: list[0]}.kind()
	for i, v := range list {
		if (val{v: v}).kind() != kind {
			return i
		}
	}
	return len(list)
}

func joined(m *machine, list []any, by string) (any, error) {
	size := 0
	for _, v := range list {
		if size += len(v.(string)) + len(by); size > maxText+len(by) {
			return nil, errSize
		}
	}
	if err := m.take(size + 8*len(list)); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(size)
	for i, v := range list {
		if i > 0 {
			b.WriteString(by)
		}
		b.WriteString(v.(string))
	}
	return b.String(), nil
}

func arraysTogether(m *machine, list []any) (any, error) {
	if len(list) == 1 {
		return list[0], nil
	}
	size := 0
	for _, v := range list {
		size += len(v.([]any))
		if err := m.take(16*len(v.([]any)) + 8); err != nil {
			return nil, err
		}
	}
	out := make([]any, 0, size)
	for _, v := range list {
		out = append(out, v.([]any)...)
	}
	return out, nil
}

func objectsTogether(m *machine, list []any) (any, error) {
	if len(list) == 1 {
		return list[0], nil
	}
	out := make(map[string]any)
	for _, v := range list {
		if err := m.take(64*len(v.(map[string]any)) + 8); err != nil {
			return nil, err
		}
		maps.Copy(out, v.(map[string]any))
		if len(out) > maxElements {
			return nil, errMembers
		}
	}
	return out, nil
}

func (m *machine) contains(l, r any) (any, error) {
	steps := maxElements
	out, err := contains(l, r, &steps)
	if err != nil {
		return nil, err
	}
	return out, m.take(64 * (maxElements - steps))
}

func flattenTo(m *machine, in any, args []any) (any, error) {
	n, ok := numberOf(args[0])
	if !ok || n.float() < 0 {
		return nil, fmt.Errorf("the depth must be a number that is not below 0, is %s", shown(args[0]))
	}
	return flatten(m, in, min(n.toInt(), maxDepth))
}

func flatten(m *machine, in any, depth int) (any, error) {
	list, err := m.elementsOf(in)
	if err != nil {
		return nil, err
	}
	out := []any{}
	var into func(list []any, left int) error
	into = func(list []any, left int) error {
		if err := m.take(24*len(list) + 8); err != nil {
			return err
		}
		for _, v := range list {
			inner, ok := v.([]any)
			switch {
			case !ok || left == 0 && depth < maxDepth:
				out = append(out, v)
				continue
			case left == 0:
				return errDeep
			}
			if err := into(inner, left-1); err != nil {
				return err
			}
		}
		return nil
	}
	err = into(list, depth)
	return out, err
}

func transpose(m *machine, in any, _ []any) (any, error) {
	rows, ok := in.([]any)
	if !ok {
		return nil, errType
	}
	width := 0
	for _, row := range rows {
		list, ok := row.([]any)
		if !ok {
			return nil, errType
		}
		width = max(width, len(list))
	}
	if err := m.take(16*len(rows)*width + 40*width); err != nil {
		return nil, err
	}
	out := make([]any, width)
	for i := range out {
		column := make([]any, len(rows))
		for j, row := range rows {
			if list := row.([]any); i < len(list) {
				column[j] = list[i]
			}
		}
		out[i] = column
	}
	return out, nil
}

func entries(m *machine, in any, _ []any) (any, error) {
	names, err := keys(m, in, nil)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(names.([]any)))
	if err := m.take(400 * len(out)); err != nil {
		return nil, err
	}
	values, err := m.elementsOf(in)
	if err != nil {
		return nil, err
	}
	for i, name := range names.([]any) {
		out[i] = map[string]any{"key": name, "value": values[i]}
	}
	return out, nil
}

func toNumberValue(_ *machine, in any, _ []any) (any, error) {
	text, ok := in.(string)
	if !ok {
		if _, number := numberOf(in); !number {
			return nil, errType
		}
		return in, nil
	}
	if len(text) > maxDigits || !numberText.MatchString(text) {
		return nil, errors.New("is no number")
	}
	return parseNumber(text).value(), nil
}

func fromJSON(m *machine, in any, _ []any) (any, error) {
	text, ok := in.(string)
	if !ok {
		return nil, errType
	}
	if err := m.take(2 * len(text)); err != nil {
		return nil, err
	}
	raw, err := jsontext.Compact(make([]byte, 0, len(text)), []byte(text), messages.MaxJSONDepth)
	if err != nil {
		return nil, err
	}
	d := decoder{left: m.left}
	v, err := d.value(raw)
	if spent := m.take(m.left - d.left); spent != nil {
		err = spent
	}
	return v, err
}

// hexInt reads a whole number in hexadecimal, with or without 0x.
func hexInt(_ *machine, in any, _ []any) (any, error) {
	text, ok := in.(string)
	if !ok {
		return nil, errType
	}
	digits, negative := strings.CutPrefix(text, "-")
	if rest, ok := strings.CutPrefix(digits, "0x"); ok {
		digits = rest
	} else if rest, ok := strings.CutPrefix(digits, "0X"); ok {
		digits = rest
	}
	if digits == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return nil, errors.New(`is no hexadecimal number, like "0x1f"`)
	}
	n, _ := new(big.Int).SetString(digits, 16)
	if negative {
		n.Neg(n)
	}
	if n.IsInt64() {
		return int(n.Int64()), nil
	}
	return n, nil
}
