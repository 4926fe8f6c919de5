package sim

import (
	"math/rand/v2"
	"time"
)

// pair is two nodes; the order says a direction where that counts.
type pair struct{ from, to int32 }

// network is what lies between the nodes.
type network struct {
	seed      uint64
	latency   Span
	jitter    time.Duration
	overtake  time.Duration
	loss      float64
	bandwidth int64
	// sides are the parts of a partition, by node; nil is none.
	sides []int16
	// walls are directions in which nothing gets through.
	walls map[pair]bool
	// of are the nodes whose links differ from the others'.
	of map[int32]*manner
}

// manner is how the links of a node differ.
type manner struct {
	bandwidth int64
	loss      float64
	latency   Span
}

// lag is the latency between two nodes, the same in both directions.
func (w *network) lag(a, b *node) int64 {
	span := w.latency
	if len(w.of) > 0 {
		for _, n := range [...]*node{a, b} {
			if m := w.of[n.index]; m != nil && m.latency.Max > 0 {
				span = m.latency
			}
		}
	}
	low, high := min(a.index, b.index), max(a.index, b.index)
	return span.within(mix(w.seed ^ mix(uint64(low)<<32|uint64(high))))
}

// rate is the bandwidth between two nodes; 0 has no bound.
func (w *network) rate(a, b *node) int64 {
	rate := w.bandwidth
	if len(w.of) > 0 {
		for _, n := range [...]*node{a, b} {
			if m := w.of[n.index]; m != nil && m.bandwidth > 0 && (rate == 0 || m.bandwidth < rate) {
				rate = m.bandwidth
			}
		}
	}
	return rate
}

// loses draws whether a frame is lost.
func (w *network) loses(r *rand.Rand, a, b *node) bool {
	loss := w.loss
	if len(w.of) > 0 {
		for _, n := range [...]*node{a, b} {
			if m := w.of[n.index]; m != nil {
				loss = max(loss, m.loss)
			}
		}
	}
	return loss > 0 && r.Float64() < loss
}

// blocked tells whether nothing gets from one node to another.
func (w *network) blocked(from, to *node) bool {
	if w.sides != nil && w.side(from) != w.side(to) {
		return true
	}
	return len(w.walls) > 0 && w.walls[pair{from.index, to.index}]
}

// severed tells whether two nodes can't talk in one of the directions.
func (w *network) severed(a, b *node) bool { return w.blocked(a, b) || w.blocked(b, a) }

// side is the part of a partition in which a node is; one that joined since is in the first.
func (w *network) side(n *node) int16 {
	if int(n.index) < len(w.sides) {
		return w.sides[n.index]
	}
	return 0
}

// special gives how a node's links differ, to be changed.
func (w *network) special(n *node) *manner {
	if w.of == nil {
		w.of = make(map[int32]*manner)
	}
	m := w.of[n.index]
	if m == nil {
		m = &manner{}
		w.of[n.index] = m
	}
	return m
}

// reshape gives all links the latency and bandwidth of now.
func (s *Sim) reshape() {
	for _, n := range s.nodes {
		for _, k := range n.sockets {
			s.shape(k.link, k.side)
		}
	}
}
