package frame_test

import (
	"bytes"
	"io"
	"testing"

	"anode/messages/wire/frame"
)

// loads are what links carry most of: a lone record, a burst, and announcements of 16 flows.
func loads(b *testing.B) map[string]frame.Frame {
	have := &frame.Have{}
	for range 16 {
		have.Flows = append(have.Flows, samples(b)["have"].(*frame.Have).Flows[0])
	}
	return map[string]frame.Frame{
		"push-small": &frame.Push{Hop: 3, Batch: sealed(b, node, 256)},
		"push-large": &frame.Push{Hop: 3, Batch: sealed(b, node, 100_000)},
		"have":       have,
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, f := range loads(b) {
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, f.Size())
			b.SetBytes(int64(f.Size()))
			b.ReportAllocs()
			for b.Loop() {
				dst = frame.Append(dst[:0], f)
			}
		})
	}
}

func BenchmarkAppendHead(b *testing.B) {
	f := &frame.Push{Hop: 3, Batch: sealed(b, node, 100_000)}
	dst := make([]byte, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		dst = f.AppendHead(dst[:0])
	}
}

func BenchmarkSize(b *testing.B) {
	for name, f := range loads(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if f.Size() == 0 {
					b.Fatal("no size")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for name, f := range loads(b) {
		b.Run(name, func(b *testing.B) {
			bytes := body(f)
			b.SetBytes(int64(f.Size()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := frame.Parse(f.Type(), bytes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReader(b *testing.B) {
	for name, f := range loads(b) {
		b.Run(name, func(b *testing.B) {
			one := frame.Append(nil, f)
			r := frame.NewReader(&endless{b: bytes.Repeat(one, 1+64<<10/len(one))})
			b.SetBytes(int64(len(one)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// endless gives the same bytes again and again.
type endless struct {
	b  []byte
	at int
}

var _ io.Reader = (*endless)(nil)

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.b[e.at:])
	e.at = (e.at + n) % len(e.b)
	return n, nil
}
