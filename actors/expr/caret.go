package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/itchyny/gojq"

	"anode/messages/units"
)

// maxShown is how much of a line an error shows, in characters.
const maxShown = 100

// maxMessage is the longest error of a run, in bytes.
const maxMessage = 300

// CompileError tells what of an expression is not right, and where.
type CompileError struct {
	// Text is the whole expression, What the fault.
	Text, What string
	// Offset is the byte that the fault begins at; -1 where that is not known.
	Offset int
}

// Error is the fault, the line that has it, and a caret below it.
func (e *CompileError) Error() string {
	if e.Offset < 0 || e.Offset > len(e.Text) {
		return e.What + ": " + clip(e.Text)
	}
	line, at := lineOf(e.Text, e.Offset)
	return fmt.Sprintf("%s\n  %s\n  %s^", e.What, line, strings.Repeat(" ", at))
}

// lineOf is the line of an offset, cut around it, and the column of the offset in it.
func lineOf(text string, offset int) (line string, column int) {
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	stop := len(text)
	if i := strings.IndexByte(text[offset:], '\n'); i >= 0 {
		stop = offset + i
	}
	before := []rune(strings.ReplaceAll(strings.ToValidUTF8(text[start:offset], "\ufffd"), "\t", " "))
	after := []rune(strings.ToValidUTF8(text[offset:stop], "\ufffd"))
	if len(before) > maxShown/2 {
		before = append([]rune("…"), before[len(before)-maxShown/2:]...)
	}
	if len(after) > maxShown/2 {
		after = append(after[:maxShown/2:maxShown/2], '…')
	}
	return string(before) + strings.TrimRight(string(after), "\r"), len(before)
}

func syntaxError(text string, err error) error {
	pe := (*gojq.ParseError)(nil)
	if !errors.As(err, &pe) {
		return &CompileError{Text: text, What: "is not jq: " + err.Error(), Offset: -1}
	}
	at := min(pe.Offset, len(text))
	if strings.HasSuffix(text[:at], pe.Token) {
		at -= len(pe.Token)
	}
	return &CompileError{Text: text, What: "is not jq: " + err.Error(), Offset: at}
}

// parse reads all of a text. To the library a NUL outside of quotes is the end, and what stands behind it nothing.
func parse(text string) (*gojq.Query, error) {
	if at := strings.IndexByte(text, 0); at >= 0 {
		return nil, &CompileError{Text: text, What: "has the character NUL, which jq does not know", Offset: at}
	}
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, syntaxError(text, err)
	}
	return query, nil
}

// find is where a name stands in an expression, as a word of its own outside of texts and
// comments; -1 where it does not.
func find(text, name string) int {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '"':
			i = skipText(text, i)
		case strings.HasPrefix(text[i:], name) && ends(text, i, name):
			return i
		case word(c):
			for i < len(text) && word(text[i]) {
				i++
			}
		default:
			i++
		}
	}
	// It may be within \(…) of a text.
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return -1
		}
		if i += from; ends(text, i, name) {
			return i
		}
		from = i + 1
	}
}

func ends(text string, i int, name string) bool {
	before := i == 0 || !word(text[i-1]) && (text[i-1] != '.' && text[i-1] != '$' || !word(name[0]))
	after := i+len(name) == len(text) || !word(name[len(name)-1]) || !word(text[i+len(name)])
	return before && after
}

func word(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// skipText is the byte behind the text that begins at i.
func skipText(text string, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// clip cuts a text that an error shows.
func clip(text string) string { return units.Clip(text, 80) }

// shown is a value as an error shows it: its type and how it begins.
func shown(v any) string {
	if v == nil {
		return "null"
	}
	return typeName(v) + " (" + preview(v) + ")"
}

// preview is how a value begins. Large objects are not sorted for it.
func preview(v any) string {
	if m, ok := v.(map[string]any); ok && len(m) > 1000 {
		return fmt.Sprintf("an object of %d members", len(m))
	}
	return gojq.Preview(v)
}
