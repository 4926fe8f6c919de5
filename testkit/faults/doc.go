// Package faults has a disk that forgets, tears, rots, fills and fails on cue, and a real one that is
// small (SmallDisk, on Linux).
//
// Disk is a journal.FS in memory that knows what a power cut would leave of it:
//
//	write ──▶ what the process sees ──Sync──▶ what is durable
//	                 │                             │
//	                 └── Kill: all of it           └── Cut: this, and of the rest what chance
//	                                                   has written: nothing, all, a torn
//	                                                   part, some sectors; of names not synced
//	                                                   by SyncDir the first few
//
// A fault (Fail) makes the operations that it matches fail, now or after some, once or
// for ever. A Sync that fails drops what it should have made durable, as Linux does: a later one
// succeeds and nothing of it is on the disk. Flip is rot: one bit, durably.
//
// Cut and Kill give a new Disk; the old one stays usable, so that who still writes to it
// disturbs nothing. Everything is safe for concurrent use.
package faults
