package guess

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"anode/messages"
)

// order is that of a document.
var order = []string{
	"name", "kind", "url", "headers", "auth", "tls", "proxy", "items", "websocket", "sse", "parse", "transform", "stream", "key", "native_id", "time",
	"dedupe", "rest",
}

// document is a spec that is being written. What was given stays as it is.
type document struct {
	given map[string]json.RawMessage
	// texts are YAML by name, of sections by section and name.
	texts   map[string]string
	remarks map[string][]string
}

// put sets a member, unless it was given, or its section was.
func (d *document) put(name, text string) {
	section, _, _ := strings.Cut(name, ".")
	if d.given[section] != nil {
		return
	}
	if d.texts == nil {
		d.texts = make(map[string]string)
	}
	d.texts[name] = text
}

// set sets a text.
func (d *document) set(name, text string) { d.put(name, scalar(text)) }

// block sets YAML as it is.
func (d *document) block(name, text string) { d.put(name, text) }

// raw sets what was given.
func (d *document) raw(name string, text json.RawMessage) {
	var s string
	if json.Unmarshal(text, &s) == nil {
		if d.texts == nil {
			d.texts = make(map[string]string)
		}
		d.texts[name] = scalar(s)
	}
}

func (d *document) has(name string) bool { return d.texts[name] != "" || d.given[name] != nil }

// remark says something before a member.
func (d *document) remark(name, text string) {
	if d.remarks == nil {
		d.remarks = make(map[string][]string)
	}
	d.remarks[name] = append(d.remarks[name], text)
}

// yaml writes the document.
func (d *document) yaml() string {
	var out strings.Builder
	names := slices.Clone(order)
	for name := range d.given {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names[len(order):])
	for _, name := range names {
		var lines []string
		switch {
		case d.texts[name] != "":
			lines = append(lines, name+": "+d.texts[name])
		case d.given[name] != nil:
			lines = append(lines, name+": "+escaped(string(d.given[name]))) // JSON is YAML
		default:
			for _, member := range []string{"where", "split", "map", "every"} {
				if text := d.texts[name+"."+member]; text != "" {
					lines = append(lines, "  "+member+": "+text)
				}
			}
			if len(lines) > 0 {
				lines = append([]string{name + ":"}, lines...)
			}
		}
		if len(lines) == 0 {
			continue
		}
		for _, remark := range d.remarks[name] {
			out.WriteString("# " + strings.Map(printable, remark) + "\n")
		}
		out.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return out.String()
}

func printable(r rune) rune {
	if r < ' ' || r >= 0x7f && r <= 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
		return ' '
	}
	return r
}

// escaped writes JSON with what YAML does not take as it is.
func escaped(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return printable(r) != r }) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if printable(r) != r {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

var plain = regexp.MustCompile(`^[A-Za-z_.][A-Za-z0-9_.{}\[\]/-]*$`)

// reserved are plain texts that YAML reads as something else.
var reserved = regexp.MustCompile(`(?i)^(null|true|false|yes|no|on|off|y|n|~|\.inf|\.nan|\.|\.\.|\.[0-9_].*)$`)

// scalar writes a text so that YAML reads it as the same.
func scalar(text string) string {
	if plain.MatchString(text) && !reserved.MatchString(text) || urlText.MatchString(text) || duration.MatchString(text) {
		return text
	}
	if strings.IndexFunc(text, func(r rune) bool { return printable(r) != r }) >= 0 || strings.ContainsRune(text, '\uFFFD') {
		return escaped(quoted(text))
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

var duration = regexp.MustCompile(`^[1-9][0-9]*[smh]$`)

var urlText = regexp.MustCompile(`^(https?|wss?)://[A-Za-z0-9_.~/:?=&%+-]*[A-Za-z0-9_/=]$`)

// quoted writes a text as JSON does, which YAML and jq read as the same.
func quoted(text string) string { return string(messages.AppendQuoted(nil, text)) }
