package messages

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Position is a record's place: the index-th record of the batch with that
// sequence in that epoch of its origin. A batch's position is its last record's.
// The zero Position stands nowhere; {Origin, 0, 0, 0} stands before all of an origin.
//
// Its text is "<origin>-<epoch>-<sequence>-<index>", which is also a record's id.
type Position struct {
	Origin   NodeID
	Epoch    uint64
	Sequence uint64
	Index    uint32
}

// IndexEnd is an index beyond the last of any batch: the end of a batch whose
// count is not known.
const IndexEnd = MaxBatchRecords

// ParsePosition reads a position's text. An index above IndexEnd is cut to it:
// both mean the end of the batch.
func ParsePosition(text string) (Position, error) {
	fail := func(why string) (Position, error) {
		return Position{}, fmt.Errorf("%w %q: %s, the form is <origin>-<epoch>-<sequence>-<index>", ErrPosition, clip(text), why)
	}
	parts := strings.Split(text, "-")
	if len(parts) != 4 {
		return fail("has not four parts")
	}
	origin, err := ParseNodeID(parts[0])
	if err != nil {
		return fail(err.Error())
	}
	var numbers [3]uint64
	for i, part := range parts[1:] {
		n, err := strconv.ParseUint(part, 10, 64)
		if err != nil || part != strconv.FormatUint(n, 10) {
			return fail(fmt.Sprintf("%q is not a plain decimal number of 64 bits", clip(part)))
		}
		numbers[i] = n
	}
	return Position{origin, numbers[0], numbers[1], uint32(min(numbers[2], IndexEnd))}, nil
}

// String is the position's text.
func (p Position) String() string {
	var room [128]byte
	return string(p.AppendText(room[:0]))
}

// AppendText appends the position's text.
func (p Position) AppendText(dst []byte) []byte {
	dst = append(dst, p.Origin...)
	dst = strconv.AppendUint(append(dst, '-'), p.Epoch, 10)
	dst = strconv.AppendUint(append(dst, '-'), p.Sequence, 10)
	return strconv.AppendUint(append(dst, '-'), uint64(p.Index), 10)
}

// IsZero tells whether the position stands nowhere.
func (p Position) IsZero() bool { return p == Position{} }

// Compare orders positions of one origin by epoch, sequence and index, as
// numbers; of two origins it orders by name, which says nothing about time.
func (p Position) Compare(q Position) int {
	return cmp.Or(
		cmp.Compare(p.Origin, q.Origin),
		cmp.Compare(p.Epoch, q.Epoch),
		cmp.Compare(p.Sequence, q.Sequence),
		cmp.Compare(p.Index, q.Index),
	)
}

// BatchEnd is the end of the batch in which the position stands.
func (p Position) BatchEnd() Position {
	p.Index = IndexEnd
	return p
}

// End is the place beyond all that an epoch of an origin can hold.
func End(origin NodeID, epoch uint64) Position {
	return Position{origin, epoch, math.MaxUint64, IndexEnd}
}
