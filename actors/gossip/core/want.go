package core

import (
	"time"

	"anode/messages"
)

// look sees to it that what is missing of a flow is asked for then, or sooner.
func (c *Core) look(f *flow, at time.Duration) {
	at = max(at, f.restUntil)
	if f.wantAt == 0 {
		f.wantedAt = c.now.Mono
	}
	if f.wantAt == 0 || at < f.wantAt { // what is heard of later has a time of its own
		f.wantAt, f.wantTo = at, f.hi
	}
	c.work.put(f, at)
}

// wake looks at a flow now.
func (c *Core) wake(f *flow) {
	if c.begun {
		c.look(f, c.now.Mono)
	}
}

// nudge looks at a flow of which something is missing: at once if it is far behind, else when the tree has had its
// time.
func (c *Core) nudge(f *flow) {
	if f.hi > f.top()+far {
		c.look(f, c.now.Mono)
	} else {
		c.look(f, c.now.Mono+c.cfg.Patience)
	}
}

// wakeAll looks at all flows of which something is missing: who can be asked has changed.
func (c *Core) wakeAll() {
	for _, o := range c.order {
		for _, f := range o.flows {
			if c.wanting(f) || c.claims(f) {
				c.nudge(f)
			}
		}
	}
}

// doWork looks at all flows that are due.
func (c *Core) doWork() {
	for f := c.work.first(); f != nil && f.due <= c.now.Mono; f = c.work.first() {
		c.work.take()
		c.repair(f)
	}
}

// wanting tells whether something of a flow is known to exist and is neither held nor given up.
func (c *Core) wanting(f *flow) bool {
	e := f.held()
	return f.hi > max(e.Head, e.Floor-1) || len(e.Holes) > 0 && !covered(e.Holes, f.origin.line.GivenUp(f.epoch))
}

// missing is what is known to exist up to a sequence and is neither held, nor arriving, nor given up, nor
// asked for.
func (f *flow) missing(to uint64) messages.Ranges {
	list := f.absentTo(to)
	if len(list) == 0 {
		return list
	}
	list = list.Minus(f.coming)
	for _, p := range f.pulls {
		list = list.Minus(p.rest)
	}
	return list
}

// absent is what is known to exist and is neither held nor given up.
func (f *flow) absent() messages.Ranges { return f.absentTo(max(f.hi, f.held().Head)) }

func (f *flow) absentTo(to uint64) messages.Ranges {
	e := f.held()
	list := messages.Ranges(e.Holes).Minus(f.origin.line.GivenUp(f.epoch))
	if from := max(e.Head+1, e.Floor); from <= to {
		list = list.Add(messages.Range{From: from, To: to})
	}
	if to < e.Head {
		list = list.Drop(messages.Range{From: to + 1, To: e.Head})
	}
	return list
}

// repair asks for what is missing of a flow and due, in order.
func (c *Core) repair(f *flow) {
	now := c.now.Mono
	c.expire(f)
	if f.wantAt != 0 {
		f.wantAt = max(f.wantAt, f.restUntil)
	}
	if f.wantAt != 0 && now >= f.wantAt && c.trusts(f) {
		f.wantAt = now + c.cfg.Patience
	}
	if f.wantAt != 0 && now >= f.wantAt {
		to := max(f.wantTo, f.held().Head)
		f.wantAt, f.wantTo = 0, 0
		c.request(f, f.missing(to))
	}
	if f.hi > max(f.top(), f.base) && f.wantAt == 0 {
		c.look(f, now+c.cfg.Patience)
	}
	c.reclaim(f)
	c.schedule(f)
	c.settle(f)
}

// leftOut tells whether the parent holds what is missing, and did not push it: what it pushed came before it
// said so. One that was chosen a moment ago may not have known that it is the parent.
func (c *Core) leftOut(f *flow) bool {
	if !c.wanting(f) || f.parent >= len(f.known) || c.now.Mono-f.ledAt < c.cfg.Ping {
		return false
	}
	first := f.lowest()
	return first > f.base && f.known[f.parent].has(first)
}

// lowest is the lowest sequence above the base that is neither held nor waits to be appended.
func (f *flow) lowest() uint64 {
	e := f.held()
	lowest := e.Head + 1
	if holes := messages.Ranges(e.Holes); len(holes) > 0 && holes[len(holes)-1].To > f.base {
		for _, h := range holes {
			if h.To > f.base {
				lowest = max(h.From, f.base+1)
				break
			}
		}
	}
	if all, ok := f.coming.At(lowest); ok {
		lowest = all.To + 1
	}
	return lowest
}

// trusts tells whether the parent is waited for a little longer: it does not have either what others
// announce, so it will bring it when it has.
func (c *Core) trusts(f *flow) bool {
	if f.parent == nobody || c.now.Mono-f.wantedAt >= 2*c.cfg.Ping || c.severed(f) {
		return false
	}
	return !c.leftOut(f)
}

// schedule puts a flow back on the agenda where it is to be looked at again.
func (c *Core) schedule(f *flow) {
	if f.wantAt != 0 {
		c.work.put(f, max(f.wantAt, c.now.Mono+time.Millisecond))
	}
	for _, p := range f.pulls {
		c.work.put(f, max(c.deadline(p), c.now.Mono+time.Millisecond))
	}
}
