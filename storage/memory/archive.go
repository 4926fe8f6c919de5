package memory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"anode/messages"
	"anode/storage"
)

// ArchiveConfig says what an Archive takes.
type ArchiveConfig struct {
	// Streams is what is written; "" is messages.Everything.
	Streams messages.Pattern
	// TTL is how long what was written is kept; 0 is for ever.
	TTL time.Duration
	// Clock is the wall clock; nil means time.Now.
	Clock func() time.Time
}

// Archive implements storage.Archive. Several may share what they keep (With).
type Archive struct {
	cfg  ArchiveConfig
	kept *kept

	mu    sync.Mutex // guards what follows; a leaf
	away  error
	since time.Time
	stats storage.ArchiveStats
}

// kept is what archives keep together. mu guards all of it.
type kept struct {
	mu    sync.RWMutex
	rows  map[messages.Stream]map[messages.NodeID]map[messages.Position]row
	done  map[doneKey]storage.Archived
	marks map[epochKey]map[int64]mark
}

type row struct {
	record *messages.Record
	until  time.Time
}

type mark struct {
	storage.Mark
	until time.Time
}

type doneKey struct {
	epochKey
	archiver messages.NodeID
	streams  messages.Pattern
}

// markEvery is how far marks are apart, in ms.
const markEvery = 60_000

// NewArchive makes an empty archive.
func NewArchive(cfg ArchiveConfig) *Archive {
	return (&Archive{kept: &kept{
		rows:  make(map[messages.Stream]map[messages.NodeID]map[messages.Position]row),
		done:  make(map[doneKey]storage.Archived),
		marks: make(map[epochKey]map[int64]mark),
	}}).With(cfg)
}

// With is another one that keeps the same.
func (a *Archive) With(cfg ArchiveConfig) *Archive {
	if cfg.Streams == "" {
		cfg.Streams = messages.Everything
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Archive{cfg: cfg, kept: a.kept}
}

// Away has all fail with storage.ErrAway for a reason, until it is nil.
func (a *Archive) Away(reason error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away != nil && reason == nil {
		a.stats.Connections++
	}
	a.away, a.since = reason, a.cfg.Clock()
}

// Refuse has all fail for good, for a reason.
func (a *Archive) Refuse(reason error) {
	a.Away(reason)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stats.Refused = true
}

// here tells whether it answers.
func (a *Archive) here(ctx context.Context) error {
	a.mu.Lock()
	away, refused := a.away, a.stats.Refused
	a.mu.Unlock()
	if away != nil && refused {
		return away
	}
	if away != nil {
		return fmt.Errorf("%w: %w", storage.ErrAway, away)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Write implements storage.Archive.
func (a *Archive) Write(ctx context.Context, batches []*messages.Batch) (int, error) {
	if err := a.here(ctx); err != nil {
		return 0, err
	}
	rows := 0
	a.kept.mu.Lock()
	for _, b := range batches {
		rows += a.write(b)
	}
	a.kept.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stats.Rows += uint64(rows)
	return rows, nil
}

// until is how long what is written now is kept; zero is for ever.
func (a *Archive) until() time.Time {
	if a.cfg.TTL <= 0 {
		return time.Time{}
	}
	return a.cfg.Clock().Add(a.cfg.TTL)
}

func (a *Archive) write(b *messages.Batch) int {
	k, until, rows := a.kept, a.until(), 0
	for g := range b.Groups {
		group := &b.Groups[g]
		if !a.cfg.Streams.Match(group.Stream) {
			continue
		}
		if k.rows[group.Stream] == nil {
			k.rows[group.Stream] = make(map[messages.NodeID]map[messages.Position]row)
		}
		of := k.rows[group.Stream]
		if of[b.Origin] == nil {
			of[b.Origin] = make(map[messages.Position]row)
		}
		for i := range group.Records {
			r := group.Records[i]
			of[b.Origin][r.Position] = row{&r, until}
		}
		rows += len(group.Records)
	}
	key := epochKey{b.Origin, b.Epoch}
	if k.marks[key] == nil {
		k.marks[key] = make(map[int64]mark)
	}
	minute := b.First.Millis() / markEvery
	if old, was := k.marks[key][minute]; !was || b.Sequence < old.Sequence {
		k.marks[key][minute] = mark{storage.Mark{Sequence: b.Sequence, Ms: b.First.Millis()}, until}
	}
	return rows
}

// Confirm implements storage.Archive.
func (a *Archive) Confirm(ctx context.Context, archiver messages.NodeID, done []storage.Archived) error {
	if err := a.here(ctx); err != nil {
		return err
	}
	a.kept.mu.Lock()
	defer a.kept.mu.Unlock()
	for _, d := range done {
		key := doneKey{epochKey{d.Origin, d.Epoch}, archiver, d.Streams}
		d.Runs = slices.Clone(d.Runs)
		a.kept.done[key] = a.kept.done[key].Join(d)
	}
	return nil
}

// Confirmed implements storage.Archive.
func (a *Archive) Confirmed(ctx context.Context, origin messages.NodeID) ([]storage.Archived, error) {
	if err := a.here(ctx); err != nil {
		return nil, err
	}
	a.kept.mu.RLock()
	defer a.kept.mu.RUnlock()
	all := make(map[doneKey]storage.Archived)
	for key, d := range a.kept.done {
		if origin == "" || key.origin == origin {
			key.archiver = ""
			all[key] = all[key].Join(d)
		}
	}
	list := make([]storage.Archived, 0, len(all))
	for _, d := range all {
		d.Runs = slices.Clone(d.Runs)
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b storage.Archived) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Streams, b.Streams))
	})
	return list, nil
}

