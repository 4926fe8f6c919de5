package journal

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// retryEvery is how often what was refused is tried again.
const retryEvery = time.Second

// dirty is what one Sync makes durable: a segment up to a number of batches.
type dirty struct {
	a       *active
	batches int
	size    int64
	closing bool
	err     error
}

// Sync implements storage.Journal.
func (j *Journal) Sync() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	return j.sync()
}

// sync is Sync. syncing is held.
func (j *Journal) sync() error {
	if done, err := j.retry(); done {
		return err
	}
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return storage.ErrClosed
	}
	list, dir := j.dirt(), j.dirDirty
	crowded := len(list) > 0 && j.crowded(leastPosted)
	j.dirDirty = false
	j.mu.Unlock()
	if dir {
		if err := j.fs.SyncDir(j.cfg.Dir); err != nil {
			j.mu.Lock()
			j.dirDirty = true
			j.mu.Unlock()
			return fmt.Errorf("%w: %w", storage.ErrRefused, err)
		}
	}
	failed := false
	var group sync.WaitGroup
	if crowded { // the indexes are made while the disk is waited for
		group.Go(func() { j.postSome(maxPosted) })
	}
	for i := range list {
		list[i].err = list[i].a.flush(list[i].closing)
		failed = failed || list[i].err != nil
	}
	group.Wait()
	j.synced(list)
	if failed {
		return j.mend()
	}
	return nil
}

// flush makes a segment durable. A closed one is cut first, which frees what was allocated behind it.
func (a *active) flush(closing bool) error {
	if closing {
		_ = a.file.Truncate(a.seg.size) // what stays allocated only takes room
	}
	return a.file.Sync()
}

// retry tells whether nothing can be synced now, after it tried to mend what failed.
func (j *Journal) retry() (done bool, err error) {
	j.mu.RLock()
	refused, refusal, tried, closed := j.refused, j.refusal(), j.tried, j.closed
	j.mu.RUnlock()
	if refused == "" || closed {
		return false, nil
	}
	if wait := j.cfg.Clock().Sub(tried); wait >= 0 && wait < retryEvery {
		return true, fmt.Errorf("%w: %s", refusal, refused)
	}
	if err := j.mend(); err != nil {
		return true, err
	}
	return false, nil
}

// dirt lists what is to be synced. mu is held.
func (j *Journal) dirt() []dirty {
	var list []dirty
	for _, a := range j.closing {
		list = append(list, dirty{a: a, batches: len(a.unsynced), size: a.seg.size, closing: true})
	}
	for _, a := range j.active {
		if a != nil && len(a.unsynced) > 0 {
			list = append(list, dirty{a: a, batches: len(a.unsynced), size: a.seg.size})
		}
	}
	return list
}

// synced notes what became durable, and sets aside what could not.
func (j *Journal) synced(list []dirty) {
	var done []File
	j.mu.Lock()
	for _, d := range list {
		if d.err != nil {
			j.setAside(d.a)
			j.cfg.Logger.Error("fsync failed: what was not synced is written again", "segment", d.a.seg.path, "batches", len(d.a.unsynced), "error", d.err)
			continue
		}
		for i := range d.a.unsynced[:d.batches] {
			j.unsynced -= frameHeader + int64(len(d.a.unsynced[i].Bytes()))
		}
		d.a.unsynced = append([]*wire.Sealed(nil), d.a.unsynced[d.batches:]...)
		d.a.synced = d.size
		if d.closing {
			d.a.seg.durable = true
			done = append(done, d.a.file)
			j.closing = slices.DeleteFunc(j.closing, func(a *active) bool { return a == d.a })
		}
	}
	if len(j.failed) == 0 {
		j.stats.LastSync = j.cfg.Clock()
	}
	j.mu.Unlock()
	for _, f := range done {
		_ = f.Close() // it is synced: nothing is lost with it
	}
}

// setAside takes a segment whose fsync failed out of use. mu is held.
func (j *Journal) setAside(a *active) {
	if j.active[a.seg.family] == a {
		a.seg.closed = j.cfg.Clock().UnixMilli()
		j.active[a.seg.family] = nil
	}
	j.closing = slices.DeleteFunc(j.closing, func(b *active) bool { return a == b })
	j.failed = append(j.failed, a)
	j.refused = "an fsync failed"
}

// mend writes what failed segments had unsynced again, each into a new one.
func (j *Journal) mend() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.upkeep.Lock()
	defer j.upkeep.Unlock()
	j.post()
	for {
		j.mu.Lock()
		j.tried = j.cfg.Clock()
		if len(j.failed) == 0 {
			j.refused, j.roomless, j.stats.LastSync = "", false, j.tried
			j.mu.Unlock()
			return nil
		}
		a := j.failed[0]
		j.mu.Unlock()
		if err := j.rewrite(a); err != nil {
			j.mu.Lock()
			j.refused, j.roomless = fmt.Sprintf("an fsync failed, and writing again what it left: %v", err), noRoom(err)
			refusal := j.refusal()
			j.mu.Unlock()
			return fmt.Errorf("%w: an fsync failed, and writing again what it left: %w", refusal, err)
		}
		j.mu.Lock()
		j.failed = j.failed[1:]
		j.mu.Unlock()
	}
}

