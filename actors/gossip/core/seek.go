package core

import (
	"slices"
	"time"

	"anode/messages/wire/frame"
)

// mostSeeking is how many records are asked for over one link at a time: at most 128 KiB, which a link of 2 Mbit/s
// carries before another peer is asked.
const mostSeeking = 64

// seek asks for the records that others have, each of one peer at a time: of the first who tells of it, where that one
// has little to bring.
func (c *Core) seek() {
	if len(c.sought) == 0 {
		return
	}
	c.sought = slices.DeleteFunc(c.sought, func(s *report) bool {
		s.sought = s.against(s.epoch, s.version) > 0 && s.tellers&c.live != 0
		if !s.sought && s.record == nil {
			delete(c.status, s.statusKey)
		}
		return !s.sought
	})
	var open [Slots]int
	for _, s := range c.sought {
		if s.asked != 0 && c.now.Mono < s.askAt {
			open[s.from]++
		}
	}
	var lists [Slots][]frame.Stamp
	for _, s := range c.sought {
		if c.now.Mono < s.askAt {
			continue
		}
		l := c.teller(s, &open)
		if l == nil {
			continue // at the next beat
		}
		open[l.slot]++
		s.asked, s.from, s.askAt = s.asked|l.bit, l.slot, c.now.Mono+2*c.cfg.Ping+2*max(l.rtt, time.Millisecond)
		lists[l.slot] = append(lists[l.slot], s.stamp())
	}
	for slot := range c.live.each {
		for _, part := range frame.SplitVersions(lists[slot], true) {
			c.send(c.slots[slot], part, Control)
		}
	}
}

// teller is whom to ask for a record: of those that have it, and were not asked, the one that is asked for least; nil
// where all have enough to bring. Where all were asked they are asked again.
func (c *Core) teller(s *report, open *[Slots]int) (best *link) {
	if s.tellers&c.live&^s.asked == 0 {
		s.asked = 0
	}
	for slot := range (s.tellers & c.live &^ s.asked).each {
		l := c.slots[slot]
		if !l.closing && !c.choked(l) && open[slot] < mostSeeking && (best == nil || open[slot] < open[best.slot]) {
			best = l
		}
	}
	return best
}

// forgetTeller drops what is known of a peer's records, whose link is down.
func (c *Core) forgetTeller(l *link) {
	for _, s := range c.status {
		s.has &^= l.bit
		s.tellers &^= l.bit
		s.asked &^= l.bit
		if s.from == l.slot {
			s.from, s.askAt = nobody, min(s.askAt, c.now.Mono)
		}
	}
}
