package transform

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"anode/messages"
	"anode/messages/spec"
)

// mostEntries is the most identities that a source remembers.
const mostEntries = 1_000_000

// seen is one remembered identity, in a list by when it was seen last.
type seen struct {
	identity       messages.Identity
	mark           uint64 // of a change: what the last value was
	ms             int64
	newer, earlier int32
}

// none ends the list.
const none = int32(-1)

// Dedupe remembers what was collected. It belongs to one goroutine.
type Dedupe struct {
	by      string
	window  time.Duration
	most    int
	at      map[messages.Identity]int32
	entries []seen
	free    []int32
	newest  int32
	oldest  int32
	// evicted counts what was forgotten before its time, for want of room.
	evicted uint64
}

func newDedupe(how spec.Dedupe, most int) *Dedupe {
	return &Dedupe{by: how.By, window: how.Window.Of(), most: most, at: make(map[messages.Identity]int32), newest: none, oldest: none}
}

// Horizon is from when on, in Unix ms, records count at now; none do where nothing is remembered.
func (d *Dedupe) Horizon(now time.Time) (ms int64, needed bool) {
	return now.Add(-d.window).UnixMilli(), d.by != spec.DedupeNone
}

// NativeIDs tells that identities of native ids are all that is remembered: Restore takes them.
func (d *Dedupe) NativeIDs() bool { return d.by == spec.DedupeNativeID }

// Restore remembers an identity from the journal, received at a Unix ms.
func (d *Dedupe) Restore(identity messages.Identity, ms int64) {
	if at, ok := d.at[identity]; !ok || d.entries[at].ms < ms {
		d.put(identity, 0, ms)
	}
}

// RestoreDraft remembers a draft from the journal. Drafts of one stream come in order.
func (d *Dedupe) RestoreDraft(draft *messages.Draft, ms int64) {
	if identity, mark, ok := d.identify(draft); ok {
		d.put(identity, mark, ms)
	}
}

// duplicate tells whether a draft is known, and remembers it.
func (d *Dedupe) duplicate(draft *messages.Draft, now time.Time) bool {
	identity, mark, ok := d.identify(draft)
	if !ok {
		return false
	}
	ms, since := now.UnixMilli(), int64(math.MinInt64)
	if d.by != spec.DedupeChange { // the last value counts however old it is
		since = now.Add(-d.window).UnixMilli()
		d.expire(since)
	}
	at, known := d.at[identity]
	known = known && d.entries[at].mark == mark && d.entries[at].ms >= since
	d.put(identity, mark, ms)
	return known
}

// forget takes back what duplicate remembered of drafts that were not stored.
func (d *Dedupe) forget(drafts []messages.Draft) {
	for i := range drafts {
		if identity, _, ok := d.identify(&drafts[i]); ok {
			if at, known := d.at[identity]; known {
				d.drop(at)
			}
		}
	}
}

func (d *Dedupe) identify(draft *messages.Draft) (id messages.Identity, mark uint64, ok bool) {
	switch d.by {
	case spec.DedupeNativeID:
		return draft.Identity(), 0, draft.HasIdentity()
	case spec.DedupePayload:
		of := *draft
		sum := sha256.Sum256(draft.Payload)
		of.NativeID = string(sum[:])
		return of.Identity(), 0, true
	case spec.DedupeChange:
		of := *draft
		of.NativeID = ""
		sum := sha256.Sum256(draft.Payload)
		return of.Identity(), binary.LittleEndian.Uint64(sum[:]), true
	}
	return id, 0, false
}

// expire forgets what was not seen since. What was restored stands in no order, so that some of it
// may stay a window longer; it does not count then.
func (d *Dedupe) expire(before int64) {
	for d.oldest != none && d.entries[d.oldest].ms < before {
		d.drop(d.oldest)
	}
}

func (d *Dedupe) put(identity messages.Identity, mark uint64, ms int64) {
	at, ok := d.at[identity]
	if ok {
		d.unlink(at)
	} else {
		at = d.room()
		d.at[identity] = at
	}
	d.entries[at] = seen{identity: identity, mark: mark, ms: ms, newer: none, earlier: d.newest}
	if d.newest != none {
		d.entries[d.newest].newer = at
	} else {
		d.oldest = at
	}
	d.newest = at
}

func (d *Dedupe) unlink(at int32) {
	e := &d.entries[at]
	if e.newer != none {
		d.entries[e.newer].earlier = e.earlier
	} else {
		d.newest = e.earlier
	}
	if e.earlier != none {
		d.entries[e.earlier].newer = e.newer
	} else {
		d.oldest = e.newer
	}
}

func (d *Dedupe) drop(at int32) {
	d.unlink(at)
	delete(d.at, d.entries[at].identity)
	d.free = append(d.free, at)
}

// room is a free entry; the one seen longest ago gives its place when there is none.
func (d *Dedupe) room() int32 {
	if len(d.at) >= d.most {
		d.evicted++
		d.drop(d.oldest)
	}
	if n := len(d.free); n > 0 {
		at := d.free[n-1]
		d.free = d.free[:n-1]
		return at
	}
	d.entries = append(d.entries, seen{})
	return int32(len(d.entries) - 1)
}
