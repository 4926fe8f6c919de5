package frame_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"anode/messages/wire/frame"
)

func FuzzParse(f *testing.F) {
	for _, one := range samples(f) {
		f.Add(uint8(one.Type()), body(one))
	}
	for _, one := range broken() {
		f.Add(uint8(one.Type()), body(one))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		got, err := frame.Parse(frame.Type(kind), b)
		if err != nil {
			if got != nil || errors.Is(err, frame.ErrFrame) == errors.Is(err, frame.ErrUnknown) {
				t.Fatalf("%+v, %v", got, err)
			}
			return
		}
		if got.Size() > 5+len(b) {
			t.Fatalf("%d bytes gave a frame of %d", len(b), got.Size())
		}
		roundTrip(t, got)
	})
}

// cutter gives a stream in pieces of 1 to 256 bytes.
type cutter struct {
	stream, sizes []byte
	at            int
}

// Read implements io.Reader.
func (c *cutter) Read(p []byte) (int, error) {
	if len(c.stream) == 0 {
		return 0, io.EOF
	}
	size := len(c.stream)
	if len(c.sizes) > 0 {
		size = int(c.sizes[c.at%len(c.sizes)]) + 1
		c.at++
	}
	n := copy(p, c.stream[:min(size, len(c.stream))])
	c.stream = c.stream[n:]
	return n, nil
}

// readAll gives all frames of a stream, and errors as texts, the last one the final.
func readAll(r *frame.Reader) []any {
	var list []any
	for {
		f, err := r.Next()
		if err == nil {
			list = append(list, f)
			continue
		}
		list = append(list, err.Error())
		if _, again := r.Next(); errors.Is(again, err) {
			return list
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, one := range samples(f) {
		f.Add(frame.Append(frame.Append(nil, one), &frame.Ping{Nonce: 1}), []byte{0, 3, 200})
	}
	f.Add([]byte{0xfb, 0xff, 0x1f, 0, 2, 0, 1}, []byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 3}, []byte{1})
	f.Add([]byte{1, 0, 0, 0, 77, 1, 0, 0, 0, 0, 8}, []byte{4, 0})
	f.Fuzz(func(t *testing.T, stream, sizes []byte) {
		whole := readAll(frame.NewReader(bytes.NewReader(stream)))
		cut := readAll(frame.NewReader(&cutter{stream: stream, sizes: sizes}))
		if !reflect.DeepEqual(whole, cut) {
			t.Fatalf("whole it gives %v, cut %v", whole, cut)
		}
	})
}
