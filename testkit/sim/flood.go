package sim

// flood is what flooding would have done with some of the batches: each node that gets one for the first time
// stores it and sends it to all its links but the one that it came over, over the same links with the same
// latencies. Nothing is faster over these links, and nothing sends more.
type flood struct {
	lastAt int64
	// tried are the batches that were flooded, samples those of them that no fault met on their way; last and tree are
	// when the last node had these.
	tried, samples int
	last, tree     histogram
	// received is what came, reached the nodes that got something.
	received, reached, missed uint64

	arrives []int64
	heap    heap
}

// mostSamples is how many batches of a run are compared, at equal distances.
const mostSamples = 200

// sample floods a batch that was just sealed.
func (s *Sim) sample(b *batch) {
	f := &s.flood
	if !s.cfg.Baseline || f.tried > 0 && s.now-f.lastAt < int64(s.cfg.Duration)/mostSamples {
		return
	}
	f.lastAt = s.now
	f.tried++
	f.arrives = f.arrives[:0]
	for range s.nodes {
		f.arrives = append(f.arrives, -1)
	}
	f.heap = append(f.heap[:0], entry{0, 0, b.by.index})
	var order uint64
	var last int64
	reached := 0
	for len(f.heap) > 0 {
		at := f.heap.pop()
		f.received++
		if f.arrives[at.slot] >= 0 {
			continue
		}
		reached++
		f.arrives[at.slot] = at.at
		last = max(last, at.at)
		for _, k := range s.nodes[at.slot].sockets {
			from, to := &k.link.ends[k.side], &k.link.ends[1-k.side]
			// Who sent it gets nothing back: its own copy came from there, so it is not among the later ones.
			if int(at.order>>32) == int(to.node.index)+1 || s.network.loses(s.random.figures, from.node, to.node) {
				continue
			}
			order++
			took := from.lag + upTo(s.random.figures, s.network.jitter) + int64(s.cfg.Append)
			f.heap.push(entry{at.at + took, uint64(at.slot+1)<<32 | order&(1<<32-1), to.node.index})
		}
	}
	f.received-- // the origin's own
	f.reached += uint64(reached - 1)
	f.missed += uint64(s.up - reached)
	b.flooded = max(last, 1)
}

// compared notes how long a batch took to the last node, and how long flooding would have.
func (f *flood) compared(b *batch) {
	if b.flooded > 0 && b.calm {
		f.samples++
		f.last.add(b.flooded)
		f.tree.add(b.last - b.at)
	}
}
