package expr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"anode/messages"
	"anode/messages/jsontext"
)

const (
	// maxText is the longest text that an expression makes, in bytes.
	maxText = 1 << 20
	// maxOutput is the most that a value may take as JSON, in bytes.
	maxOutput = 16 << 20
)

// maxDecoded is about what a decoded value may take in memory, in bytes: a message of nothing but
// small values takes twenty times its length and more.
const maxDecoded = 128 << 20

// Decode reads JSON of at most messages.MaxJSONDepth into what programs take: numbers are
// json.Number with their text. Numbers above 1,000 characters, objects above 131,072 members and what
// would take more than about 128 MiB of memory are refused.
func Decode(text []byte) (any, error) {
	compact, err := jsontext.Compact(make([]byte, 0, len(text)), text, messages.MaxJSONDepth)
	if err != nil {
		return nil, err
	}
	return DecodeCompact(compact)
}

// DecodeCompact is Decode of what jsontext.Compact gave.
func DecodeCompact(raw []byte) (any, error) {
	d := decoder{left: maxDecoded}
	return d.value(raw)
}

// decoder has what is left for the value that it makes.
type decoder struct{ left int }

// What values take besides their bytes, about.
const (
	scalarSize = 32
	arraySize  = 40
	objectSize = 48
	// memberSize is that of a small object; the smallest has room for eight.
	memberSize  = 40
	smallObject = 8 * memberSize
)

func (d *decoder) take(n int) error {
	if d.left -= n; d.left < 0 {
		return errDecoded
	}
	return nil
}

func (d *decoder) value(raw []byte) (any, error) {
	switch jsontext.KindOf(raw) {
	case jsontext.Null:
		return nil, nil
	case jsontext.Bool:
		return raw[0] == 't', nil
	case jsontext.Number:
		if len(raw) > maxDigits {
			return nil, fmt.Errorf("a number has %d characters, at most %d are allowed", len(raw), maxDigits)
		}
		return json.Number(raw), d.take(scalarSize + len(raw))
	case jsontext.Text:
		return string(jsontext.AppendText(nil, raw)), d.take(scalarSize + len(raw))
	case jsontext.Array:
		return d.array(raw)
	}
	return d.object(raw)
}

