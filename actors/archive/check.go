package archive

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

const hourMs = int64(time.Hour / time.Millisecond)

// check compares journal and archive, hour by hour. It implements command.ArchiveWork.
type check struct {
	a       *Archiver
	streams messages.Pattern
	// hours are those that are left, in ms; whole is how many there were.
	hours []int64
	whole int
	// hour is the present one; sides what the journal has of its streams, and names those that are left.
	hour    int64
	sides   map[messages.Stream]sum
	names   []messages.Stream
	origins []messages.NodeID
	summary command.CheckSummary
	ended   bool
	close   func()
}

// Check begins to compare. One is made at a time.
func (a *Archiver) Check(q command.CheckArchive) (command.ArchiveWork, error) {
	if !a.checking.TryLock() {
		return nil, fmt.Errorf("%w checks at once: one is under way on this node", command.ErrTooMany)
	}
	c := &check{a: a, streams: q.Streams, origins: a.cfg.Journal.Origins(), close: a.checking.Unlock}
	if c.streams == "" {
		c.streams = a.cfg.Archive.Takes()
	}
	now := a.cfg.Clock().UnixMilli()
	to := now / hourMs * hourMs
	if q.ToMs > 0 {
		to = min(q.ToMs/hourMs*hourMs, now/hourMs*hourMs+hourMs)
	}
	c.hours, c.summary.Skipped = c.plan(q.FromMs/hourMs*hourMs, to, now)
	c.whole = len(c.hours)
	return c, nil
}

// Close implements command.ArchiveWork.
func (c *check) Close() {
	if c.close != nil {
		c.close()
	}
	c.ended, c.close = true, nil
}

// plan finds the hours in which something was received, and that are whole on both sides.
func (c *check) plan(fromMs, toMs, now int64) (hours []int64, skipped int) {
	lowest := int64(0)
	if ttl := c.a.cfg.Archive.TTL(); ttl > 0 {
		lowest = now - ttl.Milliseconds() + hourMs // what goes meanwhile is no difference
	}
	has, broken := make(map[int64]bool), make(map[int64]bool)
	for origin, epochs := range c.a.cfg.Journal.Digest() {
		for i := range epochs {
			s := stretch{epochKey{origin, epochs[i].Epoch}, heldOf(&epochs[i])}
			lowest = max(lowest, s.spans(c.a.cfg.Journal, &epochs[i], has, broken))
		}
	}
	for _, hour := range slices.Sorted(maps.Keys(has)) {
		switch {
		case hour < fromMs || hour+hourMs > toMs:
		case hour < lowest || broken[hour]:
			skipped++
		default:
			hours = append(hours, hour)
		}
	}
	return hours, skipped
}

// spans notes the hours in which batches of an epoch were received, and those of which some are absent. It gives the time from which on nothing
// was dropped.
func (s *stretch) spans(j storage.Journal, e *messages.EpochDigest, has, broken map[int64]bool) (from int64) {
	var before int64 // when the last of the run before was received
	for _, run := range s.runs {
		first, err1 := j.Read(messages.BatchID{Origin: s.origin, Epoch: s.epoch, Sequence: run.From})
		last, err2 := j.Read(messages.BatchID{Origin: s.origin, Epoch: s.epoch, Sequence: run.To})
		if err1 != nil || err2 != nil { // it is being dropped
			return e.HeadHLC.Millis() + 1
		}
		a, b := first.First.Millis(), last.Last.Millis()
		switch {
		case run.From == e.Floor && e.Floor > 1:
			from = a + 1
		case before > 0:
			mark(broken, before, a)
		case run.From > 1:
			from = a + 1
		}
		mark(has, a, b)
		before = b
	}
	if len(s.runs) == 0 || s.runs[len(s.runs)-1].To < e.Head { // nothing is held, or not its end
		return max(from, e.HeadHLC.Millis()+1)
	}
	return from
}

// mark marks the hours of a time, both ends in it.
func mark(hours map[int64]bool, from, to int64) {
	for hour := from / hourMs * hourMs; hour <= to; hour += hourMs {
		hours[hour] = true
	}
}

// Next implements command.ArchiveWork.
func (c *check) Next(ctx context.Context) (any, error) {
	if c.ended {
		return nil, io.EOF
	}
	line, err := c.step(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		c.ended = true
		return command.CheckLine{Error: err.Error()}, nil
	}
	return line, nil
}

