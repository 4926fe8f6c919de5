package sim

import (
	"anode/actors/gossip/core"
	"anode/messages/wire/frame"
)

// parcel is a frame that waits to go out.
type parcel struct {
	frame frame.Frame
	size  int
}

// narrow is the queue of one direction of a link whose bandwidth is bounded: control first, then what is
// live, then repair.
type narrow struct {
	// rate is in bytes a second; 0 has no bound.
	rate    int64
	classes [3][]parcel
	// bytes wait, the frame that is just going out included.
	bytes int
	busy  bool
	// closing: the link ends when nothing waits.
	closing bool
}

// enqueue lets a frame wait for its turn.
func (s *Sim) enqueue(l *link, side uint8, q *narrow, p parcel, class core.Class) {
	class = min(class, core.Repair)
	q.classes[class] = append(q.classes[class], p)
	q.bytes += p.size
	s.figures.maxQueue = max(s.figures.maxQueue, q.bytes)
	s.checkQueue(l.ends[side].node, q)
	if !q.busy {
		s.pump(l, side, q)
	}
}

// pump begins to send the next frame.
func (s *Sim) pump(l *link, side uint8, q *narrow) {
	for class := range q.classes {
		if list := q.classes[class]; len(list) > 0 {
			p := list[0]
			list[0] = parcel{}
			q.classes[class] = list[1:]
			q.busy = true
			at := &l.ends[side]
			s.trickle(l, side, q.takes(p.size))
			s.later(q.takes(p.size), event{
				kind: drained, node: at.node.index, life: at.life, link: l, side: side, frame: p.frame, n: int64(p.size),
			})
			return
		}
		q.classes[class] = nil
	}
}

// heardEvery is how often the other side notices that a frame is on its way which takes long.
const heardEvery = int64(100e6)

// trickle has the other side hear of the parts of a frame.
func (s *Sim) trickle(l *link, side uint8, takes int64) {
	from, to := &l.ends[side], &l.ends[1-side]
	for in := heardEvery; in < takes; in += heardEvery {
		if !s.network.blocked(from.node, to.node) {
			s.later(in+from.lag, event{kind: heard, node: to.node.index, life: to.life, link: l, side: 1 - side})
		}
	}
}

// takes is how long a frame takes to go out, in ns.
func (q *narrow) takes(size int) int64 {
	if q.rate <= 0 {
		return 0
	}
	return int64(size) * 1e9 / q.rate
}

// drained puts a frame that has left its queue on its way, and goes on with the next.
func (s *Sim) drained(l *link, side uint8, f frame.Frame, size int) {
	at := &l.ends[side]
	q := at.queue
	q.busy = false
	q.bytes -= size
	if !at.up && !at.opening {
		return
	}
	s.launch(l, side, f)
	s.pump(l, side, q)
	n := at.node
	switch {
	case !at.up:
		return
	case q.closing && q.bytes == 0:
		s.close(n, l.ends[1-side].node.id)
	case n.paused:
		return
	default:
		n.core.Queued(s.clock(n), l.ends[1-side].node.id, q.bytes)
	}
	s.drain(n)
}
