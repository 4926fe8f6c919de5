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
// What peers bring comes by Store, already sealed, into a queue of its own in the inbox: who stores
// bounds it. The two take turns at the writer.
//
// Everything is announced after it was appended and before it was synced: delivery does
// not wait for the disk, an answer does as the durability says. When the journal refuses
// (storage full, a disk that fails) nothing is numbered: the same sequence is given to
// the next batch.
//
// The numbers of a node may have to go on in another epoch: where peers hold batches of it that its own disk does
// not. Inbox.Number asks for that; the writer begins the epoch between two groups, and the inbox remembers it for
// the actor's next incarnation. What was answered keeps its position.
//
// With AckPeer one more stage stands behind the syncer, the confirmer: it answers when a peer is known to hold the
// batches too, which Inbox.Covered tells and which may be before the sync, or after five seconds with
// ErrUncovered. Who is answered so, is stored: chains go on. A duplicate waits for the batches that were numbered when
// what it repeats came. What no peer holds yet is kept with the inbox, for as long as duplicates are known.
//
// Three goroutines belong to the actor: the writer, which alone appends; the syncer,
// which alone syncs; and the keeper, which does what is due every ten seconds and scrubs. The sweepers of the syncer
// and the confirmer answer what is left where these panic.
package journal
