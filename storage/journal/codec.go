package journal

import (
	"encoding/binary"
	"errors"
	"math"

	"anode/messages"
)

var errCut = errors.New("is cut or not well formed")

// encoder appends the parts of sidecars and remembered values.
type encoder struct{ b []byte }

func (e *encoder) uint(v uint64)  { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) fixed(v uint64) { e.b = le.AppendUint64(e.b, v) }
func (e *encoder) text(s string)  { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) bool(v bool)    { e.b = append(e.b, map[bool]byte{true: 1}[v]) }

func (e *encoder) ranges(r ranges) {
	e.uint(uint64(len(r)))
	for _, run := range r {
		e.uint(run.From)
		e.uint(run.To - run.From)
	}
}

func (e *encoder) position(p messages.Position) {
	e.uint(p.Epoch)
	e.uint(p.Sequence)
	e.uint(uint64(p.Index))
}

// decoder reads what encoder wrote. After the first fault all it gives is zero.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() {
	d.b = nil
	if d.err == nil {
		d.err = errCut
	}
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uint()
	if v > math.MaxUint32 {
		d.fail()
		return 0
	}
	return uint32(v)
}

func (d *decoder) int64() int64 {
	v := d.uint()
	if v > math.MaxInt64 {
		d.fail()
		return 0
	}
	return int64(v)
}

func (d *decoder) fixed() uint64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	v := le.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || len(d.b) < n {
		d.fail()
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) text() string { return string(d.bytes(d.count(1))) }

func (d *decoder) bool() bool {
	b := d.bytes(1)
	return len(b) == 1 && b[0] == 1
}

// count reads how many things of at least so many bytes follow; no more than fit.
func (d *decoder) count(least int) int {
	n := d.uint()
	if n > uint64(len(d.b)/least) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) ranges() ranges {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	list := make(ranges, 0, n)
	for range n {
		from := d.uint()
		to := from + d.uint()
		if d.err != nil || from == 0 || to < from || len(list) > 0 && from <= list[len(list)-1].To {
			d.fail()
			return nil
		}
		list = append(list, messages.Range{From: from, To: to})
	}
	return list
}

func (d *decoder) position(origin messages.NodeID) messages.Position {
	p := messages.Position{Epoch: d.uint(), Sequence: d.uint(), Index: d.uint32()}
	if p != (messages.Position{}) {
		p.Origin = origin
	}
	return p
}

// end tells whether all was read, and nothing else was there.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.err = errCut
	}
	return d.err
}
