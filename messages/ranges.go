package messages

import "slices"

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
	i := 0
	for i < len(list) && list[i].To+1 < add.From {
		i++
	}
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
