package storage

import (
	"context"
	"iter"
	"time"

	"anode/messages"
	"anode/messages/wire"
)

// Family keeps batches apart that live and die differently, each in segments of its own.
type Family uint8

const (
	// Own batches were sealed by this node.
	Own Family = iota
	// Live batches came from peers as they were sealed.
	Live
	// Backfill batches came from peers later.
	Backfill
)

// Held says what became of one appended batch.
type Held uint8

const (
	// HeldNew: it was not there and is now.
	HeldNew Held = iota
	// HeldAlready: the same batch was there, or is below the floor.
	HeldAlready
	// HeldLate: it is new, and beyond the named end of its epoch.
	HeldLate
	// HeldFork: another batch is at its place; this one was not stored.
	HeldFork
)

// Journal is the durable, append-only log of sealed batches and the only truth of a node.
//
// Append has one caller at a time, and Sync one; they may run at once. Everything else
// is safe for any number of callers at any time. A batch is visible to readers when
// Append returns, and survives the death of the process from then on; it survives a
// loss of power once a Sync that began after that has returned.
type Journal interface {
	// Append stores batches in order, with one write for all. On an error none of them is
	// stored: ErrFull and ErrRefused mean that a later try may succeed. The batches' bytes are
	// not kept beyond what readers share and are never changed.
	Append(family Family, batches []wire.Sealed) ([]Held, error)

	// Sync makes durable all that was appended before the call. It blocks for the time of an
	// fsync; with nothing to do it returns at once. On an error nothing is promised of what
	// was appended since the last good Sync, but it is kept and written again.
	Sync() error

	// Read gives a batch by name: ErrNotHeld, or ErrDamaged when its bytes fail their checksum
	// (it is then a hole).
	Read(id messages.BatchID) (wire.Sealed, error)

	// Next is the reading rule (messages.Line.Next) for the origin of the position. Of an
	// unknown origin it is StepHead.
	Next(after messages.Position) messages.Step

	// Seek gives the position just before the first batch on the origin's line with a record
	// received at ms (Unix) or later, or {origin,0,0,0} where retention took the beginning
	// of what is asked for (the end of the epoch before, where that was received earlier); the head when nothing is so new.
	Seek(origin messages.NodeID, ms int64) messages.Position

	// Origins are all origins of which something is held or remembered, sorted.
	Origins() []messages.NodeID
	// Head is the newest place on an origin's line; {origin,0,0,0} of an unknown one.
	Head(origin messages.NodeID) messages.Position
	// HeadHash is the hash of the newest batch's header in an epoch; zero when none is held.
	// The next batch of the epoch names it as Previous.
	HeadHash(origin messages.NodeID, epoch uint64) messages.Hash
	// Digest is what is held of every origin.
	Digest() messages.Digest
	// Lines are what is held and known of every origin, the caller's own.
	Lines() messages.Lines
	// Line is what is held and known of one origin, the caller's own; empty of an unknown one.
	Line(origin messages.NodeID) *messages.Line
	// GiveUp marks holes as gone for good: readers get a gap there. It is remembered.
	GiveUp(origin messages.NodeID, epoch uint64, gone messages.Range) error
	// Raise moves the floor of an epoch up to at least floor: the node does without what lies below, as if retention
	// had dropped it. What is held there is not served any more, though the disk keeps it until retention takes
	// it. It is remembered, and durable on return; the origin and the epoch may be unknown. A floor that is
	// not above the present one changes nothing.
	Raise(origin messages.NodeID, epoch uint64, floor uint64) error

	// Pin has retention keep what is pinned, and what stands above it in the same epoch, until the disk budget is used up: then this
	// node's own batches are refused (ErrFull), and others' are dropped nevertheless, those that are not pinned first, and counted
	// (JournalStats.Forced). pinned tells whether something of a run of held batches is to stay; it is asked in Maintain, must be quick, and must
	// not call the journal. Nil pins nothing. It is not remembered.
	Pin(pinned func(origin messages.NodeID, epoch uint64, run messages.Range) bool)

	// Streams lists the held streams that match, sorted by name.
	Streams(match messages.Pattern) []StreamInfo
	// StreamsAfter lists the first of those whose names come after one, sorted by name: at most so many. It
	// holds no more than these, however many there are.
	StreamsAfter(match messages.Pattern, after messages.Stream, most int) []StreamInfo
	// Scan yields the batches of one (origin, epoch) that have records of a stream, in order of
	// sequence or against it, reading indexes lazily: nothing is opened.
	Scan(query Scan) iter.Seq2[BatchRef, error]
	// Identities yields the identities of records received since ms (Unix), each with the ms it
	// was received at; of the named source, or of all when it is nil ("" is what was
	// published). It is read from indexes, in no order.
	Identities(sinceMs int64, source *string) iter.Seq2[IdentityAt, error]

	// Maintain does what is due: retention, remembered floors, allocation, mending. The owner
	// calls it about every 10 s, and after each roll.
	Maintain(now time.Time) error
	// Scrub reads up to a number of bytes of closed segments, going on where it left off, and
	// quarantines what is damaged. It tells how many bytes it read.
	Scrub(ctx context.Context, bytes int64) (int64, error)

	// Stats is a snapshot for status and metrics.
	Stats() JournalStats
	// Close syncs and releases everything.
	Close() error
}

// Scan asks for the batches of one (origin, epoch) that have records of one stream.
type Scan struct {
	Stream messages.Stream
	Origin messages.NodeID
	Epoch  uint64
	// From and To bound the sequences, both in it; a To of 0 is no bound.
	From, To uint64
	// FromMs and ToMs bound what was received (Unix ms): only batches that may hold a
	// record in [FromMs, ToMs) are given; a ToMs of 0 is no bound.
	FromMs, ToMs int64
	// Descending yields the highest sequence first.
	Descending bool
}

// BatchRef names a batch and the time it spans, from an index.
type BatchRef struct {
	ID          messages.BatchID
	First, Last messages.HLC
}

// IdentityAt is an identity and when it was received, in Unix ms.
type IdentityAt struct {
	Identity messages.Identity
	Ms       int64
}

// StreamInfo is what is held of one stream.
type StreamInfo struct {
	Stream  messages.Stream
	Records uint64
	// Bytes is the payload.
	Bytes uint64
	// Last is when the newest was received, in Unix ms.
	Last int64
}

// JournalStats is a snapshot of a journal.
type JournalStats struct {
	Records, Batches uint64
	// Bytes is the size of all segments; Budget is what it may grow to.
	Bytes, Budget int64
	// FreeDisk is what the disk has left, FreeFloor what must stay; -1 where unknown.
	FreeDisk, FreeFloor int64
	Segments            int
	// Damaged counts batches that failed their checksum since start, Rewritten those that were
	// written again after a failed fsync, Torn the tails cut at open, Forks the forks refused.
	Damaged, Rewritten, Torn, Forks uint64
	// Pinned is the size of what the last Maintain left only because it was pinned; Forced counts the batches that were dropped although
	// they, or some with them, were pinned, since start.
	Pinned int64
	Forced uint64
	// Aging is a Unix ms: what this node received before then, or some of it, stands in the oldest quarter of
	// what retention keeps; 0 when nothing does.
	Aging int64
	// Full and Refused say why own batches, or those of a family that was refused, are not taken now; both empty
	// when they are. Full stays until there is room.
	Full, Refused string
	// LastSync is when the last Sync succeeded.
	LastSync time.Time
	// Note is what an operator should know in words, empty when nothing.
	Note string
}
