// Package messages holds the nouns of aNode: what a record is, what it is
// called, where it stands and what a reader has seen.
//
//	Draft ──numbered by its origin──▶ Record ──grouped and sealed──▶ Batch
//	                                    │
//	                                    ▼
//	                   Position (origin, epoch, sequence, index)
//	                                    │
//	            Cursor: at most one Position an origin, and maybe @ms
//
// A Position is a place on the line of its origin. An origin numbers batches
// from 1 without gaps within an epoch, and begins a new epoch at each start;
// the first batch of an epoch names the place where the epoch before it ended,
// so that all epochs of an origin are one line (see Line, which states the
// rule by which every reader walks it).
//
// The types are values. Those with a text form parse it strictly and print
// what they parse. Nothing here does I/O, reads a clock or starts a goroutine,
// and every function is safe for concurrent use on distinct values.
package messages
