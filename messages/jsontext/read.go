package jsontext

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is what a value is, by its first byte.
type Kind byte

// The kinds of values. None is that of no bytes, or of bytes that begin no value.
const (
	None Kind = iota
	Null
	Bool
	Number
	Text
	Array
	Object
)

// KindOf tells what raw is.
func KindOf(raw []byte) Kind {
	if len(raw) == 0 {
		return None
	}
	switch c := raw[0]; {
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == '"':
		return Text
	case c == 't' || c == 'f':
		return Bool
	case c == 'n':
		return Null
	case c == '-' || digit(c):
		return Number
	}
	return None
}

// Scanner walks the members of an object, or the elements of an array.
type Scanner struct {
	rest   []byte
	object bool
}

// Scan begins at the first member or element of raw; of anything else there are none.
func Scan(raw []byte) Scanner {
	kind := KindOf(raw)
	if kind != Object && kind != Array {
		return Scanner{}
	}
	return Scanner{rest: raw[1:], object: kind == Object}
}

// Next gives the next value, and for an object's its name as a string token with its quotes.
// Both are parts of the scanned bytes.
func (s *Scanner) Next() (name, value []byte, ok bool) {
	if len(s.rest) > 0 && s.rest[0] == ',' {
		s.rest = s.rest[1:]
	}
	if s.object {
		n := textEnd(s.rest)
		if n == 0 || n >= len(s.rest) || s.rest[n] != ':' {
			return nil, nil, false
		}
		name, s.rest = s.rest[:n], s.rest[n+1:]
	}
	n := valueEnd(s.rest)
	if n == 0 {
		return nil, nil, false
	}
	value, s.rest = s.rest[:n], s.rest[n:]
	return name, value, true
}

// Member finds an object's member; of several of one name the last counts. It is nil where
// there is none.
func Member(raw []byte, name string) []byte {
	if KindOf(raw) != Object {
		return nil
	}
	var found []byte
	for s := Scan(raw); ; {
		token, value, ok := s.Next()
		if !ok {
			return found
		}
		if EqualText(token, name) {
			found = value
		}
	}
}

// textEnd is the length of the string token at the start of s, 0 where there is none.
func textEnd(s []byte) int {
	if len(s) == 0 || s[0] != '"' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}

// valueEnd is the length of the value at the start of s, 0 where there is none.
func valueEnd(s []byte) int {
	switch KindOf(s) {
	case Text:
		return textEnd(s)
	case Object, Array:
		return containerEnd(s)
	case None:
		return 0
	}
	for i, c := range s {
		if c == ',' || c == '}' || c == ']' {
			return i
		}
	}
	return len(s)
}

func containerEnd(s []byte) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := textEnd(s[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		}
	}
	return 0
}

// Plain returns the text of a string token that has no escape, as a part of it.
func Plain(token []byte) (text []byte, ok bool) {
	if len(token) < 2 || token[0] != '"' {
		return nil, false
	}
	text = token[1 : len(token)-1]
	for _, c := range text {
		if c == '\\' {
			return nil, false
		}
	}
	return text, true
}

// AppendText appends the text that a string token stands for. A lone surrogate becomes U+FFFD,
// as in encoding/json.
func AppendText(dst, token []byte) []byte {
	if text, ok := Plain(token); ok {
		return append(dst, text...)
	}
	if len(token) < 2 {
		return dst
	}
	for s := token[1 : len(token)-1]; len(s) > 0; {
		if s[0] != '\\' {
			dst, s = append(dst, s[0]), s[1:]
			continue
		}
		r, size := unescape(s)
		if size == 0 {
			return dst
		}
		dst, s = utf8.AppendRune(dst, r), s[size:]
	}
	return dst
}

// unescape reads the escape at the start of s; size 0 means that there is none.
func unescape(s []byte) (r rune, size int) {
	size = escapeSize(s)
	if size == 0 {
		return 0, 0
	}
	switch s[1] {
	case 'b':
		return '\b', size
	case 'f':
		return '\f', size
	case 'n':
		return '\n', size
	case 'r':
		return '\r', size
	case 't':
		return '\t', size
	case 'u':
		r = hexValue(s[2:6])
		if !utf16.IsSurrogate(r) {
			return r, size
		}
		if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			if both := utf16.DecodeRune(r, hexValue(s[8:12])); both != utf8.RuneError {
				return both, 12
			}
		}
		return utf8.RuneError, size
	}
	return rune(s[1]), size
}

// EqualText tells whether a string token stands for text. It allocates nothing.
func EqualText(token []byte, text string) bool {
	if plain, ok := Plain(token); ok {
		return string(plain) == text
	}
	if len(token) < 2 {
		return false
	}
	var one [utf8.UTFMax]byte
	for s := token[1 : len(token)-1]; len(s) > 0; {
		piece := s[:1]
		size := 1
		if s[0] == '\\' {
			var r rune
			if r, size = unescape(s); size == 0 {
				return false
			}
			piece = one[:utf8.EncodeRune(one[:], r)]
		}
		if len(text) < len(piece) || text[:len(piece)] != string(piece) {
			return false
		}
		text, s = text[len(piece):], s[size:]
	}
	return text == ""
}
