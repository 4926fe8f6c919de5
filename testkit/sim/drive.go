package sim

import (
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
)

// tick calls a node's core, if it still wants that.
func (s *Sim) tick(n *node, at int64) {
	if n.tickAt != at {
		return
	}
	n.tickAt = 0
	if n.core.Due() > s.mono(n) {
		s.plan(n)
		return
	}
	n.core.Tick(s.clock(n))
	s.drain(n)
	if n.up && n.core.Due() <= s.mono(n) && !n.journal.waiting() {
		s.stuck(n)
	}
}

// stuck notes that a core wants to be called at once again and again.
func (s *Sim) stuck(n *node) {
	if s.ticked != s.now || s.ticker != n {
		s.ticked, s.ticker, s.ticks = s.now, n, 0
	}
	if s.ticks++; s.ticks == 1000 {
		s.fail(n, "wants a tick at once, a thousand times in a moment")
		s.over = true
	}
}

// plan calls a node's core when it wants that.
func (s *Sim) plan(n *node) {
	due := n.core.Due()
	if due >= 1<<61 {
		return
	}
	at := max(int64(due-n.offset), s.now)
	if n.tickAt == 0 || at < n.tickAt {
		n.tickAt = max(at, 1)
		s.queue.add(n.tickAt, event{kind: tick, node: n.index, life: n.life, n: n.tickAt})
	}
}

// drain does what a node's core has put out, until it puts out nothing more.
func (s *Sim) drain(n *node) {
	for {
		s.outputs = n.core.Take(s.outputs[:0])
		if len(s.outputs) == 0 {
			break
		}
		for i := range s.outputs {
			s.do(n, &s.outputs[i])
			if !n.up {
				return
			}
		}
		clear(s.outputs)
	}
	s.plan(n)
	for i := 0; i < len(n.stirred); i++ {
		s.read(n, n.stirred[i])
	}
	n.stirred = n.stirred[:0]
}

// stir notes that readers of an origin may go on, once the core has put out everything.
func (n *node) stir(origin messages.NodeID) { n.stirred = append(n.stirred, origin) }

// do does one thing for a node's core.
func (s *Sim) do(n *node, o *core.Output) {
	s.hash.add(uint64(o.Kind)<<56|uint64(o.Class)<<48|uint64(n.index), uint64(s.now))
	switch o.Kind {
	case core.Send:
		s.send(n, o)
	case core.Append:
		s.append(n, o)
	case core.Serve:
		s.later(int64(s.cfg.Append), event{kind: serve, node: n.index, life: n.life, extra: &asked{o.Peer, o.Pull}})
	case core.Dial:
		s.call(n, o.Peer)
	case core.Undial:
		n.hangUp(o.Peer)
	case core.Close:
		s.log(n, "closes %s: %s", o.Peer, o.Reason)
		s.close(n, o.Peer)
	case core.Refuse:
		s.refuse(n, o.Peer)
	case core.GiveUp:
		s.gaveUp(n, o)
	case core.Raise:
		s.raise(n, o.Origin, o.Epoch, o.Floor)
	case core.Renew:
		s.renew(n, o.Epoch, o.Prior)
	case core.Prior:
		n.hear(o.Prior)
	case core.Stop:
		s.stop(n, o.Reason)
	case core.Learn:
		n.disk.registry.learn(o.Events)
		s.figures.learned += uint64(len(o.Events))
	case core.Show:
		s.saw(n, o.Record)
	case core.Cover:
		s.covered(n, o)
	default:
		s.fail(n, "puts out kind %d, which there is not", o.Kind)
	}
}

// hear notes a position of its own that others named.
func (n *node) hear(p messages.Position) {
	if p.Compare(n.heard) > 0 {
		n.heard = p
	}
}

// renew gives a node another epoch.
func (s *Sim) renew(n *node, above uint64, prior messages.Position) {
	n.hear(prior)
	n.epoch = max(above+1, n.disk.epoch+1, uint64(max(s.wall(n), 1)))
	n.disk.epoch = n.epoch
	n.sequence, n.flow = 0, nil
	s.log(n, "numbers with epoch %d", n.epoch)
	n.core.Renewed(s.clock(n), n.epoch)
}

// stop ends a node whose identity is in use elsewhere.
func (s *Sim) stop(n *node, reason string) {
	s.log(n, "stops: %s", reason)
	n.gone = true
	s.figures.stopped++
	s.kill(n, How{})
	s.troubled()
}

// sum adds two lives' counts.
func sum(a, b core.Stats) core.Stats {
	a.Pushed += b.Pushed
	a.Repaired += b.Repaired
	a.Backfilled += b.Backfilled
	a.Redundant += b.Redundant
	a.Sent += b.Sent
	a.Skipped += b.Skipped
	a.Control += b.Control
	a.Pulls += b.Pulls
	a.Grafts += b.Grafts
	a.Prunes += b.Prunes
	a.Retries += b.Retries
	a.GaveUp += b.GaveUp
	a.Refused += b.Refused
	a.Ignored += b.Ignored
	a.Hops += b.Hops
	return a
}

// later puts an event off.
func (s *Sim) later(ns int64, e event) { s.queue.add(s.now+ns, e) }

// after is a moment of the run as people read it.
func after(ns int64) time.Duration { return time.Duration(ns).Round(time.Microsecond) }
