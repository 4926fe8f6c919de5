package journal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"anode/messages"
	"anode/storage"
)

// Maintain implements storage.Journal.
func (j *Journal) Maintain(now time.Time) error {
	j.mu.RLock()
	closed, refused := j.closed, j.refused != ""
	j.mu.RUnlock()
	if closed {
		return storage.ErrClosed
	}
	var faults []error
	if refused {
		faults = append(faults, j.Sync())
	}
	if j.rollOld(now); !refused && j.rolled() {
		faults = append(faults, j.Sync()) // no Append may come that has it synced
	}
	j.post()
	faults = append(faults, j.keepUp(now), j.room())
	return errors.Join(faults...)
}

// rolled tells whether closed segments wait for a Sync.
func (j *Journal) rolled() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return len(j.closing) > 0
}

// keepUp does what is due of closed segments.
func (j *Journal) keepUp(now time.Time) error {
	j.upkeep.Lock()
	defer j.upkeep.Unlock()
	return errors.Join(j.watchClock(now), j.retain(now), j.sidecars(16), j.forget(now))
}

// room sees what is free, and allocates the next segment.
func (j *Journal) room() error {
	j.writing.Lock()
	j.askFree()
	j.writing.Unlock()
	j.mu.Lock()
	room, err := j.fit(j.least(0))
	if j.spare != nil || err != nil {
		j.diskFull = false // the next write shows whether it still is
	}
	j.mu.Unlock()
	if err != nil {
		return nil // Stats say so
	}
	return j.allocate(room)
}

