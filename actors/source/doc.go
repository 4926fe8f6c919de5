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
// What a source remembers over connections, restarts and owners (since, a feed's own place, how far back
// deduplication needs records) is a record too, on $state.<source>, or $state.<source>.I<hash> where it is that of one
// item whose own messages come, and $state.<source>.D where it is the window of deduplication. It stands in the same batch as the last record that it covers, so that both are there or
// neither, and nothing of it is stored after something that was not:
//
//	message 7 ──▶ records ─┬─▶ submission: records …, state "7" ──▶ one batch ──▶ counts: .since is 7
//	message 8 ──▶ nothing  └─▶ state "8" alone, at most once a second
//
// The newest state that the journal holds, of any origin, or the small store of what retention took, is
// where a source goes on; of several the one with the highest turn, then the latest. Where a power cut left a hole in
// the last minute of an epoch of this node, what follows it does not count. The owner seals a state again, with the turn it has,
// before retention takes it. Of a source that was removed, and registered again under its name, no state counts; of
// one whose since.from was replaced by another one, the incremental state does not.
//
// Several nodes may run a source at once: while one hands over to another, or for redundancy. Each learns, by Learn, what the
// others store as it is stored; they exchange nothing else:
//
//	Learn ──▶ queue ──▶ reader ─┬─▶ learnt: identities and values, taken over before the next message
//	            │ full          │      ├─▶ deduplication knows them; what this node numbers too has crossed
//	            ▼               │      └─▶ standby: a copy cancels one that is held back
//	      the journal is read   └─▶ ledger: a higher turn; a state that is ahead is gone on from
//
// An owner of Rank 0 numbers what it collects at once; the others hold it back (standby.go), and number it when they are
// the first, or nobody had it in time. While one hands over the old owner has rank 0, and who takes over the rank behind it, until the old one
// has ended and its last batches came. What is held and a copy of it meet by transform.Copy.Datum: by the native id, else by stream, key and content as
// deduplication goes by them, one copy cancelling one. So a hand-over doubles nothing of any feed that gives both connections the same. What is
// held back where a source ends or is paused is numbered when it would have been, unless a copy comes first; an end waits for that for five seconds at
// most, and leaves the rest to the others. Times of other nodes are taken by this one's clock, from how soon their live batches come (skew.go). What the states of owners mean to each other is in theirs.go. A change of
// Role ends no connection.
//
// Where the views of two nodes differ, as after a partition, each takes itself for the first, and both number. Who hears that another one of a lower id does goes behind
// it, as if it had rank 1, for as long as it hears of it and five seconds more (rival.go). So that is twice what both numbered before they heard of each other.
//
// A process that stood still believes what it knew before, while others took its sources; so it finds that (standstill.go), and is the first
// owner of nothing until it knows what they have: it holds back what its sockets had kept, and numbers of that what no copy cancelled.
//
// A push source runs on every node, and each numbers at once what is pushed to it; what others took of it is
// learned as of any source, so that what is pushed again to another node is a duplicate there, as deduplication goes by it.
//
// Data of the records that sources make of themselves, beside their stream's other fields:
//
//	$errors.<source>   {"reason", "frame" | "frame_base64", "size", "gap", "suppressed"}
//	$sources.<source>  {"source", "node", "state", "since", "before", "reason", "next_at",
//	                    "records", "errors", "restarts", "skipped"}
//	$state.<source>    {"v": 1, "turn", "of", "item", "since", "from", "cursor", "walk", "horizon", "seen"}
//
// frame is at most 4 KiB of the message, size its bytes. Of errors at most ten a second have a
// record, of changes of state twenty at once and then two a second; suppressed and skipped
// count those without one.
package source
