package messages

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

const (
	// MaxPayload is the most bytes of a record's payload.
	MaxPayload = 1 << 20
	// MaxKey is the most bytes of a key, and of a native id.
	MaxKey = 256
	// MaxContentType is the most bytes of a content type.
	MaxContentType = 255
	// MaxJSONDepth is how deep JSON may nest.
	MaxJSONDepth = 128
	// ContentJSON is the content type that an empty one stands for.
	ContentJSON = "application/json"
)

// Draft is a datum before its origin numbers it. Who makes a draft gives its
// bytes away: nobody changes them afterwards.
type Draft struct {
	// Stream is the flow it belongs to; always set.
	Stream Stream
	// Source names the source that collected it; empty for what was published.
	Source string
	// Key tells the things apart that a stream is about; empty means none.
	Key string
	// NativeID is the feed's own identity of the datum; empty means none.
	NativeID string
	// Time is when it happened by the feed's account; zero means unknown.
	Time time.Time
	// ContentType is the payload's media type; empty means ContentJSON.
	ContentType string
	// Payload is the datum: compact, valid JSON where the content type is JSON.
	Payload []byte
}

// JSON tells whether the payload is JSON.
func (d *Draft) JSON() bool { return d.ContentType == "" || d.ContentType == ContentJSON }

// Check tells what breaks the bounds of a draft; it does not look into the payload.
// The stream is taken to be parsed.
func (d *Draft) Check() error {
	switch {
	case d.Stream == "":
		return fmt.Errorf("%w: stream is missing", ErrDraft)
	case len(d.Payload) > MaxPayload:
		return fmt.Errorf("%w: data has %d bytes, at most %d are allowed", ErrTooLarge, len(d.Payload), MaxPayload)
	case len(d.ContentType) > MaxContentType:
		return fmt.Errorf("%w: content_type has %d bytes, at most %d are allowed", ErrDraft, len(d.ContentType), MaxContentType)
	case !d.Time.IsZero() && !TimeInRange(d.Time):
		return fmt.Errorf("%w: time %s is outside the years 1678 to 2262", ErrDraft, d.Time.Format(time.RFC3339))
	}
	if err := checkShort("key", d.Key); err != nil {
		return err
	}
	return checkShort("native_id", d.NativeID)
}

func checkShort(field, value string) error {
	if len(value) > MaxKey {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are allowed", ErrDraft, field, len(value), MaxKey)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %s is not valid UTF-8", ErrDraft, field)
	}
	return nil
}

// TimeInRange tells whether a time can be kept: as Unix nanoseconds in 64 bits.
func TimeInRange(t time.Time) bool {
	const second = int64(time.Second)
	s := t.Unix()
	return s > math.MinInt64/second && s < math.MaxInt64/second
}

// Size is about what the draft takes in memory, in bytes: what bounds are counted in.
func (d *Draft) Size() int {
	const overhead = 160
	return overhead + len(d.Stream) + len(d.Source) + len(d.Key) + len(d.NativeID) + len(d.ContentType) + len(d.Payload)
}
