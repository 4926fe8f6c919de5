package history

import (
	"cmp"
	"slices"
	"sort"

	"anode/messages"
	"anode/storage"
)

// said is what the archive said last that it may hold of a stream: a view of the list of all streams, sorted by (origin, epoch), that is never
// changed. An archive has a row for each epoch that ever was, so nothing here goes through all of them for one.
type said struct {
	list   []storage.Archived
	stream messages.Stream
}

// holds tells whether one of the list is of the stream.
func (s said) holds(a *storage.Archived) bool { return a.Streams.Match(s.stream) }

// place is where an epoch of an origin begins in the list.
func (s said) place(origin messages.NodeID, epoch uint64) int {
	return sort.Search(len(s.list), func(i int) bool {
		a := &s.list[i]
		return cmp.Or(cmp.Compare(a.Origin, origin), cmp.Compare(a.Epoch, epoch)) >= 0
	})
}

// of are those of an origin, from an epoch on, of all streams.
func (s said) of(origin messages.NodeID, from uint64) []storage.Archived {
	list := s.list[s.place(origin, from):]
	return list[:sort.Search(len(list), func(i int) bool { return list[i].Origin > origin })]
}

// top is the highest sequence of an epoch.
func (s said) top(origin messages.NodeID, epoch uint64) (top uint64) {
	for i := s.place(origin, epoch); i < len(s.list) && s.list[i].Origin == origin && s.list[i].Epoch == epoch; i++ {
		if a := &s.list[i]; s.holds(a) {
			top = max(top, topOf(a))
		}
	}
	return top
}

// newest is the most recent reading of an epoch, in ms.
func (s said) newest(origin messages.NodeID, epoch uint64) (ms int64) {
	for i := s.place(origin, epoch); i < len(s.list) && s.list[i].Origin == origin && s.list[i].Epoch == epoch; i++ {
		if a := &s.list[i]; s.holds(a) {
			ms = max(ms, a.HeadHLC.Millis())
		}
	}
	return ms
}

// below is the newest place of an origin below an epoch, {origin, 0, 0, 0} without one.
func (s said) below(origin messages.NodeID, epoch uint64) messages.Position {
	at := messages.Position{Origin: origin}
	for _, a := range slices.Backward(s.list[:s.place(origin, epoch)]) {
		if a.Origin != origin || at.Epoch > a.Epoch {
			break
		}
		if top := topOf(&a); s.holds(&a) && top > at.Sequence {
			at.Epoch, at.Sequence, at.Index = a.Epoch, top, messages.IndexEnd
		}
	}
	return at
}

// epochs are the first epochs of an origin, from one on, that reach to a ms, in order.
func (s said) epochs(origin messages.NodeID, from uint64, ms int64) (list []uint64) {
	rest := s.of(origin, from)
	for i := range rest {
		a := &rest[i]
		if !s.holds(a) || a.HeadHLC != 0 && a.HeadHLC.Millis() < ms || len(list) > 0 && list[len(list)-1] == a.Epoch {
			continue
		}
		if list = append(list, a.Epoch); len(list) == mostEpochs {
			break
		}
	}
	return list
}

// topOf is the highest sequence that is archived.
func topOf(a *storage.Archived) uint64 {
	if len(a.Runs) == 0 {
		return 0
	}
	return a.Runs[len(a.Runs)-1].To
}
