package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/jsontext"
)

// The media types of published records.
const (
	typeJSON     = "application/json"
	typeNDJSON   = "application/x-ndjson"
	typeEnvelope = "application/vnd.anode.records+json"
)

// published is the answer for one record, in its place.
type published struct {
	ID        string        `json:"id,omitempty"`
	Duplicate bool          `json:"duplicate,omitempty"`
	Error     *publishFault `json:"error,omitempty"`
}

// publishFault is why one record of several was not taken.
type publishFault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	status  int
}

// bundle is the records of one request: drafts, or faults in their places.
type bundle struct {
	drafts []messages.Draft
	faults []*publishFault
}

func (b *bundle) add(d messages.Draft, err error) {
	if err == nil {
		err = d.Check()
	}
	if err == nil {
		b.drafts, b.faults = append(b.drafts, d), append(b.faults, nil)
		return
	}
	p := problem.Of(err)
	b.drafts = append(b.drafts, messages.Draft{})
	b.faults = append(b.faults, &publishFault{Code: p.Code, Message: p.Detail, status: p.Status})
}

// publish takes records for the stream in the path.
func (s *server) publish(c echo.Context) error {
	stream, err := publishable(c.Param("stream"))
	if err != nil {
		return err
	}
	return s.take(c, stream)
}

// publishMany takes an envelope whose records name their streams.
func (s *server) publishMany(c echo.Context) error {
	if kind, _, _ := mime.ParseMediaType(c.Request().Header.Get("Content-Type")); kind != typeEnvelope && kind != typeJSON {
		return problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"Content-Type %q: records that name their streams are %s", kind, typeEnvelope)
	}
	c.Request().Header.Set("Content-Type", typeEnvelope)
	return s.take(c, "")
}

// publishable is the name of a stream that people may publish to.
func publishable(text string) (messages.Stream, error) {
	stream, err := messages.ParseStream(text)
	if err != nil {
		return "", err
	}
	if stream.Own() {
		return "", fmt.Errorf("%w: streams that begin with $ are the mesh's own", command.ErrForbidden)
	}
	return stream, nil
}

func (s *server) take(c echo.Context, stream messages.Stream) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return badBody(err)
	}
	bundle, err := readBundle(c.Request(), stream, body)
	if err != nil {
		return err
	}
	answers, err := s.submit(c.Request().Context(), bundle)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, struct {
		Records []published `json:"records"`
	}{answers})
}

// readBundle makes drafts of a body, by its content type.
func readBundle(r *http.Request, stream messages.Stream, body []byte) (*bundle, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Type %q is no media type", r.Header.Get("Content-Type"))
	}
	query, err := readQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	query.Stream = stream
	switch kind {
	case typeNDJSON:
		return readLines(query, body)
	case typeEnvelope:
		return readEnvelope(stream, body)
	case typeJSON:
		query.Payload, err = jsontext.Compact(nil, body, messages.MaxJSONDepth)
		if err != nil {
			return nil, problem.New(http.StatusBadRequest, "bad_json", "the body is not JSON: %v", err)
		}
	case "", "application/x-www-form-urlencoded", "multipart/form-data":
		query = guessed(query, body)
	default:
		query.ContentType, query.Payload = contentType(kind, params), body
	}
	b := &bundle{}
	b.add(query, nil)
	return b, nil
}

// guessed is a body that came without a telling type, as curl -d sends it: JSON if it
// parses, else text.
func guessed(d messages.Draft, body []byte) messages.Draft {
	if compact, err := jsontext.Compact(nil, body, messages.MaxJSONDepth); err == nil {
		d.Payload = compact
		return d
	}
	d.ContentType, d.Payload = "text/plain", body
	if !utf8.Valid(body) {
		d.ContentType = "application/octet-stream"
	}
	return d
}

func contentType(kind string, params map[string]string) string {
	if strings.EqualFold(params["charset"], "utf-8") {
		delete(params, "charset")
	}
	return mime.FormatMediaType(kind, params)
}

// readQuery reads what ?key=&native_id=&time= say of a record.
func readQuery(values url.Values) (messages.Draft, error) {
	d := messages.Draft{Key: values.Get("key"), NativeID: values.Get("native_id")}
	for name := range values {
		if name != "key" && name != "native_id" && name != "time" {
			return d, problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "unknown parameter %q: key, native_id and time are known", name)
		}
	}
	if text := values.Get("time"); text != "" {
		var err error
		if d.Time, err = messages.ParseTime(text); err != nil {
			return d, fmt.Errorf("%w: %w", messages.ErrDraft, err)
		}
	}
	return d, nil
}

// readLines reads NDJSON: a line is one record's data. Empty lines are passed over.
func readLines(of messages.Draft, body []byte) (*bundle, error) {
	if of.NativeID != "" {
		return nil, problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "native_id names one record, and the body has many: use %s", typeEnvelope)
	}
	b := &bundle{}
	for number, line := range bytes.Split(body, []byte{'\n'}) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		d := of
		var err error
		if d.Payload, err = jsontext.Compact(nil, line, messages.MaxJSONDepth); err != nil {
			return nil, problem.New(http.StatusUnprocessableEntity, "invalid_record", "line %d is not JSON: %v", number+1, err)
		}
		b.add(d, nil)
	}
	return b, nil
}

// envelope is the form in which records name all they have.
type envelope struct {
	Records []json.RawMessage `json:"records"`
}

