package core

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// days are hashes over the closed epochs of all origins, by the day of their heads' last readings: nodes compare
// a few numbers instead of thousands of epochs. Floors are left out: they differ from node to node. An epoch
// that was emptied is in it as long as it is remembered.
type days struct {
	sums  map[uint32]uint64
	stale []*origin
}

// dayHash is what some closed epochs of a day add up to.
type dayHash struct {
	day  uint32
	hash uint64
}

func newDays() days { return days{sums: make(map[uint32]uint64)} }

// dayOf is the day of a reading.
func dayOf(h messages.HLC) uint32 { return uint32(h.Millis() / (24 * time.Hour).Milliseconds()) }

// soil notes that an origin's closed epochs changed.
func (c *Core) soil(o *origin) {
	if !o.stale {
		o.stale = true
		c.days.stale = append(c.days.stale, o)
	}
}

// count brings the sums up to date.
func (d *days) count() {
	for _, o := range d.stale {
		o.stale = false
		for _, s := range o.sums {
			d.add(s)
		}
		o.sums = o.sums[:0]
		for e := range o.closed() {
			o.sums = append(o.sums, dayHash{dayOf(e.HeadHLC), epochHash(o.id, &e)})
		}
		for _, s := range o.sums {
			d.add(s)
		}
	}
	d.stale = d.stale[:0]
}

// add adds to a day's sum, or takes away what was added: the sum is an exclusive or.
func (d *days) add(s dayHash) {
	if sum := d.sums[s.day] ^ s.hash; sum != 0 {
		d.sums[s.day] = sum
	} else {
		delete(d.sums, s.day)
	}
}

// epochHash is FNV-1a over origin, epoch and head, finished so that sums of it don't cancel out.
func epochHash(id messages.NodeID, e *messages.EpochDigest) uint64 {
	var numbers [16]byte
	binary.LittleEndian.PutUint64(numbers[:], e.Epoch)
	binary.LittleEndian.PutUint64(numbers[8:], e.Head)
	return mix(fnv(fnv(fnvBasis, string(id)), string(numbers[:])))
}

const fnvBasis, fnvPrime = 14695981039346656037, 1099511628211

func fnv(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h
}

// mix is the finisher of MurmurHash3.
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// closed yields the epochs of an origin that are not its newest and are known to have had something.
func (o *origin) closed() func(func(messages.EpochDigest) bool) {
	newest := o.line.Newest()
	return func(yield func(messages.EpochDigest) bool) {
		for e := range o.line.Epochs() {
			if e.Epoch != newest && e.Head > 0 && !yield(e) {
				return
			}
		}
	}
}

// list is the days from one on, ascending.
func (d *days) list(since uint32) []frame.Day {
	d.count()
	list := make([]frame.Day, 0, len(d.sums))
	for day, hash := range d.sums {
		if day >= since {
			list = append(list, frame.Day{Day: day, Hash: hash})
		}
	}
	slices.SortFunc(list, func(a, b frame.Day) int { return cmp.Compare(a.Day, b.Day) })
	return list[max(0, len(list)-mostDays):]
}

// mostDays is how many days are compared: the newest.
const mostDays = 4096

// differing are the days from since on that two lists don't have alike.
func differing(a, b []frame.Day, since uint32) []uint32 {
	var list []uint32
	for len(a) > 0 || len(b) > 0 {
		var day uint32
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Day < b[0].Day:
			day, a = a[0].Day, a[1:]
		case len(a) == 0 || b[0].Day < a[0].Day:
			day, b = b[0].Day, b[1:]
		default:
			same := a[0].Hash == b[0].Hash
			day, a, b = a[0].Day, a[1:], b[1:]
			if same {
				continue
			}
		}
		if day >= since {
			list = append(list, day)
		}
	}
	return list
}
