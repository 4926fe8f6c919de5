package sim

import (
	"sort"

	"anode/messages/wire/frame"
)

// counters are what is counted while a run goes on.
type counters struct {
	// bytes and frames are what was sent, by type.
	bytes, frames [32]uint64
	// lost are frames that did not come, unsent those to peers without a link.
	lost, unsent uint64
	maxQueue     int
	maxAppending int
	sealed       uint64
	// refused are batches that an origin could not take.
	refused uint64
	// stored are batches appended that came over links; delivered those of them of the audience, repaired
	// those that did not come by the tree, backfilled those of history.
	stored, delivered, repaired, backfilled uint64
	forks, gaps, gaveUp, stopped            uint64
	learned, shown                          uint64
	hops                                    uint64
	hopped                                  uint64
	maxHop                                  uint8
	latency, calmLatency                    histogram
	last, calmLast                          histogram
	statuses                                histogram
	// up is the sum over time of the nodes that were up, in node-ns, until upAt.
	upTime float64
	upAt   int64
}

// sent counts a frame.
func (c *counters) sent(f frame.Frame, size int) {
	t := f.Type() % 32
	c.bytes[t] += uint64(size)
	c.frames[t]++
}

// begun notes that a batch was sealed.
func (s *Sim) begun(n *node, b *batch) {
	b.by, b.at, b.last = n, s.now, s.now
	b.audience = int32(s.up - 1)
	b.calm = s.calm()
	s.figures.sealed++
	if s.firstAt == 0 {
		s.firstAt = s.now
	}
	if b.calm {
		s.sample(b)
	}
	if b.audience == 0 {
		b.done = true
		return
	}
	s.truth.open = append(s.truth.open, b)
}

// delivered notes that a node has appended a batch.
func (s *Sim) delivered(n *node, p pending) {
	b := p.batch
	if s.watched(n) {
		s.meet(n, &p)
	}
	if p.local {
		return
	}
	c := &s.figures
	b.got++
	c.stored++
	if p.backfill {
		c.backfilled++
	}
	if b.old || b.by == n || n.upAt > b.at {
		return
	}
	c.delivered++
	took := s.now - b.at
	c.latency.add(took)
	if b.calm {
		c.calmLatency.add(took)
	}
	if p.repair {
		c.repaired++
		b.mend(n)
	} else {
		c.hops += uint64(p.hop)
		c.hopped++
		c.maxHop = max(c.maxHop, p.hop)
	}
	b.have++
	b.last = s.now
	s.complete(b)
}

// complete notes that all of its audience have a batch.
func (s *Sim) complete(b *batch) {
	if b.done || b.have < b.audience {
		return
	}
	b.done = true
	s.figures.last.add(b.last - b.at)
	if b.calm {
		s.figures.calmLast.add(b.last - b.at)
	}
	s.flood.compared(b)
	if len(s.truth.open) > 1024 && s.now-s.sweptAt > 1e8 {
		s.sweep()
	}
}

// sweep takes those that are complete from the list of those that are not.
func (s *Sim) sweep() {
	s.sweptAt = s.now
	kept := s.truth.open[:0]
	for _, b := range s.truth.open {
		if !b.done {
			kept = append(kept, b)
		}
	}
	clear(s.truth.open[len(kept):])
	s.truth.open = kept
}

// calm tells whether no fault is near, and the trees had time to form.
func (s *Sim) calm() bool {
	warm := int64(s.cfg.Warm)
	return s.firstAt > 0 && s.lasting() == 0 && s.now >= s.firstAt+warm && (s.faultAt == 0 || s.now >= s.faultAt+2*warm)
}

// disturb notes that a fault has met what is on its way.
func (s *Sim) disturb() {
	for _, b := range s.truth.open {
		if !b.done {
			b.calm = false
		}
	}
}

// phase is the time from a fault to the next.
type phase struct {
	action string
	at     int64
	// missedAt is when something was missing last.
	missedAt int64
}

// wholeAt is when the last batch of a phase was sealed that the tree did not bring to all of its audience.
func (s *Sim) wholeAt(i int) int64 {
	from, to := s.phases[i].at, s.now
	if i+1 < len(s.phases) {
		to = s.phases[i+1].at - grace // what was on its way then is the next one's
	}
	batches := s.truth.batches // in order of time, those of before the start first
	begin := sort.Search(len(batches), func(i int) bool { return !batches[i].old && batches[i].at >= from })
	last := from
	for _, b := range batches[begin:] {
		if b.at >= to {
			break
		}
		if len(b.mended) > 0 || b.have < b.audience {
			last = max(last, b.at)
		}
	}
	return last
}

// mend notes that a node got a batch otherwise than by the tree.
func (b *batch) mend(n *node) { b.mended = append(b.mended, n.index) }

// late notes that the tree brought a batch all the same: its way was whole, only slower.
func (b *batch) late(n *node) {
	for i, m := range b.mended {
		if m == n.index {
			b.mended[i] = b.mended[len(b.mended)-1]
			b.mended = b.mended[:len(b.mended)-1]
			return
		}
	}
}

// spent adds the time up to now to the nodes' time up.
func (s *Sim) spent() {
	s.figures.upTime += float64(s.up) * float64(s.now-s.figures.upAt)
	s.figures.upAt = s.now
}
