package sim

import (
	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// link is a connection between two nodes. Each end has its own opinion of whether it is up: where one
// side is gone and its farewell was lost, the other end stays.
type link struct {
	ends [2]end
}

// end is one side of a link, and the direction that goes out of it.
type end struct {
	node *node
	life uint32
	up   bool
	// opening: the other side is up, this one hears of it soon.
	opening bool
	// lag is how long a frame is on its way from here, last when the last one arrives.
	lag, last int64
	// queue is what waits to go out; nil where bandwidth has no bound.
	queue *narrow
	// pulls are those sent and not answered, for the check of their bound.
	pulls []openPull
}

// alive tells whether the node at an end is still the one that the link was made with.
func (e *end) alive() bool { return e.node.up && e.node.life == e.life }

// socket is a link as a node has it: up, to a peer.
type socket struct {
	peer messages.NodeID
	link *link
	side uint8
}

// socket finds the link to a peer; nil where none is up.
func (n *node) socket(peer messages.NodeID) *socket {
	for i := range n.sockets {
		if n.sockets[i].peer == peer {
			return &n.sockets[i]
		}
	}
	return nil
}

// leave takes a link out of a node's.
func (n *node) leave(l *link) bool {
	for i := range n.sockets {
		if n.sockets[i].link == l {
			n.sockets = append(n.sockets[:i], n.sockets[i+1:]...)
			return true
		}
	}
	return false
}

// connect makes a link of which b's end is up and a's is about to be.
func (s *Sim) connect(a, b *node) *link {
	l := &link{}
	l.ends[0] = end{node: a, life: a.life, opening: true}
	l.ends[1] = end{node: b, life: b.life, up: true}
	for side := range l.ends {
		s.shape(l, uint8(side))
	}
	return l
}

// shape gives a direction the latency and bandwidth of now.
func (s *Sim) shape(l *link, side uint8) {
	from, to := &l.ends[side], &l.ends[1-side]
	from.lag = s.network.lag(from.node, to.node)
	rate := s.network.rate(from.node, to.node)
	switch {
	case from.queue != nil:
		from.queue.rate = rate
	case rate > 0:
		from.queue = &narrow{rate: rate}
	}
}

// send sends what a core puts out.
func (s *Sim) send(n *node, o *core.Output) {
	k := n.socket(o.Peer)
	if k == nil {
		s.figures.unsent++
		return
	}
	s.watchPulls(&k.link.ends[k.side], o)
	s.transmit(k.link, k.side, o.Frame, o.Class)
}

// transmit sends a frame, or queues it where the link is narrow.
func (s *Sim) transmit(l *link, side uint8, f frame.Frame, class core.Class) {
	size := f.Size()
	s.figures.sent(f, size)
	if q := l.ends[side].queue; q != nil {
		s.enqueue(l, side, q, parcel{f, size}, class)
		return
	}
	s.launch(l, side, f)
}

// launch puts a frame on its way, if the network lets it.
func (s *Sim) launch(l *link, side uint8, f frame.Frame) {
	from, to := &l.ends[side], &l.ends[1-side]
	if s.network.blocked(from.node, to.node) || s.network.loses(s.random.network, from.node, to.node) {
		s.figures.lost++
		return
	}
	at := s.now + from.lag + upTo(s.random.network, s.network.jitter)
	if s.cfg.Reorder > 0 && s.random.network.Float64() < s.cfg.Reorder {
		at += upTo(s.random.network, s.network.overtake)
	} else {
		at = max(at, from.last)
		from.last = at
	}
	e := event{kind: arrive, node: to.node.index, life: to.life, link: l, side: 1 - side, frame: f}
	s.queue.add(at, e)
	if s.cfg.Duplicate > 0 && s.random.network.Float64() < s.cfg.Duplicate {
		s.queue.add(max(at, from.last), e)
	}
}

// happenToLink does what happens at an end of a link.
func (s *Sim) happenToLink(n *node, e *event) {
	at := &e.link.ends[e.side]
	if !at.alive() {
		return
	}
	if e.kind == drained {
		s.drained(e.link, e.side, e.frame, int(e.n))
		return
	}
	if n.paused {
		n.backlog = append(n.backlog, *e)
		return
	}
	switch {
	case e.kind == shake:
		s.shaken(n, e.link, e.extra.(*greeting)) //nolint:forcetypeassert // the kind says so
	case !at.up:
	case e.kind == hung:
		s.log(n, "hears that %s has closed", e.link.ends[1-e.side].node.id)
		s.down(n, e.link, e.side)
		s.drain(n)
	case e.kind == heard:
		n.core.Heard(s.clock(n), e.link.ends[1-e.side].node.id)
		s.drain(n)
	default:
		s.receive(n, e)
	}
}

// receive gives a frame to a node's core.
func (s *Sim) receive(n *node, e *event) {
	peer := e.link.ends[1-e.side].node.id
	if s.tracing {
		s.log(n, "gets %s of %s", describe(e.frame), peer)
	}
	switch f := e.frame.(type) {
	case *frame.Push:
		n.arriving = f
		if b := s.truth.of(f.Batch); b != nil {
			b.received++
			if len(b.mended) > 0 && !f.Repair {
				b.late(n)
			}
		}
	case *frame.End:
		e.link.ends[e.side].ended(f.ID)
	}
	n.core.Receive(s.clock(n), peer, e.frame)
	s.drain(n)
	n.arriving = nil
}

// close closes a node's link to a peer, after what waits to go out.
func (s *Sim) close(n *node, peer messages.NodeID) {
	k := n.socket(peer)
	if k == nil {
		return
	}
	l, side := k.link, k.side
	if q := l.ends[side].queue; q != nil && q.bytes > 0 && !q.closing {
		q.closing = true
		return
	}
	s.cut(l, side, true)
	s.down(n, l, side)
}

// down takes a link from a node and tells its core.
func (s *Sim) down(n *node, l *link, side uint8) {
	l.ends[side].up = false
	peer := l.ends[1-side].node.id
	if n.leave(l) {
		n.core.LinkDown(s.clock(n), peer)
	}
	if len(n.claims) > 0 {
		s.later(0, event{kind: enter, node: n.index, life: n.life})
	}
}

// cut ends one side of a link; told says that the other side hears of it.
func (s *Sim) cut(l *link, side uint8, told bool) {
	from, to := &l.ends[side], &l.ends[1-side]
	from.up, from.opening = false, false
	if told && !s.network.blocked(from.node, to.node) {
		s.queue.add(max(s.now+from.lag, from.last), event{kind: hung, node: to.node.index, life: to.life, link: l, side: 1 - side})
	}
}
