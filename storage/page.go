package storage

import (
	"cmp"
	"container/heap"
	"slices"

	"anode/messages"
)

// StreamPage collects the first streams of a page out of streams in any order, and holds no more than those.
// It is for one goroutine.
type StreamPage struct {
	after messages.Stream
	most  int
	list  lastFirst
}

// NewStreamPage makes the page of at most so many streams whose names come after one.
func NewStreamPage(after messages.Stream, most int) *StreamPage {
	return &StreamPage{after: after, most: most}
}

// Wants tells whether a stream would be on the page, as far as is known.
func (p *StreamPage) Wants(stream messages.Stream) bool {
	return stream > p.after && p.most > 0 && (len(p.list) < p.most || stream < p.list[0].Stream)
}

// Add takes a stream in, where it is wanted.
func (p *StreamPage) Add(info StreamInfo) {
	switch {
	case !p.Wants(info.Stream):
	case len(p.list) < p.most:
		heap.Push(&p.list, info)
	default:
		p.list[0] = info
		heap.Fix(&p.list, 0)
	}
}

// Sorted ends the page, and gives it in order.
func (p *StreamPage) Sorted() []StreamInfo {
	slices.SortFunc(p.list, func(a, b StreamInfo) int { return cmp.Compare(a.Stream, b.Stream) })
	return p.list
}

// lastFirst is a heap with the last name at the top.
type lastFirst []StreamInfo

// Len implements heap.Interface.
func (l lastFirst) Len() int { return len(l) }

// Less implements heap.Interface.
func (l lastFirst) Less(a, b int) bool { return l[a].Stream > l[b].Stream }

// Swap implements heap.Interface.
func (l lastFirst) Swap(a, b int) { l[a], l[b] = l[b], l[a] }

// Push implements heap.Interface.
func (l *lastFirst) Push(x any) { *l = append(*l, x.(StreamInfo)) } //nolint:forcetypeassert // nothing else is pushed

// Pop implements heap.Interface.
func (l *lastFirst) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}
