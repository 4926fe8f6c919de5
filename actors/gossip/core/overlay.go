package core

import (
	"slices"
	"time"

	"anode/messages"
)

// overlay is which links the node wants.
type overlay struct {
	members *Members
	// wanted are the neighbours on the rings, and those that stand in for neighbours that can't be reached.
	wanted []messages.NodeID
	// unreachable are nodes with which a link failed lately, until when they are skipped.
	unreachable map[messages.NodeID]time.Duration
	changed     bool
	// redials are wanted peers that are to be dialled again, and when.
	redials map[messages.NodeID]time.Duration
	// wholeAt is since when all that are wanted are linked, or can't be reached; 0 is that they are not.
	wholeAt time.Duration
}

// skipFor is how long the rings close around a node with which a link failed: long enough that the node
// beyond is dialled, and short enough that one which is back is a neighbour again soon.
const skipFor = 5 * time.Second

func newOverlay() overlay {
	return overlay{members: NewMembers(nil), unreachable: make(map[messages.NodeID]time.Duration), redials: make(map[messages.NodeID]time.Duration)}
}

func (o *overlay) reached(peer messages.NodeID) {
	if _, ok := o.unreachable[peer]; ok {
		delete(o.unreachable, peer)
		o.changed = true
	}
}

// redial dials a wanted peer again whose link is down: at once if it had been up for a while, else a little later, as it
// may be closed again at once.
func (c *Core) redial(peer messages.NodeID, lived time.Duration) {
	o := &c.overlay
	switch _, wanted := slices.BinarySearch(o.wanted, peer); {
	case !wanted:
	case lived >= c.cfg.Dead:
		c.put(Output{Kind: Dial, Peer: peer})
	default:
		o.redials[peer] = c.now.Mono + c.cfg.Silent
	}
}

// missed notes that a link failed. Only members count: nothing is remembered of others.
func (o *overlay) missed(c *Core, peer messages.NodeID) {
	if o.members.Has(peer) {
		o.unreachable[peer] = c.now.Mono + skipFor
		o.changed = true
		c.want()
	}
}

func (c *Core) setMembers(m *Members) {
	o := &c.overlay
	old := o.members
	if m == old {
		return
	}
	o.members, o.changed = m, true
	for id := range o.unreachable {
		if !m.Has(id) {
			delete(o.unreachable, id)
		}
	}
	c.refresh.settle(c, old, m)
	c.shed()
	c.want()
}

// tendOverlay lets nodes that could not be reached be neighbours again.
func (c *Core) tendOverlay() {
	o := &c.overlay
	for _, id := range o.wanted {
		if at, ok := o.redials[id]; ok && c.now.Mono >= at {
			delete(o.redials, id)
			if c.links[id] == nil {
				c.put(Output{Kind: Dial, Peer: id})
			}
		}
	}
	for id, until := range o.unreachable {
		if c.now.Mono >= until && c.links[id] == nil {
			delete(o.unreachable, id)
			o.changed = true
		}
	}
	c.want()
	switch whole := c.whole(); {
	case !whole:
		o.wholeAt = 0
	case o.wholeAt == 0:
		o.wholeAt = c.now.Mono
	}
}

// whole tells whether all links are up that can be.
func (c *Core) whole() bool {
	for _, id := range c.overlay.wanted {
		if _, gone := c.overlay.unreachable[id]; c.links[id] == nil && !gone {
			return false
		}
	}
	return len(c.overlay.wanted) > 0
}

// want dials the neighbours that are not linked, and those behind neighbours that can't be reached.
func (c *Core) want() {
	o := &c.overlay
	if !o.changed {
		return
	}
	o.changed = false
	wanted := o.members.Neighbours(c.cfg.Node, func(messages.NodeID) bool { return false })
	if len(o.unreachable) > 0 {
		wanted = append(wanted, o.members.Neighbours(c.cfg.Node, func(id messages.NodeID) bool {
			_, gone := o.unreachable[id]
			return gone
		})...)
		slices.Sort(wanted)
		wanted = slices.Compact(wanted)
	}
	for _, id := range o.wanted {
		if _, still := slices.BinarySearch(wanted, id); !still {
			c.put(Output{Kind: Undial, Peer: id})
			delete(o.redials, id)
		}
	}
	for _, id := range wanted {
		if _, was := slices.BinarySearch(o.wanted, id); !was {
			c.put(Output{Kind: Dial, Peer: id})
		}
	}
	o.wanted = wanted
	c.trim()
}

// trim closes links that nobody wants where there are too many: the last in the order of names, so that both
// ends tend to choose the same.
func (c *Core) trim() {
	excess := len(c.links) - c.cfg.MaxLinks
	if excess <= 0 {
		return
	}
	var spare []messages.NodeID
	for slot := range c.up.each {
		l := c.slots[slot]
		if _, wanted := slices.BinarySearch(c.overlay.wanted, l.peer); l.closing {
			excess--
		} else if !wanted {
			spare = append(spare, l.peer)
		}
	}
	slices.Sort(spare)
	for i := len(spare) - 1; i >= 0 && excess > 0; i, excess = i-1, excess-1 {
		c.bye(c.links[spare[i]], "there are enough links")
	}
}
