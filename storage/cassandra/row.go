package cassandra

import (
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gocql/gocql"

	"anode/messages"
)

// columns is how many values a row has.
const columns = 18

// insertRow binds columns values; those that have none are left unset, as a null would be a tombstone.
const insertRow = `INSERT INTO records (stream, origin, bucket, hlc, epoch, sequence, idx, received, time, time_ns, key, native_id, source, content_type, data, bytes)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`

// selectRows is read by rowReader.
const selectRows = `SELECT hlc, epoch, sequence, idx, time, time_ns, key, native_id, source, content_type, data, bytes FROM records
	WHERE stream = ? AND origin = ? AND bucket = ? AND hlc >= ? AND hlc <= ?`

// partition is one of the table records.
type partition struct {
	stream messages.Stream
	origin messages.NodeID
	bucket int64 // Unix ms
}

// rowOverhead is about what the columns of fixed size take in a request, with the lengths of all.
const rowOverhead = 56 + 4*columns + 24

// rowSize is about what a record takes in a request, in bytes.
func rowSize(r *messages.Record) int {
	return rowOverhead + len(r.Stream) + len(r.Position.Origin) + len(r.Key) + len(r.NativeID) + len(r.Source) + len(r.ContentType) + len(r.Payload)
}

// rowCells are a row's values, with room for those of fixed size.
type rowCells struct {
	cells [columns]cell
	fixed [8 * 7]byte
	ints  [4 * 2]byte
}

// encoder makes the values of rows of one partition.
type encoder struct {
	stream, origin, bucket, ttl *cell
	rows                        []rowCells
	text                        []byte
}

// newEncoder has room for some rows with so many bytes of text.
func newEncoder(p partition, ttl time.Duration, rows, text int) *encoder {
	return &encoder{
		stream: &cell{[]byte(p.stream)}, origin: &cell{[]byte(p.origin)}, bucket: bigint(p.bucket),
		ttl:  &cell{binary.BigEndian.AppendUint32(nil, uint32(ttl/time.Second))},
		rows: make([]rowCells, 0, rows), text: make([]byte, 0, text),
	}
}

// textSize is what a record needs of an encoder's room.
func textSize(r *messages.Record) int {
	return len(r.Key) + len(r.NativeID) + len(r.Source) + len(r.ContentType)
}

// append adds the values of a row. They point into the encoder, and to the record's payload.
func (e *encoder) append(args []any, r *messages.Record) []any {
	e.rows = append(e.rows, rowCells{})
	row := &e.rows[len(e.rows)-1]
	at := 0
	cellOf := func(bytes []byte) *cell {
		c := &row.cells[at]
		c.bytes = bytes
		at++
		return c
	}
	fixed, ints := row.fixed[:0], row.ints[:0]
	long := func(n int64) *cell {
		fixed = binary.BigEndian.AppendUint64(fixed, uint64(n))
		return cellOf(fixed[len(fixed)-8:])
	}
	short := func(n int32) *cell {
		ints = binary.BigEndian.AppendUint32(ints, uint32(n))
		return cellOf(ints[len(ints)-4:])
	}
	text := func(s string) any {
		if s == "" {
			return gocql.UnsetValue
		}
		e.text = append(e.text, s...)
		return cellOf(e.text[len(e.text)-len(s):])
	}
	args = append(args, e.stream, e.origin, e.bucket, long(int64(r.HLC)), long(int64(r.Position.Epoch)), long(int64(r.Position.Sequence)), short(int32(r.Position.Index)), long(r.HLC.Millis()))
	if r.Time.IsZero() {
		args = append(args, gocql.UnsetValue, gocql.UnsetValue)
	} else {
		args = append(args, long(r.Time.UnixMilli()), short(int32(r.Time.Nanosecond()%int(time.Millisecond))))
	}
	args = append(args, text(r.Key), text(r.NativeID), text(r.Source), text(r.ContentType))
	switch {
	case len(r.Payload) == 0:
		args = append(args, gocql.UnsetValue, gocql.UnsetValue)
	case readable(r):
		args = append(args, cellOf(r.Payload), gocql.UnsetValue)
	default:
		args = append(args, gocql.UnsetValue, cellOf(r.Payload))
	}
	return append(args, long(stamp(r.HLC)), e.ttl)
}

// stamp is a row's write timestamp, in µs.
func stamp(h messages.HLC) int64 { return h.Millis()*1000 + int64(min(h.Counter(), 999)) }

// readable tells whether a payload is text for people.
func readable(r *messages.Record) bool {
	return (r.JSON() || textual(r.ContentType)) && utf8.Valid(r.Payload)
}

// textual tells whether what has a media type is text.
func textual(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "xml") ||
		kind == "application/x-ndjson" || kind == "application/yaml" || kind == "application/x-www-form-urlencoded"
}

// rowReader reads rows of one partition.
type rowReader struct {
	stream messages.Stream
	origin messages.NodeID

	hlc, epoch, sequence int64
	idx                  int
	time                 *int64
	ns                   int
	draft                messages.Draft
	data, bytes          []byte
}

// next reads one; nil is the end of the page.
func (r *rowReader) next(rows *gocql.Iter) *messages.Record {
	r.time, r.ns, r.draft, r.data, r.bytes = nil, 0, messages.Draft{}, nil, nil
	d := &r.draft
	if !rows.Scan(&r.hlc, &r.epoch, &r.sequence, &r.idx, &r.time, &r.ns, &d.Key, &d.NativeID, &d.Source, &d.ContentType, &r.data, &r.bytes) {
		return nil
	}
	d.Stream, d.Payload = r.stream, r.data
	if d.Payload == nil {
		d.Payload = r.bytes
	}
	if r.time != nil {
		d.Time = time.UnixMilli(*r.time).Add(time.Duration(r.ns)).UTC()
	}
	return &messages.Record{
		Position: messages.Position{Origin: r.origin, Epoch: uint64(r.epoch), Sequence: uint64(r.sequence), Index: uint32(r.idx)},
		HLC:      messages.HLC(r.hlc), Draft: *d,
	}
}
