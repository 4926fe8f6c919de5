package cassandra

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
	"anode/storage"
)

const (
	// maxRows is the most rows of a request.
	maxRows = 256
	// listAgain is how often a write goes where a day is cut now, as a server forgot how it was.
	listAgain = 8
)

// Write implements storage.Archive. A server that is killed may have forgotten a listing, and know a record that was written after it came
// back: where a connection was made meanwhile, all is listed again. Once is enough. What is forgotten later is like what is forgotten
// after the write: listing and record are of the same time.
func (a *Archive) Write(ctx context.Context, batches []*messages.Batch) (rows int, err error) {
	s, err := a.use(ctx)
	if err != nil {
		return 0, err
	}
	days, lines := look(batches, a.cfg.Streams)
	a.places.saw(lines, a.now().UnixMilli())
	var (
		written map[partition]bool // where the records stand; nil before the first time
		total   atomic.Int64
	)
	for range listAgain {
		generation := a.generation.Load()
		chunks, err := a.list(ctx, s, batches, days)
		if err != nil {
			return int(total.Load()), told(ctx, err)
		}
		in := partitions(chunks)
		if same(written, in) {
			return int(total.Load()), nil
		}
		total.Store(0)
		if err := a.send(ctx, s, chunks, &total); err != nil {
			return int(total.Load()), told(ctx, err)
		}
		if a.generation.Load() == generation {
			return int(total.Load()), nil
		}
		written = make(map[partition]bool, len(in))
		for _, p := range in {
			written[p] = true
		}
	}
	return int(total.Load()), fmt.Errorf("%w: it forgets how days are cut, again and again", storage.ErrAway)
}

// same tells whether a list has what a set has.
func same(set map[partition]bool, list []partition) bool {
	for _, p := range list {
		if !set[p] {
			return false
		}
	}
	return set != nil && len(set) == len(list)
}

// list writes all rows of small tables that the batches need, and gives the chunks of their records.
func (a *Archive) list(ctx context.Context, s *gocql.Session, batches []*messages.Batch, days []streamDay) ([]chunk, error) {
	var (
		mu     sync.Mutex
		widths = make(map[streamDay]width, len(days))
	)
	err := all(ctx, smallWrites, days, func(ctx context.Context, d streamDay) error {
		w, err := a.listDay(ctx, s, d)
		if err != nil {
			return fmt.Errorf("bucket of %s: %w", d.stream, err)
		}
		mu.Lock()
		defer mu.Unlock()
		widths[d] = w
		return nil
	})
	if err != nil {
		return nil, err
	}
	chunks := group(batches, a.cfg.Streams, func(d streamDay) width { return widths[d] }, a.flight.limit(a.now()), maxRows)
	err = all(ctx, smallWrites, partitions(chunks), func(ctx context.Context, p partition) error {
		return a.listPartition(ctx, s, p, widths[streamDay{p.stream, p.origin, dayOf(p.bucket)}])
	})
	if err != nil {
		return nil, err
	}
	generation := a.generation.Load()
	return chunks, all(ctx, smallWrites, a.places.toMark(batches, a.clock.of(a.now()), generation), func(ctx context.Context, b *messages.Batch) error {
		return a.mark(ctx, s, b, generation)
	})
}

// send writes chunks, as many at a time as the flight has room for.
func (a *Archive) send(ctx context.Context, s *gocql.Session, chunks []chunk, total *atomic.Int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for i := range chunks {
		c := &chunks[i]
		if err := a.flight.take(ctx, c.bytes); err != nil {
			break
		}
		wait.Go(func() {
			defer a.flight.give(c.bytes)
			if err := a.put(ctx, s, c); err != nil {
				cancel(err)
				a.failed.Add(uint64(len(c.records)))
				return
			}
			total.Add(int64(len(c.records)))
			a.rows.Add(uint64(len(c.records)))
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// put writes a chunk; one that a server refuses as too large goes in halves.
func (a *Archive) put(ctx context.Context, s *gocql.Session, c *chunk) error {
	e := newEncoder(c.partition, a.cfg.TTL, len(c.records), c.text)
	args := make([]any, 0, columns*len(c.records))
	for _, r := range c.records {
		args = e.append(args, r)
	}
	err := a.try(ctx, func(ctx context.Context) error {
		asked := time.Now()
		err := execute(ctx, s, args, a.ofRecords())
		if ctx.Err() == nil {
			a.flight.answered(asked, time.Since(asked), err != nil && busy(err))
		}
		return err
	})
	if err == nil || !refused(err) || len(c.records) == 1 {
		return err
	}
	a.flight.lower(c.bytes, a.now())
	first, second := c.split()
	if err := a.put(ctx, s, &first); err != nil {
		return err
	}
	return a.put(ctx, s, &second)
}

// execute writes rows of one partition in one request.
func execute(ctx context.Context, s *gocql.Session, args []any, c gocql.Consistency) error {
	if len(args) == columns {
		return s.Query(insertRow, args...).WithContext(ctx).Consistency(c).Exec()
	}
	b := s.NewBatch(gocql.UnloggedBatch)
	b.SetConsistency(c)
	b.Entries = make([]gocql.BatchEntry, 0, len(args)/columns)
	for ; len(args) > 0; args = args[columns:] {
		b.Entries = append(b.Entries, gocql.BatchEntry{Stmt: insertRow, Args: args[:columns:columns], Idempotent: true})
	}
	return s.ExecuteBatch(b.WithContext(ctx))
}
