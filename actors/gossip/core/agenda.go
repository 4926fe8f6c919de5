package core

import (
	"container/heap"
	"time"
)

// agenda is the flows of which something is to be looked at, the soonest first.
type agenda struct{ list []*flow }

// Len implements heap.Interface.
func (a *agenda) Len() int { return len(a.list) }

// Less implements heap.Interface.
func (a *agenda) Less(i, j int) bool { return a.list[i].due < a.list[j].due }

// Swap implements heap.Interface.
func (a *agenda) Swap(i, j int) {
	a.list[i], a.list[j] = a.list[j], a.list[i]
	a.list[i].place, a.list[j].place = i, j
}

// Push implements heap.Interface.
func (a *agenda) Push(x any) {
	f := x.(*flow) //nolint:forcetypeassert // nothing else is pushed
	f.place = len(a.list)
	a.list = append(a.list, f)
}

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := len(a.list) - 1
	f := a.list[last]
	a.list[last] = nil
	a.list = a.list[:last]
	f.place = -1
	return f
}

// first is the flow that is due soonest, or nil.
func (a *agenda) first() *flow {
	if len(a.list) == 0 {
		return nil
	}
	return a.list[0]
}

// put notes that a flow is to be looked at then, or sooner if that was said before.
func (a *agenda) put(f *flow, at time.Duration) {
	switch {
	case f.place < 0:
		f.due = at
		heap.Push(a, f)
	case at < f.due:
		f.due = at
		heap.Fix(a, f.place)
	}
}

func (a *agenda) drop(f *flow) {
	if f.place >= 0 {
		heap.Remove(a, f.place)
	}
}

// take gives and forgets the flow that is due soonest.
func (a *agenda) take() *flow {
	return heap.Pop(a).(*flow) //nolint:forcetypeassert // nothing else is pushed
}
