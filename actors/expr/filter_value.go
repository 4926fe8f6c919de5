package expr

import (
	"encoding/json"
	"time"
	"unsafe"

	"github.com/itchyny/gojq"

	"anode/messages"
	"anode/messages/jsontext"
)

// val is a value in a filter: a record, a piece of compact JSON, or a decoded value; of these
// the first that is set.
type val struct {
	record *messages.Record
	raw    []byte
	v      any
}

func rawVal(raw []byte) val { return val{raw: raw} }

// kind is the JSON kind.
func (v val) kind() jsontext.Kind {
	switch {
	case v.record != nil:
		return jsontext.Object
	case v.raw != nil:
		return jsontext.KindOf(v.raw)
	}
	switch v.v.(type) {
	case nil:
		return jsontext.Null
	case bool:
		return jsontext.Bool
	case string:
		return jsontext.Text
	case []any:
		return jsontext.Array
	case map[string]any:
		return jsontext.Object
	}
	return jsontext.Number
}

func (v val) truthy() bool {
	if v.raw != nil {
		return v.raw[0] != 'f' && v.raw[0] != 'n'
	}
	return v.record != nil || v.v != nil && v.v != false
}

// text is the text of a text value; without escapes it is a view of the record's bytes, which
// never change.
func (v val) text() string {
	if v.raw == nil {
		s, _ := v.v.(string)
		return s
	}
	if plain, ok := jsontext.Plain(v.raw); ok {
		if len(plain) == 0 {
			return ""
		}
		return unsafe.String(&plain[0], len(plain))
	}
	return string(jsontext.AppendText(nil, v.raw))
}

// number is the number of a number value.
func (v val) number() (number, bool) {
	if v.raw != nil {
		if len(v.raw) > maxDigits {
			return number{}, false
		}
		return parseNumber(unsafe.String(&v.raw[0], len(v.raw))), true
	}
	return numberOf(v.v)
}

// numberText is the text of a number that was not computed.
func (v val) numberText() (string, bool) {
	if v.raw != nil {
		return string(v.raw), true
	}
	n, ok := v.v.(json.Number)
	return string(n), ok
}

// decode is the value as programs have it; above maxDecode it fails.
func (v val) decode(run *filterRun) (any, bool) {
	raw := v.raw
	if v.record != nil {
		if len(v.record.Payload) > maxDecode {
			return nil, false
		}
		raw = v.record.AppendJSON(nil)
	}
	if raw == nil {
		return v.v, true
	}
	cost := len(raw)
	if k := jsontext.KindOf(raw); k == jsontext.Array || k == jsontext.Object {
		if len(raw) > maxDecode+4096 {
			return nil, false
		}
		cost *= decodeWeight
	}
	if !run.scan(cost) {
		return nil, false
	}
	out, err := DecodeCompact(raw)
	return out, err == nil
}

// member is a member by name; null where there is none.
func (v val) member(run *filterRun, name string) (val, bool) {
	switch {
	case v.record != nil:
		return recordMember(v.record, name)
	case v.raw == nil:
		m, _ := v.v.(map[string]any)
		return val{v: m[name]}, true
	}
	if !run.scan(len(v.raw)) {
		return val{}, false
	}
	return rawVal(jsontext.Member(v.raw, name)), true
}

// recordMember is a field of the record's object, without making it.
func recordMember(r *messages.Record, name string) (val, bool) {
	switch name {
	case "id":
		return val{v: string(r.Position.AppendText(nil))}, true
	case "stream":
		return val{v: string(r.Stream)}, true
	case "source":
		return optional(r.Source), true
	case "key":
		return optional(r.Key), true
	case "native_id":
		return optional(r.NativeID), true
	case "time":
		return val{v: timeText(r.EventTime())}, true
	case "received":
		return val{v: timeText(r.Received())}, true
	case "data":
		if r.JSON() {
			return rawVal(r.Payload), len(r.Payload) > 0
		}
	case "text", "base64", "content_type":
		if !r.JSON() {
			return rawVal(jsontext.Member(r.AppendJSON(nil), name)), true
		}
	}
	return val{}, true
}

func optional(text string) val {
	if text == "" {
		return val{}
	}
	return val{v: text}
}

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999999Z") }

// element is an element by index, from the end where it is negative; null where there is none.
func (v val) element(run *filterRun, i int) (val, bool) {
	if v.raw == nil {
		list, _ := v.v.([]any)
		if i < 0 {
			i += len(list)
		}
		if i < 0 || i >= len(list) {
			return val{}, true
		}
		return val{v: list[i]}, true
	}
	if i < 0 {
		i += v.length(run)
	}
	if i < 0 || !run.scan(len(v.raw)) {
		return val{}, i < 0
	}
	s := jsontext.Scan(v.raw)
	for ; ; i-- {
		_, e, ok := s.Next()
		if !ok {
			return val{}, true
		}
		if i == 0 {
			return rawVal(e), true
		}
	}
}

// length counts elements; members are counted by who needs it, as names may be doubled.
func (v val) length(run *filterRun) int {
	if v.raw == nil {
		list, _ := v.v.([]any)
		return len(list)
	}
	run.scan(len(v.raw))
	n := 0
	for s := jsontext.Scan(v.raw); ; n++ {
		if _, _, ok := s.Next(); !ok {
			return n
		}
	}
}

// compare orders two values as jq does.
func compare(run *filterRun, l, r val) (int, bool) {
	lk, rk := l.kind(), r.kind()
	if lk == rk {
		switch lk {
		case jsontext.Number:
			ln, lok := l.number()
			rn, rok := r.number()
			return compareNumbers(ln, rn), lok && rok
		case jsontext.Text:
			lt, rt := l.text(), r.text()
			switch {
			case !run.scan(len(lt) + len(rt)):
				return 0, false
			case lt < rt:
				return -1, true
			case lt > rt:
				return 1, true
			}
			return 0, true
		case jsontext.Null:
			return 0, true
		case jsontext.Array, jsontext.Object:
			return compareContainers(run, l, r)
		}
	}
	return compareOrdered(l.rank(), r.rank()), true
}

func compareContainers(run *filterRun, l, r val) (int, bool) {
	lv, lok := l.decode(run)
	rv, rok := r.decode(run)
	if !lok || !rok {
		return 0, false
	}
	return gojq.Compare(lv, rv), true
}

// rank is the order of the kinds.
func (v val) rank() int {
	switch v.kind() {
	case jsontext.Null, jsontext.None:
		return 0
	case jsontext.Bool:
		if !v.truthy() {
			return 1
		}
		return 2
	case jsontext.Number:
		return 3
	case jsontext.Text:
		return 4
	case jsontext.Array:
		return 5
	}
	return 6
}
