package transform

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/spec"
)

// mostEntries is the most identities that a source remembers.
const mostEntries = 1_000_000

// seen is one remembered identity, in a list by when it was seen last.
type seen struct {
	identity messages.Identity
	// mark is, of a change, what the last value was, and before what it was before that one, 0 if that is not known.
	mark, before uint64
	// ms is when it was seen last, born when its record was received, or a little before.
	ms, born       int64
	newer, earlier int32
	// own tells that this node's feed brought it first, so that this node numbers it.
	own bool
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

// Before is the Unix ms from which on records counted when one at ms was the last.
func (d *Dedupe) Before(ms int64) int64 { return ms - d.window.Milliseconds() }

// NativeIDs tells that identities of native ids are all that is remembered: Restore takes them.
func (d *Dedupe) NativeIDs() bool { return d.by == spec.DedupeNativeID }

// Most is how many identities are remembered at most.
func (d *Dedupe) Most() int { return d.most }

// Clear forgets everything, before it is restored again.
func (d *Dedupe) Clear() {
	clear(d.at)
	d.entries, d.free, d.newest, d.oldest = nil, nil, none, none
}

// Restore remembers an identity from the journal, received at the Unix ms born, as seen now: how long
// ago it was is not known, and what happened while nobody looked does not count.
func (d *Dedupe) Restore(identity messages.Identity, born int64, now time.Time) {
	if at, ok := d.at[identity]; !ok || d.entries[at].born < born {
		d.put(identity, 0, now.UnixMilli(), born)
	}
}

// RestoreDraft is Restore of a draft. The newest of what is the same counts, in whatever order they come.
func (d *Dedupe) RestoreDraft(draft *messages.Draft, born int64, now time.Time) {
	identity, mark, ok := d.identify(draft)
	if !ok {
		return
	}
	if at, known := d.at[identity]; !known || d.entries[at].born < born {
		d.put(identity, mark, now.UnixMilli(), born)
	}
}

// rememberedSize is the bytes of one that Needed gives: an identity, and the mark of a change.
const rememberedSize = 16 + 8

// Needed is what Restore needs at a later start: all records received from the Unix ms horizon on, and what
// is remembered of older ones, which feeds may repeat for ever. That is in old, sorted, and at most so many; for more of
// them the horizon is further back. False: nothing is remembered.
func (d *Dedupe) Needed(now time.Time, most int) (horizon int64, old []byte, some bool) {
	since, horizon := d.since(now), now.UnixMilli()
	window := horizon - d.window.Milliseconds()
	var aged []int32
	for _, at := range d.at {
		switch e := &d.entries[at]; {
		case e.ms < since:
			continue
		case e.born < window:
			aged = append(aged, at)
		default:
			horizon = min(horizon, e.born)
		}
		some = true
	}
	if len(aged) > most {
		slices.SortFunc(aged, func(a, b int32) int { return cmp.Compare(d.entries[a].born, d.entries[b].born) })
		horizon, aged = d.entries[aged[most]].born, aged[:most]
	}
	slices.SortFunc(aged, func(a, b int32) int { return bytes.Compare(d.entries[a].identity[:], d.entries[b].identity[:]) })
	for _, at := range aged {
		e := &d.entries[at]
		old = binary.LittleEndian.AppendUint64(append(old, e.identity[:]...), e.mark)
	}
	return horizon, old, some
}

// Remember restores what Needed gave as old, before all else.
func (d *Dedupe) Remember(old []byte, now time.Time) {
	for ; len(old) >= rememberedSize; old = old[rememberedSize:] {
		d.put(messages.Identity(old[:16]), binary.LittleEndian.Uint64(old[16:]), now.UnixMilli(), 0)
	}
}

// since is when, in Unix ms, something must have been seen to count.
func (d *Dedupe) since(now time.Time) int64 {
	if d.by == spec.DedupeChange { // the last value counts however old it is
		return math.MinInt64
	}
	return now.Add(-d.window).UnixMilli()
}

// duplicate tells whether a draft is known, and when, in Unix ms, its record was received then. It
// remembers it.
func (d *Dedupe) duplicate(draft *messages.Draft, now time.Time) (born int64, known bool) {
	identity, mark, ok := d.identify(draft)
	if !ok {
		return 0, false
	}
	ms, since := now.UnixMilli(), d.since(now)
	d.expire(since)
	at, known := d.at[identity]
	known = known && d.entries[at].mark == mark && d.entries[at].ms >= since
	born = ms
	if known {
		born = d.entries[at].born
	}
	own := !known || d.entries[at].own
	d.entries[d.put(identity, mark, ms, born)].own = own
	return born, known
}

// forget takes back what duplicate remembered of a draft that was not stored. Of several drafts the last is
// forgotten first. Of a change, the value before is the last one again.
func (d *Dedupe) forget(draft *messages.Draft) {
	identity, mark, ok := d.identify(draft)
	if !ok {
		return
	}
	at, known := d.at[identity]
	switch e := d.entries; {
	case !known || e[at].mark != mark: // another value came since, and was stored
	case d.by == spec.DedupeChange && e[at].before != 0:
		e[at].mark, e[at].before = e[at].before, 0
	default:
		d.drop(at)
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
		return of.Identity(), binary.LittleEndian.Uint64(sum[:]) | 1, true
	}
	return id, 0, false
}

// expire forgets what was not seen since.
func (d *Dedupe) expire(before int64) {
	for d.oldest != none && d.entries[d.oldest].ms < before {
		d.drop(d.oldest)
	}
}

// put remembers one as seen at ms, and gives where it is.
func (d *Dedupe) put(identity messages.Identity, mark uint64, ms, born int64) int32 {
	at, ok := d.at[identity]
	before := uint64(0)
	if ok {
		d.unlink(at)
		if before = d.entries[at].mark; before == mark {
			before = d.entries[at].before
		}
	} else {
		at = d.room()
		d.at[identity] = at
	}
	d.entries[at] = seen{identity: identity, mark: mark, before: before, ms: ms, born: born, newer: none, earlier: d.newest}
	if d.newest != none {
		d.entries[d.newest].newer = at
	} else {
		d.oldest = at
	}
	d.newest = at
	return at
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
