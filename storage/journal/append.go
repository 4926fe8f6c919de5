package journal

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// Append implements storage.Journal.
func (j *Journal) Append(family storage.Family, batches []wire.Sealed) ([]storage.Held, error) {
	if int(family) >= len(families) {
		return nil, fmt.Errorf("append: family %d is none of own, live, backfill", family)
	}
	if j.mustSync() {
		if err := j.Sync(); err != nil {
			return nil, err
		}
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	held := make([]storage.Held, len(batches))
	size, err := j.sort(family, batches, held)
	if err == nil && size > 0 {
		err = j.write(family, batches, held, size)
	}
	if errors.Is(err, storage.ErrFull) {
		j.mu.Lock()
		j.starved[family] = true
		j.mu.Unlock()
	}
	if err != nil {
		return nil, err
	}
	return j.settle(batches, held), nil
}

// mustSync tells whether so much waits for an fsync that an Append has to.
func (j *Journal) mustSync() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.unsynced > maxUnsynced && j.refused == ""
}

// sort finds which batches are new, and how many bytes their frames take.
func (j *Journal) sort(family storage.Family, batches []wire.Sealed, held []storage.Held) (int64, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	switch {
	case j.closed:
		return 0, storage.ErrClosed
	case j.refused != "":
		return 0, fmt.Errorf("%w: %s", j.refusal(), j.refused)
	}
	if err := j.full(family); err != nil {
		return 0, err
	}
	var size int64
	clear(j.seen)
	for i := range batches {
		s := &batches[i]
		held[i] = storage.HeldNew
		if j.has(s) || len(batches) > 1 && j.twice(s.ID()) {
			held[i] = storage.HeldAlready
			continue
		}
		size += frameHeader + int64(len(s.Bytes()))
	}
	return size, nil
}

// twice tells whether a batch came before in the same call. writing is held.
func (j *Journal) twice(id messages.BatchID) bool {
	if _, ok := j.seen[id]; ok {
		return true
	}
	j.seen[id] = struct{}{}
	return false
}

// has tells whether a batch is held or below its floor. mu is held.
func (j *Journal) has(s *wire.Sealed) bool {
	line := j.lines[s.Origin]
	if line == nil {
		return false
	}
	if line.Holds(s.Epoch, s.Sequence) {
		return true
	}
	e := j.epochs[epochKey{s.Origin, s.Epoch}]
	return e != nil && s.Sequence < e.floor
}

// full says why batches of a family are not taken now. mu is held.
func (j *Journal) full(family storage.Family) error {
	if s := &j.stats; s.FreeDisk >= 0 && s.FreeDisk < s.FreeFloor {
		return fmt.Errorf("%w: the disk has %d bytes free, %d must stay", storage.ErrFull, s.FreeDisk, s.FreeFloor)
	}
	if a := j.active[family]; j.spare == nil && (a == nil || a.seg.size >= a.room) {
		if _, err := j.fit(j.least(0)); err != nil {
			return err
		}
	}
	if j.diskFull {
		return fmt.Errorf("%w: no room left on the disk", storage.ErrFull)
	}
	if family == storage.Own && j.overBudget() {
		return fmt.Errorf("%w: the journal has %d of %d bytes", storage.ErrFull, j.bytes, j.cfg.DiskBudget)
	}
	return nil
}

// write puts the new batches into the family's active segment with one call, and notes them.
func (j *Journal) write(family storage.Family, batches []wire.Sealed, held []storage.Held, size int64) error {
	a, err := j.roomFor(family, size)
	if err != nil {
		return err
	}
	j.frames = j.frames[:0]
	for i := range batches {
		if held[i] == storage.HeldNew {
			j.frames = appendFrame(j.frames, batches[i].Bytes())
		}
	}
	if _, err := a.file.WriteAt(j.frames, a.seg.size); err != nil {
		return j.unwrite(family, a, err)
	}
	j.mu.Lock()
	j.note(a, batches, held)
	j.mu.Unlock()
	if cap(j.frames) > 4*mib {
		j.frames = nil
	}
	if j.sinceFree += size; j.sinceFree > freeEvery {
		j.askFree()
	}
	return nil
}

