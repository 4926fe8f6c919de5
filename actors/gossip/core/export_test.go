package core

import (
	"fmt"
	"strings"
)

// Dump tells all of the flows of which something is missing.
func (c *Core) Dump() string {
	var b strings.Builder
	for _, o := range c.order {
		for _, f := range o.flows {
			if len(f.absent()) > 0 {
				c.dump(&b, f)
			}
		}
	}
	return b.String()
}

func (c *Core) dump(b *strings.Builder, f *flow) {
	fmt.Fprintf(b, "%s-%d held %+v, absent %v, given up %v, hi %d, base %d, arriving %v, %d pulls, tries %d\n", f.origin.id, f.epoch, f.held(), f.absent(), f.origin.line.GivenUp(f.epoch), f.hi, f.base, f.coming, len(f.pulls), f.tries)
	fmt.Fprintf(b, "  now %s, wanted at %s up to %d since %s, on the agenda %t at %s, stuck %v, backfilled %t, horizon %d\n", c.now.Mono, f.wantAt, f.wantTo, f.wantedAt, f.place >= 0, f.due, f.stuck, f.isOld, f.origin.line.Horizon())
	for slot := range c.up.each {
		l := c.slots[slot]
		fmt.Fprintf(b, "  link %s: live %t, parent %t, eager %t, avoided %t, busy until %s, denied %v", l.peer, c.live.has(slot), f.parent == slot, f.eager.has(slot), f.avoid.has(slot), l.busyUntil, f.denied[slot])
		if slot < len(f.known) {
			fmt.Fprintf(b, ", known %+v", f.known[slot])
		}
		b.WriteByte('\n')
	}
}
