package session

import (
	"bytes"

	"anode/messages/jsontext"
)

// quick reads a message as nearly all are: one publish or ping, of known fields, each there once and of its own
// type. It is not ok with any other, which is no fault: split and parse read all there is, and would give the same
// for this one. Data of the request is a part of the message.
func quick(message []byte) (r request, ok bool) {
	m := members{rest: message}
	if !m.open() {
		return request{}, false
	}
	seen := field(0)
	for more := true; more; more = m.more() {
		name, value := m.next()
		this := r.take(name, value)
		if this == 0 || seen&this != 0 {
			return request{}, false
		}
		seen |= this
	}
	allowed := ^field(0)
	if r.Op == "ping" {
		allowed = fieldOp | fieldID
	}
	return r, m.ended && seen&fieldOp != 0 && seen&^allowed == 0
}

// field is a set of fields.
type field uint

const (
	fieldOp field = 1 << iota
	fieldID
	fieldStream
	fieldKey
	fieldNativeID
	fieldTime
	fieldData
	fieldText
	fieldBase64
	fieldContentType
)

// take gives a field its value, and tells which it is: none where that is not the common case.
func (r *request) take(name, value []byte) field {
	if len(value) == 0 {
		return 0
	}
	switch string(name) {
	case `"op"`:
		switch string(value) {
		case `"publish"`:
			r.Op = "publish"
		case `"ping"`:
			r.Op = "ping"
		default:
			return 0
		}
		return fieldOp
	case `"id"`:
		if len(value) > mostID {
			return 0
		}
		r.ID = bytes.Clone(value)
		return fieldID
	case `"stream"`:
		r.Stream = new(string)
		return takeText(fieldStream, r.Stream, value)
	case `"key"`:
		return takeText(fieldKey, &r.Key, value)
	case `"native_id"`:
		return takeText(fieldNativeID, &r.NativeID, value)
	case `"time"`:
		return takeText(fieldTime, &r.Time, value)
	case `"data"`:
		r.Data = value
		return fieldData
	case `"text"`:
		r.Text = new(string)
		return takeText(fieldText, r.Text, value)
	case `"base64"`:
		r.Base64 = new(string)
		return takeText(fieldBase64, r.Base64, value)
	case `"content_type"`:
		return takeText(fieldContentType, &r.ContentType, value)
	}
	return 0
}

func takeText(this field, text *string, value []byte) field {
	if value[0] != '"' {
		return 0
	}
	if plain, ok := jsontext.Plain(value); ok {
		*text = string(plain)
	} else {
		*text = string(jsontext.AppendText(nil, value))
	}
	return this
}

// members walks those of an object of unknown origin.
type members struct {
	rest []byte
	// ended: behind the last there was the end of the object, and of all.
	ended bool
}

// open steps into the object.
func (m *members) open() bool {
	m.space()
	return m.token('{')
}

// next gives a member, or one without a value where none is.
func (m *members) next() (name, value []byte) {
	m.space()
	if len(m.rest) == 0 || m.rest[0] != '"' {
		return nil, nil
	}
	name = m.value()
	m.space()
	if !m.token(':') {
		return nil, nil
	}
	m.space()
	return name, m.value()
}

// more steps over a comma. Where there is none it looks whether object and message end here.
func (m *members) more() bool {
	m.space()
	if m.token(',') {
		return true
	}
	if m.token('}') {
		m.space()
		m.ended = len(m.rest) == 0
	}
	return false
}

func (m *members) value() []byte {
	n := jsontext.End(m.rest, jsontext.MaxDepth)
	value := m.rest[:n:n]
	m.rest = m.rest[n:]
	return value
}

func (m *members) token(c byte) bool {
	if len(m.rest) == 0 || m.rest[0] != c {
		return false
	}
	m.rest = m.rest[1:]
	return true
}

func (m *members) space() {
	for len(m.rest) > 0 && (m.rest[0] == ' ' || m.rest[0] == '\n' || m.rest[0] == '\r' || m.rest[0] == '\t') {
		m.rest = m.rest[1:]
	}
}
