package transform

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"anode/actors/expr"
	"anode/messages"
	"anode/messages/jsontext"
	"anode/messages/spec"
)

// value is JSON as text, as a decoded value, or both; each is made of the other when needed.
type value struct {
	raw     []byte // compact
	decoded any
	has     bool
	// shared tells that raw is a part of a message.
	shared bool
	// content is bytes that are no JSON: the value is their base64, a text.
	content []byte
}

func rawValue(raw []byte) *value { return &value{raw: raw} }

// binaryValue is of bytes; a message without any is one too.
func binaryValue(content []byte) *value {
	if content == nil {
		content = []byte{}
	}
	return &value{content: content}
}

func textValue(text []byte) *value {
	return rawValue(messages.AppendQuoted(make([]byte, 0, len(text)+2), string(text)))
}

func decodedValue(v any) *value { return &value{decoded: v, has: true} }

func (v *value) any() (any, error) {
	if !v.has {
		raw, err := v.json()
		if err != nil {
			return nil, err
		}
		decoded, err := expr.DecodeCompact(raw)
		if err != nil {
			return nil, err
		}
		v.decoded, v.has = decoded, true
	}
	return v.decoded, nil
}

func (v *value) json() ([]byte, error) {
	switch {
	case v.raw != nil:
	case v.content != nil:
		v.raw = make([]byte, 0, base64.StdEncoding.EncodedLen(len(v.content))+2)
		v.raw = append(base64.StdEncoding.AppendEncode(append(v.raw, '"'), v.content), '"')
	default:
		raw, err := expr.Append(nil, v.decoded)
		if err != nil {
			return nil, err
		}
		v.raw = raw
	}
	return v.raw, nil
}

// walk follows a path as jq does: what is not there is null, a step into a scalar is an error.
func (v *value) walk(path []spec.Step) (*value, error) {
	if !v.has || v.raw != nil {
		raw, err := v.json()
		if err != nil {
			return nil, err
		}
		for _, step := range path {
			next, err := stepRaw(raw, step)
			if err != nil {
				return nil, err
			}
			raw = next
		}
		return rawValue(raw), nil
	}
	at := v.decoded
	for _, step := range path {
		next, err := stepDecoded(at, step)
		if err != nil {
			return nil, err
		}
		at = next
	}
	return decodedValue(at), nil
}

// preview is how it begins as JSON.
func (v *value) preview(most int) string {
	switch {
	case v.raw != nil:
		return expr.PreviewJSON(v.raw, most)
	case v.content != nil:
		return fmt.Sprintf("%d bytes", len(v.content))
	}
	return expr.Preview(v.decoded, most)
}

func null() []byte { return []byte("null") }

func stepRaw(raw []byte, step spec.Step) ([]byte, error) {
	switch kind := jsontext.KindOf(raw); {
	case kind == jsontext.Null:
		return raw, nil
	case kind == jsontext.Object && !step.IsIndex:
		if member := jsontext.Member(raw, step.Name); member != nil {
			return member, nil
		}
		return null(), nil
	case kind == jsontext.Array && step.IsIndex:
		return elementRaw(raw, step.Index), nil
	}
	return nil, wrongStep(step)
}

func elementRaw(raw []byte, index int) []byte {
	if index < 0 {
		count := 0
		for s := jsontext.Scan(raw); ; count++ {
			if _, _, ok := s.Next(); !ok {
				break
			}
		}
		index += count
	}
	for s, i := jsontext.Scan(raw), 0; index >= 0; i++ {
		_, element, ok := s.Next()
		if !ok {
			break
		}
		if i == index {
			return element
		}
	}
	return null()
}

func stepDecoded(at any, step spec.Step) (any, error) {
	switch at := at.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		if !step.IsIndex {
			return at[step.Name], nil
		}
	case []any:
		if !step.IsIndex {
			break
		}
		index := step.Index
		if index < 0 {
			index += len(at)
		}
		if index < 0 || index >= len(at) {
			return nil, nil
		}
		return at[index], nil
	}
	return nil, wrongStep(step)
}

func wrongStep(step spec.Step) error {
	if step.IsIndex {
		return fmt.Errorf("[%d] is asked of what is no array", step.Index)
	}
	return fmt.Errorf(".%s is asked of what is no object", step.Name)
}

var errNoScalar = errors.New("is an object or an array, not a text, number or boolean")

// text is the text of a scalar; absent for null.
func (v *value) text() (text string, present bool, err error) {
	if !v.has || v.raw != nil {
		raw, err := v.json()
		if err != nil {
			return "", false, err
		}
		switch jsontext.KindOf(raw) {
		case jsontext.Null:
			return "", false, nil
		case jsontext.Text:
			return string(jsontext.AppendText(nil, raw)), true, nil
		case jsontext.Number, jsontext.Bool:
			return string(raw), true, nil
		}
		return "", false, errNoScalar
	}
	switch at := v.decoded.(type) {
	case nil:
		return "", false, nil
	case string:
		return at, true, nil
	case json.Number:
		return at.String(), true, nil
	case map[string]any, []any:
		return "", false, errNoScalar
	}
	raw, err := v.json() // the numbers that programs compute
	return string(raw), true, err
}
