package journal

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"anode/messages"
	"anode/storage"
)

// hand gives what is to outlive a segment to who keeps it. Where the disk has no room for that, it is given
// again when the segment is gone. upkeep is held.
func (j *Journal) hand(seg *segment, streams map[messages.Stream]total) (again func() error, err error) {
	if j.cfg.Dropping == nil {
		return nil, nil
	}
	records := j.lastOf(seg, streams)
	if len(records) == 0 {
		return nil, nil
	}
	keep := func() error {
		if err := j.cfg.Dropping(records); err != nil {
			return fmt.Errorf("keep the last of %d streams: %w", len(records), err)
		}
		return nil
	}
	if err = keep(); err == nil {
		return nil, nil
	}
	j.mu.RLock()
	full := j.full(storage.Live) != nil
	j.mu.RUnlock()
	if !full && !noRoom(err) {
		return nil, err
	}
	return keep, nil
}

// lastOf gives the last record of each stream that is handed on, of each epoch in the segment.
func (j *Journal) lastOf(seg *segment, streams map[messages.Stream]total) []*messages.Record {
	var wanted []messages.Stream
	for stream := range streams {
		if j.cfg.DroppingOf.Match(stream) {
			wanted = append(wanted, stream)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	slices.Sort(wanted)
	j.mu.RLock()
	x := seg.index
	j.mu.RUnlock()
	if x == nil {
		var err error
		if x, err = j.detailsOf(seg); err != nil {
			j.cfg.Logger.Error("a segment that is dropped can't be read: what should outlive it is lost", "segment", seg.path, "error", err)
			return nil
		}
	}
	// Many streams have their last record in the same batch: one at a time is open.
	type last struct {
		stream messages.Stream
		places []entry // of one epoch, the last in front
	}
	var all []last
	j.mu.RLock()
	for _, stream := range wanted {
		p := x.streams[stream]
		if p == nil {
			continue
		}
		for ordinal := range seg.spans {
			var places []entry
			for i := len(p.list) - 1; i >= 0 && len(places) < 8; i-- {
				if int(p.list[i].epoch) != ordinal {
					continue
				}
				if e, ok := x.find(ordinal, p.list[i].sequence); ok && seg.spans[ordinal].held.has(e.sequence) {
					places = append(places, e)
				}
			}
			if len(places) > 0 {
				all = append(all, last{stream, places})
			}
		}
	}
	j.mu.RUnlock()
	slices.SortFunc(all, func(a, b last) int { return cmp.Compare(a.places[0].offset, b.places[0].offset) })
	var records []*messages.Record
	var open *messages.Batch
	var at uint32
	for _, one := range all {
		for _, e := range one.places {
			if open == nil || at != e.offset {
				sealed, err := j.readAt(seg, e)
				if err == nil {
					open, err = sealed.Open()
				}
				if at = e.offset; err != nil {
					open = nil
					j.cfg.Logger.Error("a batch that is dropped can't be read: what should outlive it is older", "segment", seg.path, "seq", e.sequence, "error", err)
					continue
				}
			}
			if g := open.Group(one.stream); g != nil && len(g.Records) > 0 {
				records = append(records, &g.Records[len(g.Records)-1])
				break
			}
		}
	}
	return records
}

// aging is before when, in Unix ms, something was received that stands in the oldest quarter: what would be
// dropped if a quarter of the retention more came, or passed. Only this node's own clock counts. mu is held.
func (j *Journal) aging(now time.Time) (ms int64) {
	var closed []aged
	for _, seg := range j.segments {
		if seg.closed != 0 {
			closed = append(closed, aged{seg, seg.since(now)})
		}
	}
	slices.SortStableFunc(closed, func(a, b aged) int { return cmp.Compare(a.since, b.since) })
	left := j.bytes
	for _, seg := range closed {
		large := j.cfg.RetentionBytes > 0 && left > j.cfg.RetentionBytes/4*3
		old := j.cfg.RetentionAge > 0 && now.Sub(time.UnixMilli(seg.since)) > j.cfg.RetentionAge/4*3
		if !large && !old {
			break
		}
		left -= seg.bytes()
		if seg.family == storage.Own {
			ms = max(ms, seg.last()+1)
		}
	}
	return ms
}
