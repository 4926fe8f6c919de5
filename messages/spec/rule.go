package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"anode/messages/jsontext"
	"anode/messages/units"
)

// role is what a text is for, for Expressions and Secrets.
type role int

const (
	plain role = iota
	filterRole
	valueRole
	templateRole
	// opaqueRole is of an object that is not looked into here.
	opaqueRole
)

// rule says what a value may be. Check walks it, and Schema writes it down.
type rule struct {
	// is says it in words, as in "must be …".
	is string
	// kinds are the JSON kinds that are allowed.
	kinds []jsontext.Kind
	// schema is its JSON Schema, but for what follows.
	schema map[string]any
	// fault says what else is wrong with a value of the right kind; nil means nothing.
	fault func(n *node) string
	// fields are an object's; need are those that must be given, and one of any.
	fields []field
	need   []string
	any    []string
	// each is the rule of elements, or of values of an object with free names.
	each *rule
	// name says what is wrong with a free name; nil means nothing.
	name func(string) string
	// names is the pattern of free names for the schema.
	names string
	// value is the rule of a value, by its free name; nil means that each holds alone.
	value func(name, text string) string
	// min and max bound the count of elements or values; max 0 means no bound.
	min, max int
	role     role
}

type field struct {
	name string
	rule *rule
}

// maxJQ is the most characters of a jq text.
const maxJQ = 64 << 10

func text(is string, least, most int) *rule {
	schema := map[string]any{"type": "string", "maxLength": most}
	if least > 0 {
		schema["minLength"] = least
	}
	return &rule{is: is, kinds: []jsontext.Kind{jsontext.Text}, schema: schema, fault: func(n *node) string {
		switch count := utf8.RuneCountInString(n.text); {
		case count == 0 && least > 0:
			return "must not be empty"
		case count < least:
			return fmt.Sprintf("has %d characters, at least %d are needed", count, least)
		case count > most:
			return fmt.Sprintf("has %d characters, at most %d are allowed", count, most)
		}
		return ""
	}}
}

// also adds a further check, and what of it a schema can say.
func (r *rule) also(fault func(text string) string, schema map[string]any) *rule {
	before := r.fault
	r.fault = func(n *node) string {
		if what := before(n); what != "" {
			return what
		}
		return fault(n.text)
	}
	for k, v := range schema {
		r.schema[k] = v
	}
	return r
}

func matching(is, pattern string, most int, rest string) *rule {
	re := regexp.MustCompile(pattern)
	return text(is, 1, most).also(func(text string) string {
		if !re.MatchString(text) {
			return fmt.Sprintf("%q is not allowed: must be %s", clip(text), rest)
		}
		return ""
	}, map[string]any{"pattern": pattern})
}

func oneOf(values ...string) *rule {
	return &rule{is: "one of " + strings.Join(values, ", "), kinds: []jsontext.Kind{jsontext.Text}, schema: map[string]any{"enum": values}, fault: func(n *node) string {
		if slices.Contains(values, n.text) {
			return ""
		}
		return fmt.Sprintf("%q is none of %s%s", clip(n.text), strings.Join(values, ", "), hint(n.text, values))
	}}
}

func flag() *rule {
	return &rule{is: "true or false", kinds: []jsontext.Kind{jsontext.Bool}, schema: map[string]any{"type": "boolean"}}
}

func integer(least, most int) *rule {
	return &rule{
		is: "a whole number", kinds: []jsontext.Kind{jsontext.Number},
		schema: map[string]any{"type": "integer", "minimum": least, "maximum": most},
		fault: func(n *node) string {
			if v, err := strconv.Atoi(n.raw); err != nil || v < least || v > most {
				return fmt.Sprintf("must be a whole number from %d to %d, is %s", least, most, clip(n.raw))
			}
			return ""
		},
	}
}

const durationPattern = `^([0-9]+(\.[0-9]+)?w)?([0-9]+(\.[0-9]+)?d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$`

var durationText = regexp.MustCompile(durationPattern)

// duration is a span within bounds; zero allows 0 too, for "off".
func duration(least, most time.Duration, zero bool) *rule {
	one := map[string]any{"type": "string", "pattern": durationPattern, "minLength": 2}
	r := &rule{is: "a duration such as 90s, 10m or 7d", kinds: []jsontext.Kind{jsontext.Text}, schema: one}
	if zero {
		r.is += ", or 0 for off"
		r.kinds = append(r.kinds, jsontext.Number)
		r.schema = map[string]any{"anyOf": []any{one, map[string]any{"const": 0}}}
	}
	r.fault = func(n *node) string {
		if n.kind == jsontext.Number {
			if n.raw == "0" {
				return ""
			}
			return fmt.Sprintf("must be %s: %s has no unit", r.is, clip(n.raw))
		}
		d, err := units.ParseDuration(n.text)
		switch {
		case err != nil || len(n.text) < 2 || !durationText.MatchString(n.text):
			return fmt.Sprintf("must be %s, is %q", r.is, clip(n.text))
		case d == 0 && zero:
			return ""
		case d < least || d > most:
			return fmt.Sprintf("must be from %s to %s, is %q", units.FormatDuration(least), units.FormatDuration(most), n.text)
		}
		return ""
	}
	return r
}

// jq is a jq text; it is compiled elsewhere.
func jq(as role) *rule {
	r := text("a jq text", 1, maxJQ)
	r.role = as
	return r
}

// templateFault says what is wrong with a template's text.
func templateFault(text string) string {
	if _, err := Pieces(text); err != nil {
		return err.Error()
	}
	return ""
}

// templated is a text that may have ${…}.
func templated(is string, least, most int) *rule {
	r := text(is, least, most).also(templateFault, nil)
	r.role = templateRole
	return r
}

// template is any JSON whose texts may have ${…}.
func template() *rule {
	return &rule{is: "a text or JSON", kinds: anyKind, schema: map[string]any{}, role: templateRole}
}

var anyKind = []jsontext.Kind{jsontext.Null, jsontext.Bool, jsontext.Number, jsontext.Text, jsontext.Array, jsontext.Object}

func list(is string, each *rule, least, most int) *rule {
	return &rule{is: is, kinds: []jsontext.Kind{jsontext.Array}, each: each, min: least, max: most, schema: map[string]any{"type": "array"}}
}

func table(is string, each *rule, most int, names, what string) *rule {
	re := regexp.MustCompile(names)
	return &rule{
		is: is, kinds: []jsontext.Kind{jsontext.Object}, each: each, max: most, names: names, schema: map[string]any{"type": "object"},
		name: func(name string) string {
			if !re.MatchString(name) {
				return fmt.Sprintf("the name %q is not allowed: must be %s", clip(name), what)
			}
			return ""
		},
	}
}

func object(is string, fields ...field) *rule {
	return &rule{is: is, kinds: []jsontext.Kind{jsontext.Object}, fields: fields, schema: map[string]any{"type": "object"}}
}

// opaque is an object that is checked elsewhere.
func opaque(is string) *rule {
	r := object(is)
	r.role = opaqueRole
	return r
}

func (r *rule) needs(names ...string) *rule {
	r.need = names
	return r
}

func (r *rule) needsAny(names ...string) *rule {
	r.any = names
	return r
}

func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
