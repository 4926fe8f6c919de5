package journal

import (
	"errors"
	"log/slog"
	"time"

	"anode/messages"
	"anode/storage"
)

const (
	mib = 1 << 20
	// maxSegment and minSegment bound what a segment grows to.
	maxSegment, minSegment = 64 * mib, mib
	// maxLacked is what has to be free, at most, after a write found no room.
	maxLacked = 4 * mib
	// maxUnsynced is how much waits for an fsync at most.
	maxUnsynced = 32 * mib
	// maxUnindexed is how much waits for its postings at most.
	maxUnindexed = 8 * mib
	// leastPosted is how much of it is worth to be done during a Sync, maxPosted the most of one.
	leastPosted, maxPosted = mib / 16, mib / 4
	// maxCached is what the details read from sidecars take in memory.
	maxCached = 32 * mib
	// maxOpen is how many segments are held open for reading.
	maxOpen = 64
	// maxFreeFloor is the most that must stay free on the disk.
	maxFreeFloor = 512 * mib
	// freeEvery is after how many bytes the disk is asked again what is free.
	freeEvery = 8 * mib
	// maxEmptied is how many epochs that retention emptied are remembered of one origin, the newest, and
	// maxEmptiedOfAll of all: a reader who was last in an older one is told a gap from the line's beginning.
	maxEmptied, maxEmptiedOfAll = 1000, 10_000
	// clockJump is by how much the clock may go forward unseen, and how long age is not
	// trusted after it went further.
	clockJump = 24 * time.Hour
)

// Config says where a journal is and how much it keeps.
type Config struct {
	// Dir is the directory, made where it is missing; required. One process has it at a time,
	// which its owner sees to.
	Dir string
	// FS is the file system; nil means OS().
	FS FS
	// State remembers floors and what was given up; required. The journal does not close it.
	State storage.State
	// Self is the node whose own batches the budget refuses; required.
	Self messages.NodeID
	// RetentionBytes is how much is kept; 0 means no bound. At least four segments.
	RetentionBytes int64
	// RetentionAge is how long is kept; 0 means for ever. An epoch (one per restart of its origin) that was
	// emptied is remembered twice as long, so that who comes again is told what they missed; of the newest
	// 1,000 of each origin, and 10,000 in all, at most.
	RetentionAge time.Duration
	// DiskBudget is what the journal may take on the disk; 0 means no bound. At 95 % of it
	// own batches are refused.
	DiskBudget int64
	// SegmentBytes is what a segment grows to; 0 means the rule: an eighth of the retention, from 1 to 64 MiB. It is
	// less, down to 1 MiB, where the disk has no room for that.
	SegmentBytes int64
	// Dropping is given, before retention drops a segment, the last record that the segment has of each
	// stream that DroppingOf matches, of each (origin, epoch). An error leaves the segment where it is, unless the disk
	// is full. It must not call the journal. Nil means nobody.
	Dropping   func([]*messages.Record) error
	DroppingOf messages.Pattern
	// Clock is the wall clock; nil means time.Now.
	Clock func() time.Time
	// Logger; nil means none.
	Logger *slog.Logger
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	require := func(ok bool, what string) {
		if !ok {
			faults = append(faults, errors.New(what))
		}
	}
	require(c.Dir != "", "Dir is required")
	require(c.State != nil, "State is required")
	require(c.Self != "", "Self is required")
	require(c.RetentionBytes >= 0, "RetentionBytes is negative")
	require(c.RetentionAge >= 0, "RetentionAge is negative")
	require(c.DiskBudget >= 0, "DiskBudget is negative")
	require(c.SegmentBytes >= 0 && c.SegmentBytes <= maxSegment, "SegmentBytes is not within 0 and 64 MiB")
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	if c.FS == nil {
		c.FS = OS()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = maxSegment
		for _, bound := range []int64{c.RetentionBytes, c.DiskBudget} {
			if bound > 0 {
				c.SegmentBytes = min(c.SegmentBytes, max(bound/8, minSegment))
			}
		}
	}
	return c
}
