package frame

import "fmt"

const (
	pullDescending = 1
	endBusy        = 1
)

// Size implements Frame.
func (f *Pull) Size() int {
	return head + sizeUint(f.ID) + sizeID(f.Origin) + sizeUint(f.Epoch) + 1 + sizeUint(uint64(f.Bytes)) + sizeRanges(f.Ranges)
}

func (f *Pull) appendBody(dst []byte) []byte {
	dst = appendUint(dst, f.ID)
	dst = appendUint(appendID(dst, f.Origin), f.Epoch)
	dst = appendUint(append(dst, flags(f.Descending)), uint64(f.Bytes))
	return appendRanges(dst, f.Ranges)
}

func (f *Pull) readBody(d decoder) error {
	f.ID = d.uint()
	f.Origin, f.Epoch = d.id(), d.uint()
	f.Descending = d.byte()&pullDescending != 0
	f.Bytes, f.Ranges = d.uint32(), d.ranges()
	return d.err
}

func (f *Pull) check() error {
	if err := checkFlow(f.Origin, f.Epoch); err != nil {
		return err
	}
	return checkRanges(f.Ranges)
}

// Size implements Frame.
func (f *End) Size() int {
	return head + sizeUint(f.ID) + 1 + sizeUint(f.Floor) + sizeRanges(f.NotHeld)
}

func (f *End) appendBody(dst []byte) []byte {
	dst = append(appendUint(dst, f.ID), flags(f.Busy))
	return appendRanges(appendUint(dst, f.Floor), f.NotHeld)
}

func (f *End) readBody(d decoder) error {
	f.ID = d.uint()
	f.Busy = d.byte()&endBusy != 0
	f.Floor, f.NotHeld = d.uint(), d.ranges()
	return d.err
}

func (f *End) check() error {
	if f.Floor > maxSequence {
		return fmt.Errorf("floor %d is no sequence", f.Floor)
	}
	return checkRanges(f.NotHeld)
}

// Size implements Frame.
func (f *Graft) Size() int { return head + sizeID(f.Origin) + sizeUint(f.Epoch) }

func (f *Graft) appendBody(dst []byte) []byte { return appendUint(appendID(dst, f.Origin), f.Epoch) }

func (f *Graft) readBody(d decoder) error {
	f.Origin, f.Epoch = d.id(), d.uint()
	return d.err
}

func (f *Graft) check() error { return checkFlow(f.Origin, f.Epoch) }

// Size implements Frame.
func (f *Prune) Size() int {
	return head + sizeID(f.Origin) + sizeUint(f.Epoch) + sizeUint(f.Sequence)
}

func (f *Prune) appendBody(dst []byte) []byte {
	return appendUint(appendUint(appendID(dst, f.Origin), f.Epoch), f.Sequence)
}

func (f *Prune) readBody(d decoder) error {
	f.Origin, f.Epoch, f.Sequence = d.id(), d.uint(), d.uint()
	return d.err
}

func (f *Prune) check() error {
	if f.Sequence == 0 || f.Sequence > maxSequence {
		return fmt.Errorf("%d is no sequence", f.Sequence)
	}
	return checkFlow(f.Origin, f.Epoch)
}
