package core

import (
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// doubtAfter is how long after its start a node takes batches of its own that it did not seal for those that it
// sealed before: links are closed after 5 s of silence, so nothing is on its way for longer.
const doubtAfter = 10 * time.Second

// above is a higher epoch of this node's that turned up, and since when it is known.
type above struct {
	messages.Position
	at time.Duration
}

// outdone notes that there is a higher epoch of this node's than the one it numbers with: its batches would be late for
// all readers. It takes a higher one, but only when doubtAfter has passed: if another node lives with this one's
// identity that one is to stop first.
func (c *Core) outdone(o *origin, epoch, head uint64) {
	if o == c.self {
		c.recall(epoch)
	}
	if o != c.self || epoch <= c.cfg.Epoch || epoch < c.above.Epoch || epoch == c.above.Epoch && head <= c.above.Sequence {
		return
	}
	if c.above.at == 0 {
		c.above.at = c.now.Mono
	}
	c.above.Position = messages.Position{Origin: c.cfg.Node, Epoch: epoch, Sequence: head, Index: messages.IndexEnd}
}

// climb takes a higher epoch, when it is time.
func (c *Core) climb() {
	if c.above.at != 0 && c.now.Mono-c.above.at >= doubtAfter {
		c.above.at = c.now.Mono // it is said again until it is done
		c.put(Output{Kind: Renew, Epoch: c.above.Epoch, Prior: c.above.Position})
	}
}

// recall notes an epoch that this node had before, as a peer says when the node has just begun.
func (c *Core) recall(epoch uint64) {
	if epoch < c.cfg.Epoch && c.now.Mono-c.started.Mono < doubtAfter {
		c.past = max(c.past, epoch)
	}
}

// doubled tells whether a push shows that somebody else numbers batches as this node, now. Of two the one with
// the higher epoch stops: both see it, and agree.
//
// A batch that is held is an echo; one that was pulled, or sealed before this node began, is its own past.
func (c *Core) doubled(f *flow, p *frame.Push) bool {
	b := p.Batch
	if p.Repair || b.Epoch <= c.past || b.Sequence <= f.held().Head || f.holds(b.Sequence) || c.now.Mono-c.started.Mono < doubtAfter {
		return false
	}
	if b.Last.Millis() < c.started.Wall+doubtAfter.Milliseconds() {
		return false
	}
	if b.Epoch <= c.cfg.Epoch {
		if c.stopped {
			return true
		}
		c.stopped = true
		c.put(Output{Kind: Stop, Reason: "identity in use: another node with this node's key sealed batch " + b.ID().String()})
		return true
	}
	return false
}
