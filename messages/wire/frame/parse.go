package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"anode/messages"
)

// Parse reads a frame's body. What is behind the fields that this version knows is ignored, and so are flags
// that it does not know. The faults are ErrFrame, and with it wire.ErrChecksum of a Push whose batch was
// changed on its way; ErrUnknown of a type that is not known.
//
// A Push keeps the body, and so does its batch: it must not be written to any more. All others are copies.
func Parse(t Type, body []byte) (Frame, error) {
	f := t.empty()
	if f == nil {
		return nil, fmt.Errorf("%w: %s, %d bytes", ErrUnknown, t, len(body))
	}
	if err := read(f, body); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFrame, t, err)
	}
	return f, nil
}

func read(f Frame, body []byte) error {
	if len(body) > Max-head {
		return fmt.Errorf("body of %d bytes, at most %d are allowed", len(body), Max-head)
	}
	if err := f.readBody(decoder{rest: body}); err != nil {
		return err
	}
	return f.check()
}

// decoder reads a body from the front. After the first fault it gives zeros, so that whoever reads looks at
// err once, at the end.
type decoder struct {
	rest []byte
	err  error
}

var (
	errCut  = errors.New("it is cut")
	errLong = errors.New("a number is longer than it must be, or than 64 bits")
)

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

// take gives the next n bytes of the body itself.
func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.fail(errCut)
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

// uint reads a uvarint in its shortest form.
func (d *decoder) uint() uint64 {
	if len(d.rest) > 0 && d.rest[0] < 0x80 {
		return uint64(d.byte())
	}
	v, n := binary.Uvarint(d.rest)
	switch {
	case n == 0:
		d.fail(errCut)
		return 0
	case n < 0 || d.rest[n-1] == 0:
		d.fail(errLong)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// upTo reads a uvarint that is at most so much.
func (d *decoder) upTo(most uint64) uint64 {
	v := d.uint()
	if v > most {
		d.fail(fmt.Errorf("the number %d, at most %d is allowed", v, most))
		return 0
	}
	return v
}

func (d *decoder) uint32() uint32 { return uint32(d.upTo(math.MaxUint32)) }

func (d *decoder) fixed() uint64 {
	if b := d.take(sizeFixed); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) hlc() messages.HLC { return messages.HLC(d.fixed()) }

// part gives bytes that are led by their length, of the body itself.
func (d *decoder) part() []byte { return d.take(int(min(d.uint(), Max))) }

// bytes gives a copy of bytes that are led by their length; nil of none.
func (d *decoder) bytes() []byte {
	if b := d.part(); len(b) > 0 {
		return bytes.Clone(b)
	}
	return nil
}

func (d *decoder) text() string { return string(d.part()) }

// id reads a NodeID, or none. Whether a text is a NodeID is for check to say.
func (d *decoder) id() messages.NodeID {
	switch form := d.byte(); {
	case form < 0x80:
		id := messages.NodeID(d.take(int(form)))
		if packable(id) {
			d.fail(fmt.Errorf("node id %s is not packed", id))
		}
		return id
	case form == idPacked:
		if b := d.take(idBytes); b != nil {
			return unpack(b)
		}
	default:
		d.fail(fmt.Errorf("a node id of the unknown form %#x", form))
	}
	return ""
}

// count reads how many parts of at least so many bytes follow: never more than the body has room for.
func (d *decoder) count(least, most int) int {
	n := d.uint()
	if n > uint64(most) {
		d.fail(fmt.Errorf("a list of %d, at most %d are allowed", n, most))
		return 0
	}
	if n > uint64(len(d.rest)/least) {
		d.fail(fmt.Errorf("a list of %d in %d bytes: %w", n, len(d.rest), errCut))
		return 0
	}
	return int(n)
}

func (d *decoder) ranges() []messages.Range {
	list := room[messages.Range](d, 2, MaxRanges)
	for i := range list {
		list[i].From = d.uint()
		list[i].To = list[i].From + d.uint()
	}
	return list
}

// room reads a count and makes room for that many parts; nil for none.
func room[T any](d *decoder, least, most int) []T {
	if n := d.count(least, most); n > 0 {
		return make([]T, n)
	}
	return nil
}
