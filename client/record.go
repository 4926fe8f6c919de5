package client

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"anode/messages"
)

// Record is one record. Its bytes are the reader's own.
type Record struct {
	// ID is its position as text; empty for what is ephemeral ($status).
	ID string `json:"id"`
	// Position is ID, parsed.
	Position messages.Position `json:"-"`
	Stream   string            `json:"stream"`
	// Source is the source that collected it; empty for what was published.
	Source   string `json:"source"`
	Key      string `json:"key"`
	NativeID string `json:"native_id"`
	// Time is when it happened by the feed's account, Received when its origin numbered it.
	Time     time.Time `json:"time"`
	Received time.Time `json:"received"`
	// ContentType is empty for JSON.
	ContentType string `json:"content_type"`
	// Data is the datum where it is JSON, else nil: see Payload.
	Data json.RawMessage `json:"data"`
	// Raw is the whole record as the node sent it.
	Raw json.RawMessage `json:"-"`

	Text   *string `json:"text"`
	Base64 *string `json:"base64"`
}

// parseRecord reads a record's JSON form.
func parseRecord(raw []byte) (*Record, error) {
	r := &Record{Raw: raw}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("a record can't be read: %w", err)
	}
	if r.ID == "" {
		return r, nil
	}
	var err error
	if r.Position, err = messages.ParsePosition(r.ID); err != nil {
		return nil, fmt.Errorf("a record's id: %w", err)
	}
	return r, nil
}

// Payload is the datum's bytes, whatever its content type.
func (r *Record) Payload() ([]byte, error) {
	switch {
	case r.Text != nil:
		return []byte(*r.Text), nil
	case r.Base64 != nil:
		payload, err := base64.StdEncoding.DecodeString(*r.Base64)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", r.ID, err)
		}
		return payload, nil
	}
	return r.Data, nil
}
