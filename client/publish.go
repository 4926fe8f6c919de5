package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"anode/messages"
)

// Draft is a record to publish.
type Draft struct {
	// Stream is where it goes.
	Stream string
	// Key tells the things apart that the stream is about, NativeID is the datum's own identity: the
	// same (stream, key, native id) published again within ten minutes is a duplicate.
	Key, NativeID string
	// Time is when it happened; zero is when it was received.
	Time time.Time
	// ContentType of the payload; empty is JSON.
	ContentType string
	// Payload is the datum: JSON where the content type is.
	Payload []byte
}

// Published is what became of one record: exactly one of the fields is set.
type Published struct {
	// ID is the record's place.
	ID string `json:"id,omitempty"`
	// Duplicate says that the journal has it already.
	Duplicate bool `json:"duplicate,omitempty"`
	// Error is why it was refused.
	Error *Problem `json:"error,omitempty"`
}

// published is Published as the API writes it.
type published struct {
	ID        string `json:"id"`
	Duplicate bool   `json:"duplicate"`
	Error     *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// appendJSON appends the draft as the API reads it. JSON data keeps its text.
func (d *Draft) appendJSON(dst []byte) ([]byte, error) {
	if !utf8.ValidString(d.Key + d.NativeID + d.Stream + d.ContentType) {
		return dst, errors.New("stream, key, native id and content type must be valid UTF-8")
	}
	field := func(name, value string) {
		if value != "" {
			dst = append(messages.AppendQuoted(append(dst, name...), value), ',')
		}
	}
	dst = append(dst, '{')
	field(`"stream":`, d.Stream)
	field(`"key":`, d.Key)
	field(`"native_id":`, d.NativeID)
	if !d.Time.IsZero() {
		field(`"time":`, d.Time.UTC().Format(time.RFC3339Nano))
	}
	if d.ContentType == "" || d.ContentType == messages.ContentJSON {
		if !utf8.Valid(d.Payload) || !json.Valid(d.Payload) {
			return dst, errors.New("the data is not JSON: mend it, or give a content type such as text/plain")
		}
		return append(append(append(dst, `"data":`...), d.Payload...), '}'), nil
	}
	field(`"content_type":`, d.ContentType)
	if utf8.Valid(d.Payload) {
		return append(messages.AppendQuoted(append(dst, `"text":`...), string(d.Payload)), '}'), nil
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, `"base64":"`...), d.Payload)
	return append(dst, `"}`...), nil
}

// Publish publishes one record; a refusal is a *Problem. It returns when the node's journal has it,
// as its durability says.
func (c *Client) Publish(ctx context.Context, d Draft) (Published, error) {
	answers, err := c.PublishAll(ctx, []Draft{d})
	if err != nil {
		return Published{}, err
	}
	if answers[0].Error != nil {
		return answers[0], answers[0].Error
	}
	return answers[0], nil
}

// PublishAll publishes records in one request and gives what became of each, in order. An error says
// that none was stored, or with ErrUnknown that it is not known; what is wrong with single records is
// no error but stands in their places. The records of one request may have 8 MiB.
func (c *Client) PublishAll(ctx context.Context, drafts []Draft) ([]Published, error) {
	answers := make([]Published, len(drafts))
	var places []int
	once := false
	body := []byte(`{"records":[`)
	for i := range drafts {
		mark := len(body)
		if len(places) > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = drafts[i].appendJSON(body); err != nil {
			body = body[:mark]
			answers[i].Error = &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_record", Detail: err.Error()}
			continue
		}
		places = append(places, i)
		once = once || drafts[i].NativeID == ""
	}
	if len(places) == 0 {
		return answers, nil
	}
	return answers, c.submit(ctx, append(body, "]}"...), once, answers, places)
}

// submit sends an envelope and puts the answers in their places.
func (c *Client) submit(ctx context.Context, body []byte, once bool, answers []Published, places []int) error {
	var got struct {
		Records []published `json:"records"`
	}
	_, err := c.call(ctx, request{
		method: http.MethodPost, path: api + "/records", body: body, once: once,
		header: http.Header{"Content-Type": {"application/vnd.anode.records+json"}},
	}, &got)
	var p *Problem
	if errors.As(err, &p) && p.refusesRecords(len(places)) {
		for i, at := range places {
			answers[at].Error = p.ofRecord(i, len(places))
		}
		return nil
	}
	if err != nil {
		return err
	}
	if len(got.Records) != len(places) {
		return fmt.Errorf("%d answers came for %d records", len(got.Records), len(places))
	}
	for i, at := range places {
		answers[at].ID, answers[at].Duplicate = got.Records[i].ID, got.Records[i].Duplicate
		if e := got.Records[i].Error; e != nil {
			answers[at].Error = &Problem{Status: http.StatusUnprocessableEntity, Code: e.Code, Detail: e.Message}
		}
	}
	return nil
}

// refusesRecords tells whether the problem is with the records themselves: with the only one, or with
// each, by its place.
func (p *Problem) refusesRecords(count int) bool {
	if count == 1 {
		switch p.Status {
		case http.StatusUnprocessableEntity, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusBadRequest:
			return true
		}
		return false
	}
	return p.Status == http.StatusUnprocessableEntity && len(p.Errors) == count
}

// ofRecord is what the problem says of the i-th of count records.
func (p *Problem) ofRecord(i, count int) *Problem {
	if count == 1 {
		return p
	}
	one := &Problem{Status: p.Status, Code: p.Code, Detail: p.Detail}
	for _, f := range p.Errors {
		if f.Path == "/records/"+strconv.Itoa(i) {
			one.Detail = f.Message
		}
	}
	return one
}
