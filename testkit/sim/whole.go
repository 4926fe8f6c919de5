package sim

import (
	"anode/messages"
)

// look checks the whole, and plans the next look.
func (s *Sim) look() {
	every := restEvery
	if len(s.phases) > 0 && s.now-s.phases[len(s.phases)-1].at < 60e9 {
		every = checkEvery
	}
	if work := len(s.nodes) * max(len(s.truth.flows), 1); work > 1_000_000 {
		every = max(every, restEvery) * int64(1+work/4_000_000)
	}
	s.later(every, event{kind: check, node: -1})
	missing := s.missing(s.now-grace) + s.unlearned()
	if len(s.phases) > 0 && missing > 0 {
		s.phases[len(s.phases)-1].missedAt = s.now
	}
	s.whole = missing == 0
	if s.now-s.comparedAt >= 5e9 {
		s.comparedAt = s.now
		s.compareSome()
	}
	if s.converging() {
		s.converge(s.now - int64(s.cfg.Converge))
		if s.unlearned() > 0 && s.now-s.registeredAt > int64(s.cfg.Converge) {
			s.fail(nil, "%d events of the registry are not known everywhere", s.unlearned())
			s.registered = 0
		}
	}
}

// converging tells whether the last fault is so long ago that everything has to be everywhere.
func (s *Sim) converging() bool { return s.lasting() == 0 && s.now-s.faultAt > int64(s.cfg.Converge) }

// missing counts what was sealed before a time, is held by somebody who is up, and is not by somebody else who is.
func (s *Sim) missing(before int64) uint64 {
	var sum uint64
	s.eachMissing(before, func(*node, *batch) { sum++ })
	return sum
}

// eachMissing calls for each batch that a node is to hold and does not.
func (s *Sim) eachMissing(before int64, each func(*node, *batch)) {
	for _, f := range s.truth.flows {
		for f.owed < f.head() && f.batches[f.owed].at <= before {
			f.owed++
		}
		owed := f.owed
		for owed > 0 && f.batches[owed-1].at > before {
			owed--
		}
		if owed == 0 || s.expired(f.batches[owed-1]) {
			continue
		}
		for _, n := range s.nodes {
			if !n.up || n.upAt > before {
				continue
			}
			sh := n.disk.look(f)
			if sh.solid >= owed && sh.known() || n.disk.forgotten[f.index] {
				continue
			}
			sh.missing(owed, func(q uint64) {
				if b := f.batches[q-1]; b.holders > 0 && !s.expired(b) {
					each(n, b)
				}
			})
		}
	}
}

// expired tells whether retention may have taken a batch by its age.
func (s *Sim) expired(b *batch) bool {
	return s.cfg.RetentionAge > 0 && b.sealed.Last < messages.HLCFromMillis(s.begin+s.now/1e6-s.cfg.RetentionAge.Milliseconds())
}

// converge: what was sealed before a time and is held by somebody is held by all.
func (s *Sim) converge(before int64) {
	said := 0
	s.eachMissing(before, func(n *node, b *batch) {
		if !s.overdue[n.index] && said < 3 {
			said++
			s.overdue[n.index] = true
			s.fail(n, "does not hold %s, sealed at %s; nodes that hold it: %d", b.sealed.ID(), after(b.at), b.holders)
		}
	})
}

// stretch is how many batches of a flow are compared at a time, the newest and as many of the older ones: so the
// time of a run does not grow with the square of its length.
const stretch = 1024

// compareSome compares what some nodes' lines say with what their journals hold.
func (s *Sim) compareSome() {
	s.compareTurn++
	for range min(16, len(s.nodes)) {
		s.compareAt = (s.compareAt + 1) % len(s.nodes)
		if n := s.nodes[s.compareAt]; n.up {
			s.compare(n)
		}
	}
}

// compare: a core's lines are what the journal holds, and their heads never go back.
func (s *Sim) compare(n *node) {
	lines := n.core.Lines()
	for _, origin := range lines.Origins() {
		head := lines.Head(origin)
		if before, ok := n.heads[origin]; ok && head.Compare(before) < 0 && !s.forgot(n, before) {
			s.fail(n, "knew of %s, and now only of %s", before, head)
		}
		if n.heads == nil {
			n.heads = make(map[messages.NodeID]messages.Position)
		}
		n.heads[origin] = head
	}
	for _, f := range s.truth.flows {
		sh := n.disk.look(f)
		line := lines[f.origin]
		if !sh.known() {
			continue
		}
		if line == nil {
			s.fail(n, "knows nothing of %s, of which it holds batches", f.origin)
			return
		}
		for _, r := range s.turn(n, max(sh.floor, 1), f.head()) {
			if !s.compareRun(n, f, sh, line, r) {
				return
			}
		}
	}
}

// turn are the sequences that are compared this time: the newest, and a stretch of what is before them, drawn
// anew for each node and time.
func (s *Sim) turn(n *node, from, to uint64) []messages.Range {
	if to < from || to-from < 2*stretch {
		return []messages.Range{{From: from, To: to}}
	}
	newest := to - stretch
	first := from + mix(uint64(s.compareTurn)<<32|uint64(n.index))%((newest-from)/stretch+1)*stretch
	return []messages.Range{{From: first, To: min(first+stretch-1, newest)}, {From: newest + 1, To: to}}
}

// compareRun compares a run of sequences.
func (s *Sim) compareRun(n *node, f *flow, sh *shelf, line *messages.Line, r messages.Range) bool {
	for q := r.From; q <= r.To; q++ {
		if b := n.disk.at(f, sh, q); sh.has(q) != line.Holds(f.epoch, q) && !n.journal.has(b) {
			s.fail(n, "says that it holds %s: %t, but its journal: %t", b.sealed.ID(), line.Holds(f.epoch, q), sh.has(q))
			return false
		}
	}
	return true
}

// forgot tells whether a node's journal has forgotten the epoch of a position.
func (s *Sim) forgot(n *node, p messages.Position) bool {
	f := s.truth.byKey[flowKey{p.Origin, p.Epoch}]
	return f != nil && n.disk.forgotten[f.index]
}
