package core

import (
	"slices"
	"time"

	"anode/messages"
)

// stuck is a run of batches that all peers say they don't hold, and how long a link had been up when that was
// found. again: they were asked once more since, as they may have got it.
type stuck struct {
	messages.Range
	since time.Duration
	again bool
}

const (
	// mostStuck and mostDenied bound what is remembered of a flow's holes; what is forgotten is asked for again.
	mostStuck, mostDenied = 64, 256
)

// deny notes that a peer does not hold a range, as far as it was asked for.
func (f *flow) deny(slot int, r messages.Range, asked messages.Ranges) {
	if f.denied == nil {
		f.denied = make(map[int]messages.Ranges)
	}
	d := f.denied[slot]
	for _, a := range asked {
		d = d.Add(messages.Range{From: max(a.From, r.From), To: min(a.To, r.To)})
	}
	if len(d) > mostDenied {
		d = d[len(d)-mostDenied:]
	}
	f.denied[slot] = d
}

// redeem notes that a peer holds what it did not hold before: it may be asked for that at once.
func (f *flow) redeem(slot int, held messages.Ranges) {
	d := f.denied[slot]
	if len(d) == 0 {
		return
	}
	if rest := d.Minus(held); rest.Len() < d.Len() {
		f.denied[slot], f.restUntil = rest, 0
	}
}

// denied finds the run around a batch that all linked peers say they don't hold; false where one did not say
// so yet. gone: retention took it from all of them.
func (c *Core) denied(f *flow, sequence uint64) (run messages.Range, gone, all bool) {
	run, gone = messages.Range{From: 1, To: ^uint64(0)}, c.up != 0
	for slot := range c.up.each {
		if slot < len(f.known) && sequence < f.known[slot].floor {
			run.To = min(run.To, f.known[slot].floor-1)
			continue
		}
		r, ok := f.denied[slot].At(sequence)
		if !ok {
			return run, false, false
		}
		gone = false
		run.From, run.To = max(run.From, r.From), min(run.To, r.To)
	}
	return run, gone, true
}

// nobodyHolds deals with a range for whose batch nobody can be asked now. It gives the part for which that is so.
func (c *Core) nobodyHolds(f *flow, r messages.Range, sequence uint64) messages.Range {
	run, gone, all := c.denied(f, sequence)
	if !all {
		// Somebody is busy, or brought nothing when it was asked: it is asked again.
		f.avoid = 0
		c.look(f, c.now.Mono+c.cfg.Retry)
		return r
	}
	run = messages.Range{From: max(run.From, r.From), To: min(run.To, r.To)}
	s := f.stand(c, run)
	if s == nil {
		return run // too many others stand
	}
	run.To = min(run.To, s.To)
	switch left := c.patience(f, s); {
	case left > 0:
		c.look(f, c.now.Mono+min(left, time.Second))
	case !s.again && c.up != 0:
		s.again = true
		for slot := range c.up.each {
			if d := f.denied[slot]; d != nil {
				f.denied[slot] = d.Drop(run)
			}
		}
		c.look(f, c.now.Mono)
	default:
		c.giveUp(f, run, gone)
	}
	return run
}

// patience is how much longer a run that nobody holds is kept open, with a link up. Where the origin is among
// those that were asked, and all are linked that are to be, it is as long as a batch that any node holds needs to come to a
// neighbour; else Patient. While there is no link nothing is given up, but by a node that is alone: its own
// damage, at once.
func (c *Core) patience(f *flow, s *stuck) time.Duration {
	own := f.origin == c.self
	switch {
	case own && c.alone():
		return 0
	case c.up == 0:
		return c.cfg.Patient
	}
	left := c.cfg.Patient - (c.linked - s.since)
	if whole := c.overlay.wholeAt; whole != 0 && (own || c.links[f.origin.id] != nil) {
		left = min(left, max(c.cfg.Fresh-(c.linked-s.since), c.cfg.Fresh-(c.now.Mono-whole)))
	}
	return left
}

