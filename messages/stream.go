package messages

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Stream names a flow of records: 1 to MaxStreamTokens tokens of A–Z, a–z, 0–9,
// '_' and '-', joined by dots, at most MaxStream bytes. A name that begins with
// '$' is the mesh's own and can't be published to.
type Stream string

const (
	// MaxStream is the longest stream name, in bytes.
	MaxStream = 255
	// MaxStreamTokens is the most tokens of a stream name.
	MaxStreamTokens = 16
)

// ParseStream checks a stream name.
func ParseStream(text string) (Stream, error) {
	if err := checkTokens(text, false); err != nil {
		return "", fmt.Errorf("%w %q: %w", ErrStream, clip(text), err)
	}
	return Stream(text), nil
}

// Own tells whether the stream is the mesh's own ("$…").
func (s Stream) Own() bool { return strings.HasPrefix(string(s), "$") }

// StreamToken makes a text fit to be one token: each character that no token may
// have becomes '_', and an empty text is one '_'. The result is cut to MaxStream bytes.
func StreamToken(text string) string {
	if text == "" {
		return "_"
	}
	if len(text) > MaxStream {
		text = text[:MaxStream]
	}
	clean := true
	for i := range len(text) {
		clean = clean && tokenByte(text[i])
	}
	if clean {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		if r < 0x80 && tokenByte(byte(r)) {
			b.WriteByte(byte(r))
			continue
		}
		b.WriteByte('_')
	}
	return b.String()
}

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// checkTokens is the rule that names and patterns share; wild allows the tokens
// "*" and, at the end, ">".
func checkTokens(text string, wild bool) error {
	switch {
	case text == "":
		return fmt.Errorf("is empty")
	case len(text) > MaxStream:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(text), MaxStream)
	}
	count := 0
	for token, rest, more := "", text, true; more; {
		token, rest, more = strings.Cut(rest, ".")
		if count++; count > MaxStreamTokens {
			return fmt.Errorf("has more than %d tokens", MaxStreamTokens)
		}
		if wild && (token == "*" || token == ">" && !more) {
			continue
		}
		if count == 1 {
			token = strings.TrimPrefix(token, "$")
		}
		if err := checkToken(token, count, wild); err != nil {
			return err
		}
	}
	return nil
}

func checkToken(token string, at int, wild bool) error {
	if token == "" {
		return fmt.Errorf("token %d is empty", at)
	}
	for i := range len(token) {
		if tokenByte(token[i]) {
			continue
		}
		if wild && token == ">" {
			return fmt.Errorf("token %d: \">\" may stand only at the end", at)
		}
		wrong, _ := utf8.DecodeRuneInString(token[i:]) // what stands before it is ASCII
		return fmt.Errorf("token %d has %q: only A-Z, a-z, 0-9, '_' and '-' are allowed", at, wrong)
	}
	return nil
}