// note takes in what was written to the end of a segment. mu is held.
func (j *Journal) note(a *active, batches []wire.Sealed, held []storage.Held) {
	for i := range batches {
		if held[i] != storage.HeldNew {
			continue
		}
		kept := batches[i]
		s := &kept
		offset := a.seg.size + frameHeader
		length := frameHeader + int64(len(s.Bytes()))
		a.seg.size += length
		j.bytes += length
		j.lines.Open(s.Origin).Hold(&s.Header)
		a.unsynced = append(a.unsynced, s)
		j.unsynced += length
		sp, made := a.seg.note(s, offset)
		if made {
			e := j.epoch(sp.key)
			e.spans = append(e.spans, sp)
		}
		a.seg.unposted = append(a.seg.unposted, s)
		a.seg.unpostedBytes += length
	}
}

// settle says what became of each batch: late ones, and forks of those that were there.
func (j *Journal) settle(batches []wire.Sealed, held []storage.Held) []storage.Held {
	j.mu.RLock()
	for i := range batches {
		s := &batches[i]
		if held[i] == storage.HeldNew && j.lines[s.Origin].Late(s.Epoch, s.Sequence) {
			held[i] = storage.HeldLate
		}
	}
	crowded := j.crowded(maxUnindexed)
	j.mu.RUnlock()
	for i := range batches {
		if held[i] == storage.HeldAlready && j.forks(&batches[i]) {
			held[i] = storage.HeldFork
			j.mu.Lock()
			j.stats.Forks++
			j.mu.Unlock()
			j.cfg.Logger.Warn("fork: another batch is held at this position", "origin", batches[i].Origin, "epoch", batches[i].Epoch, "seq", batches[i].Sequence)
		}
	}
	if crowded {
		j.post()
	}
	return held
}

// crowded tells whether more than so many bytes of an active segment wait for their postings. mu is held.
func (j *Journal) crowded(bytes int64) bool {
	for _, a := range j.active {
		if a != nil && a.seg.unpostedBytes > bytes {
			return true
		}
	}
	return false
}

// forks tells whether another batch than this one is held at its place.
func (j *Journal) forks(s *wire.Sealed) bool {
	_, e, err := j.find(s.ID())
	if err != nil || e.sum == le.Uint32(s.Bytes()[len(s.Bytes())-4:]) {
		return false
	}
	other, err := j.Read(s.ID())
	return err == nil && other.HeaderHash() != s.HeaderHash()
}

// unwrite cuts off what a failed write left.
func (j *Journal) unwrite(family storage.Family, a *active, cause error) error {
	if err := a.file.Truncate(a.seg.size); err != nil {
		j.cfg.Logger.Error("a failed write could not be cut off: its segment is closed", "segment", a.seg.path, "error", err)
		j.mu.Lock()
		j.detach(family)
		j.mu.Unlock()
	}
	if noRoom(cause) {
		j.mu.Lock()
		j.diskFull = true
		a.room = a.seg.size // what was allocated behind it was freed with what was cut off
		j.lack(segmentHeader + int64(len(j.frames)))
		j.mu.Unlock()
		return fmt.Errorf("%w: %w", storage.ErrFull, cause)
	}
	return fmt.Errorf("%w: write: %w", storage.ErrRefused, cause)
}

// refusal is the error that refused is: a full disk may show at an fsync only. mu is held.
func (j *Journal) refusal() error {
	if j.roomless {
		return storage.ErrFull
	}
	return storage.ErrRefused
}

func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// detach closes a family's active segment: it waits for its fsync. mu is held.
func (j *Journal) detach(family storage.Family) {
	a := j.active[family]
	if a == nil {
		return
	}
	a.seg.closed = j.cfg.Clock().UnixMilli()
	j.active[family] = nil
	j.closing = append(j.closing, a)
}