func (d *decoder) array(raw []byte) (any, error) {
	out := []any{}
	for s := jsontext.Scan(raw); ; {
		_, value, ok := s.Next()
		if !ok {
			return out, d.take(arraySize + 16*cap(out))
		}
		v, err := d.value(value)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

func (d *decoder) object(raw []byte) (any, error) {
	if err := d.take(objectSize); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for s := jsontext.Scan(raw); ; {
		name, value, ok := s.Next()
		if !ok {
			return out, nil
		}
		if len(out) == 0 {
			if err := d.take(smallObject); err != nil {
				return nil, err
			}
		}
		v, err := d.value(value)
		if err == nil {
			err = d.take(memberSize + len(name))
		}
		if err != nil {
			return nil, err
		}
		if out[string(jsontext.AppendText(nil, name))] = v; len(out) > maxElements {
			return nil, errMembers
		}
	}
}

var (
	errSize    = errors.New("the value is larger than allowed")
	errDeep    = fmt.Errorf("the value nests deeper than %d", maxDepth)
	errDecoded = fmt.Errorf("the message is of so many parts that it would take more than %d MiB to work with", maxDecoded>>20)
	errMembers = fmt.Errorf("an object has more than %d members", maxElements)
	errDepth   = fmt.Errorf("the value nests deeper than %d", messages.MaxJSONDepth)
)

// Append appends a value as compact JSON, objects with sorted keys, numbers with the text that
// they have. Above 16 MiB or messages.MaxJSONDepth it is an error, and dst comes back as given.
func Append(dst []byte, v any) ([]byte, error) {
	out, err := appendValue(dst, v, len(dst)+maxOutput, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendValue(dst []byte, v any, limit, depth int) (_ []byte, err error) {
	if len(dst) > limit {
		return nil, errSize
	}
	switch v := v.(type) {
	case []any:
		if depth == messages.MaxJSONDepth {
			return nil, errDepth
		}
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendValue(dst, e, limit, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		if depth == messages.MaxJSONDepth {
			return nil, errDepth
		}
		return appendObject(dst, v, limit, depth)
	case string:
		return messages.AppendQuoted(dst, v), nil
	case json.Number:
		return append(dst, v...), nil
	}
	if v == nil {
		return append(dst, "null"...), nil
	}
	var b bytes.Buffer
	switch v := v.(type) {
	case bool, int, float64, *big.Int:
		text, err := gojq.Marshal(v)
		if err != nil {
			return nil, err
		}
		return append(dst, text...), nil
	default:
		fmt.Fprintf(&b, "a %T is no JSON value", v)
		return nil, errors.New(b.String())
	}
}

func appendObject(dst []byte, v map[string]any, limit, depth int) (_ []byte, err error) {
	names := sortedNames(v)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(messages.AppendQuoted(dst, name), ':')
		if dst, err = appendValue(dst, v[name], limit, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// weight is about what a value takes as JSON, shared parts counted as often as they are
// reached. It stops at limit, so that it costs no more than that, and at a depth of 1,000.
func weight(v any, limit int) int { return weighTo(v, limit, maxDepth) }

const (
	// maxDepth is the depth that values may have while a program runs.
	maxDepth = 1000
	// tooDeep is the weight of what nests deeper than asked for.
	tooDeep = math.MaxInt
)

func weighTo(v any, limit, depth int) int {
	sum := 8
	switch v := v.(type) {
	case string:
		return sum + len(v)
	case json.Number:
		return sum + len(v)
	case *big.Int:
		return sum + v.BitLen()/3
	case []any:
		if depth == 0 {
			return tooDeep
		}
		for _, e := range v {
			w := weighTo(e, limit-sum, depth-1)
			if w == tooDeep {
				return tooDeep
			}
			if sum += w; sum > limit {
				return sum
			}
		}
	case map[string]any:
		if depth == 0 {
			return tooDeep
		}
		sum += 32
		for name, e := range v {
			w := weighTo(e, limit-sum, depth-1)
			if w == tooDeep {
				return tooDeep
			}
			if sum += len(name) + 32 + w; sum > limit {
				return sum
			}
		}
	}
	return sum
}

// contains is jq's contains; steps bounds the comparisons.
func contains(l, r any, steps *int) (bool, error) {
	if *steps--; *steps < 0 {
		return false, errSize
	}
	if ln, ok := numberOf(l); ok {
		if rn, ok := numberOf(r); ok {
			return compareNumbers(ln, rn) == 0 && ln.float() == rn.float(), nil
		}
	}
	switch l := l.(type) {
	case string:
		if r, ok := r.(string); ok {
			*steps -= len(l) >> 8
			return strings.Contains(l, r), nil
		}
	case []any:
		if r, ok := r.([]any); ok {
			return containsAll(l, r, steps)
		}
	case map[string]any:
		if r, ok := r.(map[string]any); ok {
			return containsMembers(l, r, steps)
		}
	case bool:
		if l == r {
			return true, nil
		}
	case nil:
		if r == nil {
			return true, nil
		}
	}
	return false, mismatch("check containment", l, r)
}

func containsAll(l, r []any, steps *int) (bool, error) {
	for _, wanted := range r {
		found := false
		for _, have := range l {
			ok, err := contains(have, wanted, steps)
			if errors.Is(err, errSize) {
				return false, err
			}
			if found = err == nil && ok; found {
				break
			}
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}

func containsMembers(l, r map[string]any, steps *int) (bool, error) {
	if len(l) < len(r) {
		return false, nil
	}
	for name, wanted := range r {
		have, ok := l[name]
		if !ok {
			return false, nil
		}
		same, err := contains(have, wanted, steps)
		if errors.Is(err, errSize) {
			return false, err
		}
		if err != nil || !same {
			return false, nil
		}
	}
	return true, nil
}

// gojqJSON is a value as jq's tojson writes it, at most 1 MiB.
func gojqJSON(v any) (string, error) {
	if weight(v, maxText) > maxText {
		return "", errSize
	}
	text, err := gojq.Marshal(v)
	return string(text), err
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
