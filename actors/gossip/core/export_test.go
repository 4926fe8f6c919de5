package core

import (
	"fmt"

	"anode/messages"
)

// Dump tells all of a flow.
func (c *Core) Dump(origin messages.NodeID, epoch uint64) string {
	o := c.origins[origin]
	if o == nil {
		return "unknown"
	}
	f := o.find(epoch)
	if f == nil {
		return fmt.Sprintf("no flow; line %+v", o.line.Digest())
	}
	text := fmt.Sprintf("held %+v hi %d base %d want %s..%d (since %s) pulls %d avoid %b due %s place %d now %s linked %s denied %v stuck %v given %v\n", f.held(), f.hi, f.base, f.wantAt, f.wantTo, f.wantedAt, len(f.pulls), f.avoid, f.due, f.place, c.now.Mono, c.linked, f.denied, f.stuck, o.line.GivenUp(epoch))
	for slot := range c.up.each {
		l := c.slots[slot]
		text += fmt.Sprintf(" %d %s live %v busy %s ", slot, l.peer, c.live.has(slot), l.busyUntil)
		if slot < len(f.known) {
			text += fmt.Sprintf("%+v", f.known[slot])
		}
		text += "\n"
	}
	return text
}
