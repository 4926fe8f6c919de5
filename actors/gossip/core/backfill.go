package core

import (
	"cmp"
	"math"
	"slices"

	"anode/messages"
)

// backfill is what the node fetches that is older than its first contact with an origin: the newest first over
// all origins, in the background, until the journal has no room for more.
type backfill struct {
	flows []*flow
	open  int
	room  int64
	due   bool
}

// oldPerLink is how many pulls of the backfill are open for each link: half of what may be asked of it.
const oldPerLink = 2

func newBackfill() backfill { return backfill{room: math.MaxInt64} }

// add takes a flow in, of which something at or below its base is missing.
func (b *backfill) add(f *flow) {
	if !f.isOld {
		f.isOld = true
		if f.backHLC == 0 {
			f.backHLC = f.hlc
		}
		b.flows = append(b.flows, f)
		b.due = true
	}
}

func (b *backfill) drop(f *flow) {
	if f.isOld {
		f.isOld = false
		b.flows = slices.DeleteFunc(b.flows, func(g *flow) bool { return g == f })
	}
}

// base notes up to where a flow is old.
func (c *Core) base(f *flow, base uint64) {
	f.base, f.based = max(f.base, base), true
	if base > 0 {
		f.raise(c, base)
		f.marks[0].hi, f.marks[1].hi = max(f.marks[0].hi, base), max(f.marks[1].hi, base)
		c.old.add(f)
	}
}

func (c *Core) setRoom(bytes int64) {
	c.old.room, c.old.due = bytes, true
}

// fill asks for what is old, as much as may be open: the newest first.
func (c *Core) fill() {
	b := &c.old
	b.due = false
	if b.room < 1 {
		c.curtail()
		return
	}
	if len(b.flows) == 0 || !c.idle() {
		return
	}
	list := slices.Clone(b.flows)
	slices.SortStableFunc(list, func(f, g *flow) int { return cmp.Compare(g.backHLC, f.backHLC) })
	for _, f := range list {
		for b.open < oldPerLink*len(c.links) && c.appending < c.cfg.MaxAppending/2 && c.fetch(f) {
		}
		if !c.idle() {
			return
		}
	}
}

// idle tells whether a link has room for another pull of the backfill.
func (c *Core) idle() bool {
	if c.old.open >= oldPerLink*len(c.links) || c.appending >= c.cfg.MaxAppending/2 {
		return false
	}
	for slot := range c.live.each {
		if l := c.slots[slot]; l.pulling+c.pullBytes() <= c.cfg.MaxPull && l.asked < mostServing && c.now.Mono >= l.busyUntil {
			return true
		}
	}
	return false
}

// fetch asks for the highest part of what is old and missing of a flow. It tells whether more may be asked for.
func (c *Core) fetch(f *flow) bool {
	list := f.missing(f.base)
	list = list[max(0, len(list)-mostStuck):]
	for len(list) > 0 {
		last := list[len(list)-1]
		l, edge, _ := c.holder(f, last, true)
		if l == nil {
			run := c.nobodyHolds(f, last, last.To)
			list = list.Drop(messages.Range{From: run.From, To: last.To})
			continue
		}
		if l.pulling+c.pullBytes() > c.cfg.MaxPull || len(f.pulls) >= mostPulls {
			return false
		}
		from := max(edge, last.To-min(last.To-1, c.most(f)-1))
		c.pullFrom(f, l, messages.Ranges{{From: max(from, last.From), To: last.To}}, true)
		return true
	}
	if !slices.ContainsFunc(f.pulls, func(p *pull) bool { return p.old }) && len(f.missing(f.base)) == 0 {
		c.old.drop(f)
		c.settle(f)
	}
	return false
}

// curtail ends the backfill: what is missing at the bottom of each flow is below the floor. A hole above that is
// one like others.
func (c *Core) curtail() {
	flows := c.old.flows
	c.old.flows = nil
	for _, f := range flows {
		f.isOld = false
		floor := f.held().Floor
		list := f.absentTo(f.base)
		f.base = 0
		if len(list) > 0 && list[0].From <= floor {
			c.raise(f, list[0].To+1)
			list = list[1:]
		}
		if len(list) > 0 {
			c.wake(f)
		}
		c.settle(f)
	}
}
