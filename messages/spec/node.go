package spec

import (
	"anode/messages"
	"anode/messages/jsontext"
)

// node is a value of the document, with its members in the order given.
type node struct {
	kind     jsontext.Kind
	raw      string
	text     string // of a text
	members  []member
	elements []*node
}

type member struct {
	name  string
	value *node
}

func (n *node) isText(text string) bool { return n.kind == jsontext.Text && n.text == text }

func (n *node) member(name string) *node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// grow makes the tree of compact JSON; doubled keys are faults.
func grow(raw []byte, path string, faults *Faults) *node {
	n := &node{kind: jsontext.KindOf(raw), raw: string(raw)}
	switch n.kind {
	case jsontext.Text:
		n.text = string(jsontext.AppendText(nil, raw))
	case jsontext.Array:
		for s := jsontext.Scan(raw); ; {
			_, value, ok := s.Next()
			if !ok {
				break
			}
			n.elements = append(n.elements, grow(value, element(path, len(n.elements)), faults))
		}
	case jsontext.Object:
		seen := make(map[string]bool)
		for s := jsontext.Scan(raw); ; {
			token, value, ok := s.Next()
			if !ok {
				break
			}
			name := string(jsontext.AppendText(nil, token))
			at := pointer(path, name)
			if seen[name] {
				faults.add(at, "is given twice")
				continue
			}
			seen[name] = true
			n.members = append(n.members, member{name, grow(value, at, faults)})
		}
	}
	return n
}

// appendCanonical writes the tree with sorted keys and one form of texts.
func (n *node) appendCanonical(dst []byte) []byte {
	switch n.kind {
	case jsontext.Text:
		return messages.AppendQuoted(dst, n.text)
	case jsontext.Array:
		dst = append(dst, '[')
		for i, e := range n.elements {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.appendCanonical(dst)
		}
		return append(dst, ']')
	case jsontext.Object:
		dst = append(dst, '{')
		for i, m := range sorted(n.members) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = m.value.appendCanonical(append(messages.AppendQuoted(dst, m.name), ':'))
		}
		return append(dst, '}')
	}
	return append(dst, n.raw...)
}
