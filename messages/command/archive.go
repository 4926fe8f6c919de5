package command

import (
	"context"
	"time"

	"anode/messages"
)

// Archive asks how a node archives. Where it does not, the answer's State is StateOff.
type Archive struct{ To[ArchiveView] }

// ArchiveView is the answer of GET /archive.
type ArchiveView struct {
	// State is ok, degraded, failed or off; Detail says it in words.
	State  string `json:"state"`
	Detail string `json:"detail"`
	// Place is where it is, without credentials. Streams is what is archived, TTL for how many seconds a record is kept; 0 is for ever.
	Place   string           `json:"place,omitempty"`
	Streams messages.Pattern `json:"streams,omitempty"`
	TTL     float64          `json:"ttl_seconds,omitempty"`
	// Away is since when the archive takes nothing; zero while it does.
	Away time.Time `json:"away_since,omitzero"`
	// Error is what went wrong last; empty while all is well.
	Error string `json:"error,omitempty"`
	// Rows were acknowledged since the start, Failed writes were not.
	Rows   uint64         `json:"rows"`
	Failed uint64         `json:"failed"`
	Lag    ArchiveLagView `json:"lag"`
	// Origins are all of which the node's journal knows, by id.
	Origins []ArchiveOriginView `json:"origins"`
}

// ArchiveLagView is how much is held and not confirmed by the archive.
type ArchiveLagView struct {
	Records uint64 `json:"records"`
	Batches uint64 `json:"batches"`
	// Seconds is how old the oldest record of it is.
	Seconds float64 `json:"seconds"`
}

// ArchiveOriginView is one origin.
type ArchiveOriginView struct {
	Origin messages.NodeID `json:"origin"`
	// Archiver is the node that archives it, as the node that was asked sees it.
	Archiver messages.NodeID `json:"archiver"`
	// Here tells that the node that was asked archives it; of others it does not know the rest.
	Here bool `json:"here"`
	// Read tells that the archive has said what it has of it.
	Read bool `json:"read"`
	// Confirmed counts the batches that the archive confirms, Runs in how many runs of sequences they are.
	Confirmed uint64         `json:"confirmed"`
	Runs      int            `json:"runs"`
	Lag       ArchiveLagView `json:"lag"`
}

// Backfill asks a node to write again what its journal holds that was received in [FromMs, ToMs) (Unix); a ToMs of 0 is no bound.
// The answer must be closed. One is made at a time: ErrTooMany.
type Backfill struct {
	To[ArchiveWork]
	FromMs, ToMs int64
}

// CheckArchive asks a node to compare its journal and its archive by count and hash, per stream and hour, as far as streams match. It looks at
// hours that the journal holds completely, from the one of FromMs to before ToMs (Unix); a ToMs of 0 is the beginning of the present hour. The answer must
// be closed. One is made at a time: ErrTooMany.
type CheckArchive struct {
	To[ArchiveWork]
	FromMs, ToMs int64
	Streams      messages.Pattern
}

// ArchiveWork is long work. It is not safe for concurrent use.
type ArchiveWork interface {
	// Next works on, and gives the next line: a BackfillLine or a CheckLine. It is io.EOF after the last.
	Next(ctx context.Context) (line any, err error)
	// Close ends it.
	Close()
}

// BackfillLine is how far writing again is. The last one has Finished or Error.
type BackfillLine struct {
	// Done of Total batches are written again, with so many Records that are archived.
	Done    uint64 `json:"done"`
	Total   uint64 `json:"total"`
	Records uint64 `json:"records"`
	// Waiting is why it does not go on now.
	Waiting  string `json:"waiting,omitempty"`
	Finished bool   `json:"finished,omitempty"`
	Error    string `json:"error,omitempty"`
}

// CheckLine is one of: a comparison, how far it is, the end. The last one has Summary or Error.
type CheckLine struct {
	*CheckedHour
	Progress *CheckProgress `json:"progress,omitempty"`
	Summary  *CheckSummary  `json:"summary,omitempty"`
	Error    string         `json:"error,omitempty"`
}

// CheckedHour is a stream in an hour.
type CheckedHour struct {
	Stream  messages.Stream `json:"stream"`
	Hour    time.Time       `json:"hour"`
	Journal CheckedSide     `json:"journal"`
	Archive CheckedSide     `json:"archive"`
	Equal   bool            `json:"equal"`
}

// CheckedSide is what one side has: Hash is over all records, whatever their order.
type CheckedSide struct {
	Records uint64 `json:"records"`
	Hash    string `json:"hash"`
}

// CheckProgress is how many hours are done.
type CheckProgress struct {
	Done  int `json:"done"`
	Total int `json:"total"`
}

// CheckSummary is what came of it.
type CheckSummary struct {
	// Hours were compared, Skipped were not, as the journal does not hold all of them any more, or the archive's ttl took some.
	Hours   int `json:"hours"`
	Skipped int `json:"skipped"`
	// Compared counts the pairs of stream and hour, Unequal those that differ, Records those of the journal.
	Compared uint64 `json:"compared"`
	Unequal  uint64 `json:"unequal"`
	Records  uint64 `json:"records"`
}
