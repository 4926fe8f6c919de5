package spec

import (
	"slices"

	"anode/messages/jsontext"
)

// Kind is what an expression is for.
type Kind int

const (
	// Filter is jq of which only true or false counts.
	Filter Kind = iota
	// Value is jq that gives values.
	Value
	// Template is a text with ${…}.
	Template
)

// Expression is a text of the document that holds jq.
type Expression struct {
	// Path is its JSON pointer.
	Path string
	Text string
	Kind Kind
}

// Expressions lists the jq texts, and the templates that have an expression or a secret, in
// the order of the document.
func (s *Spec) Expressions() []Expression {
	var found []Expression
	var faults Faults
	collect(language(), "", grow(s.JSON, "", &faults), &found)
	return found
}

func collect(r *rule, path string, n *node, found *[]Expression) {
	switch {
	case n.kind == jsontext.Text && r.role == filterRole:
		*found = append(*found, Expression{path, n.text, Filter})
	case n.kind == jsontext.Text && r.role == valueRole:
		*found = append(*found, Expression{path, n.text, Value})
	case r.role == templateRole:
		n.texts(path, func(at, text string) {
			if Templated(text) {
				*found = append(*found, Expression{at, text, Template})
			}
		})
		return
	}
	for i, e := range n.elements {
		if r.each != nil {
			collect(r.each, element(path, i), e, found)
		}
	}
	for _, m := range n.members {
		if r.each != nil {
			collect(r.each, pointer(path, m.name), m.value, found)
			continue
		}
		for _, f := range r.fields {
			if f.name == m.name {
				collect(f.rule, pointer(path, m.name), m.value, found)
			}
		}
	}
}

// Secrets are the names of the secrets that the spec uses, sorted, each once.
func (s *Spec) Secrets() []string {
	var names []string
	for _, e := range s.Expressions() {
		if e.Kind != Template {
			continue
		}
		pieces, err := Pieces(e.Text)
		if err != nil { // Parse lets none pass
			continue
		}
		for _, p := range pieces {
			if p.Secret {
				names = append(names, p.Text)
			}
			names = append(names, p.Secrets...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
