package core

import (
	"cmp"
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

// publish spreads an ephemeral record of this node.
func (c *Core) publish(r frame.Ephemeral) {
	if r.Node == c.cfg.Node && len(r.Body) <= frame.MaxBody && c.newer(&r) {
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
		if r.Node != c.cfg.Node && len(r.Body) <= frame.MaxBody && c.newer(r) {
			fresh = append(fresh, *r)
			c.put(Output{Kind: Show, Peer: l.peer, Record: c.status[statusKey{r.Node, r.Kind}]})
		}
	}
	if len(fresh) > 0 {
		c.spreadStatus(fresh, l)
	}
}

func (c *Core) spreadStatus(records []frame.Ephemeral, but *link) {
	f := &frame.Status{Records: records}
	size := f.Size()
	for slot := range c.live.each {
		if l := c.slots[slot]; l != but && !c.choked(l) {
			c.sendSized(l, f, Control, size)
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
	for part := range slices.Chunk(records, 500) {
		c.send(l, &frame.Status{Records: part}, Control)
	}
}

// shed forgets records of nodes that are no members, where there are too many.
func (c *Core) shed() {
	for key := range c.status {
		if len(c.status) < mostStatus+2*c.overlay.members.Len() {
			return
		}
		if key.node != c.cfg.Node && !c.overlay.members.Has(key.node) {
			delete(c.status, key)
		}
	}
}
