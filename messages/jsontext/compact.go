package jsontext

import (
	"fmt"
	"unicode/utf8"
)

// MaxDepth is the deepest nesting that Compact can be asked for.
const MaxDepth = 1024

// SyntaxError is why bytes are not one JSON value.
type SyntaxError struct {
	// Offset is the byte at which the fault is seen, from 0.
	Offset int
	// Message says what is wrong there.
	Message string
}

// Error names offset and fault.
func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Message) }

// Compact appends src to dst as compact JSON. src must be exactly one value, valid UTF-8 and
// nest at most maxDepth arrays and objects (values outside 1 … MaxDepth mean MaxDepth). Every
// token is kept byte for byte. On an error, a *SyntaxError, dst comes back as it was given.
// dst may be src[:0]: then src is overwritten, also on an error.
func Compact(dst, src []byte, maxDepth int) ([]byte, error) {
	if maxDepth < 1 || maxDepth > MaxDepth {
		maxDepth = MaxDepth
	}
	p := parser{src: src, dst: dst, maxDepth: maxDepth}
	if fault := p.document(); fault != "" {
		return dst, &SyntaxError{Offset: p.at, Message: fault}
	}
	return append(p.dst, src[p.from:p.end]...), nil
}

// End gives the length of the JSON value that src begins with, checked as Compact does: without whitespace
// before it, and whatever stands behind it. It is 0 where there is none, or one that nests deeper than maxDepth.
func End(src []byte, maxDepth int) int {
	if maxDepth < 1 || maxDepth > MaxDepth {
		maxDepth = MaxDepth
	}
	p := parser{src: src, maxDepth: maxDepth, measures: true}
	if fault := p.one(); fault != "" {
		return 0
	}
	return p.end
}

// parser walks src once. src[from:at] is read, and not yet written to dst.
type parser struct {
	src      []byte
	dst      []byte
	at       int
	from     int
	end      int // behind the last token
	maxDepth int
	depth    int
	// measures: nothing is to be written.
	measures bool
	// objects has a bit for each open container: set for an object.
	objects [MaxDepth / 64]uint64
}

func (p *parser) push(object bool) bool {
	if p.depth == p.maxDepth {
		return false
	}
	word, bit := p.depth/64, uint64(1)<<(p.depth%64)
	p.objects[word] &^= bit
	if object {
		p.objects[word] |= bit
	}
	p.depth++
	return true
}

func (p *parser) inObject() bool {
	top := p.depth - 1
	return p.objects[top/64]>>(top%64)&1 == 1
}

// space skips whitespace and leaves it out of dst.
func (p *parser) space() {
	if p.at >= len(p.src) || p.src[p.at] > ' ' {
		return
	}
	start := p.at
	for p.at < len(p.src) {
		switch p.src[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
			continue
		}
		break
	}
	if p.at > start && !p.measures {
		p.dst = append(p.dst, p.src[p.from:start]...)
		p.from = p.at
	}
}

