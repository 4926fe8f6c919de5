package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"anode/messages"
	"anode/messages/jsontext"
)

// MaxDocument is the most bytes of a document.
const MaxDocument = 256 << 10

// JSON gives a document as compact JSON, without looking at what it says.
func JSON(document []byte, yaml bool) ([]byte, error) {
	if len(document) > MaxDocument {
		return nil, single("the document has %d bytes, at most %d are allowed", len(document), MaxDocument)
	}
	text := document
	if yaml {
		var err error
		if text, err = fromYAML(document); err != nil {
			return nil, Faults{{Message: err.Error()}}
		}
	}
	text, err := jsontext.Compact(nil, text, messages.MaxJSONDepth)
	var syntax *jsontext.SyntaxError
	switch {
	case errors.As(err, &syntax) && yaml:
		return nil, single("%s", syntax.Message)
	case err != nil:
		return nil, single("is not JSON: %s", err.Error())
	case jsontext.KindOf(text) != jsontext.Object:
		return nil, single("must be an object with name, kind and so on")
	}
	return text, nil
}

// Parse reads a document. What is wrong with it comes as Faults, all at once, but for what is wrong within its jq.
func Parse(document []byte, yaml bool) (*Spec, error) { return ParseWith(document, yaml, nil) }

// ParseWith is Parse, and where the document has faults, those come with them that compile finds in its
// expressions. Those of a document without faults are for who runs them. Compile may be nil.
func ParseWith(document []byte, yaml bool, compile func(Expression) error) (*Spec, error) {
	text, err := JSON(document, yaml)
	if err != nil {
		return nil, err
	}
	var faults Faults
	root := grow(text, "", &faults)
	check(language(), "", root, &faults)
	checkTogether(root, &faults)
	if len(faults) > 0 {
		return nil, faults.with(root, compile)
	}
	s, err := decode(text)
	if err != nil { // the rules let nothing pass that does not decode
		return nil, single("%s", err.Error())
	}
	sum := sha256.Sum256(root.appendCanonical(nil))
	s.Hash = hex.EncodeToString(sum[:])
	return s, nil
}

// with adds the faults of expressions at whose places there are none yet.
func (f Faults) with(root *node, compile func(Expression) error) Faults {
	if compile == nil {
		return f
	}
	var all []Expression
	collect(language(), "", root, &all)
	for _, x := range all {
		if slices.ContainsFunc(f, func(known Fault) bool { return known.Path == x.Path }) {
			continue
		}
		if len(f) > maxFaults { // it is said that there are more
			break
		}
		if err := compile(x); err != nil {
			fault := FaultAt(x.Path, err)
			f.add(fault.Path, "%s", fault.Message)
		}
	}
	return f
}

func single(message string, args ...any) error {
	var faults Faults
	faults.add("", message, args...)
	return faults
}

func sorted(members []member) []member {
	return slices.SortedFunc(slices.Values(members), func(a, b member) int { return strings.Compare(a.name, b.name) })
}