func (c *check) step(ctx context.Context) (line command.CheckLine, err error) {
	for len(c.names) > 0 {
		name := c.names[0]
		c.names = c.names[1:]
		if line.CheckedHour, err = c.compare(ctx, name); line.CheckedHour != nil || err != nil {
			return line, err
		}
	}
	if len(c.hours) > 0 {
		c.hour, c.hours = c.hours[0], c.hours[1:]
		c.summary.Hours++
		line.Progress = &command.CheckProgress{Done: c.summary.Hours - 1, Total: c.whole}
		return line, c.open(ctx)
	}
	c.ended, line.Summary = true, &c.summary
	return line, nil
}

// takes tells whether a stream is compared.
func (c *check) takes(stream messages.Stream) bool {
	return c.streams.Match(stream) && c.a.cfg.Archive.Takes().Match(stream)
}

// open sums up what the journal has of the present hour, and finds the streams that either side has.
func (c *check) open(ctx context.Context) error {
	c.sides = make(map[messages.Stream]sum)
	for _, s := range stretches(c.a.cfg.Journal, c.hour, c.hour+hourMs) {
		for _, run := range s.runs {
			for at := run.From; at <= run.To; at++ {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				sealed, err := c.a.cfg.Journal.Read(messages.BatchID{Origin: s.origin, Epoch: s.epoch, Sequence: at})
				if err != nil {
					return fmt.Errorf("the journal lost a batch meanwhile: %w", err)
				}
				if err := sealed.EachOf(c.takes, c.add); err != nil {
					return err
				}
			}
		}
	}
	for _, origin := range c.origins {
		for stream, err := range c.a.cfg.Archive.Streams(ctx, origin, []messages.Pattern{c.streams}, c.hour, c.hour+hourMs) {
			if err != nil {
				return err
			}
			if _, known := c.sides[stream]; !known && c.takes(stream) {
				c.sides[stream] = sum{}
			}
		}
	}
	c.names = slices.Sorted(maps.Keys(c.sides))
	return nil
}

// add takes in a record of the journal.
func (c *check) add(r *messages.Record) {
	if ms := r.HLC.Millis(); ms >= c.hour && ms < c.hour+hourMs {
		s := c.sides[r.Stream]
		s.add(r)
		c.sides[r.Stream] = s
	}
}

// compare sums up what the archive has of a stream in the present hour; nil is that nobody has anything. Of origins that the journal does not know it is not asked.
func (c *check) compare(ctx context.Context, stream messages.Stream) (*command.CheckedHour, error) {
	var theirs sum
	for _, origin := range c.origins {
		for r, err := range c.a.cfg.Archive.Scan(ctx, storage.ArchiveScan{Stream: stream, Origin: origin, FromMs: c.hour, ToMs: c.hour + hourMs}) {
			if err != nil {
				return nil, err
			}
			theirs.add(r)
		}
	}
	ours := c.sides[stream]
	if ours.records == 0 && theirs.records == 0 {
		return nil, nil
	}
	c.summary.Compared++
	c.summary.Records += ours.records
	if ours != theirs {
		c.summary.Unequal++
	}
	return &command.CheckedHour{Stream: stream, Hour: time.UnixMilli(c.hour).UTC(), Journal: ours.side(), Archive: theirs.side(), Equal: ours == theirs}, nil
}

// sum is a number of records, and the sum modulo 2^128 of their hashes: whatever their order is, and no two of the same cancel each other.
type sum struct {
	records   uint64
	high, low uint64
}

func (s *sum) add(r *messages.Record) {
	var room [1024]byte
	b := r.AppendJSON(room[:0])
	b = binary.BigEndian.AppendUint64(b, uint64(r.HLC))
	hash := sha256.Sum256(b)
	var carry uint64
	s.low, carry = bits.Add64(s.low, binary.BigEndian.Uint64(hash[8:]), 0)
	s.high, _ = bits.Add64(s.high, binary.BigEndian.Uint64(hash[:]), carry)
	s.records++
}

func (s *sum) side() command.CheckedSide {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], s.high)
	binary.BigEndian.PutUint64(b[8:], s.low)
	return command.CheckedSide{Records: s.records, Hash: hex.EncodeToString(b[:])}
}
