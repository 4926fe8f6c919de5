package core_test

import (
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// appends are the appends of a node that are under way: its journal answers them in order.
type appends struct {
	list []pending
	// bytes are those of the core's appends. lag is how long one takes, free when the last is done.
	bytes     int
	lag, free time.Duration
	// failing: they fail. stuck: none is answered; owed are the answers put off.
	failing, stuck bool
	owed           int
}

// pending is an append that is not answered. local: the node sealed the batch itself.
type pending struct {
	batch         *wire.Sealed
	local, failed bool
}

func (a *appends) has(id messages.BatchID) bool {
	for _, p := range a.list {
		if p.batch.ID() == id {
			return true
		}
	}
	return false
}

// append begins an append.
func (n *node) append(b *wire.Sealed, local bool) {
	a := &n.appends
	a.list = append(a.list, pending{b, local, a.failing})
	if !local {
		a.bytes += len(b.Bytes())
	}
	a.free = max(a.free, n.lab.now+a.lag)
	n.lab.at(a.free, n.inLife(n.appended))
}

// appended answers the first append.
func (n *node) appended() {
	a := &n.appends
	if a.stuck {
		a.owed++
		return
	}
	p := a.list[0]
	a.list = a.list[1:]
	result := core.Failed
	if !p.failed {
		result = n.store(p.batch)
	}
	if !p.local {
		a.bytes -= len(p.batch.Bytes())
	}
	n.lab.tracef(n, "has appended %s: %d", p.batch.ID(), result)
	n.input(func(c *core.Core, now core.Now) {
		n.moved = true
		if p.local {
			c.Local(now, p.batch)
		} else {
			c.Appended(now, p.batch, result)
		}
	})
}

func (n *node) store(b *wire.Sealed) core.Result {
	s := n.disk.flow(b.Origin, b.Epoch)
	switch old := s.held[b.Sequence]; {
	case b.Sequence < s.floor, old == b:
		return core.Known
	case old != nil:
		return core.Fork
	}
	n.disk.store(b)
	return core.Stored
}

// unstick answers what was put off.
func (n *node) unstick() {
	a := &n.appends
	owed := a.owed
	a.stuck, a.owed = false, 0
	for range owed {
		a.free = max(a.free, n.lab.now+a.lag)
		n.lab.at(a.free, n.inLife(n.appended))
	}
}

// serve sends what a peer pulled, as far as it is there.
func (n *node) serve(peer messages.NodeID, p *frame.Pull) {
	if n.socket(peer) == nil {
		return
	}
	var missing messages.Ranges
	sent := 0
	each(p, func(id messages.BatchID) bool {
		b := n.disk.at(id)
		if b == nil {
			missing = missing.Add(messages.Range{From: id.Sequence, To: id.Sequence})
			return true
		}
		if sent > 0 && sent+len(b.Bytes()) > int(p.Bytes) {
			return false
		}
		sent += len(b.Bytes())
		n.send(peer, &frame.Push{Repair: true, Hop: 1, Batch: b}, core.Repair)
		return true
	})
	n.input(func(c *core.Core, now core.Now) { c.Served(now, peer, p.ID, missing) })
}

// each calls for the batches of a pull, in the order in which they are to come, until told to stop.
func each(p *frame.Pull, do func(messages.BatchID) bool) {
	for _, r := range p.Ranges {
		for i := range r.To - r.From + 1 {
			q := r.From + i
			if p.Descending {
				q = r.To - i
			}
			if !do(messages.BatchID{Origin: p.Origin, Epoch: p.Epoch, Sequence: q}) {
				return
			}
		}
	}
}
