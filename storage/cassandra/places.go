package cassandra

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
)

const (
	knownDays       = 1 << 18
	knownPartitions = 1 << 18
	knownEpochs     = 1 << 12
	knownLines      = 1 << 18
	// smallWrites is how many rows of small tables are written at a time by one Write.
	smallWrites = 16
	// aheadMs is how far the clock of an origin may be ahead; longestSilence is how many ms of a silence count for the rate.
	aheadMs        = 60_000
	longestSilence = 3_600_000
	// forever is the write timestamp of rows of small tables that never end: the year 9999, in µs.
	forever = 253_402_300_799_000_000
)

// places is what is known to be listed, so that it is not listed for each record. All of it is bounded, and may be forgotten.
type places struct {
	ttl, slack time.Duration

	mu         sync.Mutex // guards what follows; a leaf
	days       *lru[streamDay, listedDay]
	partitions *lru[partition, listed]
	epochs     *lru[epochMinute, markedMinute]
	lines      *lru[line, sight]
}

// listed says until when something needs not be listed again, and at which generation it was.
type listed struct {
	until      time.Time // zero is for ever
	generation uint64
}

func (l listed) good(now time.Time, generation uint64) bool {
	return l.generation == generation && (l.until.IsZero() || now.Before(l.until))
}

type listedDay struct {
	listed
	width width
}

type epochMinute struct {
	origin messages.NodeID
	epoch  uint64
	minute int64
}

type markedMinute struct {
	listed
	sequence uint64
}

func newPlaces(ttl time.Duration) *places {
	return &places{
		ttl: ttl, slack: slackOf(ttl),
		days: newLRU[streamDay, listedDay](knownDays), partitions: newLRU[partition, listed](knownPartitions),
		epochs: newLRU[epochMinute, markedMinute](knownEpochs), lines: newLRU[line, sight](knownLines),
	}
}

// slackOf is how much longer rows of small tables live than records.
func slackOf(ttl time.Duration) time.Duration {
	return min(max(ttl/4, time.Hour), maxSlack).Truncate(time.Second)
}

// listing is what a listing gets that is written now: its TTL in seconds, its write timestamp, and until when it is good.
func (p *places) listing(now time.Time, generation uint64) (ttl int, at int64, l listed) {
	if p.ttl <= 0 {
		return 0, forever, listed{generation: generation}
	}
	life := p.ttl + p.slack
	return int(life / time.Second), now.Add(life).UnixMicro(), listed{now.Add(p.slack / 2), generation}
}

// saw takes what batches show of their streams, at a time of this machine. What is of later, as a clock was ahead, says nothing.
func (p *places) saw(lines map[line]sight, nowMs int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l, s := range lines {
		if s.last > nowMs+aheadMs {
			continue
		}
		if known, ok := p.lines.get(l); ok && known.last <= nowMs+aheadMs {
			if s.last <= known.last {
				continue // what is written again, or late, says nothing of the rate
			}
			if known.last-known.first > 12*knownAfter.Milliseconds() { // what was long ago counts half
				known.first += (known.last - known.first) / 2
				known.bytes /= 2
			}
			if silent := s.first - known.last; silent > longestSilence {
				known.first += silent - longestSilence
				known.last += silent - longestSilence
			}
			s = known.with(s)
		}
		p.lines.put(l, s)
	}
}

// propose is how wide the buckets of a day should be: as they were said to be before, or as what was seen tells.
func (p *places) propose(d streamDay) width {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.days.get(d); ok {
		return known.width
	}
	s, _ := p.lines.get(line{d.stream, d.origin})
	return pickWidth(s.bytes, time.Duration(s.last-s.first)*time.Millisecond)
}

// knownDay gives the width of a day that is listed.
func (p *places) knownDay(d streamDay, now time.Time, generation uint64) (width, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.days.get(d)
	return known.width, ok && known.good(now, generation)
}

func (p *places) knowDay(d streamDay, w width, l listed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.days.put(d, listedDay{l, w})
}

func (p *places) knownPartition(key partition, now time.Time, generation uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.partitions.get(key)
	return ok && known.good(now, generation)
}

func (p *places) knowPartition(key partition, l listed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partitions.put(key, l)
}

// toMark are the batches of which a mark should be written: of each minute the first, a lower one, and the next after a minute went by.
// It is no matter whether anything of them is taken: what is below the oldest mark of an epoch counts as gone.
func (p *places) toMark(batches []*messages.Batch, now time.Time, generation uint64) []*messages.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	lowest := make(map[epochMinute]*messages.Batch)
	for _, b := range batches {
		key := minuteOf(b)
		if low := lowest[key]; low == nil || b.Sequence < low.Sequence {
			lowest[key] = b
		}
	}
	var list []*messages.Batch
	for key, b := range lowest {
		known, ok := p.epochs.get(key)
		if !ok || b.Sequence < known.sequence || !known.good(now, generation) {
			list = append(list, b)
		}
	}
	return list
}

func minuteOf(b *messages.Batch) epochMinute {
	return epochMinute{b.Origin, b.Epoch, b.First.Millis() / int64(byMinute)}
}

func (p *places) marked(b *messages.Batch, now time.Time, generation uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := listed{generation: generation}
	if p.ttl > 0 {
		l.until = now.Add(time.Minute)
	}
	p.epochs.put(minuteOf(b), markedMinute{l, b.Sequence})
}

// listDay makes sure that a day of a stream of an origin is listed, and gives the width that all use.
func (a *Archive) listDay(ctx context.Context, s *gocql.Session, d streamDay) (width, error) {
	return a.days.do(ctx, d, &a.generation, func(generation uint64) (width, bool) {
		return a.places.knownDay(d, a.clock.of(a.now()), generation)
	}, func(ctx context.Context, generation uint64) (width, error) {
		return a.writeDay(ctx, s, d, generation)
	})
}

