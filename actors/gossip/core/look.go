package core

import (
	"time"

	"anode/messages"
)

// LinkStats is how a link is.
type LinkStats struct {
	Peer messages.NodeID
	// RTT is how long a ping took lately; 0 is not known yet.
	RTT time.Duration
	// Silent: nothing came for a while, and it has left the trees. Slow: its queue is full, and its peer pulls.
	Silent, Slow bool
	// Lag is how many batches of the newest epoch of each origin the node holds, and the peer did not say that it does.
	Lag uint64
	// Pulling is how many bytes are asked of it.
	Pulling int
}

// Look tells how the links are that are up, in no order.
func (c *Core) Look() []LinkStats {
	list := make([]LinkStats, 0, len(c.links))
	for slot := range c.up.each {
		l := c.slots[slot]
		s := LinkStats{Peer: l.peer, RTT: l.rtt, Silent: l.silent, Slow: l.full, Pulling: l.pulling}
		for _, o := range c.order {
			if f := o.latest; f != nil {
				s.Lag += f.lag(slot)
			}
		}
		list = append(list, s)
	}
	return list
}

// lag is how many of the batches that are held here the peer is not known to reach.
func (f *flow) lag(slot int) uint64 {
	head := f.held().Head
	if slot >= len(f.known) || f.known[slot].head == 0 {
		return 0 // nothing was heard of it yet
	}
	return head - min(head, f.known[slot].head)
}

// Heads are the newest places on the lines of all origins, as far as is known: held here, or said to be held by a peer.
func (c *Core) Heads() []messages.Position {
	list := make([]messages.Position, 0, len(c.order))
	for _, o := range c.order {
		head := o.line.Head()
		if f := o.latest; f != nil && f.hi > 0 && (f.epoch > head.Epoch || f.epoch == head.Epoch && f.hi > head.Sequence) {
			head = messages.Position{Origin: o.id, Epoch: f.epoch, Sequence: f.hi, Index: messages.IndexEnd}
		}
		if head.Sequence > 0 {
			list = append(list, head)
		}
	}
	return list
}
