package spec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Piece is a part of a template's text.
type Piece struct {
	// Text is the literal, or what stands between "${" and "}".
	Text string
	// Expr tells that Text is jq; Secret, that it is the name of a secret.
	Expr, Secret bool
	// Secrets are the names of the secrets that jq uses, each once. For each ${secret:NAME} within,
	// Text has SecretsVariable["NAME"].
	Secrets []string
}

// SecretsVariable is the variable of the secrets that jq of a template uses: an object.
const SecretsVariable = "$__secrets"

var secretName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$`)

// Pieces takes a template's text apart. Braces, texts and comments inside of an expression are
// respected, so that ${{a: "}"}} is one. A literal "${" is written ${"${"}. Within an expression
// ${secret:NAME} is the secret's text: as a value of its own, or a part of a text.
func Pieces(text string) ([]Piece, error) {
	var pieces []Piece
	for text != "" {
		start := strings.Index(text, "${")
		if start < 0 {
			return append(pieces, Piece{Text: text}), nil
		}
		if start > 0 {
			pieces = append(pieces, Piece{Text: text[:start]})
		}
		text = text[start+2:]
		end := exprEnd(text)
		if end < 0 {
			return nil, errors.New(`"${" has no closing "}"`)
		}
		piece, err := exprPiece(text[:end])
		if err != nil {
			return nil, err
		}
		pieces, text = append(pieces, piece), text[end+1:]
	}
	return pieces, nil
}

func exprPiece(inside string) (Piece, error) {
	name, secret := strings.CutPrefix(strings.TrimSpace(inside), "secret:")
	switch {
	case secret && (!secretName.MatchString(name) || strings.HasSuffix(name, ".hosts")):
		return Piece{}, fmt.Errorf("%q is no name of a secret: it has 1 to 128 of A-Z, a-z, 0-9, '_', '-' and '.', does not begin with '.' or end with \".hosts\"", name)
	case secret:
		return Piece{Text: name, Secret: true}, nil
	case strings.TrimSpace(inside) == "":
		return Piece{}, errors.New(`"${}" has no expression`)
	}
	text, secrets := exprSecrets(inside)
	return Piece{Text: text, Expr: true, Secrets: secrets}, nil
}

var exprSecret = regexp.MustCompile(`^\$\{\s*secret:([A-Za-z0-9_-][A-Za-z0-9_.-]{0,127})\s*\}`)

// exprSecrets writes the secrets of an expression as jq has them.
func exprSecrets(text string) (jq string, names []string) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var b strings.Builder
	var open []byte // '"' for a text, ')' for what is computed in one, or for parentheses
	for i := 0; i < len(text); {
		inText := len(open) > 0 && open[len(open)-1] == '"'
		if m := exprSecret.FindStringSubmatch(text[i:]); m != nil && !strings.HasSuffix(m[1], ".hosts") {
			value := SecretsVariable + `["` + m[1] + `"]`
			if inText {
				value = `\(` + value + `)`
			}
			b.WriteString(value)
			if !slices.Contains(names, m[1]) {
				names = append(names, m[1])
			}
			i += len(m[0])
			continue
		}
		n := 1
		switch c := text[i]; {
		case c == '"' && inText, c == ')' && len(open) > 0 && !inText:
			open = open[:len(open)-1]
		case c == '"':
			open = append(open, '"')
		case c == '\\' && inText && strings.HasPrefix(text[i:], `\(`):
			open, n = append(open, ')'), 2
		case c == '\\' && inText:
			n = min(2, len(text)-i)
		case c == '(' && !inText:
			open = append(open, ')')
		case c == '#' && !inText:
			if n = strings.IndexByte(text[i:], '\n'); n < 0 {
				n = len(text) - i
			}
		}
		b.WriteString(text[i : i+n])
		i += n
	}
	return b.String(), names
}

// exprEnd finds the "}" that closes an expression; -1 where there is none.
func exprEnd(text string) int {
	var open []byte // the closings that are awaited; '"' for a text
	for i := 0; i < len(text); i++ {
		c := text[i]
		if n := len(open); n > 0 && open[n-1] == '"' {
			switch {
			case c == '"':
				open = open[:n-1]
			case c == '\\' && i+1 < len(text) && text[i+1] == '(':
				open = append(open, ')')
				i++
			case c == '\\':
				i++
			}
			continue
		}
		switch c {
		case '"':
			open = append(open, '"')
		case '{':
			open = append(open, '}')
		case '(':
			open = append(open, ')')
		case '[':
			open = append(open, ']')
		case '#':
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case '}', ')', ']':
			n := len(open)
			if n == 0 {
				if c == '}' {
					return i
				}
				return -1
			}
			if open[n-1] != c {
				return -1
			}
			open = open[:n-1]
		}
	}
	return -1
}

// Templated tells whether a text has an expression or a secret.
func Templated(text string) bool { return strings.Contains(text, "${") }
