package transform

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"anode/messages"
	"anode/messages/spec"
)

// Copy is what a record that another node numbered is known by.
type Copy struct {
	identity messages.Identity
	mark     uint64
	// known tells that deduplication goes by it. What it does not go by has an identity all the same, of its native
	// id or its content, by which a copy that is held back is found.
	known bool
	// born is when it was received there, in Unix ms.
	born int64
}

// Born is when it was received by who numbered it, in Unix ms.
func (c *Copy) Born() int64 { return c.born }

// Datum names what it is a copy of: equal for two records of a source that are the same datum.
func (c *Copy) Datum() messages.Identity {
	of := c.identity
	binary.LittleEndian.PutUint64(of[:], binary.LittleEndian.Uint64(of[:])^c.mark)
	return of
}

// CopyOf tells what a draft is known by, that was received at the Unix ms born. It is safe for concurrent use.
func (d *Dedupe) CopyOf(draft *messages.Draft, born int64) Copy {
	c := Copy{born: born}
	if c.identity, c.mark, c.known = d.identify(draft); c.known {
		return c
	}
	of := *draft
	if of.NativeID == "" {
		sum := sha256.Sum256(draft.Payload)
		of.NativeID = string(sum[:])
	}
	c.identity = of.Identity()
	return c
}

// IdentityCopy is CopyOf of an identity of a native id from the journal.
func IdentityCopy(identity messages.Identity, born int64) Copy {
	return Copy{identity: identity, known: true, born: born}
}

// ByChange tells that only what differs from the value before passes.
func (d *Dedupe) ByChange() bool { return d.by == spec.DedupeChange }

// Known tells that deduplication goes by what the copy is known by: one that was learned is no credit.
func (c *Copy) Known() bool { return c.known }

// Learn remembers what another node numbered, as seen now. Crossed tells that this node numbers it too: its own feed
// had brought it already. What is older than the window is passed over; of changes the newest counts.
func (d *Dedupe) Learn(c *Copy, now time.Time) (crossed bool) {
	if !c.known || d.by != spec.DedupeChange && c.born < d.since(now) {
		return false
	}
	at, known := d.at[c.identity]
	if !known {
		d.put(c.identity, c.mark, now.UnixMilli(), c.born)
		return false
	}
	e := d.entries[at]
	crossed = e.own && e.mark == c.mark
	switch {
	case d.by != spec.DedupeChange:
		d.entries[d.put(c.identity, c.mark, now.UnixMilli(), e.born)].own = e.own
	case e.mark != c.mark && e.born <= c.born:
		d.put(c.identity, c.mark, now.UnixMilli(), c.born)
	}
	return crossed
}

// Note remembers a draft that this node's feed brought.
func (d *Dedupe) Note(draft *messages.Draft, now time.Time) { _, _ = d.duplicate(draft, now) }

// Yield notes that another node numbered what this one holds back.
func (d *Dedupe) Yield(c *Copy) {
	if at, known := d.at[c.identity]; known && d.entries[at].mark == c.mark {
		d.entries[at].own = false
	}
}
