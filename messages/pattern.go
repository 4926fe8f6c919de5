package messages

import (
	"fmt"
	"strings"
)

// Pattern selects streams: a stream name in which the token "*" stands for any
// one token and a last ">" for one or more. Streams that begin with '$' are
// matched only by patterns that begin with '$'.
type Pattern string

// Everything matches all streams but the mesh's own.
const Everything Pattern = ">"

// ParsePattern checks a pattern.
func ParsePattern(text string) (Pattern, error) {
	if err := checkTokens(text, true); err != nil {
		return "", fmt.Errorf("%w %q: %w", ErrPattern, clip(text), err)
	}
	return Pattern(text), nil
}

// ParseShortPattern is ParsePattern for URLs and command lines, where an ending
// dot is short for ".>".
func ParseShortPattern(text string) (Pattern, error) {
	if strings.HasSuffix(text, ".") {
		return ParsePattern(text + ">")
	}
	return ParsePattern(text)
}

// Literal tells whether the pattern has no wild card: it matches one stream.
func (p Pattern) Literal() bool { return !strings.ContainsAny(string(p), "*>") }

// Own tells whether the pattern can match streams of the mesh's own.
func (p Pattern) Own() bool { return strings.HasPrefix(string(p), "$") }

// Match tells whether the pattern selects a stream. It allocates nothing.
func (p Pattern) Match(stream Stream) bool {
	if stream.Own() != p.Own() {
		return false
	}
	pattern, name := string(p), string(stream)
	for {
		pt, prest, pmore := strings.Cut(pattern, ".")
		if pt == ">" {
			return true
		}
		nt, nrest, nmore := strings.Cut(name, ".")
		if pt != "*" && pt != nt {
			return false
		}
		if !pmore || !nmore {
			return pmore == nmore
		}
		pattern, name = prest, nrest
	}
}

// Covers tells whether the pattern matches all that another one does.
func (p Pattern) Covers(other Pattern) bool {
	if p.Own() != other.Own() {
		return false
	}
	mine, its := string(p), string(other)
	for {
		pt, prest, pmore := strings.Cut(mine, ".")
		it, irest, imore := strings.Cut(its, ".")
		switch {
		case pt == ">":
			return true
		case it == ">", pt != "*" && pt != it:
			return false
		case !pmore || !imore:
			return pmore == imore
		}
		mine, its = prest, irest
	}
}
