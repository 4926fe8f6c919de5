package journal

import (
	"slices"

	"anode/messages"
)

// ranges is a set of sequences: ascending runs, no two of which touch.
type ranges []messages.Range

func (r ranges) has(sequence uint64) bool {
	_, ok := r.search(sequence)
	return ok
}

// search finds the run that a sequence is in, or would be before.
func (r ranges) search(sequence uint64) (int, bool) {
	return slices.BinarySearchFunc(r, sequence, func(run messages.Range, s uint64) int {
		switch {
		case run.To < s:
			return -1
		case run.From > s:
			return 1
		}
		return 0
	})
}

func (r *ranges) add(sequence uint64) {
	if n := len(*r); n > 0 && (*r)[n-1].To+1 == sequence {
		(*r)[n-1].To = sequence
		return
	}
	i, found := r.search(sequence)
	if found {
		return
	}
	*r = slices.Insert(*r, i, messages.Range{From: sequence, To: sequence})
	r.merge(i + 1)
	r.merge(i)
}

// merge joins the i-th run to the one before it where they touch.
func (r *ranges) merge(i int) {
	if i > 0 && i < len(*r) && (*r)[i-1].To+1 >= (*r)[i].From {
		(*r)[i-1].To = max((*r)[i-1].To, (*r)[i].To)
		*r = slices.Delete(*r, i, i+1)
	}
}

func (r *ranges) cut(sequence uint64) {
	i, found := r.search(sequence)
	if !found {
		return
	}
	run := (*r)[i]
	var rest []messages.Range
	if run.From < sequence {
		rest = append(rest, messages.Range{From: run.From, To: sequence - 1})
	}
	if run.To > sequence {
		rest = append(rest, messages.Range{From: sequence + 1, To: run.To})
	}
	*r = slices.Replace(*r, i, i+1, rest...)
}

// top is the highest sequence, 0 of an empty set.
func (r ranges) top() uint64 {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].To
}
