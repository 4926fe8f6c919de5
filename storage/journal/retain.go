package journal

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"anode/messages"
)

// Pin implements storage.Journal.
func (j *Journal) Pin(pinned func(origin messages.NodeID, epoch uint64, run messages.Range) bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pinned = pinned
}

// stay says why a segment stays beyond the bounds.
type stay uint8

const (
	// stayNot: nothing of it is pinned.
	stayNot stay = iota
	// stayWhile: it stays while the budget has room.
	stayWhile
	// stayOwn: batches of this node are pinned in it, and are refused before these go.
	stayOwn
)

// retain drops whole segments, the oldest first, that are beyond the bounds. upkeep is held.
func (j *Journal) retain(now time.Time) error {
	stays := make(map[*segment]stay)
	for {
		seg := j.dropNext(now, stays)
		if seg == nil {
			break
		}
		if stays[seg] != stayNot {
			j.cfg.Logger.Warn("the disk budget is used up: pinned batches of peers are dropped", "segment", seg.path, "batches", seg.batches)
			j.mu.Lock()
			j.stats.Forced += seg.batches
			j.mu.Unlock()
		}
		if err := j.unlink(seg); err != nil {
			return fmt.Errorf("drop segment %s: %w", seg.path, err)
		}
		delete(stays, seg)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Pinned = 0
	for seg, why := range stays {
		if why != stayNot {
			j.stats.Pinned += seg.bytes()
		}
	}
	return nil
}

// aged is a closed segment, and since when it ages.
type aged struct {
	*segment
	since int64
}

// dropNext gives the oldest closed segment that has to go: one of which nothing is pinned or, where the budget is used up, nothing of
// this node. stays are what was found of segments before.
func (j *Journal) dropNext(now time.Time, stays map[*segment]stay) *segment {
	j.mu.RLock()
	defer j.mu.RUnlock()
	var closed []aged
	for _, seg := range j.segments {
		if seg.closed != 0 && seg.durable {
			closed = append(closed, aged{seg, seg.since(now)})
		}
	}
	slices.SortStableFunc(closed, func(a, b aged) int { return cmp.Compare(a.since, b.since) })
	var forced *segment
	for _, seg := range closed {
		if !j.beyond(seg, now) {
			break
		}
		why, known := stays[seg.segment]
		if !known {
			why = j.stays(seg.segment)
			stays[seg.segment] = why
		}
		switch {
		case why == stayNot:
			return seg.segment
		case why == stayWhile && forced == nil:
			forced = seg.segment
		}
	}
	if forced != nil && j.pressed() {
		return forced
	}
	return nil
}

// beyond tells whether a segment, and none that is older, is beyond the bounds of what is kept. mu is held.
func (j *Journal) beyond(seg aged, now time.Time) bool {
	large := j.cfg.RetentionBytes > 0 && j.bytes > j.cfg.RetentionBytes
	return large || j.cfg.RetentionAge > 0 && !now.Before(j.ageOff) && now.Sub(time.UnixMilli(seg.since)) > j.cfg.RetentionAge
}

// pressed tells whether there is no room for what is pinned. mu is held.
func (j *Journal) pressed() bool {
	s := &j.stats
	return j.overBudget() || s.FreeDisk >= 0 && s.FreeDisk < s.FreeFloor
}

// overBudget tells whether the budget is used up. mu is held.
func (j *Journal) overBudget() bool {
	return j.cfg.DiskBudget > 0 && j.bytes >= j.cfg.DiskBudget/100*95
}

// stays tells why a segment stays: its epochs' floors would rise above all that it has. mu is held.
func (j *Journal) stays(seg *segment) (why stay) {
	if j.pinned == nil {
		return stayNot
	}
	for _, sp := range seg.spans {
		switch {
		case !j.pinsBelow(sp.key, max(sp.held.top(), sp.lost.top())):
		case sp.key.origin == j.cfg.Self:
			return stayOwn
		default:
			why = stayWhile
		}
	}
	return why
}

// pinsBelow tells whether something is pinned that is held of an epoch up to a sequence. mu is held.
func (j *Journal) pinsBelow(key epochKey, top uint64) bool {
	line := j.lines[key.origin]
	if line == nil {
		return false
	}
	d, ok := line.Epoch(key.epoch)
	if top = min(top, d.Head); !ok || top < d.Floor {
		return false
	}
	return slices.ContainsFunc(messages.Ranges{{From: d.Floor, To: top}}.Minus(d.Holes), func(run messages.Range) bool {
		return j.pinned(key.origin, key.epoch, run)
	})
}
