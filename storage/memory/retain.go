package memory

import (
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

// Maintain implements storage.Journal.
func (j *Journal) Maintain(now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Pinned = 0
	if err := j.drop(now, func(id messages.BatchID) bool { return !j.pins(id) }); err != nil {
		return err
	}
	over := func() bool { return j.cfg.Budget > 0 && j.bytes >= j.cfg.Budget }
	if !over() {
		return nil
	}
	j.stats.Pinned = 0
	return j.drop(now, func(id messages.BatchID) bool {
		if !over() || id.Origin == j.cfg.Self && j.pins(id) {
			return false
		}
		j.stats.Forced++
		return true
	})
}

// drop drops the oldest batches that are beyond the bounds, and that may go. mu is held.
func (j *Journal) drop(now time.Time, may func(messages.BatchID) bool) error {
	kept := j.order[:0:0]
	for i, id := range j.order {
		key := epochKey{id.Origin, id.Epoch}
		at, held := j.search(key, id.Sequence)
		if !held { // it was lost, or was below a floor already
			continue
		}
		old := j.cfg.RetentionAge > 0 && now.Sub(j.epochs[key][at].arrived) > j.cfg.RetentionAge
		if !old && (j.cfg.RetentionBytes == 0 || j.bytes <= j.cfg.RetentionBytes) {
			kept = append(kept, j.order[i:]...)
			break
		}
		if !may(id) {
			j.stats.Pinned += int64(len(j.epochs[key][at].sealed.Bytes()))
			kept = append(kept, id)
			continue
		}
		if err := j.hand(j.epochs[key][at].batch); err != nil {
			j.order = append(kept, j.order[i:]...)
			return err
		}
		j.raise(key, id.Sequence+1)
	}
	j.order = kept
	return nil
}

// pins tells whether something is pinned that is held of an epoch up to a batch. mu is held.
func (j *Journal) pins(id messages.BatchID) bool {
	if j.pinned == nil {
		return false
	}
	d, ok := j.lines.Open(id.Origin).Epoch(id.Epoch)
	if !ok || id.Sequence < d.Floor {
		return false
	}
	return slices.ContainsFunc(messages.Ranges{{From: d.Floor, To: min(id.Sequence, d.Head)}}.Minus(d.Holes), func(run messages.Range) bool {
		return j.pinned(id.Origin, id.Epoch, run)
	})
}
