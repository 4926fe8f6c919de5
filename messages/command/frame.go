package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"anode/messages"
)

// Where a frame goes.
const (
	FrameIn  = "in"  // from the feed
	FrameOut = "out" // to the feed
)

// Frame is a message of a feed, or one that a source sent to it, as it was on the wire: the answer's
// or request's body over HTTP, the message of a WebSocket, the data of a server-sent event. It is
// immutable. As JSON it is an object on one line:
//
//	{"received":"…","dir":"in","meta":{"url":"…",…},"text":"…"}     or "base64", where it is no UTF-8 text, or binary
//	{"skipped":3}                                                    frames that the reader was too slow for
type Frame struct {
	// Skipped, above 0, is how many frames stood here; nothing else is set then.
	Skipped uint64
	// Received is when it came or was sent, by the node's clock.
	Received time.Time
	// Dir is FrameIn or FrameOut.
	Dir  string
	Meta FrameMeta
	Data []byte
}

// FrameMeta is what is known of a frame besides its bytes; absent is what does not apply.
type FrameMeta struct {
	// Connection numbers the source's connections: what another number has came over another one,
	// and $state began anew.
	Connection uint64 `json:"connection,omitempty"`
	// Socket numbers, from 1, the sockets of a connection that is renewed while it stands: each has a $state of its
	// own. It is absent of the first.
	Socket uint64 `json:"socket,omitempty"`
	// URL is where it came from or went to, without secrets; Method is of a request.
	URL    string `json:"url,omitempty"`
	Method string `json:"method,omitempty"`
	// Status and Headers are those of an answer, names in lower case.
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	// Event and ID are of a server-sent event.
	Event string `json:"event,omitempty"`
	ID    string `json:"id,omitempty"`
	// Item is the one of the source's items that it is about.
	Item any `json:"item,omitempty"`
	// Binary tells that it was a binary message, which is decoded as the spec says.
	Binary bool `json:"binary,omitempty"`
	// Size is how many bytes the frame had where only the first of them are here.
	Size int `json:"size,omitempty"`
}

// AppendJSON appends the frame's object.
func (f *Frame) AppendJSON(dst []byte) ([]byte, error) {
	if f.Skipped > 0 {
		return append(strconv.AppendUint(append(dst, `{"skipped":`...), f.Skipped, 10), '}'), nil
	}
	meta, err := json.Marshal(f.Meta)
	if err != nil {
		return dst, fmt.Errorf("a frame's meta: %w", err)
	}
	dst = f.Received.UTC().AppendFormat(append(dst, `{"received":"`...), time.RFC3339Nano)
	dst = append(append(append(dst, `","dir":"`...), f.Dir...), `","meta":`...)
	dst = append(dst, meta...)
	if !f.Meta.Binary && utf8.Valid(f.Data) {
		return append(messages.AppendQuoted(append(dst, `,"text":`...), string(f.Data)), '}'), nil
	}
	encoded, err := json.Marshal(f.Data)
	if err != nil {
		return dst, err
	}
	if f.Data == nil {
		encoded = []byte(`""`)
	}
	return append(append(append(dst, `,"base64":`...), encoded...), '}'), nil
}

// MarshalJSON implements json.Marshaler.
func (f Frame) MarshalJSON() ([]byte, error) { return f.AppendJSON(nil) }

// UnmarshalJSON reads a frame: its time, direction ("in" where none is given), and exactly one of
// text and base64. Other members are passed over.
func (f *Frame) UnmarshalJSON(text []byte) error {
	var in struct {
		Skipped  uint64    `json:"skipped"`
		Received string    `json:"received"`
		Dir      string    `json:"dir"`
		Meta     FrameMeta `json:"meta"`
		Text     *string   `json:"text"`
		Base64   *[]byte   `json:"base64"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	if in.Skipped > 0 {
		*f = Frame{Skipped: in.Skipped}
		return nil
	}
	received, err := messages.ParseTime(in.Received)
	switch {
	case in.Received == "":
		return errors.New("received is missing")
	case err != nil:
		return fmt.Errorf("received: %w", err)
	case in.Dir != "" && in.Dir != FrameIn && in.Dir != FrameOut:
		return fmt.Errorf("dir %q is neither %q nor %q", in.Dir, FrameIn, FrameOut)
	case (in.Text == nil) == (in.Base64 == nil):
		return errors.New("needs one of text and base64")
	}
	*f = Frame{Received: received, Dir: in.Dir, Meta: in.Meta}
	if f.Dir == "" {
		f.Dir = FrameIn
	}
	if in.Text != nil {
		f.Data = []byte(*in.Text)
	} else {
		f.Data = *in.Base64
	}
	return nil
}

// Frames asks for the frames of a running source, both ways, from now on. The answer must be closed.
// ErrNotFound where no such source is registered, ErrUnavailable where it does not run on this node,
// ErrTooMany where too many read frames already.
type Frames struct {
	To[FrameReader]
	Name string
}

// FrameReader gives a source's frames as they come. It keeps a bounded number for its reader, and
// leaves out what has no room: a slow reader never slows the source. It is for one goroutine.
type FrameReader interface {
	// Next waits for a frame; what was left out stands as a Frame with Skipped where it would have
	// been. It fails with ctx's cause, or with io.EOF when the source is gone.
	Next(ctx context.Context) (Frame, error)
	// Close ends it.
	Close()
}
