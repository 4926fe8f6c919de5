package storage

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"anode/messages"
)

// ErrAway tells that the archive can't be reached, or refuses for now. A later try may succeed.
var ErrAway = errors.New("archive away")

// Archive is a database that keeps records when the journal has dropped them: a row each, of all origins, in one database that several
// nodes share. What is written again is the same row. All of it is safe for any number of callers.
//
// Errors that wrap ErrAway pass; all others stay until somebody does something. Whatever is asked waits no longer than its ctx.
//
// How far it is stands in the archive itself: who writes confirms, and of each (origin, epoch) the runs of sequences are known of which
// all records are there that their archivers' Takes match. What is not in a run may be there nevertheless.
type Archive interface {
	// Write stores the records of batches that Takes matches, and returns when the database has acknowledged all of them,
	// and how many. On an error some may be there. Batches may come in any order, and again.
	Write(ctx context.Context, batches []*messages.Batch) (rows int, err error)
	// Confirm notes what an archiver has written, together with what was noted before; it never takes back. Where records end (TTL), what
	// was noted of an epoch may end too, well after all that it is about.
	Confirm(ctx context.Context, archiver messages.NodeID, done []Archived) error
	// Confirmed is what all archivers have noted, of one origin or, where that is "", of all: at most one for each (origin, epoch,
	// Streams), sorted by these. What is there of an epoch is the union of its Runs where the Streams cover what is asked for.
	Confirmed(ctx context.Context, origin messages.NodeID) ([]Archived, error)

	// Locate gives the newest mark at or below a batch: all that stands behind the batch was received then or later. It is the zero
	// Mark where there is none.
	Locate(ctx context.Context, at messages.BatchID) (Mark, error)
	// Oldest gives the oldest mark of an epoch, the zero Mark where there is none. Where an archive that forgets (TTL) has confirmed
	// what is below it, that is gone.
	Oldest(ctx context.Context, origin messages.NodeID, epoch uint64) (Mark, error)

	// Origins are the origins of which records of a stream may be there, received in [fromMs, toMs) (Unix; a toMs of 0 is no
	// bound), sorted.
	Origins(ctx context.Context, stream messages.Stream, fromMs, toMs int64) ([]messages.NodeID, error)
	// Streams yields the streams that match one of some patterns and of which records of an origin may be there, received in
	// [fromMs, toMs), each once, in no order.
	Streams(ctx context.Context, origin messages.NodeID, match []messages.Pattern, fromMs, toMs int64) iter.Seq2[messages.Stream, error]
	// All yields the streams of which records of any origin may be there, each once, in no order: it costs as much as there are streams.
	All(ctx context.Context) iter.Seq2[messages.Stream, error]
	// Scan yields records of one stream of one origin. It reads ahead one page. An error ends it.
	Scan(ctx context.Context, query ArchiveScan) iter.Seq2[*messages.Record, error]

	// Takes is what is written: --archive-streams.
	Takes() messages.Pattern
	// TTL is how long a record is kept from when it was written; 0 is for ever.
	TTL() time.Duration
	// Stats is a snapshot for status and metrics.
	Stats() ArchiveStats
	// Close lets go of the database; what is under way ends with an error.
	Close() error
}

// Archived is what an archive has of one epoch of an origin, as archivers of Streams noted it.
type Archived struct {
	Origin messages.NodeID
	Epoch  uint64
	// Streams is what was written of the batches.
	Streams messages.Pattern
	// Runs are the sequences of the batches that are written, ascending.
	Runs messages.Ranges
	// Begun tells that Prior, where the line stood before the epoch, is known: of an origin's first epoch it is the zero
	// Position.
	Begun bool
	Prior messages.Position
	// HeadIndex is the index of the last record of the highest sequence in Runs, HeadHLC the highest reading of all.
	HeadIndex uint32
	HeadHLC   messages.HLC
}

// Join is what two say together of one epoch and the same Streams. The zero Archived says nothing.
func (a Archived) Join(b Archived) Archived {
	if len(a.Runs) == 0 && !a.Begun {
		return b
	}
	top := func(d Archived) uint64 {
		if len(d.Runs) == 0 {
			return 0
		}
		return d.Runs[len(d.Runs)-1].To
	}
	if top(b) > top(a) {
		a.HeadIndex = b.HeadIndex
	}
	a.HeadHLC = max(a.HeadHLC, b.HeadHLC)
	if b.Begun {
		a.Begun, a.Prior = true, b.Prior
	}
	a.Runs = slices.Clone(a.Runs)
	for _, run := range b.Runs {
		a.Runs = a.Runs.Add(run)
	}
	return a
}

// Mark says when a batch of an epoch was received. There is about one a minute of what was received: at the lowest
// sequence that was written of it.
type Mark struct {
	Sequence uint64
	Ms       int64
}

// ArchiveScan asks for records of one stream of one origin.
type ArchiveScan struct {
	Stream messages.Stream
	Origin messages.NodeID
	// FromMs and ToMs bound what was received (Unix ms), in [FromMs, ToMs); a ToMs of 0 is no bound.
	FromMs, ToMs int64
	// Epoch asks for one epoch alone, in order of position; 0 for all, in order of (received ms, position).
	Epoch uint64
	// After leaves out, in a scan of one epoch, what stands at or below this sequence.
	After uint64
	// Descending turns the order round.
	Descending bool
	// Page is how many rows are read ahead, about; 0 is as the archive likes.
	Page int
}

// ArchiveStats is a snapshot of an archive, since the start.
type ArchiveStats struct {
	// Rows were acknowledged, Failed writes were not.
	Rows, Failed uint64
	// Flight is how many requests may be under way at a time now, Batch how many rows go into one at most.
	Flight, Batch int
	// Away says why the database can't be reached, or is refusing; empty when it answers. Since is when that began.
	Away  string
	Since time.Time
	// Connections is how many connections to it were made. Where that changed, one of its nodes may have been killed meanwhile, and have
	// forgotten what it acknowledged last.
	Connections uint64
	// Refused tells that Away is for good: it is neither written to nor read until the program starts again.
	Refused bool
	// Place is where it is, in words, without credentials, as it was configured. Database tells databases apart, however they are named:
	// all that write to the same one have the same. It is empty until the database has said so.
	Place, Database string
}
