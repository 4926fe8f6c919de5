// Package hub brings what the journal stores to those who are subscribed, as it comes.
//
//	journal ──Announce──▶ Hub ──item──▶ loop (one a core) ──bytes──▶ Outlet
//	                    (reading rule)   │  seats, feeds, index
//	                                     └──Lagged──▶ subscriber actor ──Feed──▶ loop
//
// The Hub is one reader of all origins: it walks each by the reading rule and gives every
// loop the same items in the same order. A batch's stream is encoded once, by the first loop that
// needs it, and the bytes are shared by all.
//
// Who announces never waits for the disk. What must be read back, after a hole was filled or given up, the hub's walker
// reads: one goroutine, which takes the origins that are behind in turns of 64 batches or 1 MiB, and holds no lock while
// it reads. Until it is through, it alone moves on in such an origin: what is announced of it meanwhile is in the journal
// and comes in its order, and what is late is told when it is passed. What nobody is subscribed to is not read.
//
// A loop owns the connections (seats) that sit with it, and alone writes to them, without
// blocking; a goroutine flushes the rest of one that would block. A subscription (feed) is
// live, or it is read for by its session's actor:
//
//	reading ──Attach──▶ joining ──Live──▶ live ──too slow──▶ reading
//	                    (items are held)        └─policy drop─▶ dropping ──▶ live
//
// The hand-over is exact. Attach gives where the loop stands, and the loop holds what comes
// after; the reader gives what lies between, all of it in the journal already; Live releases
// what was held. An origin that waits for a hole is left out of a live feed, and joins it
// later in the same way. So does one that turns up in the middle of its line: its reader finds where it begins, and is told
// where the feed met it.
//
// What is queued is bounded everywhere: a loop's items in bytes (beyond, its feeds become
// readers), a live feed's frames to 64 KiB beyond the message in flight, a reader's to 64 KiB.
package hub
