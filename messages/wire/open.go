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
	d := decoder{header: &s.Header, batch: batch, records: make([]messages.Record, 0, s.Count)}
	if err := d.read(body); err != nil {
		return nil, err
	}
	return batch, nil
}

// Each calls visit with every record in order, without keeping any: the record is another's when visit returns, its
// texts and payload stand as in Open. On an error some may have been visited. It allocates what decompressing takes.
func (s *Sealed) Each(visit func(*messages.Record)) error { return s.EachOf(nil, visit) }

// EachOf is Each of the streams that are wanted; nil is all. Records of others are passed over, which costs little.
func (s *Sealed) EachOf(wanted func(messages.Stream) bool, visit func(*messages.Record)) error {
	body, err := s.rawBody()
	if err != nil {
		return err
	}
	var one [1]messages.Record
	d := decoder{header: &s.Header, wanted: wanted, visit: visit, records: one[:0]}
	return d.read(body)
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

// decoder reads a batch's records. Where they are kept they stand in one slice, so that a group is a part of it; where
// they are visited the slice has the present one.
type decoder struct {
	header *messages.Header
	batch  *messages.Batch
	visit  func(*messages.Record)
	// wanted are the streams that are visited; nil is all. passed tells that the present one is not.
	wanted  func(messages.Stream) bool
	passed  bool
	records []messages.Record
	// count is how many were read, last the stream of the group before.
	count uint32
	last  messages.Stream
}

func (d *decoder) read(body []byte) error {
	if err := fields(body, d.group); err != nil {
		return fmt.Errorf("batch %s: %w", d.header.ID(), err)
	}
	if d.count != d.header.Count {
		return fmt.Errorf("batch %s: %w: %d records, the header says %d", d.header.ID(), ErrFormat, d.count, d.header.Count)
	}
	return nil
}

func (d *decoder) group(number protowire.Number, value []byte, _ uint64) error {
	if number != bodyGroups {
		return nil
	}
	stream := messages.Stream("")
	from := d.count
	err := fields(value, func(number protowire.Number, value []byte, _ uint64) (err error) {
		switch number {
		case groupStream:
			if stream, err = messages.ParseStream(text(value)); err != nil {
				return fmt.Errorf("%w: %w", ErrFormat, err)
			}
			d.passed = d.wanted != nil && !d.wanted(stream)
		case groupRecords:
			return d.record(stream, value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if d.count == from || d.last >= stream {
		return fmt.Errorf("%w: group %q is empty or out of order", ErrFormat, stream)
	}
	d.last = stream
	if d.batch != nil {
		d.batch.Groups = append(d.batch.Groups, messages.Group{Stream: stream, Records: d.records[from:d.count:d.count]})
	}
	return nil
}

func (d *decoder) record(stream messages.Stream, value []byte) error {
	h := d.header
	if stream == "" || d.count == h.Count {
		return fmt.Errorf("%w: a record without stream, or more than %d", ErrFormat, h.Count)
	}
	if d.passed {
		d.count++
		return nil
	}
	if d.visit != nil {
		d.records = d.records[:0]
	}
	d.records = append(d.records, messages.Record{
		Position: messages.Position{Origin: h.Origin, Epoch: h.Epoch, Sequence: h.Sequence, Index: d.count},
		HLC:      h.First + messages.HLC(d.count),
		Draft:    messages.Draft{Stream: stream},
	})
	d.count++
	record := &d.records[len(d.records)-1]
	r := &record.Draft
	err := fields(value, func(number protowire.Number, value []byte, fixed uint64) error {
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
	if err == nil && d.visit != nil {
		d.visit(record)
	}
	return err
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
