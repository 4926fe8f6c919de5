package spec

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"anode/messages"
)

// StreamPiece is a part of a stream template.
type StreamPiece struct {
	// Text is the literal; with Path, the path as written.
	Text string
	// Path leads to the value whose text stands here; nil for a literal.
	Path []Step
}

// Step is one step of a path: into an object by name, or into an array by index.
type Step struct {
	Name    string
	Index   int
	IsIndex bool
}

const maxStreamTemplate = 1024

var pathStep = regexp.MustCompile(`^(?:\.?([A-Za-z_][A-Za-z0-9_]*)|\.?"([^"\\]*)"|\.?\["([^"\\]*)"\]|\[(-?[0-9]{1,6})\])`)

// StreamPieces takes a stream template apart: a stream name in which {path} stands for the
// text of a scalar of the mapped value, such as {product_id}, {.data.symbol} or {pair[0]}.
func StreamPieces(text string) ([]StreamPiece, error) {
	if len(text) > maxStreamTemplate {
		return nil, fmt.Errorf("has %d bytes, at most %d are allowed", len(text), maxStreamTemplate)
	}
	var pieces []StreamPiece
	var sample strings.Builder
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, errors.New(`has a "}" without its "{"`)
		}
		if literal != "" {
			pieces = append(pieces, StreamPiece{Text: literal})
			sample.WriteString(literal)
		}
		if !found {
			break
		}
		inside, next, closed := strings.Cut(after, "}")
		if !closed {
			return nil, errors.New(`has a "{" without its "}"`)
		}
		path, err := parsePath(inside)
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, StreamPiece{Text: inside, Path: path})
		sample.WriteByte('x')
		rest = next
	}
	stream, err := messages.ParseStream(sample.String())
	if err != nil {
		return nil, fmt.Errorf("with x for each {path}: %w", err)
	}
	if stream.Own() {
		return nil, errors.New("must not begin with '$': these streams are the mesh's own")
	}
	return pieces, nil
}

func parsePath(text string) ([]Step, error) {
	var path []Step
	for rest := strings.TrimSpace(text); rest != ""; {
		m := pathStep.FindStringSubmatch(rest)
		if m == nil || len(path) > 0 && rest[0] != '.' && rest[0] != '[' {
			path = nil
			break
		}
		if m[4] != "" {
			index, err := strconv.Atoi(m[4])
			if err != nil {
				return nil, err
			}
			path = append(path, Step{Index: index, IsIndex: true})
		} else {
			path = append(path, Step{Name: m[1] + m[2] + m[3]})
		}
		rest = rest[len(m[0]):]
	}
	if len(path) == 0 {
		return nil, fmt.Errorf(`"{%s}" has no path such as {symbol}, {.data.symbol} or {pair[0]}`, text)
	}
	return path, nil
}
