package sim

import "math/bits"

// entry is one event's place in the order of time: at, and order among those of one moment. slot is where
// the event itself is.
type entry struct {
	at    int64
	order uint64
	slot  int32
}

func (e *entry) before(f *entry) bool {
	return e.at < f.at || e.at == f.at && e.order < f.order
}

// heap is a heap of four children a place: half as deep as one of two, and its children share cache lines.
type heap []entry

func (h *heap) push(e entry) {
	list := append(*h, e)
	i := len(list) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&list[up]) {
			break
		}
		list[i] = list[up]
		i = up
	}
	list[i] = e
	*h = list
}

func (h *heap) pop() entry {
	list := *h
	top := list[0]
	last := len(list) - 1
	e := list[last]
	list = list[:last]
	*h = list
	if last > 0 {
		list.sink(0, e)
	}
	return top
}

// sink finds the place of e, from i downwards.
func (h heap) sink(i int, e entry) {
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, len(h)); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if !h[least].before(&e) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

// order makes a heap of a list in any order.
func (h heap) order() {
	for i := (len(h) - 2) / 4; i >= 0; i-- {
		h.sink(i, h[i])
	}
}

const (
	// tickBits is the width of a bucket: 2¹⁷ ns are 131 µs. buckets of them are 0.54 s, which holds nearly all
	// frames that are on their way; what is later is timers.
	tickBits = 17
	buckets  = 4096
)

// queue holds events in order of time: those of the current 131 µs in a heap that fits the cache, those of
// the next half second in buckets that nobody has sorted yet, the rest in one large heap (after the ladder
// queue of Tang, Goh and Thng, 2005).
type queue struct {
	now     heap
	current int64 // the bucket that now is
	near    [buckets]heap
	used    [buckets / 64]uint64 // which of near are not empty
	nearby  int
	far     heap
	spare   []heap
	orders  uint64

	events []event
	free   []int32
}

// len is how many events wait.
func (q *queue) len() int { return len(q.now) + q.nearby + len(q.far) }

// add puts an event in.
func (q *queue) add(at int64, e event) {
	var slot int32
	if n := len(q.free); n > 0 {
		slot = q.free[n-1]
		q.free = q.free[:n-1]
		q.events[slot] = e
	} else {
		slot = int32(len(q.events))
		q.events = append(q.events, e)
	}
	q.orders++
	q.place(entry{at, q.orders, slot})
}

func (q *queue) place(e entry) {
	switch b := e.at >> tickBits; {
	case b <= q.current:
		q.now.push(e)
	case b < q.current+buckets:
		i := b % buckets
		if q.near[i] == nil && len(q.spare) > 0 {
			q.near[i] = q.spare[len(q.spare)-1]
			q.spare = q.spare[:len(q.spare)-1]
		}
		q.near[i] = append(q.near[i], e)
		q.used[i/64] |= 1 << (i % 64)
		q.nearby++
	default:
		q.far.push(e)
	}
}

// peek is when the next event is.
func (q *queue) peek() (at int64, ok bool) {
	if len(q.now) == 0 && !q.advance() {
		return 0, false
	}
	return q.now[0].at, true
}

// next takes the next event out.
func (q *queue) next() (int64, event, bool) {
	if len(q.now) == 0 && !q.advance() {
		return 0, event{}, false
	}
	top := q.now.pop()
	e := q.events[top.slot]
	q.events[top.slot] = event{}
	q.free = append(q.free, top.slot)
	return top.at, e, true
}

// advance moves on to the next bucket with events.
func (q *queue) advance() bool {
	switch {
	case q.nearby > 0:
		q.current = q.following()
	case len(q.far) > 0:
		q.current = q.far[0].at >> tickBits
	default:
		return false
	}
	i := q.current % buckets
	if list := q.near[i]; list != nil {
		if q.now != nil {
			q.spare = append(q.spare, q.now[:0])
		}
		q.now, q.near[i] = list, nil
		q.used[i/64] &^= 1 << (i % 64)
		q.nearby -= len(list)
		q.now.order()
	}
	for len(q.far) > 0 && q.far[0].at>>tickBits < q.current+buckets {
		q.place(q.far.pop())
	}
	return true
}

// following is the first bucket after the current one that is not empty, or that of the first of far, if it
// is before that.
func (q *queue) following() int64 {
	b := q.current + 1
	for {
		i := b % buckets
		if word := q.used[i/64] >> (i % 64); word != 0 {
			b += int64(bits.TrailingZeros64(word))
			break
		}
		b += 64 - i%64
	}
	if len(q.far) > 0 {
		b = min(b, q.far[0].at>>tickBits)
	}
	return b
}