// roomFor gives the active segment of a family, a new one where the present is full. writing is held.
func (j *Journal) roomFor(family storage.Family, size int64) (*active, error) {
	j.mu.Lock()
	a := j.active[family]
	if a != nil && (a.seg.size+size <= a.room || a.seg.size == segmentHeader) {
		j.mu.Unlock()
		return a, nil
	}
	rolled := a != nil
	j.detach(family)
	j.mu.Unlock()
	if rolled {
		j.afterRoll()
	}
	room, err := j.fitNext(segmentHeader + size)
	if err != nil {
		j.mu.Lock()
		j.lack(segmentHeader + size)
		j.mu.Unlock()
		return nil, err
	}
	if a, err = j.create(family, room); err != nil {
		if noRoom(err) {
			j.mu.Lock()
			j.diskFull = true
			j.mu.Unlock()
			return nil, fmt.Errorf("%w: %w", storage.ErrFull, err)
		}
		return nil, fmt.Errorf("%w: %w", storage.ErrRefused, err)
	}
	j.mu.Lock()
	j.active[family] = a
	j.enlist(a.seg)
	j.lacked, j.starved[family] = 0, false
	j.mu.Unlock()
	return a, nil
}

// afterRoll has retention keep its bound without waiting for the owner to ask.
func (j *Journal) afterRoll() {
	if j.cfg.RetentionBytes == 0 || !j.upkeep.TryLock() {
		return
	}
	defer j.upkeep.Unlock()
	now := j.cfg.Clock()
	if err := errors.Join(j.watchClock(now), j.retain(now)); err != nil {
		j.cfg.Logger.Error("retention", "error", err)
	}
}

// enlist adds a new segment. mu is held.
func (j *Journal) enlist(seg *segment) {
	j.segments = append(j.segments, seg)
	j.bytes += seg.size
	j.dirDirty = true
}

// create makes the file of a new segment: of the spare, where there is one, or else with so much room.
func (j *Journal) create(family storage.Family, room int64) (*active, error) {
	j.mu.Lock()
	j.number++
	number := j.number
	file := j.spare
	if file != nil {
		room = j.spareRoom
	}
	j.spare = nil
	j.mu.Unlock()
	seg := newSegment(j.cfg.Dir, number, family)
	seg.index, seg.made = newIndex(), j.cfg.Clock().UnixMilli()
	name := seg.path + segmentEnding
	var err error
	if file != nil {
		err = j.fs.Rename(join(j.cfg.Dir, spareName), name)
	} else if file, err = j.fs.Create(name); err == nil {
		err = file.Preallocate(room)
	}
	if err == nil {
		_, err = file.WriteAt(appendSegmentHeader(nil, number, family, time.UnixMilli(seg.made)), 0)
	}
	if err != nil {
		if file != nil {
			_ = file.Close()
		}
		_ = j.fs.Remove(name)
		return nil, fmt.Errorf("new segment: %w", err)
	}
	seg.size = segmentHeader
	return &active{seg: seg, file: file, room: room, synced: segmentHeader}, nil
}

// post takes the streams and identities of what was appended into the indexes.
func (j *Journal) post() { j.postSome(math.MaxInt64) }

// postSome is post up to a number of bytes.
func (j *Journal) postSome(most int64) {
	for most > 0 {
		j.mu.RLock()
		var seg *segment
		for _, s := range j.segments {
			if len(s.unposted) > 0 {
				seg = s
				break
			}
		}
		j.mu.RUnlock()
		if seg == nil {
			return
		}
		most -= j.postOne(seg, most)
	}
}

// postOne posts batches of one segment, and gives how many bytes they have.
func (j *Journal) postOne(seg *segment, most int64) (bytes int64) {
	j.mu.RLock()
	list, posted := seg.unposted, seg.posted
	j.mu.RUnlock()
	for i := range list {
		if bytes += frameHeader + int64(len(list[i].Bytes())); bytes >= most {
			list = list[:i+1]
			break
		}
	}
	e, _ := j.extracts.Get().(*extract)
	if e == nil {
		e = new(extract)
	}
	defer func() {
		if e.clear() {
			j.extracts.Put(e)
		}
	}()
	for _, b := range list {
		if err := e.add(b); err != nil { // its checksum is right: it was made so
			j.cfg.Logger.Warn("a batch can't be read: it is kept, and is in no index", "origin", b.Origin, "epoch", b.Epoch, "seq", b.Sequence, "error", err)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if seg.posted != posted || len(seg.unposted) == 0 {
		return bytes // another did it meanwhile
	}
	seg.index.post(func(key epochKey) int { return seg.byKey[key].ordinal }, e, j.totals)
	seg.unpostedBytes -= bytes
	seg.posted += uint64(len(list))
	seg.unposted = append([]*wire.Sealed(nil), seg.unposted[len(list):]...)
	return bytes
}