// peek is the next byte, or 0 at the end; a real 0 is no token either.
func (p *parser) peek() byte {
	if p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

// document reads one value and the end; it returns what is wrong at p.at.
func (p *parser) document() string {
	p.space()
	if fault := p.one(); fault != "" {
		return fault
	}
	p.space()
	if p.at < len(p.src) {
		return p.unexpected("the end")
	}
	if p.from > p.end { // the space behind the value is dropped, all before is in dst
		p.end = p.from
	}
	return ""
}

// one reads one value.
func (p *parser) one() string {
	for {
		opened, fault := p.value()
		if fault != "" {
			return fault
		}
		if opened {
			p.space()
			continue
		}
		if more, fault := p.follow(); fault != "" || !more {
			return fault
		}
		p.space()
	}
}

// value reads a scalar, an empty container, or opens a container up to where its first value
// begins.
func (p *parser) value() (opened bool, fault string) {
	switch c := p.peek(); {
	case c == '"':
		return false, p.text()
	case c == '-' || c >= '0' && c <= '9':
		return false, p.number()
	case c == '{' || c == '[':
		return p.open(c)
	case c == 't':
		return false, p.literal("true")
	case c == 'f':
		return false, p.literal("false")
	case c == 'n':
		return false, p.literal("null")
	}
	return false, p.unexpected("a value")
}

func (p *parser) open(c byte) (opened bool, fault string) {
	if !p.push(c == '{') {
		return false, fmt.Sprintf("nests deeper than %d", p.maxDepth)
	}
	p.at++
	p.space()
	if p.peek() == c+2 { // ']' is '[' + 2, and '}' is '{' + 2
		p.at++
		p.depth--
		return false, ""
	}
	if c == '{' {
		return true, p.name()
	}
	return true, ""
}

// name reads a member's name and its colon.
func (p *parser) name() string {
	if p.peek() != '"' {
		return p.unexpected("a member's name in double quotes")
	}
	if fault := p.text(); fault != "" {
		return fault
	}
	p.space()
	if p.peek() != ':' {
		return p.unexpected("':'")
	}
	p.at++
	return ""
}

// follow reads what stands behind a value: closings, and the comma before the next value. No
// more means that the outermost value is complete.
func (p *parser) follow() (more bool, fault string) {
	for {
		p.end = p.at
		if p.depth == 0 {
			return false, ""
		}
		p.space()
		object, closing := p.inObject(), byte(']')
		if object {
			closing = '}'
		}
		switch p.peek() {
		case closing:
			p.at++
			p.depth--
			continue
		case ',':
			p.at++
			p.space()
			if object {
				return true, p.name()
			}
			return true, ""
		}
		if object {
			return false, p.unexpected("',' or '}'")
		}
		return false, p.unexpected("',' or ']'")
	}
}

func (p *parser) literal(word string) string {
	for i := range len(word) {
		if p.peek() != word[i] {
			return p.unexpected("the word " + word)
		}
		p.at++
	}
	return ""
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func (p *parser) number() string {
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
		if digit(p.peek()) {
			return "a number must not begin with 0"
		}
	} else if fault := p.digits(); fault != "" {
		return fault
	}
	if p.peek() == '.' {
		p.at++
		if fault := p.digits(); fault != "" {
			return fault
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c = p.peek(); c == '+' || c == '-' {
			p.at++
		}
		return p.digits()
	}
	return ""
}

func (p *parser) digits() string {
	if !digit(p.peek()) {
		return p.unexpected("a digit")
	}
	for p.at < len(p.src) && digit(p.src[p.at]) {
		p.at++
	}
	return ""
}

// text reads a string.
func (p *parser) text() string {
	src, i := p.src, p.at+1
	for i < len(src) {
		c := src[i]
		switch {
		case c == '"':
			p.at = i + 1
			return ""
		case c == '\\':
			size := escapeSize(src[i:])
			if size == 0 {
				p.at = i
				return "an invalid escape in a string"
			}
			i += size
		case c < ' ':
			p.at = i
			return fmt.Sprintf("a control character (%#02x) in a string", c)
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && size == 1 {
				p.at = i
				return "bytes that are not UTF-8 in a string"
			}
			i += size
		}
	}
	p.at = i
	return "the string has no end"
}

// escapeSize is the length of the escape at the start of s, or 0 where it is none.
func escapeSize(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(s) >= 6 && hexValue(s[2:6]) >= 0 {
			return 6
		}
	}
	return 0
}

// hexValue reads four hexadecimal digits; -1 means that they are not.
func hexValue(s []byte) rune {
	var v rune
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		v = v<<4 | rune(c)
	}
	return v
}

func (p *parser) unexpected(wanted string) string {
	if p.at >= len(p.src) {
		return "the text ends where " + wanted + " must stand"
	}
	r, size := utf8.DecodeRune(p.src[p.at:])
	if r == utf8.RuneError && size <= 1 {
		return fmt.Sprintf("byte %#02x where %s must stand", p.src[p.at], wanted)
	}
	return fmt.Sprintf("%q where %s must stand", r, wanted)
}