// envelopeRecord is one record of an envelope: exactly one of Data, Text and Base64 is its content.
type envelopeRecord struct {
	Stream      *string         `json:"stream"`
	Key         string          `json:"key"`
	NativeID    string          `json:"native_id"`
	Time        string          `json:"time"`
	Data        json.RawMessage `json:"data"`
	Text        *string         `json:"text"`
	Base64      *string         `json:"base64"`
	ContentType string          `json:"content_type"`
}

func readEnvelope(stream messages.Stream, body []byte) (*bundle, error) {
	if !utf8.Valid(body) {
		return nil, problem.New(http.StatusBadRequest, "bad_json", "the body is not valid UTF-8")
	}
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	var in envelope
	if err := strict(body, &in); err != nil {
		return nil, problem.New(http.StatusUnprocessableEntity, "invalid_record", "%v", err)
	}
	b := &bundle{}
	for _, raw := range in.Records {
		b.add(readRecord(stream, raw))
	}
	return b, nil
}

// strict decodes one JSON value and refuses unknown fields.
func strict(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func readRecord(stream messages.Stream, raw []byte) (messages.Draft, error) {
	var in envelopeRecord
	if err := strict(raw, &in); err != nil {
		return messages.Draft{}, fmt.Errorf("%w: %w", messages.ErrDraft, err)
	}
	d := messages.Draft{Stream: stream, Key: in.Key, NativeID: in.NativeID}
	var err error
	switch {
	case in.Stream != nil && (stream == "" || *in.Stream == string(stream)):
		d.Stream, err = publishable(*in.Stream)
	case in.Stream != nil:
		err = fmt.Errorf("%w: stream %q is not the one of the path", messages.ErrDraft, *in.Stream)
	case stream == "":
		err = fmt.Errorf("%w: stream is missing", messages.ErrDraft)
	}
	if err != nil {
		return d, err
	}
	if in.Time != "" {
		if d.Time, err = messages.ParseTime(in.Time); err != nil {
			return d, fmt.Errorf("%w: %w", messages.ErrDraft, err)
		}
	}
	return d, in.content(&d)
}

// content fills in payload and content type.
func (in *envelopeRecord) content(d *messages.Draft) error {
	given := 0
	for _, has := range []bool{in.Data != nil, in.Text != nil, in.Base64 != nil} {
		if has {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("%w: has %d of data, text and base64, exactly one is needed", messages.ErrDraft, given)
	}
	d.ContentType = in.ContentType
	var err error
	switch {
	case in.Data != nil:
		if !d.JSON() {
			return fmt.Errorf("%w: data is JSON, and content_type says %q: use text or base64", messages.ErrDraft, in.ContentType)
		}
		d.ContentType = ""
		d.Payload, err = jsontext.Compact(nil, in.Data, messages.MaxJSONDepth)
	case in.Text != nil:
		d.Payload, err = asContent(d, "text/plain", []byte(*in.Text))
	default:
		var raw []byte
		if raw, err = base64.StdEncoding.DecodeString(*in.Base64); err == nil {
			d.Payload, err = asContent(d, "application/octet-stream", raw)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", messages.ErrDraft, err)
	}
	return nil
}

// asContent is a payload that was given as text or base64; one that is said to be JSON must be.
func asContent(d *messages.Draft, otherwise string, payload []byte) ([]byte, error) {
	if d.ContentType == "" {
		d.ContentType = otherwise
	}
	kind, params, err := mime.ParseMediaType(d.ContentType)
	if err != nil {
		return nil, fmt.Errorf("content_type %q is no media type", d.ContentType)
	}
	if d.ContentType = contentType(kind, params); d.JSON() {
		d.ContentType = ""
		return jsontext.Compact(nil, payload, messages.MaxJSONDepth)
	}
	return payload, nil
}

// submit hands the bundle's good drafts to the journal and puts the answers in their places.
func (s *server) submit(ctx context.Context, b *bundle) ([]published, error) {
	good := make([]messages.Draft, 0, len(b.drafts))
	for i, fault := range b.faults {
		if fault == nil {
			good = append(good, b.drafts[i])
		}
	}
	if len(good) == 0 {
		return nil, b.refusal()
	}
	done := make(chan command.Outcome, 1)
	err := s.Intake.Submit(ctx, command.Submission{Drafts: good, Recognise: true, Done: func(o command.Outcome) { done <- o }})
	if err != nil {
		return nil, err
	}
	select {
	case outcome := <-done:
		if outcome.Err != nil {
			return nil, outcome.Err
		}
		return b.answers(outcome.Positions), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: the client went away before the answer: %w", command.ErrUnavailable, context.Cause(ctx))
	}
}

// refusal is why none of the records was taken.
func (b *bundle) refusal() error {
	switch len(b.faults) {
	case 0:
		return problem.New(http.StatusUnprocessableEntity, "invalid_record", "the body has no record")
	case 1:
		return problem.New(b.faults[0].status, b.faults[0].Code, "%s", b.faults[0].Message)
	}
	p := problem.New(http.StatusUnprocessableEntity, "invalid_record", "none of the %d records can be taken", len(b.faults))
	for i, f := range b.faults {
		p.Errors = append(p.Errors, problem.Fault{Path: fmt.Sprintf("/records/%d", i), Message: f.Message})
	}
	return p
}

func (b *bundle) answers(positions []messages.Position) []published {
	out := make([]published, len(b.faults))
	for i, fault := range b.faults {
		if fault != nil {
			out[i].Error = fault
			continue
		}
		if out[i].Duplicate = positions[0].IsZero(); !out[i].Duplicate {
			out[i].ID = positions[0].String()
		}
		positions = positions[1:]
	}
	return out
}

func asMaxBytes(err error, target **http.MaxBytesError) bool { return errors.As(err, target) }