// rollOld closes active segments that were begun long ago, so that age can take them.
func (j *Journal) rollOld(now time.Time) {
	if j.cfg.RetentionAge == 0 {
		return
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	for f, a := range j.active {
		if a != nil && a.seg.batches > 0 && now.Sub(time.UnixMilli(a.seg.made)) >= j.cfg.RetentionAge/8 {
			j.detach(storage.Family(f))
		}
	}
}

// watchClock puts age retention off for a day after the clock, or the process, missed one.
func (j *Journal) watchClock(now time.Time) error {
	j.mu.Lock()
	k := &j.keep
	var changes []storage.Change
	if gone := now.Sub(k.seen); !k.seen.IsZero() && gone > clockJump && j.cfg.RetentionAge > 0 {
		j.ageOff = now.Add(clockJump)
		changes = append(changes, number64(bucketClock, "off", uint64(j.ageOff.UnixMilli())))
		j.cfg.Logger.Warn("the clock went forward, or this node was away: nothing is dropped by age for a day", "by", gone)
	}
	if j.ageOff.Sub(now) > clockJump {
		j.ageOff = now.Add(clockJump)
	}
	j.ageNote = ""
	if now.Before(j.ageOff) {
		j.ageNote = "the clock went forward by more than a day, or this node was away so long: nothing is dropped by age until " + j.ageOff.UTC().Format(time.RFC3339)
	}
	k.seen = now
	if d := now.Sub(k.stored); d >= time.Minute || d < 0 || len(changes) > 0 {
		k.stored = now
		changes = append(changes, number64(bucketClock, "seen", uint64(max(now.UnixMilli(), 0))))
	}
	j.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	return j.cfg.State.Put(changes...)
}

// since is when what is in a closed segment began to age, in Unix ms.
func (s *segment) since(now time.Time) int64 {
	if s.family == storage.Backfill {
		return min(s.last(), now.UnixMilli())
	}
	return s.closed
}

// unlink drops a segment: first its floors are remembered, so that nothing that was
// dropped is ever taken for a hole.
func (j *Journal) unlink(seg *segment) error {
	j.post()
	streams := j.streamsOf(seg)
	again, err := j.hand(seg, streams)
	if err != nil {
		return err
	}
	j.mu.RLock()
	floors := j.floorsAbove(seg)
	changes := j.floorChanges(floors)
	j.mu.RUnlock()
	if err := j.cfg.State.Put(changes...); err != nil {
		return err
	}
	j.mu.Lock()
	j.raise(floors)
	for _, sp := range seg.spans {
		e := j.epochs[sp.key]
		e.spans = slices.DeleteFunc(e.spans, func(s *span) bool { return s == sp })
	}
	for stream, t := range streams {
		takeTotal(j.totals, stream, t)
	}
	j.segments = slices.DeleteFunc(j.segments, func(s *segment) bool { return s == seg })
	j.bytes -= seg.bytes()
	j.mu.Unlock()
	j.details.forget(seg)
	j.files.forget(seg)
	if seg.sidecar > 0 {
		err = j.fs.Remove(seg.path + sidecarEnding)
	}
	if err = errors.Join(err, j.fs.Remove(seg.path+segmentEnding)); err == nil && again != nil {
		err = again()
	}
	return err
}

// streamsOf gives what a segment has of each stream.
func (j *Journal) streamsOf(seg *segment) map[messages.Stream]total {
	j.mu.RLock()
	if x := seg.index; x != nil {
		defer j.mu.RUnlock()
		streams := make(map[messages.Stream]total, len(x.streams))
		for stream, p := range x.streams {
			streams[stream] = p.total
		}
		return streams
	}
	j.mu.RUnlock()
	b, _, err := readPart(j.fs, seg.path+sidecarEnding, partSummary)
	if err == nil {
		var sum summary
		if sum, err = decodeSummary(b, newSegment(j.cfg.Dir, seg.number, seg.family)); err == nil {
			return sum.streams
		}
	}
	again := newSegment(j.cfg.Dir, seg.number, seg.family)
	if _, err := j.load(again, false, nil); err != nil {
		j.cfg.Logger.Warn("a segment can't be read: the streams' figures keep what it had", "segment", seg.path, "error", err)
		return nil
	}
	streams := make(map[messages.Stream]total, len(again.index.streams))
	for stream, p := range again.index.streams {
		streams[stream] = p.total
	}
	return streams
}

// floorsAbove gives what is to be remembered of the epochs in a segment that goes. mu is held.
func (j *Journal) floorsAbove(seg *segment) map[epochKey]remembered {
	floors := make(map[epochKey]remembered)
	for _, sp := range seg.spans {
		floor := max(sp.held.top(), sp.lost.top()) + 1
		e := j.epochs[sp.key]
		if e == nil || floor <= e.floor {
			continue
		}
		floors[sp.key] = j.withFloor(sp.key, floor)
	}
	return floors
}

// withFloor gives what is to be remembered of an epoch whose floor rises. mu is held.
func (j *Journal) withFloor(key epochKey, floor uint64) remembered {
	kept := j.keep.floors[key]
	kept.floor = floor
	if line := j.lines[key.origin]; line != nil {
		if d, ok := line.Epoch(key.epoch); ok {
			kept.head, kept.index, kept.hlc = d.Head, d.HeadIndex, d.HeadHLC
		}
	}
	if kept.head < floor-1 {
		kept.head, kept.index = floor-1, messages.IndexEnd
	}
	if e := j.epochs[key]; e != nil {
		for _, sp := range e.spans {
			if sp.begun {
				kept.begun, kept.prior = true, sp.prior
			}
		}
	}
	return kept
}

// Raise implements storage.Journal.
func (j *Journal) Raise(origin messages.NodeID, epoch, floor uint64) error {
	if floor > messages.MaxSequence+1 || epoch == 0 || epoch > messages.MaxEpoch {
		return fmt.Errorf("raise the floor of origin %s, epoch %d: %d is beyond all sequences", origin, epoch, floor)
	}
	key := epochKey{origin, epoch}
	j.upkeep.Lock() // no other may remember a lower floor after this one
	defer j.upkeep.Unlock()
	j.mu.RLock()
	closed, e := j.closed, j.epochs[key]
	if closed || floor <= 1 || e != nil && floor <= e.floor {
		j.mu.RUnlock()
		if closed {
			return storage.ErrClosed
		}
		return nil
	}
	floors := map[epochKey]remembered{key: j.withFloor(key, floor)}
	changes := j.floorChanges(floors)
	j.mu.RUnlock()
	if err := j.cfg.State.Put(changes...); err != nil {
		return fmt.Errorf("remember the floor of origin %s: %w", origin, err)
	}
	j.mu.Lock()
	j.raise(floors)
	j.mu.Unlock()
	return nil
}

// floorChanges gives how State remembers floors. mu is held.
func (j *Journal) floorChanges(floors map[epochKey]remembered) []storage.Change {
	var changes []storage.Change
	for key, kept := range floors {
		changes = append(changes, storage.Change{Bucket: bucketFloors, Key: key.text(), Value: kept.encode()})
		if gone, ok := j.keep.gone[key]; ok {
			changes = append(changes, goneChange(key, gone.above(kept.floor)))
		}
	}
	return changes
}

// raise moves floors up, once they are remembered. mu is held.
func (j *Journal) raise(floors map[epochKey]remembered) {
	for key, kept := range floors {
		j.lines.Open(key.origin).Raise(key.epoch, kept.floor)
		j.epoch(key).floor = kept.floor
		j.keep.floors[key] = kept
		if gone := j.keep.gone[key].above(kept.floor); len(gone) > 0 {
			j.keep.gone[key] = gone
		} else {
			delete(j.keep.gone, key)
		}
	}
}

// forget drops the memory of epochs that were emptied long ago, and of the oldest where there are too many.
func (j *Journal) forget(now time.Time) error {
	j.mu.Lock()
	var changes []storage.Change
	for _, key := range j.forgettable(now) {
		line := j.lines.Open(key.origin)
		line.Forget(key.epoch)
		delete(j.keep.floors, key)
		delete(j.keep.gone, key)
		delete(j.epochs, key)
		changes = append(changes, storage.Change{Bucket: bucketFloors, Key: key.text()}, storage.Change{Bucket: bucketGone, Key: key.text()})
		if len(line.Digest()) == 0 {
			delete(j.lines, key.origin)
			delete(j.keep.horizon, key.origin)
			changes = append(changes, storage.Change{Bucket: bucketHorizon, Key: string(key.origin)})
			continue
		}
		j.keep.horizon[key.origin] = line.Horizon()
		changes = append(changes, number64(bucketHorizon, string(key.origin), line.Horizon()))
	}
	j.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	return j.cfg.State.Put(changes...)
}

// forgettable gives the emptied epochs, but this node's newest, that are too old to be remembered, or of
// which there are too many: of one origin, or of all. mu is held.
func (j *Journal) forgettable(now time.Time) []epochKey {
	var emptied []epochKey
	for key := range j.keep.floors {
		if e := j.epochs[key]; e != nil && len(e.spans) > 0 || key.origin == j.cfg.Self && j.lines.Open(key.origin).Head().Epoch == key.epoch {
			continue
		}
		emptied = append(emptied, key)
	}
	slices.SortFunc(emptied, func(a, b epochKey) int { // the newest first
		return cmp.Or(cmp.Compare(j.keep.floors[b].hlc, j.keep.floors[a].hlc), cmp.Compare(b.epoch, a.epoch))
	})
	aged := j.cfg.RetentionAge > 0 && !now.Before(j.ageOff)
	seen := make(map[messages.NodeID]int)
	var list []epochKey
	for i, key := range emptied {
		seen[key.origin]++
		hlc := j.keep.floors[key].hlc // 0 where the floor was raised before a batch came: how old that is can't be said
		old := aged && hlc > 0 && now.Sub(hlc.Time()) > 2*j.cfg.RetentionAge
		if old || seen[key.origin] > maxEmptied || i >= maxEmptiedOfAll {
			list = append(list, key)
		}
	}
	return list
}

// sidecars makes up to a number of the sidecars that are due. upkeep is held.
func (j *Journal) sidecars(most int) error {
	for range most {
		j.mu.RLock()
		at := slices.IndexFunc(j.segments, func(s *segment) bool {
			return s.closed != 0 && s.durable && len(s.unposted) == 0 && (s.index != nil || s.stale)
		})
		if at < 0 {
			j.mu.RUnlock()
			return nil
		}
		seg := j.segments[at]
		j.mu.RUnlock()
		if err := j.makeSidecar(seg); err != nil {
			return fmt.Errorf("segment %s: %w", seg.path, err)
		}
	}
	return nil
}

func (j *Journal) makeSidecar(seg *segment) error {
	if seg.index == nil {
		if err := j.reread(seg); err != nil {
			return err
		}
	}
	j.mu.Lock()
	if seg.stale {
		seg.prune(j.totals)
	}
	b := encodeSidecar(seg)
	seg.stale = false
	j.mu.Unlock()
	if err := writeSidecar(j.fs, seg.path, b); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.bytes += int64(len(b)) - seg.sidecar
	seg.sidecar, seg.index = int64(len(b)), nil
	j.details.forget(seg)
	return nil
}

// reread makes the index of a segment whose sidecar is not right any more.
func (j *Journal) reread(seg *segment) error {
	before := j.streamsOf(seg)
	again := newSegment(j.cfg.Dir, seg.number, seg.family)
	if _, err := j.load(again, false, nil); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	seg.index = again.index.like(seg, again)
	for stream, t := range before {
		takeTotal(j.totals, stream, t)
	}
	for stream, p := range seg.index.streams {
		addTotal(j.totals, stream, p.total)
	}
	j.missed(seg, seg.index)
	return nil
}

// missed makes lost what a segment was said to hold, and its index lacks. mu is held.
func (j *Journal) missed(seg *segment, x *index) {
	for _, sp := range seg.spans {
		for _, run := range slices.Clone(sp.held) {
			for sequence := run.From; sequence <= run.To; sequence++ {
				if _, ok := x.find(sp.ordinal, sequence); !ok {
					j.lose(sp, sequence)
				}
			}
		}
	}
}

// prune takes what is not held any more out of a segment's index. mu is held.
func (s *segment) prune(totals map[messages.Stream]*total) {
	s.batches, s.records = 0, 0
	for _, sp := range s.spans {
		if sp.ordinal >= len(s.index.entries) {
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(s.index.entries[sp.ordinal]), func(e entry) bool { return !sp.held.has(e.sequence) })
		s.index.entries[sp.ordinal] = kept
		for _, e := range kept {
			s.batches++
			s.records += uint64(e.last-e.first) + 1
		}
	}
	s.index.dropPostings(func(p posting) bool { return !s.spans[p.epoch].held.has(p.sequence) }, totals)
}
