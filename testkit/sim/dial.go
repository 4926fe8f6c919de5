package sim

import (
	"slices"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

const (
	// patience is the first pause between two tries to reach a peer, patienceMost the longest. Each is drawn
	// from half of it to one and a half.
	patience, patienceMost = int64(500 * time.Millisecond), int64(10 * time.Second)
	// refusedFor is how long a node tries that is refused, before it ends.
	refusedFor = int64(15 * time.Second)
	// mostClaims is how many newcomers wait at a node, claimFor for how long.
	mostClaims, claimFor = 16, int64(5 * time.Second)
)

// call is a node's wish for a link to a peer, and the try that is under way.
type call struct {
	from *node
	life uint32
	peer messages.NodeID
	// to is whom the present try reaches; nil between tries.
	to    *node
	tries int
	// arrives is when the present try is at the other side.
	arrives int64
	// off: nobody wants it any more. round counts tries, so that an old one's end says nothing.
	off   bool
	round int64
}

// greeting is what the side that called hears when the link is up.
type greeting struct {
	call  *call
	hello frame.Hello
}

// call begins to call a peer.
func (s *Sim) call(n *node, peer messages.NodeID) {
	if n.calling(peer) != nil || n.socket(peer) != nil {
		return
	}
	c := &call{from: n, life: n.life, peer: peer}
	n.calls = append(n.calls, c)
	s.later(0, event{kind: dial, node: n.index, life: n.life, extra: c})
}

func (n *node) calling(peer messages.NodeID) *call {
	for _, c := range n.calls {
		if c.peer == peer {
			return c
		}
	}
	return nil
}

// hangUp gives a call up.
func (n *node) hangUp(peer messages.NodeID) {
	for i, c := range n.calls {
		if c.peer == peer {
			c.off = true
			n.calls = append(n.calls[:i], n.calls[i+1:]...)
			return
		}
	}
}

// dialNow makes one try: a round trip for the connection, one for its proof.
func (s *Sim) dialNow(n *node, c *call) {
	if c.off || n.socket(c.peer) != nil {
		return
	}
	c.round++
	c.to = s.resolve(n, c.peer)
	if c.to == nil || c.to == n || s.network.severed(n, c.to) || !c.to.up && c.to.deaf {
		s.fails(c, int64(s.cfg.DialTimeout))
		return
	}
	trip := 2 * s.network.lag(n, c.to)
	if !c.to.up {
		s.fails(c, trip)
		return
	}
	c.arrives = s.now + trip + trip/2
	s.later(trip+trip/2, event{kind: knock, node: c.to.index, life: c.to.life, extra: c, n: c.round})
	s.fails(c, int64(s.cfg.DialTimeout)+claimFor)
}

// fails says that a try fails, unless it has had an end by then.
func (s *Sim) fails(c *call, in int64) {
	s.later(in, event{kind: failed, node: c.from.index, life: c.life, extra: c, n: c.round})
}

// resolve finds the node that answers to an identity.
func (s *Sim) resolve(n *node, id messages.NodeID) *node {
	var found *node
	count := 0
	for _, m := range s.byID[id] {
		if m == n {
			continue
		}
		if m.up && !s.network.severed(n, m) {
			if count++; s.random.network.IntN(count) == 0 {
				found = m
			}
		} else if found == nil {
			found = m
		}
	}
	return found
}

// knock brings a call to its other side.
func (s *Sim) knock(n *node, c *call) {
	switch {
	case c.off || c.from.life != c.life || !c.from.up || s.network.severed(c.from, n):
	case c.to != n || n.paused: // nobody answers: it runs into its time-out
	case !n.up:
		s.fails(c, s.network.lag(n, c.from))
	default:
		s.answer(n, c)
		return
	}
}

// answer takes a call, unless a link is up to who it says it is, or the other direction's call is to win.
func (s *Sim) answer(n *node, c *call) {
	if k := n.socket(c.from.id); k != nil {
		other := &k.link.ends[1-k.side]
		if other.node == c.from && other.alive() && (other.up || other.opening) {
			return // the same two are linked already
		}
		if slices.Contains(n.claims, c) || len(n.claims) < mostClaims {
			n.claims = append(slices.DeleteFunc(n.claims, func(o *call) bool { return o == c }), c)
			s.log(n, "meets a newcomer that says to be %s", c.from.id)
			n.core.Claim(s.clock(n), c.from.id)
			s.drain(n)
		}
		return
	}
	if mine := n.calling(c.from.id); mine != nil && mine.to == c.from && s.now < mine.arrives && n.id < c.from.id {
		return
	}
	s.establish(n, c)
}

// establish brings a link up at the side that was called; the other hears of it half a trip later.
func (s *Sim) establish(n *node, c *call) {
	theirs, mine := c.from.core.Hello(n.id), n.core.Hello(c.from.id)
	l := s.connect(c.from, n)
	n.sockets = append(n.sockets, socket{c.from.id, l, 1})
	n.hangUp(c.from.id)
	at := s.now + l.ends[1].lag
	l.ends[1].last = at
	s.queue.add(at, event{kind: shake, node: c.from.index, life: c.life, link: l, side: 0, extra: &greeting{c, mine}})
	s.linked(n, l, 1, &theirs)
}

// shaken brings a link up at the side that called.
func (s *Sim) shaken(n *node, l *link, g *greeting) {
	at := &l.ends[0]
	if !at.opening {
		return
	}
	at.opening = false
	peer := l.ends[1].node.id
	if n.socket(peer) != nil { // one has come from there meanwhile
		s.cut(l, 0, true)
		return
	}
	at.up = true
	n.hangUp(peer)
	n.sockets = append(n.sockets, socket{peer, l, 0})
	s.linked(n, l, 0, &g.hello)
}

// linked tells a core that a link is up.
func (s *Sim) linked(n *node, l *link, side uint8, hello *frame.Hello) {
	peer := l.ends[1-side].node.id
	s.log(n, "is linked to %s", peer)
	n.core.LinkUp(s.clock(n), peer, hello)
	if l.ends[side].queue != nil {
		n.core.Queued(s.clock(n), peer, 0)
	}
	s.drain(n)
}

// missed ends a try that has failed, and plans the next.
func (s *Sim) missed(n *node, e *event) {
	c := e.extra.(*call) //nolint:forcetypeassert // the kind says so
	if c.off || c.round != e.n {
		return
	}
	c.round++
	c.to = nil
	pause := min(patience<<min(c.tries, 10), patienceMost)
	c.tries++
	s.later(pause/2+s.random.network.Int64N(pause), event{kind: dial, node: n.index, life: n.life, extra: c})
	n.core.LinkDown(s.clock(n), c.peer)
	s.drain(n)
}

// refuse sends a newcomer away.
func (s *Sim) refuse(n *node, peer messages.NodeID) {
	for i, c := range n.claims {
		if c.from.id != peer {
			continue
		}
		n.claims = append(n.claims[:i], n.claims[i+1:]...)
		if from := c.from; from.up && from.life == c.life {
			s.log(n, "refuses a newcomer that says to be %s", peer)
			s.refused(from)
			if from.up {
				s.fails(c, s.network.lag(n, from))
			}
		}
		return
	}
}

// refused counts that a node was sent away: it ends when that goes on for a time. Where only its own old links
// were in the way they have ended by then.
func (s *Sim) refused(n *node) {
	switch {
	case n.refusedAt == 0:
		n.refusedAt = s.now
	case s.now-n.refusedAt >= refusedFor:
		s.stop(n, "identity in use")
	}
}

// admit lets newcomers in whose place is free now.
func (s *Sim) admit(n *node) {
	for i := 0; i < len(n.claims) && n.up; i++ {
		c := n.claims[i]
		if n.socket(c.from.id) != nil {
			continue
		}
		n.claims = append(n.claims[:i], n.claims[i+1:]...)
		i = -1
		if !c.off && c.from.up && c.from.life == c.life && !s.network.severed(c.from, n) {
			s.establish(n, c)
		}
	}
}
