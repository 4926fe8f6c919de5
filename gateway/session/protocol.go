package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"anode/gateway/publication"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/jsontext"
)

// request is one message of a client; which fields may stand in it depends on its op.
type request struct {
	Op string `json:"op"`

	Sub     *string         `json:"sub"`
	Streams []string        `json:"streams"`
	Start   *command.Start  `json:"start"`
	Where   string          `json:"where"`
	Unique  bool            `json:"unique"`
	Policy  *command.Policy `json:"policy"`

	ID json.RawMessage `json:"id"`
	publication.Form
}

// mostID is the most bytes of an id.
const mostID = 1024

// fieldsOf gives what each op knows.
func fieldsOf(op string) []string {
	switch op {
	case "subscribe":
		return []string{"op", "sub", "streams", "start", "where", "unique", "policy", "id"}
	case "unsubscribe":
		return []string{"op", "sub", "id"}
	case "publish":
		return []string{"op", "id", "stream", "key", "native_id", "time", "data", "text", "base64", "content_type"}
	case "ping":
		return []string{"op", "id"}
	}
	return nil
}

// errBadFrame is what ends a connection: nothing in it can be answered.
var errBadFrame = errors.New("bad frame")

// split gives the JSON values of a message, each an object.
func split(message []byte) ([]json.RawMessage, error) {
	if !utf8.Valid(message) {
		return nil, fmt.Errorf("%w: not UTF-8", errBadFrame)
	}
	var list []json.RawMessage
	d := json.NewDecoder(bytes.NewReader(message))
	for {
		var raw json.RawMessage
		err := d.Decode(&raw)
		switch {
		case errors.Is(err, io.EOF) && len(list) > 0:
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("%w: not JSON: %w", errBadFrame, err)
		case raw[0] != '{':
			return nil, fmt.Errorf("%w: not a JSON object", errBadFrame)
		}
		list = append(list, raw)
	}
}

// parse reads one request. With errBadFrame the connection ends; another error is told to the
// client, by the sub and id that the request has.
func parse(raw []byte) (request, error) {
	var names map[string]json.RawMessage
	if err := json.Unmarshal(raw, &names); err != nil {
		return request{}, fmt.Errorf("%w: %w", errBadFrame, err)
	}
	var r request
	if err := json.Unmarshal(names["op"], &r.Op); err != nil {
		return request{}, fmt.Errorf("%w: op is missing, or no text", errBadFrame)
	}
	known := fieldsOf(r.Op)
	if known == nil {
		return request{}, fmt.Errorf("%w: unknown op %q", errBadFrame, clip(r.Op))
	}
	r.ID = names["id"]
	if sub, ok := names["sub"]; ok {
		var text string
		if json.Unmarshal(sub, &text) == nil {
			r.Sub = &text
		}
	}
	for name := range names {
		if !slices.Contains(known, name) {
			return r, fmt.Errorf("%w: %s has no field %q, its fields are %s", command.ErrInvalid, r.Op, clip(name), strings.Join(known, ", "))
		}
	}
	if len(r.ID) > mostID {
		r.ID = nil
		return r, fmt.Errorf("%w: id has more than %d bytes", command.ErrInvalid, mostID)
	}
	op, id, sub := r.Op, r.ID, r.Sub
	if err := json.Unmarshal(raw, &r); err != nil {
		return request{Op: op, ID: id, Sub: sub}, fieldError(err)
	}
	return r, nil
}

// fieldError keeps the seam's errors, and says in plain words what encoding/json found.
func fieldError(err error) error {
	if errors.Is(err, messages.ErrCursor) || errors.Is(err, messages.ErrPosition) {
		return err
	}
	return fmt.Errorf("%w: %w", command.ErrInvalid, publication.Words(err))
}

// subscribe is the operation that the request asks for.
func (r *request) subscribe() command.Subscribe {
	s := command.Subscribe{Streams: r.Streams, Where: r.Where, Unique: r.Unique}
	if r.Sub != nil {
		s.Sub = *r.Sub
	}
	if r.Start != nil {
		s.Start = *r.Start
	}
	if r.Policy != nil {
		s.Policy = *r.Policy
	}
	return s
}

// fromQuery reads ?stream=P&stream=Q&start=…&where=…&policy=…&unique=…; ok tells whether it asks for a subscription.
func fromQuery(q url.Values) (s command.Subscribe, ok bool, err error) {
	for name, values := range q {
		switch name {
		case "stream":
		case "start", "where", "policy", "unique":
			if len(values) > 1 {
				return s, false, fmt.Errorf("%w: %s is given %d times", command.ErrInvalid, name, len(values))
			}
		default:
			return s, false, fmt.Errorf("%w: unknown parameter %q: stream, start, where, policy and unique are known", command.ErrInvalid, clip(name))
		}
	}
	if len(q) == 0 {
		return s, false, nil
	}
	s = command.Subscribe{Sub: "0", Where: q.Get("where")}
	for _, text := range q["stream"] {
		p, err := messages.ParseShortPattern(text)
		if err != nil {
			return s, true, err
		}
		s.Streams = append(s.Streams, string(p))
	}
	if s.Start, err = command.ParseStart(q.Get("start")); err != nil {
		return s, true, fieldError(err)
	}
	if text := q.Get("policy"); text != "" {
		if err := parsePolicy(&s.Policy, text); err != nil {
			return s, true, fieldError(err)
		}
	}
	switch q.Get("unique") {
	case "", "false":
	case "true":
		s.Unique = true
	default:
		return s, true, fmt.Errorf("%w: unique is neither true nor false", command.ErrInvalid)
	}
	return s, true, nil
}

// parsePolicy takes both forms: conflate:250ms and {"conflate":"250ms"}.
func parsePolicy(p *command.Policy, text string) error {
	if strings.HasPrefix(text, "{") {
		return p.UnmarshalJSON([]byte(text))
	}
	parsed, err := command.ParsePolicy(text)
	*p = parsed
	return err
}

// reply is an answer to a request, as an object with what it is about.
type reply struct {
	Op        string          `json:"op"`
	Sub       *string         `json:"sub,omitempty"`
	ID        json.RawMessage `json:"id,omitempty"`
	Record    string          `json:"record,omitempty"`
	Duplicate bool            `json:"duplicate,omitempty"`
	Code      string          `json:"code,omitempty"`
	Message   string          `json:"message,omitempty"`
}

func (r reply) encode() []byte {
	if r.Sub == nil && r.Code == "" && r.Message == "" {
		if b := r.plain(); b != nil {
			return b
		}
	}
	return r.encodeAny()
}

// encodeAny writes any reply.
func (r reply) encodeAny() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)              // an id comes back as it was given
	if err := e.Encode(r); err != nil { // an id that is no JSON can't come here: it was cut out of JSON
		return []byte(`{"op":"error","code":"internal","message":"the answer can't be written"}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// plain is encode where nothing has to be escaped: a record's id has no character for it. It is nil where the id has
// a nesting that is out of the common.
func (r reply) plain() []byte {
	b := make([]byte, 0, 64+len(r.ID)+len(r.Record))
	b = append(append(append(b, `{"op":"`...), r.Op...), '"')
	if len(r.ID) > 0 {
		var err error
		if b, err = jsontext.Compact(append(b, `,"id":`...), r.ID, jsontext.MaxDepth); err != nil {
			return nil
		}
	}
	if r.Record != "" {
		b = append(append(append(b, `,"record":"`...), r.Record...), '"')
	}
	if r.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	return append(b, '}')
}