// alone tells whether there is nobody else. One that expects peers is not before it has looked for them for a while.
func (c *Core) alone() bool {
	return c.up == 0 && c.overlay.members.Len() <= 1 && (!c.cfg.Expect || c.now.Mono-c.started.Mono >= c.cfg.Patient)
}

// stand gives what is remembered of a run that nobody holds, noted where it is new; nil where there are too
// many.
func (f *flow) stand(c *Core, run messages.Range) *stuck {
	for i := range f.stuck {
		if s := &f.stuck[i]; s.From <= run.From && run.From <= s.To {
			return s
		}
	}
	if len(f.stuck) >= mostStuck {
		f.stuck = slices.DeleteFunc(f.stuck, func(s stuck) bool {
			return len(f.absent().Minus(messages.Ranges{{From: 1, To: s.From - 1}, {From: s.To + 1, To: messages.MaxSequence}})) == 0
		})
	}
	if len(f.stuck) >= mostStuck {
		return nil
	}
	f.stuck = append(f.stuck, stuck{Range: run, since: c.linked})
	return &f.stuck[len(f.stuck)-1]
}

// unstick forgets that nobody held a run: it came, or is missing anew.
func (f *flow) unstick(run messages.Range) {
	if len(f.stuck) > 0 {
		f.stuck = slices.DeleteFunc(f.stuck, func(s stuck) bool { return s.From <= run.To && run.From <= s.To })
	}
}

// giveUp takes a run that nobody holds for gone. What retention took from all, below all that is held, is below
// the floor here too; another hole becomes a gap; what no reader can know of is forgotten.
func (c *Core) giveUp(f *flow, run messages.Range, gone bool) {
	e := f.held()
	if gone && run.From <= e.Floor {
		c.raise(f, run.To+1)
		return
	}
	if run.From > e.Head {
		c.unhear(f, run)
		return
	}
	run.To = min(run.To, e.Head)
	f.unstick(run)
	c.stats.GaveUp++
	f.origin.line.GiveUp(f.epoch, run)
	c.regret(f.origin.id, f.epoch)
	c.put(Output{Kind: GiveUp, Origin: f.origin.id, Epoch: f.epoch, Range: run})
}

// unhear forgets that a run above the head exists. What is missing below it, and what peers hold above it, stays.
func (c *Core) unhear(f *flow, run messages.Range) {
	hi := max(f.top(), run.From-1)
	for slot := range c.live.each {
		if slot < len(f.known) && f.known[slot].head > run.To {
			hi = max(hi, f.known[slot].head)
		}
	}
	if f.hi = min(f.hi, hi); f.hi < run.From {
		f.unstick(run)
	}
}

// raise does without what is below a floor.
func (c *Core) raise(f *flow, floor uint64) {
	f.origin.line.Raise(f.epoch, floor)
	f.raise(c, floor-1)
	c.soil(f.origin)
	c.put(Output{Kind: Raise, Origin: f.origin.id, Epoch: f.epoch, Floor: floor})
}

// dropped takes in that retention raised a floor.
func (c *Core) dropped(id messages.NodeID, epoch, floor uint64) {
	o := c.origins[id]
	if o == nil {
		return
	}
	o.line.Raise(epoch, floor)
	c.soil(o)
	if f := o.find(epoch); f != nil {
		c.settle(f)
	}
}

// forgotten takes in that the journal remembers nothing of an epoch.
func (c *Core) forgotten(id messages.NodeID, epoch uint64) {
	o := c.origins[id]
	if o == nil {
		return
	}
	o.line.Forget(epoch)
	c.soil(o)
	if f := o.find(epoch); f != nil && f.arriving.len() == 0 {
		c.drop(f)
	}
	c.part(o)
}

// lost takes in that what was held is damaged.
func (c *Core) lost(id messages.NodeID, epoch uint64, lost messages.Range) {
	o := c.origins[id]
	if o == nil {
		return
	}
	o.line.Lose(epoch, lost)
	if f := c.flow(o, epoch); f != nil {
		f.raise(c, lost.To)
		f.unstick(lost)
		c.mark(f)
		c.wake(f)
	}
}
