package core_test

import (
	"slices"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// link is a connection between two nodes. Each end has its own opinion of whether it is up.
type link struct{ ends [2]end }

// end is one side of a link, and the direction that goes out of it.
type end struct {
	node *node
	life int
	up   bool
	// last is when the last frame that was sent in order arrives.
	last time.Duration
	// queue is what waits to go out. counted: the core is told how much it is.
	queue   queue
	counted bool
	// pulls are those that were sent and are not answered.
	pulls []openPull
}

// socket is a link as a node has it. side is the node's.
type socket struct {
	link *link
	side int
}

func (k socket) mine() *end   { return &k.link.ends[k.side] }
func (k socket) theirs() *end { return &k.link.ends[1-k.side] }

// socket finds the link to a peer that is up here; nil is none.
func (n *node) socket(peer messages.NodeID) *socket {
	for i := range n.sockets {
		if n.sockets[i].theirs().node.id == peer {
			return &n.sockets[i]
		}
	}
	return nil
}

// call is a node's wish for a link to a peer. claiming: the peer is finding out who is there.
type call struct {
	peer          *node
	off, claiming bool
}

// call begins to call a peer.
func (n *node) call(peer *node) {
	if n.socket(peer.id) != nil || slices.ContainsFunc(n.calls, func(c *call) bool { return c.peer == peer }) {
		return
	}
	c := &call{peer: peer}
	n.calls = append(n.calls, c)
	n.try(c, 0)
}

// try makes the next try after a pause.
func (n *node) try(c *call, pause time.Duration) {
	n.lab.in(pause+3*n.lab.net.lag(n, c.peer), n.inLife(func() {
		if !c.off {
			n.knock(c)
		}
	}))
}

// retry is the pause between two tries, half of it to one and a half.
const retry = 500 * time.Millisecond

func (n *node) fails(c *call) {
	n.try(c, retry/2+time.Duration(n.lab.rand.Int64N(int64(retry))))
	n.input(func(k *core.Core, now core.Now) { k.LinkDown(now, c.peer.id) })
}

// knock is a call that comes in.
func (n *node) knock(c *call) {
	peer, l := c.peer, n.lab
	switch {
	case peer.core == nil, peer.paused, n.paused, l.net.severed(n, peer):
		n.fails(c)
	case peer.socket(n.id) != nil:
		c.claiming = true
		peer.claims = append(peer.claims, c)
		l.in(5*time.Second, n.inLife(func() {
			if c.claiming && !c.off {
				c.claiming = false
				n.fails(c)
			}
		}))
		peer.input(func(k *core.Core, now core.Now) { k.Claim(now, n.id) })
	default:
		n.connect(peer)
	}
}

// caller is whose call it is that waits at a node.
func (l *lab) caller(c *call) *node {
	for _, n := range l.nodes {
		if slices.Contains(n.calls, c) {
			return n
		}
	}
	return nil
}

// refuse sends a newcomer away.
func (n *node) refuse(peer *node) {
	for _, c := range n.claims {
		if from := n.lab.caller(c); from == peer && c.claiming {
			c.claiming = false
			n.lab.in(0, from.inLife(func() { from.fails(c) }))
		}
	}
}

// admit lets newcomers in whose place is free now.
func (n *node) admit() {
	list := n.claims
	n.claims = nil
	for _, c := range list {
		from := n.lab.caller(c)
		switch {
		case from == nil || !c.claiming:
		case n.socket(from.id) != nil:
			n.claims = append(n.claims, c)
		default:
			c.claiming = false
			from.knock(c)
		}
	}
}

// hangUp gives a call up.
func (n *node) hangUp(peer *node) {
	n.calls = slices.DeleteFunc(n.calls, func(c *call) bool {
		if c.peer == peer {
			c.off = true
		}
		return c.peer == peer
	})
}

// connect makes a link that is up at both ends.
func (n *node) connect(peer *node) {
	if n.socket(peer.id) != nil { // the peer has hung up, and this node has not heard of it
		n.drop(n.socket(peer.id).link, n.socket(peer.id).side)
	}
	k := &link{}
	mine, theirs := n.core.Hello(peer.id), peer.core.Hello(n.id)
	for side, at := range []*node{n, peer} {
		other := []*node{peer, n}[side]
		at.hangUp(other)
		k.ends[side] = end{node: at, life: at.life, up: true}
		at.sockets = append(at.sockets, socket{k, side})
	}
	n.lab.tracef(n, "is linked to %s", peer.id)
	n.linkUp(peer.id, &theirs)
	peer.linkUp(n.id, &mine)
	for side, at := range []*node{n, peer} {
		if k.ends[side].counted = n.lab.net.rate(n, peer) > 0; k.ends[side].counted {
			other := k.ends[1-side].node.id
			at.input(func(c *core.Core, now core.Now) { c.Queued(now, other, 0) })
		}
	}
}

// close ends a link at this side; the other hears of it, if it can.
func (n *node) close(peer messages.NodeID) {
	if !n.told[peer] {
		n.lab.Fatalf("%s: %s closes a link to %s, which it does not have", n.lab.now, n.id, peer)
	}
	k := n.socket(peer)
	if k == nil {
		return // it is about to hear that the link is down
	}
	l, side := k.link, k.side
	l.hang(side, true)
	n.unlink(l)
	delete(n.told, peer)
	n.core.LinkDown(n.clock(), peer)
	n.lab.in(0, n.inLife(n.admit))
}

// hang takes one end down; told: the other end hears of it.
func (l *link) hang(side int, told bool) {
	at, other := &l.ends[side], &l.ends[1-side]
	at.up = false
	at.queue = queue{}
	lab := at.node.lab
	if told && !lab.net.blocked(at.node, other.node) {
		lab.at(max(lab.now+lab.net.lag(at.node, other.node), at.last), func() {
			if other.up && other.node.life == other.life {
				other.node.drop(l, 1-side)
			}
		})
	}
}

// drop takes a link down that the other side has ended.
func (n *node) drop(l *link, side int) {
	l.ends[side].up = false
	l.ends[side].queue = queue{}
	n.unlink(l)
	peer := l.ends[1-side].node.id
	n.linkDown(peer)
	n.lab.in(0, n.inLife(n.admit))
}

// linkUp and linkDown tell the core.
func (n *node) linkUp(peer messages.NodeID, hello *frame.Hello) {
	n.input(func(c *core.Core, now core.Now) {
		n.told[peer] = true
		c.LinkUp(now, peer, hello)
	})
}

func (n *node) linkDown(peer messages.NodeID) {
	n.input(func(c *core.Core, now core.Now) {
		delete(n.told, peer)
		c.LinkDown(now, peer)
	})
}

func (n *node) unlink(l *link) {
	n.sockets = slices.DeleteFunc(n.sockets, func(k socket) bool { return k.link == l })
}

// send sends a frame to a peer.
func (n *node) send(peer messages.NodeID, f frame.Frame, class core.Class) {
	k := n.socket(peer)
	n.checkSend(peer, f)
	if k == nil {
		return // it is about to hear that the link is down
	}
	if p, ok := f.(*frame.Pull); ok {
		n.checkPull(k, p)
	}
	at := k.mine()
	if at.counted = at.counted || n.lab.net.rate(n, k.theirs().node) > 0; at.counted {
		n.enqueue(*k, parcel{f, f.Size(), class})
		return
	}
	n.launch(*k, f)
}

// launch puts a frame on its way.
func (n *node) launch(k socket, f frame.Frame) {
	l, from, to := n.lab, k.mine(), k.theirs()
	if l.net.blocked(from.node, to.node) || l.chance(l.net.loss) {
		return
	}
	at := l.now + l.net.lag(from.node, to.node)
	if l.chance(l.net.reorder) {
		at += time.Duration(l.rand.Int64N(int64(100 * time.Millisecond)))
	} else {
		at = max(at, from.last)
		from.last = at
	}
	copies := 1
	if l.chance(l.net.twice) {
		copies++
	}
	for range copies {
		l.at(at, func() { k.link.deliver(1-k.side, f) })
	}
}

// deliver brings a frame to an end.
func (l *link) deliver(side int, f frame.Frame) {
	at, peer := &l.ends[side], l.ends[1-side].node.id
	if !at.up || at.node.life != at.life {
		return
	}
	n := at.node
	if end, ok := f.(*frame.End); ok {
		at.answered(end.ID)
	}
	if n.lab.trace {
		n.lab.tracef(n, "gets %s of %s", describe(f), peer)
	}
	n.input(func(c *core.Core, now core.Now) {
		if at.up {
			c.Receive(now, peer, f)
		}
	})
}
