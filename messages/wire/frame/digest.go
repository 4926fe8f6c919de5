package frame

import (
	"errors"
	"fmt"
)

const digestCompare = 1

// Size implements Frame.
func (f *Digest) Size() int {
	n := head + 1 + sizeHoldings(f.Latest) + sizeHoldings(f.Closed) + sizeUint(uint64(len(f.Want)))
	for _, day := range f.Want {
		n += sizeUint(uint64(day))
	}
	if f.Compare {
		n += sizeUint(uint64(f.Since)) + sizeDays(f.Days) + sizeFixed
	}
	return n
}

func (f *Digest) appendBody(dst []byte) []byte {
	dst = append(dst, flags(f.Compare))
	dst = appendHoldings(dst, f.Latest)
	if f.Compare {
		dst = appendDays(appendUint(dst, uint64(f.Since)), f.Days)
		dst = appendFixed(dst, f.Registry)
	}
	dst = appendHoldings(dst, f.Closed)
	dst = appendUint(dst, uint64(len(f.Want)))
	for _, day := range f.Want {
		dst = appendUint(dst, uint64(day))
	}
	return dst
}

func (f *Digest) readBody(d decoder) error {
	f.Compare = d.byte()&digestCompare != 0
	f.Latest = d.holdings()
	if f.Compare {
		f.Since, f.Days, f.Registry = d.uint32(), d.days(), d.fixed()
	}
	f.Closed = d.holdings()
	f.Want = room[uint32](&d, 1, MaxDays)
	for i := range f.Want {
		f.Want[i] = d.uint32()
	}
	return d.err
}

func (f *Digest) check() error {
	if !f.Compare && (f.Since != 0 || f.Registry != 0 || len(f.Days) > 0) {
		return errors.New("since, days or registry without compare")
	}
	if len(f.Want) > MaxDays {
		return fmt.Errorf("%d days are wanted, at most %d are allowed", len(f.Want), MaxDays)
	}
	if err := checkDays(f.Days); err != nil {
		return err
	}
	if err := each("latest", f.Latest, (*Holding).check); err != nil {
		return err
	}
	return each("closed", f.Closed, (*Holding).check)
}

// Days stand as the distance from the day before, modulo 2^32, and the hash.

func sizeDays(list []Day) int {
	n, last := sizeUint(uint64(len(list))), uint32(0)
	for _, day := range list {
		n += sizeUint(uint64(day.Day-last)) + sizeFixed
		last = day.Day
	}
	return n
}

func appendDays(dst []byte, list []Day) []byte {
	dst = appendUint(dst, uint64(len(list)))
	last := uint32(0)
	for _, day := range list {
		dst = appendFixed(appendUint(dst, uint64(day.Day-last)), day.Hash)
		last = day.Day
	}
	return dst
}

func (d *decoder) days() []Day {
	list, last := room[Day](d, 1+sizeFixed, MaxDays), uint32(0)
	for i := range list {
		last += d.uint32()
		list[i] = Day{last, d.fixed()}
	}
	return list
}

func checkDays(list []Day) error {
	if len(list) > MaxDays {
		return fmt.Errorf("%d days, at most %d are allowed", len(list), MaxDays)
	}
	for i := 1; i < len(list); i++ {
		if list[i-1].Day >= list[i].Day {
			return fmt.Errorf("day %d comes after %d: days ascend", list[i].Day, list[i-1].Day)
		}
	}
	return nil
}
