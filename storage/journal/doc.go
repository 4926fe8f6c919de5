// Package journal keeps sealed batches in append-only segment files: storage.Journal on a disk.
//
// A journal is one directory. Three families of segments live in it, each with at most
// one active segment, the one that is appended to:
//
//	0000000000000007-own.seg        a segment; the number grows with every one made
//	0000000000000007-own.idx        the sidecar of a closed segment
//	0000000000000003-live.damaged   set aside by Repair
//	spare.tmp                       the next segment, allocated before it is needed
//
// A segment (integers little-endian):
//
//	┌────────┬─────────┬────────┬──────┬─────────┬──────────────┬─────────┬──────┐
//	│ "aNsg" │ version │ family │ 0 0  │ number  │ made, ms (8) │ CRC32C  │ 0 (4)│  32 bytes
//	├────────┴─────────┼────────┴──────┼─────────┴──────────────┼─────────┴──────┘
//	│ length (4)       │ CRC32C of it  │ CRC32C of the batch    │  a frame: 12 bytes,
//	├──────────────────┴───────────────┴────────────────────────┤
//	│ batch (package wire)                                      │  and the batch
//	└───────────────────────────────────────────────────────────┘
//
// The checksum of a batch is the one that closes it, over all before that. One Append is
// one write call.
//
// A closed segment's sidecar:
//
//	┌────────┬─────────┬──────────────────────────────────┬────────┐
//	│ "aNix" │ version │ lengths of the three parts (4 ×3)│ CRC32C │
//	├────────┴─────────┴──────────────────────────────────┴────────┤
//	│ summary     size, closing time, counts; (origin, epoch) →    │
//	│             ranges held and lost, first and last HLC, prior; │
//	│             stream → records, bytes, newest        + CRC32C  │
//	├──────────────────────────────────────────────────────────────┤
//	│ details     (origin, epoch) → sequence, HLCs, offset, length,│
//	│             checksum; stream → postings: which     + CRC32C  │
//	│             batches, how many records and bytes              │
//	├──────────────────────────────────────────────────────────────┤
//	│ identities  sources; 128 bits, ms, source each     + CRC32C  │
//	└──────────────────────────────────────────────────────────────┘
//
// Open reads the summaries only. Details are read on demand into a bounded cache,
// identities without one. A sidecar that is missing or damaged is made again by reading
// its segment. What an active segment holds is indexed in memory.
//
// # What is found at open
//
// The last frame of a segment is torn, and cut without further words, where its header
// is right and its bytes end, or turn to zeros, before its length. All else that is not a
// good frame is damage: reading goes on behind it, at the next good frame or batch. What
// was damaged is a hole, as far as it can be told which sequence it was, and is counted.
//
// # When the disk fails
//
// A write that fails is cut off again: none of its batches are stored. After an fsync that
// fails the segment is closed, and what it had unsynced is written again in a new one from
// memory; until that succeeds everything is refused (ErrRefused; ErrFull where it is for want of
// room, which some file systems find out only then). At 95 % of the disk budget
// this node's own batches are refused, below the floor of free disk all are (ErrFull); both
// end by themselves in Maintain. Where the disk has not enough for a whole segment above its floor, a smaller one is
// made, down to 1 MiB; below that a family is full (ErrFull) once it needs the next one. At most 32 MiB wait for an fsync: an Append beyond that
// syncs first.
//
// # Floors
//
// What retention drops, and what Raise does without, is remembered in State as the floor of the epoch before it
// counts: after a crash at any point nothing that readers were told is gone comes back, and nothing gone is a hole.
// Raise rewrites no segment: batches below the floor stay on the disk until retention takes their segment.
//
// What is pinned (Pin) stays beyond retention, with all that stands above it in its epoch, as dropping that would raise the floor over
// it. At 95 % of the disk budget, or below the floor of free disk, segments go in which nothing of this node is pinned.
//
// # Concurrency
//
// As storage.Journal says. Three locks are taken in this order: writing (who appends),
// upkeep (who unlinks and makes sidecars), mu (everything in memory; never held over I/O).
package journal
