package messages

import (
	"slices"
	"sort"
)

// Ranges is a set of sequences: ascending runs of which no two touch. The zero Ranges is empty. A
// method that changes it may change the list behind it, as append does, and gives the new one.
type Ranges []Range

// Has tells whether a sequence is in one of the ranges.
func (r Ranges) Has(sequence uint64) bool { return inside(r, sequence) }

// At is the range that a sequence is in.
func (r Ranges) At(sequence uint64) (Range, bool) { return covering(r, sequence) }

// Len is how many sequences are in it.
func (r Ranges) Len() uint64 {
	var n uint64
	for _, run := range r {
		n += run.To - run.From + 1
	}
	return n
}

// Add puts a range in. An empty one, with To below From, changes nothing.
func (r Ranges) Add(add Range) Ranges {
	if add.From > add.To {
		return r
	}
	if last := len(r) - 1; last >= 0 && r[last].To+1 == add.From {
		r[last].To = add.To
		return r
	}
	return join(r, add)
}

// Drop takes a range out.
func (r Ranges) Drop(drop Range) Ranges {
	if drop.From > drop.To {
		return r
	}
	for i := sort.Search(len(r), func(i int) bool { return r[i].To >= drop.From }); i < len(r); {
		run := r[i]
		switch {
		case run.From > drop.To:
			return r
		case run.From >= drop.From && run.To <= drop.To:
			r = slices.Delete(r, i, i+1)
		case run.From < drop.From && run.To > drop.To:
			r[i].To = drop.From - 1
			return slices.Insert(r, i+1, Range{drop.To + 1, run.To})
		case run.From < drop.From:
			r[i].To = drop.From - 1
			i++
		default:
			r[i].From = drop.To + 1
			return r
		}
	}
	return r
}

// Minus is what is in r and not in other. It shares nothing with either.
func (r Ranges) Minus(other Ranges) Ranges {
	rest := make(Ranges, 0, len(r)+len(other))
	for _, run := range r {
		for len(other) > 0 && other[0].To < run.From {
			other = other[1:]
		}
		for _, cut := range other {
			if cut.From > run.To || run.From > run.To {
				break
			}
			if cut.From > run.From {
				rest = append(rest, Range{run.From, cut.From - 1})
			}
			run.From = cut.To + 1
		}
		if run.From <= run.To {
			rest = append(rest, run)
		}
	}
	return rest
}

// Both is what is in r and in other. It shares nothing with either.
func (r Ranges) Both(other Ranges) Ranges { return r.Minus(r.Minus(other)) }

// Above drops what is below a floor.
func (r Ranges) Above(floor uint64) Ranges { return above(r, floor) }

// Lists of ranges are ascending, and no two touch.

// inside tells whether a sequence is in one of the ranges.
func inside(list []Range, sequence uint64) bool {
	_, ok := covering(list, sequence)
	return ok
}

// covering finds the range that a sequence is in.
func covering(list []Range, sequence uint64) (Range, bool) {
	i, found := slices.BinarySearchFunc(list, sequence, func(r Range, s uint64) int {
		switch {
		case r.To < s:
			return -1
		case r.From > s:
			return 1
		}
		return 0
	})
	if !found {
		return Range{}, false
	}
	return list[i], true
}

// cut takes one sequence out.
func cut(list []Range, sequence uint64) []Range {
	for i, r := range list {
		if sequence < r.From || sequence > r.To {
			continue
		}
		var rest []Range
		if r.From < sequence {
			rest = append(rest, Range{r.From, sequence - 1})
		}
		if sequence < r.To {
			rest = append(rest, Range{sequence + 1, r.To})
		}
		return slices.Replace(list, i, i+1, rest...)
	}
	return list
}

// join adds a range.
func join(list []Range, add Range) []Range {
	i := sort.Search(len(list), func(i int) bool { return list[i].To+1 >= add.From })
	j := i
	for j < len(list) && list[j].From <= add.To+1 {
		add.From, add.To = min(add.From, list[j].From), max(add.To, list[j].To)
		j++
	}
	return slices.Replace(list, i, j, add)
}

// above drops what is below a floor.
func above(list []Range, floor uint64) []Range {
	kept := list[:0]
	for _, r := range list {
		if r.From = max(r.From, floor); r.From <= r.To {
			kept = append(kept, r)
		}
	}
	return kept
}