// alive tells whether what is kept until a time still is.
func (a *Archive) alive(until time.Time) bool { return until.IsZero() || a.cfg.Clock().Before(until) }

// best gives the mark of an epoch that is the best by a rule.
func (a *Archive) best(ctx context.Context, key epochKey, better func(m, than storage.Mark) bool) (storage.Mark, error) {
	if err := a.here(ctx); err != nil {
		return storage.Mark{}, err
	}
	a.kept.mu.RLock()
	defer a.kept.mu.RUnlock()
	var best storage.Mark
	for _, m := range a.kept.marks[key] {
		if a.alive(m.until) && better(m.Mark, best) {
			best = m.Mark
		}
	}
	return best, nil
}

// Locate implements storage.Archive.
func (a *Archive) Locate(ctx context.Context, at messages.BatchID) (storage.Mark, error) {
	return a.best(ctx, epochKey{at.Origin, at.Epoch}, func(m, than storage.Mark) bool {
		return m.Sequence <= at.Sequence && m.Sequence > than.Sequence
	})
}

// Oldest implements storage.Archive.
func (a *Archive) Oldest(ctx context.Context, origin messages.NodeID, epoch uint64) (storage.Mark, error) {
	return a.best(ctx, epochKey{origin, epoch}, func(m, than storage.Mark) bool {
		return than.Sequence == 0 || m.Sequence < than.Sequence
	})
}

// some tells whether records of an origin were received within bounds. mu of kept is held.
func (a *Archive) some(rows map[messages.Position]row, fromMs, toMs int64) bool {
	for _, r := range rows {
		if ms := r.record.HLC.Millis(); a.alive(r.until) && ms >= fromMs && (toMs == 0 || ms < toMs) {
			return true
		}
	}
	return false
}

// Origins implements storage.Archive.
func (a *Archive) Origins(ctx context.Context, stream messages.Stream, fromMs, toMs int64) ([]messages.NodeID, error) {
	if err := a.here(ctx); err != nil {
		return nil, err
	}
	a.kept.mu.RLock()
	defer a.kept.mu.RUnlock()
	var list []messages.NodeID
	for origin, rows := range a.kept.rows[stream] {
		if a.some(rows, fromMs, toMs) {
			list = append(list, origin)
		}
	}
	slices.Sort(list)
	return list, nil
}

// Streams implements storage.Archive.
func (a *Archive) Streams(ctx context.Context, origin messages.NodeID, match []messages.Pattern, fromMs, toMs int64) iter.Seq2[messages.Stream, error] {
	return a.streams(ctx, func(stream messages.Stream, of map[messages.NodeID]map[messages.Position]row) bool {
		return slices.ContainsFunc(match, func(p messages.Pattern) bool { return p.Match(stream) }) && a.some(of[origin], fromMs, toMs)
	})
}

// All implements storage.Archive.
func (a *Archive) All(ctx context.Context) iter.Seq2[messages.Stream, error] {
	return a.streams(ctx, func(_ messages.Stream, of map[messages.NodeID]map[messages.Position]row) bool {
		for _, rows := range of {
			if a.some(rows, 0, 0) {
				return true
			}
		}
		return false
	})
}

// streams gives those that are wanted, of which wanted hears with the lock taken.
func (a *Archive) streams(ctx context.Context, wanted func(stream messages.Stream, of map[messages.NodeID]map[messages.Position]row) bool) iter.Seq2[messages.Stream, error] {
	return func(yield func(messages.Stream, error) bool) {
		if err := a.here(ctx); err != nil {
			yield("", err)
			return
		}
		var list []messages.Stream
		a.kept.mu.RLock()
		for stream, of := range a.kept.rows {
			if wanted(stream, of) {
				list = append(list, stream)
			}
		}
		a.kept.mu.RUnlock()
		for _, stream := range list {
			if !yield(stream, nil) {
				return
			}
		}
	}
}

// Scan implements storage.Archive.
func (a *Archive) Scan(ctx context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		for _, r := range a.scan(q) {
			if err := a.here(ctx); err != nil {
				yield(nil, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := a.here(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// scan gives all of a scan, in its order.
func (a *Archive) scan(q storage.ArchiveScan) []*messages.Record {
	var list []*messages.Record
	a.kept.mu.RLock()
	for at, r := range a.kept.rows[q.Stream][q.Origin] {
		ms := r.record.HLC.Millis()
		switch {
		case !a.alive(r.until), ms < q.FromMs, q.ToMs > 0 && ms >= q.ToMs:
		case q.Epoch > 0 && (at.Epoch != q.Epoch || at.Sequence <= q.After):
		default:
			own := *r.record
			list = append(list, &own)
		}
	}
	a.kept.mu.RUnlock()
	slices.SortFunc(list, func(a, b *messages.Record) int {
		if q.Descending {
			a, b = b, a
		}
		if q.Epoch > 0 {
			return a.Position.Compare(b.Position)
		}
		return cmp.Or(cmp.Compare(a.HLC.Millis(), b.HLC.Millis()), a.Position.Compare(b.Position))
	})
	return list
}

// Takes implements storage.Archive.
func (a *Archive) Takes() messages.Pattern { return a.cfg.Streams }

// TTL implements storage.Archive.
func (a *Archive) TTL() time.Duration { return a.cfg.TTL }

// Stats implements storage.Archive.
func (a *Archive) Stats() storage.ArchiveStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.stats
	s.Flight, s.Batch, s.Place = 1, 1, "memory"
	if a.away != nil {
		s.Away, s.Since = a.away.Error(), a.since
	}
	return s
}

// Close implements storage.Archive.
func (a *Archive) Close() error {
	a.Away(storage.ErrClosed)
	return nil
}
