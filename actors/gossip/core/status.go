package core

import (
	"cmp"
	"maps"
	"slices"

	"anode/messages"
	"anode/messages/wire/frame"
)

// statusKey names an ephemeral record: only the last of each is kept and passed on.
type statusKey struct {
	node messages.NodeID
	kind uint8
}

// mostStatus is how many ephemeral records of nodes that are no members are kept; members' always are.
const mostStatus = 1000

// kinds is how many kinds of ephemeral records there may be: status, canary, and two more.
const kinds = 4

func sound(r *frame.Ephemeral) bool { return r.Kind < kinds && len(r.Body) <= frame.MaxBody }

// publish spreads an ephemeral record of this node.
func (c *Core) publish(r frame.Ephemeral) {
	if r.Node == c.cfg.Node && sound(&r) && c.newer(&r) {
		c.spreadStatus([]frame.Ephemeral{r}, nil)
	}
}

// newer keeps a record if it is newer than what is kept, and tells whether it is.
func (c *Core) newer(r *frame.Ephemeral) bool {
	key := statusKey{r.Node, r.Kind}
	old := c.status[key]
	if old != nil && cmp.Or(cmp.Compare(r.Epoch, old.Epoch), cmp.Compare(r.Version, old.Version)) <= 0 {
		return false
	}
	if old == nil && r.Node != c.cfg.Node && !c.overlay.members.Has(r.Node) && len(c.status) >= mostStatus+2*c.overlay.members.Len() {
		c.stats.Ignored++
		return false
	}
	kept := *r
	c.status[key] = &kept
	return true
}

// show takes in a peer's records, and passes on those that are new.
func (c *Core) show(l *link, s *frame.Status) {
	var fresh []frame.Ephemeral
	for i := range s.Records {
		r := &s.Records[i]
		if r.Node != c.cfg.Node && sound(r) && c.newer(r) {
			fresh = append(fresh, *r)
			c.put(Output{Kind: Show, Peer: l.peer, Record: c.status[statusKey{r.Node, r.Kind}]})
		}
	}
	if len(fresh) > 0 {
		c.spreadStatus(fresh, l)
	}
}

func (c *Core) spreadStatus(records []frame.Ephemeral, but *link) {
	for _, f := range frame.SplitStatus(records) {
		size := f.Size()
		for slot := range c.live.each {
			if l := c.slots[slot]; l != but && !c.choked(l) {
				c.sendSized(l, f, Control, size)
			}
		}
	}
}

// greet gives a new peer the last ephemeral record of each node.
func (c *Core) greet(l *link) {
	records := make([]frame.Ephemeral, 0, len(c.status))
	for _, r := range c.status {
		records = append(records, *r)
	}
	slices.SortFunc(records, func(a, b frame.Ephemeral) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Kind, b.Kind))
	})
	for _, part := range frame.SplitStatus(records) {
		l.greeting = append(l.greeting, part)
	}
	c.greetOn(l)
}

// shed forgets records of nodes that are no members, where there are too many: in order of name.
func (c *Core) shed() {
	excess := len(c.status) - mostStatus - 2*c.overlay.members.Len()
	if excess <= 0 {
		return
	}
	strangers := slices.DeleteFunc(slices.Collect(maps.Keys(c.status)), func(k statusKey) bool {
		return k.node == c.cfg.Node || c.overlay.members.Has(k.node)
	})
	slices.SortFunc(strangers, func(a, b statusKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.kind, b.kind))
	})
	for _, key := range strangers[:min(excess, len(strangers))] {
		delete(c.status, key)
	}
}
