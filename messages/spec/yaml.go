package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"

	"anode/messages"
	"anode/messages/jsontext"
)

// fromYAML writes a YAML document as JSON. Numbers that JSON could write keep their text;
// aliases are written out, within the bounds of a document.
func fromYAML(document []byte) ([]byte, error) {
	d := yaml.NewDecoder(bytes.NewReader(document))
	var root, more yaml.Node
	if err := d.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the document is empty")
		}
		return nil, fmt.Errorf("is not YAML: %w", err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("must be exactly one YAML document")
	}
	return appendYAML(nil, &root, 0)
}

func yamlFault(n *yaml.Node, message string, args ...any) error {
	return fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(message, args...))
}

func appendYAML(dst []byte, n *yaml.Node, depth int) (_ []byte, err error) {
	switch {
	case depth > messages.MaxJSONDepth+1:
		return nil, yamlFault(n, "nests deeper than %d", messages.MaxJSONDepth)
	case len(dst) > MaxDocument:
		return nil, yamlFault(n, "has more than %d bytes with its aliases written out", MaxDocument)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return appendYAML(dst, n.Content[0], depth)
	case yaml.AliasNode:
		return appendYAML(dst, n.Alias, depth+1)
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, e := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendYAML(dst, e, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case yaml.MappingNode:
		return appendMapping(dst, n, depth)
	}
	return appendScalar(dst, n)
}

func appendMapping(dst []byte, n *yaml.Node, depth int) (_ []byte, err error) {
	dst = append(dst, '{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		switch {
		case name.Kind != yaml.ScalarNode:
			return nil, yamlFault(name, "a key must be a text")
		case name.ShortTag() == "!!merge":
			return nil, yamlFault(name, `merge keys ("<<") are not allowed`)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(messages.AppendQuoted(dst, name.Value), ':')
		if dst, err = appendYAML(dst, n.Content[i+1], depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendScalar(dst []byte, n *yaml.Node) ([]byte, error) {
	switch tag := n.ShortTag(); tag {
	case "!!null":
		return append(dst, "null"...), nil
	case "!!bool":
		var v bool
		if err := n.Decode(&v); err != nil {
			return nil, yamlFault(n, "%q is no boolean", n.Value)
		}
		return strconv.AppendBool(dst, v), nil
	case "!!int", "!!float":
		return appendYAMLNumber(dst, n)
	case "!!str", "!!timestamp":
		return messages.AppendQuoted(dst, n.Value), nil
	default:
		return nil, yamlFault(n, "the tag %s is not allowed", tag)
	}
}

func appendYAMLNumber(dst []byte, n *yaml.Node) ([]byte, error) {
	if jsontext.KindOf([]byte(n.Value)) == jsontext.Number {
		if out, err := jsontext.Compact(dst, []byte(n.Value), 1); err == nil {
			return out, nil
		}
	}
	var whole int64
	if n.ShortTag() == "!!int" && n.Decode(&whole) == nil {
		return strconv.AppendInt(dst, whole, 10), nil
	}
	var v float64
	if err := n.Decode(&v); err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return nil, yamlFault(n, "%q is no number that JSON has", n.Value)
	}
	text, err := json.Marshal(v)
	return append(dst, text...), err
}