func (a *Archive) writeDay(ctx context.Context, s *gocql.Session, d streamDay, generation uint64) (width, error) {
	ttl, at, l := a.places.listing(a.clock.of(a.now()), generation)
	w, err := a.decideWidth(ctx, s, d, ttl)
	if err != nil {
		return 0, err
	}
	for _, row := range []struct {
		statement string
		args      []any
	}{
		{`INSERT INTO origins (stream, day, origin) VALUES (?, ?, ?)`, []any{string(d.stream), date(d.day), string(d.origin)}},
		{`INSERT INTO streams (origin, day, stream) VALUES (?, ?, ?)`, []any{string(d.origin), date(d.day), string(d.stream)}},
		{`INSERT INTO days (origin, day) VALUES (?, ?)`, []any{string(d.origin), date(d.day)}},
	} {
		if err := a.listRow(ctx, s, row.statement, ttl, at, row.args...); err != nil {
			return 0, err
		}
	}
	a.places.knowDay(d, w, l)
	return w, nil
}

// decideWidth reads how a day is cut, or decides it. All who do so at a time get the same.
func (a *Archive) decideWidth(ctx context.Context, s *gocql.Session, d streamDay, ttl int) (w width, err error) {
	err = a.try(ctx, func(ctx context.Context) error {
		w, err = a.askWidth(ctx, s, d, ttl)
		return err
	})
	return w, err
}

func (a *Archive) askWidth(ctx context.Context, s *gocql.Session, d streamDay, ttl int) (width, error) {
	var (
		text string
		left *int
		key  = []any{string(d.stream), string(d.origin), date(d.day)}
	)
	err := s.Query(`SELECT width, TTL(width) FROM buckets WHERE stream = ? AND origin = ? AND day = ?`, key...).WithContext(ctx).Scan(&text, &left)
	switch {
	case errors.Is(err, gocql.ErrNotFound):
		return a.claimWidth(ctx, s, d, ttl)
	case err != nil:
		return 0, err
	case left != nil && (ttl == 0 || *left < ttl-int(a.places.slack/(4*time.Second))):
		// it would end before what is written now does
		prolonged, err := s.Query(`UPDATE buckets USING TTL ? SET width = ? WHERE stream = ? AND origin = ? AND day = ? IF width = ?`,
			append(append([]any{ttl, text}, key...), text)...).WithContext(ctx).MapScanCAS(make(map[string]any))
		if err != nil {
			return 0, err
		}
		if !prolonged { // it has just ended
			return a.claimWidth(ctx, s, d, ttl)
		}
	}
	return parseWidth(text)
}

// claimWidth decides, unless somebody else did.
func (a *Archive) claimWidth(ctx context.Context, s *gocql.Session, d streamDay, ttl int) (width, error) {
	w := a.places.propose(d)
	others := make(map[string]any)
	mine, err := s.Query(`INSERT INTO buckets (stream, origin, day, width) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?`,
		string(d.stream), string(d.origin), date(d.day), w.String(), ttl).WithContext(ctx).MapScanCAS(others)
	if err != nil || mine {
		return w, err
	}
	text, _ := others["width"].(string)
	return parseWidth(text)
}

// listPartition makes sure that a partition of records is listed.
func (a *Archive) listPartition(ctx context.Context, s *gocql.Session, key partition, w width) error {
	_, err := a.partitions.do(ctx, key, &a.generation, func(generation uint64) (struct{}, bool) {
		return struct{}{}, a.places.knownPartition(key, a.clock.of(a.now()), generation)
	}, func(ctx context.Context, generation uint64) (struct{}, error) {
		return struct{}{}, a.writePartition(ctx, s, key, w, generation)
	})
	return err
}

func (a *Archive) writePartition(ctx context.Context, s *gocql.Session, key partition, w width, generation uint64) error {
	ttl, at, l := a.places.listing(a.clock.of(a.now()), generation)
	err := a.listRow(ctx, s, `INSERT INTO partitions (stream, origin, day, bucket, width) VALUES (?, ?, ?, ?, ?)`, ttl, at,
		string(key.stream), string(key.origin), date(dayOf(key.bucket)), bigint(key.bucket), w.String())
	if err != nil {
		return err
	}
	a.places.knowPartition(key, l)
	return nil
}

// listRow writes a row of a small table, again until it is there or the patience is over.
func (a *Archive) listRow(ctx context.Context, s *gocql.Session, statement string, ttl int, at int64, args ...any) error {
	args = append(args, at, ttl)
	return a.try(ctx, func(ctx context.Context) error {
		return s.Query(statement+` USING TIMESTAMP ? AND TTL ?`, args...).WithContext(ctx).Exec()
	})
}

// mark notes when batches were received. Marks end with the records.
func (a *Archive) mark(ctx context.Context, s *gocql.Session, b *messages.Batch, generation uint64) error {
	now := a.clock.of(a.now())
	ttl, at := int(a.cfg.TTL/time.Second), int64(forever)
	if ttl > 0 {
		at = now.Add(a.cfg.TTL).UnixMicro()
	}
	err := a.listRow(ctx, s, `INSERT INTO marks (origin, epoch, sequence, received) VALUES (?, ?, ?, ?)`, ttl, at,
		string(b.Origin), bigint(int64(b.Epoch)), bigint(int64(b.Sequence)), bigint(b.First.Millis()))
	if err != nil {
		return fmt.Errorf("mark %s: %w", b.ID(), err)
	}
	a.places.marked(b, now, generation)
	return nil
}
