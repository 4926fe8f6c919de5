package core

import (
	"time"

	"anode/messages/wire/frame"
)

// doubtAfter is how long after its start a node takes batches of its own that it did not seal for those that it
// sealed before: links are closed after 5 s of silence, so nothing is on its way for longer.
const doubtAfter = 10 * time.Second

// doubled tells whether a push shows that somebody else numbers batches as this node, now. Of two the one with
// the higher epoch stops: both see it, and agree. The batch is not taken by the other either.
//
// A batch that is held is an echo; one that was pulled, or sealed before this node began, is its own past.
func (c *Core) doubled(f *flow, p *frame.Push) bool {
	b := p.Batch
	if p.Repair || f.holds(b.Sequence) || c.now.Mono-c.started.Mono < doubtAfter {
		return false
	}
	if b.Last.Millis() < c.started.Wall+doubtAfter.Milliseconds() {
		return false
	}
	if b.Epoch <= c.cfg.Epoch {
		c.put(Output{Kind: Stop, Reason: "identity in use: another node with this node's key sealed batch " + b.ID().String()})
		return true
	}
	return false
}
