// Package journal is the single writer of a node's journal: it numbers drafts, seals
// them, stores them, and then tells who waits.
//
//	Submit ──▶ inbox ──wake──▶ actor ──group──▶ writer ──written──▶ syncer ──▶ Done
//	         (bounded)         (one group          │   (seal, append)  (shared fsync)
//	                            at a time)         └──▶ hub, by Announce
//
// A lone record is sealed at once; the next seal comes not before a millisecond after
// the last, and takes all that came meanwhile, so that a burst coalesces by itself. The
// inbox holds submissions until they are answered, over restarts of the actor too: one
// that was taken is answered exactly once. It is bounded in bytes, and Submit waits
// where it is full.
//
// Everything is announced after it was appended and before it was synced: delivery does
// not wait for the disk, an answer does as the durability says. When the journal refuses
// (storage full, a disk that fails) nothing is numbered: the same sequence is given to
// the next batch.
//
// Three goroutines belong to the actor: the writer, which alone appends; the syncer,
// which alone syncs; and the keeper, which does what is due every ten seconds and scrubs. A
// fourth, the sweeper, answers what is left where the syncer panics.
package journal
