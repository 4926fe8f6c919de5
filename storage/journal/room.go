package journal

import (
	"fmt"

	"anode/storage"
)

// least is what the next segment must have room for: a write of so many bytes, and one that found no room. mu is held.
func (j *Journal) least(size int64) int64 {
	return min(max(size, j.lacked, minSegment), j.cfg.SegmentBytes)
}

// fit gives how much room the next segment gets, or ErrFull where the disk has not the least of it above its floor. A
// disk that has not enough for a whole one gives a quarter of what it has: other families need one, too. mu is held.
func (j *Journal) fit(least int64) (int64, error) {
	s, whole := &j.stats, j.cfg.SegmentBytes
	left := s.FreeDisk - max(s.FreeFloor, 0)
	switch {
	case s.FreeDisk < 0 || left >= whole:
		return whole, nil
	case left < least:
		return 0, fmt.Errorf("%w: no room for a segment: it needs %s, the disk has %s free, of which %s must stay",
			storage.ErrFull, inMiB(least), inMiB(s.FreeDisk), inMiB(s.FreeFloor))
	}
	return max(left/4, least), nil
}

func inMiB(bytes int64) string { return fmt.Sprintf("%.2f MiB", float64(bytes)/mib) }

// lack has the journal be full until there is room for a write of so many bytes, which found none. What is larger than
// maxLacked is not waited for: the smaller ones go on. mu is held.
func (j *Journal) lack(size int64) { j.lacked = min(size, maxLacked) }

// fitNext is fit for a write of so many bytes, as the disk is now. A spare that is too small for it goes. writing is held.
func (j *Journal) fitNext(size int64) (int64, error) {
	j.mu.Lock()
	least, spare, room := j.least(size), j.spare, j.spareRoom
	if spare != nil && room >= least {
		j.mu.Unlock()
		return room, nil
	}
	j.spare = nil
	j.mu.Unlock()
	if spare != nil {
		_ = spare.Close() // it has no bytes
		_ = j.fs.Remove(join(j.cfg.Dir, spareName))
	}
	j.askFree()
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fit(least)
}

// noRoomFor says why own batches are not taken, or those of a family that was refused. mu is held.
func (j *Journal) noRoomFor() error {
	for f := range families {
		if family := storage.Family(f); family == storage.Own || j.starved[f] {
			if err := j.full(family); err != nil {
				return err
			}
		}
	}
	return nil
}

// allocate makes the spare, with so much room: where the disk is full, it shows here.
func (j *Journal) allocate(room int64) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.RLock()
	done := j.spare != nil || j.closed
	j.mu.RUnlock()
	if done {
		return nil
	}
	name := join(j.cfg.Dir, spareName)
	f, err := j.fs.Create(name)
	if err == nil {
		if err = f.Preallocate(room); err != nil {
			_ = f.Close()
			_ = j.fs.Remove(name)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.diskFull = j.diskFull || noRoom(err)
		return fmt.Errorf("allocate the next segment: %w", err)
	}
	j.spare, j.spareRoom, j.diskFull = f, room, false
	return nil
}

// askFree asks the disk what is free. writing is held, or nothing is open yet.
func (j *Journal) askFree() {
	j.sinceFree = 0
	free, total, err := j.fs.Free(j.cfg.Dir)
	if err != nil {
		free, total = -1, -1
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.FreeDisk, j.stats.FreeFloor = free, -1
	if total >= 0 {
		j.stats.FreeFloor = min(total/20, maxFreeFloor)
	}
}
