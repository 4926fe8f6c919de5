package frame

import "fmt"

// leastHeld is the least bytes of a Held: an id, four numbers and an HLC.
const leastHeld = 1 + 4 + sizeFixed

// Size implements Frame.
func (f *Have) Size() int {
	n := head + sizeUint(uint64(len(f.Flows)))
	for i := range f.Flows {
		n += f.Flows[i].size()
	}
	return n
}

func (f *Have) appendBody(dst []byte) []byte {
	dst = appendUint(dst, uint64(len(f.Flows)))
	for i := range f.Flows {
		dst = f.Flows[i].append(dst)
	}
	return dst
}

func (f *Have) readBody(d decoder) error {
	f.Flows = room[Held](&d, leastHeld, Max)
	for i := range f.Flows {
		f.Flows[i].read(&d)
	}
	return d.err
}

func (f *Have) check() error { return each("flow", f.Flows, (*Held).check) }

// Floor and Run stand near to Head, and as their distance from it are short. The distances are taken modulo
// 2^64, so that every three numbers have a form: check alone says which are allowed.

func (h *Held) size() int {
	return sizeID(h.Origin) + sizeUint(h.Epoch) + sizeUint(h.Head) + sizeUint(h.Head+1-h.Run) + sizeUint(h.Run-h.Floor) + sizeFixed
}

func (h *Held) append(dst []byte) []byte {
	dst = appendUint(appendID(dst, h.Origin), h.Epoch)
	dst = appendUint(dst, h.Head)
	dst = appendUint(appendUint(dst, h.Head+1-h.Run), h.Run-h.Floor)
	return appendFixed(dst, uint64(h.HLC))
}

func (h *Held) read(d *decoder) {
	h.Origin, h.Epoch, h.Head = d.id(), d.uint(), d.uint()
	h.Run = h.Head + 1 - d.uint()
	h.Floor = h.Run - d.uint()
	h.HLC = d.hlc()
}

func (h *Held) check() error {
	if err := checkFlow(h.Origin, h.Epoch); err != nil {
		return err
	}
	if h.Floor == 0 || h.Floor > h.Run || h.Run > h.Head+1 || h.Head > maxSequence {
		return fmt.Errorf("floor %d, run %d, head %d of %s-%d: want 1 ≤ floor ≤ run ≤ head + 1", h.Floor, h.Run, h.Head, h.Origin, h.Epoch)
	}
	return nil
}
