package gossip

import (
	"context"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
)

const (
	// auditEvery is how often the journal's and the core's knowledge are compared: as often as the journal does its upkeep.
	auditEvery = 10 * time.Second
	// roomEvery is how often the core is told how much room there is.
	roomEvery = time.Second
)

// epochKey names an epoch of an origin.
type epochKey struct {
	origin messages.NodeID
	epoch  uint64
}

// audit is what the last comparison found: it counts when the next one finds it too.
type audit struct {
	// lost are runs that the core holds and the journal does not, unknown epochs that the core knows and the journal does not.
	lost    map[epochKey]messages.Ranges
	unknown map[epochKey]bool
}

// auditor looks at the journal, which may wait for the disk, and tells the loop.
func (l *loop) auditor(ctx context.Context) error {
	room, all := time.NewTicker(roomEvery), time.NewTicker(auditEvery)
	defer room.Stop()
	defer all.Stop()
	for {
		select {
		case <-room.C:
			bytes := l.cfg.RetentionBytes - l.cfg.Journal.Stats().Bytes
			if l.cfg.RetentionBytes == 0 {
				continue
			}
			l.callBy(ctx, func() { l.act(func(now core.Now) { l.core.Room(now, bytes) }) })
		case <-all.C:
			digest := l.cfg.Journal.Digest()
			l.callBy(ctx, func() { l.compare(digest) })
		case <-ctx.Done():
			return nil
		}
	}
}

// compare tells the core what the journal knows better.
func (l *loop) compare(held messages.Digest) {
	before := l.audit
	l.audit = audit{lost: make(map[epochKey]messages.Ranges), unknown: make(map[epochKey]bool)}
	journal := make(map[epochKey]*messages.EpochDigest)
	for origin, epochs := range held {
		for i := range epochs {
			journal[epochKey{origin, epochs[i].Epoch}] = &epochs[i]
		}
	}
	for _, d := range l.differences(journal) {
		k := d.key
		switch {
		case l.chores.waits(k): // the journal is still to be told
		case d.unknown && before.unknown[k]:
			l.log.Debug("the journal has forgotten an epoch", "origin", k.origin, "epoch", k.epoch)
			l.act(func(now core.Now) { l.core.Forgotten(now, k.origin, k.epoch) })
		case d.unknown:
			l.audit.unknown[k] = true
		}
		if d.floor > 0 {
			l.act(func(now core.Now) { l.core.Dropped(now, k.origin, k.epoch, d.floor) })
			l.chores.tell(k) // a reader may wait below
		}
		for _, r := range common(d.lost, before.lost[k]) {
			l.log.Warn("batches that were held are damaged: peers are asked for them", "origin", k.origin, "epoch", k.epoch, "seq", r)
			l.act(func(now core.Now) { l.core.Lost(now, k.origin, k.epoch, r) })
		}
		if len(d.lost) > 0 {
			l.audit.lost[k] = d.lost
		}
	}
	if l.cfg.Journal.Head(l.cfg.Node).Compare(l.told) > 0 {
		l.catchUp()
	}
}

// difference is what the core knows of an epoch that the journal knows better.
type difference struct {
	key epochKey
	// unknown: the journal has no word of it. floor is the journal's where it is higher, else 0.
	unknown bool
	floor   uint64
	lost    messages.Ranges
}

// differences compares what the core holds with what the journal does.
func (l *loop) differences(journal map[epochKey]*messages.EpochDigest) []difference {
	var list []difference
	for origin, line := range l.core.Lines() {
		for e := range line.Epochs() {
			d := difference{key: epochKey{origin, e.Epoch}}
			is := journal[d.key]
			if is == nil {
				d.unknown = true
			} else {
				if is.Floor > e.Floor {
					d.floor = is.Floor
				}
				d.lost = lost(&e, is)
			}
			if d.unknown || d.floor > 0 || len(d.lost) > 0 {
				list = append(list, d)
			}
		}
	}
	return list
}

// lost are the holes of the journal that the core believes to be held.
func lost(believed, is *messages.EpochDigest) messages.Ranges {
	var list messages.Ranges
	for _, hole := range is.Holes {
		r := messages.Range{From: max(hole.From, believed.Floor), To: min(hole.To, believed.Head)}
		if r.From <= r.To {
			list = list.Add(r)
		}
	}
	return list.Minus(believed.Holes)
}

// common is what stands in both lists.
func common(a, b messages.Ranges) messages.Ranges { return a.Minus(a.Minus(b)) }
