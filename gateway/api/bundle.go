package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
	"anode/gateway/publication"
	"anode/messages"
	"anode/messages/jsontext"
)

// The media types of several records in one body.
const (
	typeNDJSON   = "application/x-ndjson"
	typeEnvelope = "application/vnd.anode.records+json"
)

// mostRecords is how many records one request may have.
const mostRecords = 100_000

// bundle is the records of one request: the drafts that may be stored, in order, and for each
// record nil or what is wrong with it.
type bundle struct {
	drafts []messages.Draft
	faults []*publishFault
}

func (b *bundle) add(d messages.Draft, err error) error {
	if len(b.faults) == mostRecords {
		return problem.New(http.StatusRequestEntityTooLarge, "too_large", "the body has more than %d records", mostRecords)
	}
	if err == nil {
		b.drafts, b.faults = append(b.drafts, d), append(b.faults, nil)
		return nil
	}
	p := problem.Of(err)
	b.faults = append(b.faults, &publishFault{Code: p.Code, Message: p.Detail, problem: p})
	return nil
}

// readBeside reads what the query says of the records: ?key=&native_id=&time=.
func readBeside(c echo.Context) (messages.Draft, error) {
	d := messages.Draft{Key: c.QueryParam("key"), NativeID: c.QueryParam("native_id")}
	if text := c.QueryParam("time"); text != "" {
		var err error
		if d.Time, err = messages.ParseTime(text); err != nil {
			return d, fmt.Errorf("%w: %w", messages.ErrDraft, err)
		}
	}
	return d, nil
}

// readBundle makes drafts of a body, by its media type: kind is its name, full has its parameters.
func readBundle(kind, full string, stream messages.Stream, d messages.Draft, body []byte) (*bundle, error) {
	d.Stream = stream
	switch kind {
	case typeNDJSON:
		return readLines(d, body)
	case typeEnvelope:
		if d.Key != "" || d.NativeID != "" || !d.Time.IsZero() {
			return nil, problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "key, native_id and time stand in each record of %s", typeEnvelope)
		}
		return readEnvelope(stream, body)
	case echo.MIMEApplicationJSON:
		compact, err := jsontext.Compact(nil, body, messages.MaxJSONDepth)
		if err != nil {
			return nil, problem.New(http.StatusBadRequest, "bad_json", "the body is not JSON: %v", err)
		}
		d.Payload = compact
	case "", echo.MIMEApplicationForm, echo.MIMEMultipartForm:
		if len(body) == 0 {
			return nil, problem.New(http.StatusUnprocessableEntity, "invalid_record", "the body is empty")
		}
		publication.Guess(&d, body)
	default:
		if err := publication.Fill(&d, full, body); err != nil {
			return nil, fmt.Errorf("%w: %w", messages.ErrDraft, err)
		}
	}
	b := &bundle{}
	return b, b.add(d, d.Check())
}

// readLines reads NDJSON: a line is one record's data. Empty lines are passed over.
func readLines(of messages.Draft, body []byte) (*bundle, error) {
	if of.NativeID != "" {
		return nil, problem.New(http.StatusUnprocessableEntity, "invalid_parameter", "native_id names one record, and the body has many: use %s", typeEnvelope)
	}
	b := &bundle{}
	number := 0
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		d := of
		var err error
		if d.Payload, err = jsontext.Compact(nil, line, messages.MaxJSONDepth); err != nil {
			return nil, problem.New(http.StatusUnprocessableEntity, "invalid_record", "line %d is not JSON: %v", number, err)
		}
		if err := b.add(d, d.Check()); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// readEnvelope reads the form in which records name all that they have. The stream is the path's,
// or empty where each names its own.
func readEnvelope(stream messages.Stream, body []byte) (*bundle, error) {
	if !utf8.Valid(body) {
		return nil, problem.New(http.StatusBadRequest, "bad_json", "the body is not valid UTF-8")
	}
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	var in struct {
		Records []json.RawMessage `json:"records"`
	}
	if err := publication.Strict(body, &in, []string{"records"}); err != nil {
		return nil, problem.New(http.StatusUnprocessableEntity, "invalid_record", "the envelope: %v", err)
	}
	b := &bundle{}
	for _, raw := range in.Records {
		form, err := publication.Parse(raw)
		var d messages.Draft
		if err == nil {
			d, err = form.Draft(stream)
		}
		if err := b.add(d, err); err != nil {
			return nil, err
		}
	}
	return b, nil
}
