package wire

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/zeebo/blake3"
	"google.golang.org/protobuf/encoding/protowire"

	"anode/messages"
)

// Open decompresses and decodes the batch. The texts and payloads of its records share
// one slice, which is the batch's own bytes where the body is not compressed: keeping one
// record keeps its batch.
func (s *Sealed) Open() (*messages.Batch, error) {
	body, err := s.rawBody()
	if err != nil {
		return nil, err
	}
	batch := &messages.Batch{Header: s.Header}
	d := decoder{batch: batch, records: make([]messages.Record, 0, s.Count)}
	if err := fields(body, d.group); err != nil {
		return nil, fmt.Errorf("batch %s: %w", s.ID(), err)
	}
	if uint32(len(d.records)) != s.Count {
		return nil, fmt.Errorf("batch %s: %w: %d records, the header says %d", s.ID(), ErrFormat, len(d.records), s.Count)
	}
	return batch, nil
}

// Verify tells whether the root in the header is that of the body. The checksum has
// shown damage; this shows a body that was made to another header.
func (s *Sealed) Verify() error {
	body, err := s.rawBody()
	if err != nil {
		return err
	}
	root := blake3.New()
	for len(body) > 0 {
		n := protowire.ConsumeFieldValue(bodyGroups, protowire.BytesType, body[min(1, len(body)):])
		if n < 0 {
			return fmt.Errorf("batch %s: %w: group is cut", s.ID(), ErrFormat)
		}
		sum := blake3.Sum256(body[:1+n])
		_, _ = root.Write(sum[:])
		body = body[1+n:]
	}
	if messages.Hash(root.Sum(nil)) != s.Root {
		return fmt.Errorf("batch %s: %w: root", s.ID(), ErrChecksum)
	}
	return nil
}

func (s *Sealed) rawBody() ([]byte, error) {
	body, err := decompress(s.codec, s.bytes[s.body:len(s.bytes)-trailer], s.raw)
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w", s.ID(), err)
	}
	return body, nil
}

// decoder collects a batch's records. They stand in one slice, so that a group is a part of it.
type decoder struct {
	batch   *messages.Batch
	records []messages.Record
}

func (d *decoder) group(number protowire.Number, value []byte, _ uint64) error {
	if number != bodyGroups {
		return nil
	}
	g := messages.Group{}
	from := len(d.records)
	err := fields(value, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case groupStream:
			stream, err := messages.ParseStream(text(value))
			if err != nil {
				return fmt.Errorf("%w: %w", ErrFormat, err)
			}
			g.Stream = stream
		case groupRecords:
			return d.record(g.Stream, value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	g.Records = d.records[from:len(d.records):len(d.records)]
	if last := len(d.batch.Groups) - 1; len(g.Records) == 0 || last >= 0 && d.batch.Groups[last].Stream >= g.Stream {
		return fmt.Errorf("%w: group %q is empty or out of order", ErrFormat, g.Stream)
	}
	d.batch.Groups = append(d.batch.Groups, g)
	return nil
}

func (d *decoder) record(stream messages.Stream, value []byte) error {
	if stream == "" || len(d.records) == cap(d.records) {
		return fmt.Errorf("%w: a record without stream, or more than %d", ErrFormat, cap(d.records))
	}
	i := uint32(len(d.records))
	h := &d.batch.Header
	d.records = append(d.records, messages.Record{
		Position: messages.Position{Origin: h.Origin, Epoch: h.Epoch, Sequence: h.Sequence, Index: i},
		HLC:      h.First + messages.HLC(i),
		Draft:    messages.Draft{Stream: stream},
	})
	r := &d.records[i].Draft
	return fields(value, func(number protowire.Number, value []byte, fixed uint64) error {
		switch number {
		case recPayload:
			r.Payload = value
		case recKey:
			r.Key = text(value)
		case recNativeID:
			r.NativeID = text(value)
		case recSource:
			r.Source = text(value)
		case recContent:
			r.ContentType = text(value)
		case recTime:
			r.Time = time.Unix(0, int64(fixed)).UTC()
		}
		return nil
	})
}

// fields calls visit for each field of a protobuf message: with the bytes of one that has
// a length, with the value of one of 64 fixed bits. Unknown fields are the visitor's to pass over.
func fields(b []byte, visit func(number protowire.Number, value []byte, fixed uint64) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: field is cut", ErrFormat)
		}
		b = b[n:]
		var value []byte
		var fixed uint64
		switch kind {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(b)
			value = value[:len(value):len(value)]
		case protowire.Fixed64Type:
			fixed, n = protowire.ConsumeFixed64(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return fmt.Errorf("%w: field %d is cut", ErrFormat, number)
		}
		b = b[n:]
		if err := visit(number, value, fixed); err != nil {
			return err
		}
	}
	return nil
}

// text gives immutable bytes as a string without copying them.
func text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}
