package sim

import (
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// journal is what a node's journal is just doing.
type journal struct {
	// list are the appends under way, in order; first is where it begins.
	list  []pending
	first int
	// free is when the last of them will be done.
	free int64
	// bytes are those of the core's in it; under has the batches.
	bytes int
	under map[*batch]struct{}
	// failing: appends fail. stalled: none is answered; owed are the answers put off.
	failing, stalled bool
	owed             int
	// unsynced are those that a power cut loses, all from after syncedAt.
	unsynced []*batch
	syncedAt int64
	// told is the room that the core was last told of.
	told int64
}

// pending is an append that is not answered.
type pending struct {
	batch *batch
	// local: the node sealed it itself.
	local, backfill, failed bool
	// repair: it did not come by the tree. hop is how far it came by it.
	repair bool
	hop    uint8
}

func (j *journal) waiting() bool { return j.first < len(j.list) }

// has tells whether an append of a batch is under way.
func (j *journal) has(b *batch) bool {
	_, ok := j.under[b]
	return ok
}

// append begins an append for a core.
func (s *Sim) append(n *node, o *core.Output) {
	b := s.truth.of(o.Batch)
	if b == nil {
		s.fail(n, "appends %s, which nobody sealed", o.Batch.ID())
		return
	}
	p := pending{batch: b, backfill: o.Backfill, repair: true}
	if a := n.arriving; a != nil && a.Batch == o.Batch {
		p.repair, p.hop = a.Repair, a.Hop
	}
	s.checkAppend(n, b)
	n.journal.bytes += b.size()
	s.checkAppending(n, b)
	s.submit(n, p)
}

// submit queues an append.
func (s *Sim) submit(n *node, p pending) {
	j := &n.journal
	p.failed = j.failing
	if j.first > 64 && j.first > len(j.list)/2 {
		k := copy(j.list, j.list[j.first:])
		clear(j.list[k:])
		j.list, j.first = j.list[:k], 0
	}
	j.list = append(j.list, p)
	if j.under == nil {
		j.under = make(map[*batch]struct{})
	}
	j.under[p.batch] = struct{}{}
	j.free = max(j.free, s.now+int64(s.cfg.Append))
	s.queue.add(j.free, event{kind: stored, node: n.index, life: n.life})
}

// stored answers the first append.
func (s *Sim) stored(n *node) {
	j := &n.journal
	if j.stalled || n.paused {
		j.owed++
		return
	}
	p := j.list[j.first]
	j.list[j.first] = pending{}
	delete(j.under, p.batch)
	if j.first++; j.first == len(j.list) {
		j.list, j.first = j.list[:0], 0
	}
	result := core.Failed
	if !p.failed {
		result = s.store(n, p)
	}
	if s.tracing {
		s.log(n, "has appended %s: %s", p.batch.sealed.ID(), resultNames[result])
	}
	if p.local {
		n.core.Local(s.clock(n), p.batch.sealed)
	} else {
		j.bytes -= p.batch.size()
		n.core.Appended(s.clock(n), p.batch.sealed, result)
	}
	s.retain(n)
	if p.backfill {
		s.tellRoom(n)
	}
	s.drain(n)
	if n.up {
		s.read(n, p.batch.flow.origin)
	}
}

var resultNames = [...]string{core.Stored: "stored", core.Known: "known", core.Fork: "fork", core.Failed: "failed"}

// store writes a batch, if it is not held, and counts what that means.
func (s *Sim) store(n *node, p pending) core.Result {
	b := p.batch
	sh := n.disk.shelf(b.flow)
	switch {
	case b.sequence() < sh.floor:
		return core.Known
	case sh.has(b.sequence()):
		if n.disk.at(b.flow, sh, b.sequence()) == b {
			return core.Known
		}
		s.figures.forks++
		return core.Fork
	}
	sh.put(b.sequence())
	if b.flow.at(b.sequence()) != b {
		if sh.other == nil {
			sh.other = make(map[uint64]*batch)
		}
		sh.other[b.sequence()] = b
	}
	b.holders++
	b.stored = true
	n.journal.remember(s, b)
	if s.cfg.RetentionBytes > 0 || s.cfg.RetentionAge > 0 {
		n.disk.segments.add(s, b, p.backfill)
	}
	s.delivered(n, p)
	return core.Stored
}

// remember notes that a batch is not synced.
func (j *journal) remember(s *Sim, b *batch) {
	if s.cfg.Sync <= 0 {
		return
	}
	if last := s.now - s.now%int64(s.cfg.Sync); last > j.syncedAt {
		clear(j.unsynced)
		j.unsynced, j.syncedAt = j.unsynced[:0], last
	}
	j.unsynced = append(j.unsynced, b)
}

// unstall answers what was put off, one append time after the other.
func (s *Sim) unstall(n *node) {
	j := &n.journal
	owed := j.owed
	j.owed, j.stalled = 0, false
	j.free = max(j.free, s.now+int64(s.cfg.Append))
	for range owed {
		s.queue.add(j.free, event{kind: stored, node: n.index, life: n.life})
	}
}

// asked is a pull that is to be served.
type asked struct {
	peer messages.NodeID
	pull *frame.Pull
}

// serveNow sends what a peer pulled, as far as it is held.
func (s *Sim) serveNow(n *node, a *asked) {
	k := n.socket(a.peer)
	if k == nil {
		return
	}
	var missing messages.Ranges
	var sent uint32
	f := s.truth.byKey[flowKey{a.pull.Origin, a.pull.Epoch}]
	for _, r := range a.pull.Ranges {
		count := r.To - r.From + 1
		for i := range count {
			q := r.From + i
			if a.pull.Descending {
				q = r.To - i
			}
			var b *batch
			if f != nil {
				if sh := n.disk.look(f); sh.has(q) {
					b = n.disk.at(f, sh, q)
				}
			}
			if b == nil {
				missing = missing.Add(messages.Range{From: q, To: q})
				continue
			}
			if sent > 0 && sent+uint32(b.size()) > a.pull.Bytes {
				s.served(n, a, missing)
				return
			}
			sent += uint32(b.size())
			s.transmit(k.link, k.side, &frame.Push{Repair: true, Hop: 1, Batch: b.sealed}, core.Repair)
		}
	}
	s.served(n, a, missing)
}

func (s *Sim) served(n *node, a *asked, missing []messages.Range) {
	n.core.Served(s.clock(n), a.peer, a.pull.ID, missing)
	s.drain(n)
}

// lose damages batches on a node's disk.
func (s *Sim) lose(n *node, f *flow, r messages.Range) {
	sh := n.disk.shelf(f)
	n.lossy = true
	for q := r.From; q <= r.To; q++ {
		if b := n.disk.at(f, sh, q); sh.has(q) {
			if n.up {
				b.holders--
			}
			sh.take(q)
			n.disk.segments.drop(b)
		}
	}
	if n.up {
		n.core.Lost(s.clock(n), f.origin, f.epoch, r)
		s.drain(n)
	}
}

// sealNext makes a node's next batch.
func (s *Sim) sealNext(n *node, size int, count uint32) {
	if !n.up || n.paused {
		return
	}
	if n.journal.failing || n.journal.stalled {
		s.figures.refused++
		return
	}
	now := time.UnixMilli(s.wall(n))
	h := messages.Header{Origin: n.id, Epoch: n.epoch, Sequence: n.sequence + 1, Count: count}
	h.First = n.disk.clock.Next(now)
	h.Last = h.First + messages.HLC(count-1)
	if n.sequence == 0 {
		h.Prior = s.prior(n)
	}
	n.disk.clock = h.Last
	n.sequence++
	n.flow = s.truth.flow(n.id, n.epoch)
	b := s.truth.seal(n.flow, h, size)
	if b.sequence() == 1 && len(n.flow.forks) == 0 {
		n.flow.prior = h.Prior
	}
	s.begun(n, b)
	s.submit(n, pending{batch: b, local: true})
}

// prior is what the first batch of an epoch names: where the origin's line stood.
func (s *Sim) prior(n *node) messages.Position {
	p := n.disk.last(s.truth, n.id)
	for i := n.journal.first; i < len(n.journal.list); i++ { // on its way to the disk
		if w := n.journal.list[i]; w.local && w.batch.sealed.Position().Compare(p) > 0 {
			p = w.batch.sealed.Position()
		}
	}
	if n.heard.Compare(p) > 0 && n.heard.Epoch < n.epoch {
		p = n.heard
	}
	return p
}
