package sim

import (
	"time"

	"anode/messages"
)

// keepEvery is how often a journal looks after its retention.
const keepEvery = int64(time.Second)

// segment is a run of batches that retention drops together.
type segment struct {
	batches []*batch
	bytes   int64
	// old: they were backfilled. closedAt is when it was closed, 0 while it is open; last is the highest
	// reading in it.
	old      bool
	openedAt int64
	closedAt int64
	last     messages.HLC
}

// segments are those of a journal: two families, of what is new and of what was backfilled.
type segments struct {
	list  []*segment
	open  [2]*segment
	bytes int64
}

// add puts a batch into the open segment of its family.
func (g *segments) add(s *Sim, b *batch, old bool) {
	family := 0
	if old {
		family = 1
	}
	at := g.open[family]
	if at == nil {
		at = &segment{old: old, openedAt: s.now}
		g.open[family] = at
		g.list = append(g.list, at)
	}
	at.batches = append(at.batches, b)
	at.bytes += int64(b.size())
	at.last = max(at.last, b.sealed.Last)
	g.bytes += int64(b.size())
	if most := s.cfg.RetentionBytes / 8; most > 0 && at.bytes >= min(most, 64<<20) {
		g.close(s, family)
	}
}

func (g *segments) close(s *Sim, family int) {
	g.open[family].closedAt = max(s.now, 1)
	g.open[family] = nil
}

// drop forgets that a batch is in a segment.
func (g *segments) drop(b *batch) {
	for _, at := range g.list {
		for i := range at.batches {
			if at.batches[i] == b {
				at.batches[i] = at.batches[len(at.batches)-1]
				at.batches = at.batches[:len(at.batches)-1]
				at.bytes -= int64(b.size())
				g.bytes -= int64(b.size())
				return
			}
		}
	}
}

// oldest is the place of the closed segment that goes first; -1 where none is closed.
func (g *segments) oldest(s *Sim) int {
	best, age := -1, int64(0)
	for i, at := range g.list {
		if at.closedAt == 0 {
			continue
		}
		if a := s.age(at); best < 0 || a > age {
			best, age = i, a
		}
	}
	return best
}

// age is how old a segment is, in ms: since its closing, or of what was backfilled since its last reading.
func (s *Sim) age(at *segment) int64 {
	if at.old {
		return max(0, s.begin+s.now/1e6-at.last.Millis())
	}
	return (s.now - at.closedAt) / 1e6
}

// keep looks after the retention of a node now and then.
func (s *Sim) keep(n *node) {
	s.later(keepEvery, event{kind: keep, node: n.index, life: n.life})
	g := &n.disk.segments
	for family, at := range g.open {
		if at != nil && s.cfg.RetentionAge > 0 && s.now-at.openedAt >= int64(s.cfg.RetentionAge/8) {
			g.close(s, family)
		}
	}
	s.retain(n)
	s.forgetOld(n)
	s.tellRoom(n)
	s.drain(n)
}

// retain drops segments until the rest is within the bounds.
func (s *Sim) retain(n *node) {
	g := &n.disk.segments
	for {
		i := g.oldest(s)
		if i < 0 {
			return
		}
		at := g.list[i]
		full := s.cfg.RetentionBytes > 0 && g.bytes > s.cfg.RetentionBytes
		over := s.cfg.RetentionAge > 0 && s.age(at) > s.cfg.RetentionAge.Milliseconds()
		if !full && !over {
			return
		}
		g.list = append(g.list[:i], g.list[i+1:]...)
		g.bytes -= at.bytes
		s.unlink(n, at)
	}
}

// unlink drops the batches of a segment, and raises the floor of each flow in it.
func (s *Sim) unlink(n *node, at *segment) {
	floors := make(map[*flow]uint64)
	var order []*flow
	for _, b := range at.batches {
		if _, ok := floors[b.flow]; !ok {
			order = append(order, b.flow)
		}
		floors[b.flow] = max(floors[b.flow], b.sequence()+1)
	}
	for _, f := range order {
		if floors[f] <= n.disk.shelf(f).floor {
			continue
		}
		s.lift(n, f, floors[f])
		if n.up {
			n.core.Dropped(s.clock(n), f.origin, f.epoch, floors[f])
			s.read(n, f.origin)
		}
	}
}

// lift raises a floor, and counts the node out of the holders of what lies below.
func (s *Sim) lift(n *node, f *flow, floor uint64) {
	sh := n.disk.shelf(f)
	for q := max(sh.floor, 1); q < min(floor, sh.head+1); q++ {
		if sh.has(q) && n.up {
			n.disk.at(f, sh, q).holders--
		}
	}
	sh.raise(floor)
}

// raise sets a floor because the core does without what lies below.
func (s *Sim) raise(n *node, origin messages.NodeID, epoch, floor uint64) {
	s.lift(n, s.truth.flow(origin, epoch), floor)
	n.stir(origin)
}

// forgetOld forgets emptied flows whose last batch is older than twice the age that is kept.
func (s *Sim) forgetOld(n *node) {
	if s.cfg.RetentionAge <= 0 {
		return
	}
	before := messages.HLCFromMillis(s.begin + s.now/1e6 - 2*s.cfg.RetentionAge.Milliseconds())
	for i := range n.disk.shelves {
		sh, f := &n.disk.shelves[i], s.truth.flows[i]
		b := f.at(sh.head)
		if !sh.known() || sh.head >= sh.floor || b == nil || b.sealed.Last >= before || f == n.flow {
			continue
		}
		if n.disk.forgotten == nil {
			n.disk.forgotten = make(map[int]bool)
		}
		n.disk.forgotten[i] = true
		*sh = shelf{}
		n.core.Forgotten(s.clock(n), f.origin, f.epoch)
		s.read(n, f.origin)
	}
}

// space is how many bytes of old batches a node has room for.
func (s *Sim) space(n *node) int64 {
	if s.cfg.RetentionBytes <= 0 {
		return 1 << 60
	}
	return s.cfg.RetentionBytes - n.disk.segments.bytes
}

// tellRoom tells a core of its room, when that has changed by more than a thirty-second of it.
func (s *Sim) tellRoom(n *node) {
	if s.cfg.RetentionBytes <= 0 {
		return
	}
	is := s.space(n)
	if moved := is - n.journal.told; is < 1 != (n.journal.told < 1) || moved > s.cfg.RetentionBytes/32 || -moved > s.cfg.RetentionBytes/32 {
		n.journal.told = is
		n.core.Room(s.clock(n), is)
	}
}
