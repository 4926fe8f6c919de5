package archive

import (
	"cmp"
	"slices"
	"sort"

	"anode/messages"
	"anode/storage"
)

// stretch is what the journal holds of an epoch that may have been received within a time.
type stretch struct {
	epochKey
	runs messages.Ranges
}

// stretches are those of all epochs that were received in [fromMs, toMs), in order of name; a toMs of 0 is no bound. They may have a little more.
func stretches(j storage.Journal, fromMs, toMs int64) (list []stretch) {
	for origin, epochs := range j.Digest() {
		for i := range epochs {
			s := stretch{epochKey{origin, epochs[i].Epoch}, heldOf(&epochs[i])}
			if s.runs = s.within(j, fromMs, toMs); len(s.runs) > 0 {
				list = append(list, s)
			}
		}
	}
	slices.SortFunc(list, func(a, b stretch) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.epoch, b.epoch))
	})
	return list
}

// within cuts off what was received before or after: within an epoch the order of sequences is that of time.
func (s *stretch) within(j storage.Journal, fromMs, toMs int64) messages.Ranges {
	n := int(s.runs.Len())
	first, end := 0, n
	if fromMs > 0 { // what can't be read is taken for newer
		first = sort.Search(n, func(i int) bool {
			b, err := j.Read(s.id(i))
			return err != nil || b.Last.Millis() >= fromMs
		})
	}
	if toMs > 0 { // and here for older
		end = sort.Search(n, func(i int) bool {
			b, err := j.Read(s.id(i))
			return err == nil && b.First.Millis() >= toMs
		})
	}
	if first >= end {
		return nil
	}
	from, to := s.id(first).Sequence, s.id(end-1).Sequence
	return s.runs.Minus(messages.Ranges{{From: 0, To: from - 1}, {From: to + 1, To: messages.MaxSequence}})
}

// id is the i-th batch, from 0.
func (s *stretch) id(i int) messages.BatchID {
	left := uint64(i)
	for _, run := range s.runs {
		if n := run.To - run.From + 1; left >= n {
			left -= n
			continue
		}
		return messages.BatchID{Origin: s.origin, Epoch: s.epoch, Sequence: run.From + left}
	}
	return messages.BatchID{}
}