// rewrite writes a failed segment's unsynced batches into a new one, and makes that durable.
func (j *Journal) rewrite(failed *active) error {
	var frames []byte
	for i := range failed.unsynced {
		frames = appendFrame(frames, failed.unsynced[i].Bytes())
	}
	need := segmentHeader + int64(len(frames))
	room, err := j.fitNext(need)
	if err != nil {
		room = need // it was taken already: it may have of what must stay
	}
	a, err := j.create(failed.seg.family, room)
	if err != nil {
		return err
	}
	if _, err = a.file.WriteAt(frames, segmentHeader); err == nil {
		err = a.file.Sync()
	}
	if err == nil {
		err = j.fs.SyncDir(j.cfg.Dir)
	}
	if err != nil {
		_ = a.file.Close()
		_ = j.fs.Remove(a.seg.path + segmentEnding)
		return err
	}
	before := j.drop(failed)
	j.mu.Lock()
	j.enlist(a.seg)
	j.dirDirty = false
	for i := range failed.unsynced {
		s := failed.unsynced[i]
		length := frameHeader + int64(len(s.Bytes()))
		if sp, made := a.seg.note(s, a.seg.size+frameHeader); made {
			e := j.epoch(sp.key)
			e.spans = append(e.spans, sp)
		}
		a.seg.size += length
		j.bytes += length
		j.unsynced -= length
		a.seg.unposted = append(a.seg.unposted, s)
		a.seg.unpostedBytes += length
	}
	j.stats.Rewritten += uint64(len(failed.unsynced))
	a.synced = a.seg.size
	if j.active[a.seg.family] == nil {
		j.active[a.seg.family] = a
	} else {
		a.seg.closed = j.cfg.Clock().UnixMilli()
		j.closing = append(j.closing, a)
	}
	j.mu.Unlock()
	j.cfg.Logger.Warn("what an fsync failed for was written again", "batches", len(failed.unsynced), "from", before, "to", a.seg.path)
	return nil
}

// drop takes what a failed segment had unsynced out of it. writing and upkeep are held.
func (j *Journal) drop(failed *active) string {
	seg := failed.seg
	_ = failed.file.Truncate(failed.synced) // at worst the batches stand in both
	_ = failed.file.Close()
	j.files.forget(seg)
	gone := make(map[epochKey]map[uint64]bool)
	for i := range failed.unsynced {
		s := failed.unsynced[i]
		key := epochKey{s.Origin, s.Epoch}
		if gone[key] == nil {
			gone[key] = make(map[uint64]bool)
		}
		gone[key][s.Sequence] = true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range failed.unsynced {
		s := failed.unsynced[i]
		seg.batches--
		seg.records -= uint64(s.Count)
	}
	for key, sequences := range gone {
		sp := seg.byKey[key]
		for sequence := range sequences {
			sp.held.cut(sequence)
		}
		seg.index.entries[sp.ordinal] = slices.DeleteFunc(slices.Clone(seg.index.entries[sp.ordinal]), func(e entry) bool { return sequences[e.sequence] })
		sp.recount(seg.index.entries[sp.ordinal])
	}
	seg.index.dropPostings(func(p posting) bool { return gone[seg.spans[p.epoch].key][p.sequence] }, j.totals)
	j.bytes -= seg.size - failed.synced
	seg.size, seg.durable = failed.synced, true
	return seg.path
}

// recount finds a span's bounds again from what is left of it.
func (s *span) recount(list []entry) {
	s.first, s.last, s.top, s.topCount = 0, 0, 0, 0
	if len(list) == 0 || list[0].sequence > 1 {
		s.begun, s.prior = false, messages.Position{}
	}
	for _, e := range list {
		if s.first == 0 || e.first < s.first {
			s.first = e.first
		}
		s.last = max(s.last, e.last)
		s.top, s.topCount = e.sequence, uint32(e.last-e.first)+1
	}
}

// dropPostings takes batches out of the streams. Their identities stay: they are still held, elsewhere.
func (x *index) dropPostings(gone func(posting) bool, totals map[messages.Stream]*total) {
	for stream, p := range x.streams {
		kept := make([]posting, 0, len(p.list))
		for _, one := range p.list {
			if !gone(one) {
				kept = append(kept, one)
				continue
			}
			less := total{records: uint64(one.records), bytes: one.bytes}
			p.records -= less.records
			p.bytes -= less.bytes
			takeTotal(totals, stream, less)
		}
		if p.list = kept; len(kept) == 0 {
			delete(x.streams, stream)
		}
	}
}
