package publication

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/jsontext"
	"anode/messages/units"
)

// Form is one record as a client writes it. Exactly one of Data, Text and Base64 is its content.
type Form struct {
	Stream      *string         `json:"stream"`
	Key         string          `json:"key"`
	NativeID    string          `json:"native_id"`
	Time        string          `json:"time"`
	Data        json.RawMessage `json:"data"`
	Text        *string         `json:"text"`
	Base64      *string         `json:"base64"`
	ContentType string          `json:"content_type"`
}

// fields are the names that a Form has.
var fields = []string{"stream", "key", "native_id", "time", "data", "text", "base64", "content_type"}

// Parse reads a form from JSON. Names are compared exactly, and unknown ones are a fault.
func Parse(raw []byte) (Form, error) {
	var f Form
	if err := Strict(raw, &f, fields); err != nil {
		return Form{}, fmt.Errorf("%w: %w", messages.ErrDraft, err)
	}
	return f, nil
}

// Strict decodes an object that may have the known fields and no other, in exactly these letters.
func Strict(raw []byte, into any, known []string) error {
	var names map[string]json.RawMessage
	if err := json.Unmarshal(raw, &names); err != nil || names == nil {
		return errors.New("is no object")
	}
	for name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown field %q, the fields are %s", clip(name), strings.Join(known, ", "))
		}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return Words(err)
	}
	return nil
}

// Words says plainly what encoding/json found.
func Words(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return fmt.Errorf("must not be %s", wrong.Value)
		}
		return fmt.Errorf("%s must not be %s", wrong.Field, wrong.Value)
	}
	return err
}

// clip cuts a refused text so that an error stays readable.
func clip(text string) string { return units.Clip(text, 80) }

// Stream is the name of a stream that clients may publish to.
func Stream(text string) (messages.Stream, error) {
	stream, err := messages.ParseStream(text)
	if err != nil {
		return "", err
	}
	if stream.Own() {
		return "", fmt.Errorf("%w: streams that begin with $ are the mesh's own", command.ErrForbidden)
	}
	return stream, nil
}

// Draft makes a draft that passed Check. Named is the stream that was named beside the form, or
// empty: then the form must name it.
func (f *Form) Draft(named messages.Stream) (messages.Draft, error) {
	d := messages.Draft{Stream: named, Key: f.Key, NativeID: f.NativeID}
	var err error
	switch {
	case f.Stream != nil && (named == "" || *f.Stream == string(named)):
		d.Stream, err = Stream(*f.Stream)
	case f.Stream != nil:
		err = fmt.Errorf("%w: stream %q is not the one of the path", messages.ErrDraft, clip(*f.Stream))
	case named == "":
		err = fmt.Errorf("%w: stream is missing", messages.ErrDraft)
	}
	if err != nil {
		return d, err
	}
	if f.Time != "" {
		if d.Time, err = messages.ParseTime(f.Time); err != nil {
			return d, fmt.Errorf("%w: %w", messages.ErrDraft, err)
		}
	}
	if err := f.content(&d); err != nil {
		return d, fmt.Errorf("%w: %w", messages.ErrDraft, err)
	}
	return d, d.Check()
}

// content fills in payload and content type.
func (f *Form) content(d *messages.Draft) error {
	given := 0
	for _, has := range []bool{f.Data != nil, f.Text != nil, f.Base64 != nil} {
		if has {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("has %d of data, text and base64, exactly one is needed", given)
	}
	payload, otherwise := []byte(f.Data), messages.ContentJSON
	switch {
	case f.Text != nil:
		payload, otherwise = []byte(*f.Text), "text/plain"
	case f.Base64 != nil:
		var err error
		if payload, err = base64.StdEncoding.DecodeString(*f.Base64); err != nil {
			return fmt.Errorf("base64: %w", err)
		}
		otherwise = "application/octet-stream"
	}
	if f.ContentType != "" {
		otherwise = f.ContentType
	}
	if err := Fill(d, otherwise, payload); err != nil {
		return err
	}
	if f.Data != nil && !d.JSON() {
		return fmt.Errorf("data is JSON, and content_type says %q: use text or base64", clip(f.ContentType))
	}
	return nil
}

// Fill gives a draft a payload of a media type. What is said to be JSON must be, and is made compact.
func Fill(d *messages.Draft, mediaType string, payload []byte) error {
	kind, err := ContentType(mediaType)
	if err != nil {
		return err
	}
	if d.ContentType, d.Payload = kind, payload; !d.JSON() {
		return nil
	}
	d.ContentType = ""
	if d.Payload, err = jsontext.Compact(nil, payload, messages.MaxJSONDepth); err != nil {
		return fmt.Errorf("data is not JSON: %w", err)
	}
	return nil
}

// ContentType is a media type in its plain form: lower case, and without a charset that is UTF-8,
// which is what text is.
func ContentType(text string) (string, error) {
	if text == messages.ContentJSON { // nearly all
		return text, nil
	}
	kind, params, err := mime.ParseMediaType(text)
	if err == nil && strings.Contains(kind, "/") {
		if strings.EqualFold(params["charset"], "utf-8") {
			delete(params, "charset")
		}
		if plain := mime.FormatMediaType(kind, params); plain != "" {
			return plain, nil
		}
	}
	return "", fmt.Errorf("content_type %q is no media type", clip(text))
}

// Guess gives a draft a payload that came without a telling type: JSON if it parses, else text.
func Guess(d *messages.Draft, payload []byte) {
	if compact, err := jsontext.Compact(nil, payload, messages.MaxJSONDepth); err == nil {
		d.ContentType, d.Payload = "", compact
		return
	}
	d.ContentType, d.Payload = "text/plain", bytes.Clone(payload)
	if !utf8.Valid(payload) {
		d.ContentType = "application/octet-stream"
	}
}
