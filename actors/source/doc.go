// Package source runs the sources of a node: it connects to feeds and brings what they send into
// the journal.
//
//	registry ──Assign──▶ supervisor ──▶ one actor a source ──▶ one goroutine: Connector.Run
//	                                     decides, keeps time        │ Line.Feed
//	                                                                ▼
//	  Status ◀── board (atomics) ◀───────────────────────── pipeline ──▶ journal
//
// A source's actor decides when to connect, and never blocks. Its goroutine makes one connection at
// a time by a Connector, of which there is one kind for each kind of feed, in a folder of its own;
// it hands messages to a Line. What all kinds have in common is here: the pipeline that makes
// drafts (transform), submission to the journal, deduplication over restarts, the clocks of
// liveness, backoff, status, and what is told on $errors and $sources.
//
// Guarantees. A failure of one source disturbs no other. A feed is read only as fast as the journal
// takes its records: at most 4 MiB of a source are on their way. What the journal does not take is
// forgotten by deduplication, so that it passes when the feed gives it again. A source is tried for
// ever; its pauses grow to a bound, with full jitter. A source whose spec is equal to the one it runs
// is left alone. No secret is shown.
//
// Data of the records that sources make of themselves, beside their stream's other fields:
//
//	$errors.<source>   {"reason", "frame" | "frame_base64", "size", "suppressed"}
//	$sources.<source>  {"source", "node", "state", "since", "before", "reason", "next_at",
//	                    "records", "errors", "restarts", "skipped"}
//
// frame is at most 4 KiB of the message, size its bytes. Of errors at most ten a second have a
// record, of changes of state twenty at once and then two a second; suppressed and skipped
// count those without one.
package source
