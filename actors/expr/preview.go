package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"anode/messages"
)

// Preview is how a value begins as JSON, in one line of about so many bytes: what an error shows of
// it. It looks at no more of the value than it shows, but for the names of an object of up to 1,000.
func Preview(v any, most int) string {
	text, whole := previewed(nil, v, most)
	if whole && len(text) <= most {
		return string(text)
	}
	return PreviewJSON(text, most)
}

// PreviewJSON is Preview of compact JSON.
func PreviewJSON(raw []byte, most int) string {
	if len(raw) <= most {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw[:most]), "") + "…"
}

// previewed writes the beginning of a value; not whole where it stopped.
func previewed(dst []byte, v any, most int) (_ []byte, whole bool) {
	if len(dst) > most {
		return dst, false
	}
	switch v := v.(type) {
	case string:
		if len(v) > most {
			return messages.AppendQuoted(dst, strings.ToValidUTF8(v[:most], "")), false
		}
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, whole = previewed(dst, e, most); !whole {
				return dst, false
			}
		}
		return append(dst, ']'), true
	case map[string]any:
		if len(v) > 1000 {
			return fmt.Appendf(dst, "an object of %d members", len(v)), true
		}
		dst = append(dst, '{')
		for i, name := range sortedNames(v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(messages.AppendQuoted(dst, name), ':')
			if dst, whole = previewed(dst, v[name], most); !whole {
				return dst, false
			}
		}
		return append(dst, '}'), true
	case json.Number:
		return append(dst, v...), true
	}
	out, err := Append(dst, v) // a scalar
	return out, err == nil
}

// Kind is what a value is, as in "an object".
func Kind(v any) string {
	switch name := typeName(v); name {
	case "null":
		return name
	case "array", "object":
		return "an " + name
	default:
		return "a " + name
	}
}

// Exhausted tells that a run ended for want of time, steps or memory, not for what it was given.
func Exhausted(err error) bool {
	return errors.Is(err, errTime) || errors.Is(err, errSteps) || errors.Is(err, errAllowance)
}
