package cassandra

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
	"anode/storage"
)

// listPage is how many rows of small tables are read at a time.
const listPage = 2000

// Locate implements storage.Archive.
func (a *Archive) Locate(ctx context.Context, at messages.BatchID) (storage.Mark, error) {
	return a.findMark(ctx, `SELECT sequence, received FROM marks WHERE origin = ? AND epoch = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1`,
		string(at.Origin), int64(at.Epoch), int64(at.Sequence))
}

// Oldest implements storage.Archive.
func (a *Archive) Oldest(ctx context.Context, origin messages.NodeID, epoch uint64) (storage.Mark, error) {
	return a.findMark(ctx, `SELECT sequence, received FROM marks WHERE origin = ? AND epoch = ? LIMIT 1`, string(origin), int64(epoch))
}

func (a *Archive) findMark(ctx context.Context, statement string, args ...any) (storage.Mark, error) {
	s, err := a.use(ctx)
	if err != nil {
		return storage.Mark{}, err
	}
	var sequence, ms int64
	err = a.try(ctx, func(ctx context.Context) error {
		sequence, ms = 0, 0
		err := s.Query(statement, args...).WithContext(ctx).Scan(&sequence, &ms)
		if errors.Is(err, gocql.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return storage.Mark{}, told(ctx, err)
	}
	return storage.Mark{Sequence: uint64(sequence), Ms: ms}, nil
}

// Origins implements storage.Archive.
func (a *Archive) Origins(ctx context.Context, stream messages.Stream, fromMs, toMs int64) ([]messages.NodeID, error) {
	first, last := daysOf(fromMs, toMs)
	found := make(map[messages.NodeID]bool)
	var list []messages.NodeID
	var origin string
	for err := range a.each(ctx, []any{&origin}, `SELECT origin FROM origins WHERE stream = ? AND day >= ? AND day <= ?`, string(stream), date(first), date(last)) {
		if err != nil {
			return nil, err
		}
		if id := messages.NodeID(origin); !found[id] {
			found[id] = true
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list, nil
}

// Streams implements storage.Archive.
func (a *Archive) Streams(ctx context.Context, origin messages.NodeID, match []messages.Pattern, fromMs, toMs int64) iter.Seq2[messages.Stream, error] {
	return func(yield func(messages.Stream, error) bool) {
		seen := make(map[messages.Stream]bool)
		days, err := a.daysOf(ctx, origin, fromMs, toMs)
		if err != nil {
			yield("", err)
			return
		}
		for _, d := range days {
			var name string
			for err := range a.each(ctx, []any{&name}, `SELECT stream FROM streams WHERE origin = ? AND day = ?`, string(origin), date(d)) {
				if err != nil {
					yield("", err)
					return
				}
				stream := messages.Stream(name)
				if seen[stream] || !slices.ContainsFunc(match, func(p messages.Pattern) bool { return p.Match(stream) }) {
					continue
				}
				seen[stream] = true
				if !yield(stream, nil) {
					return
				}
			}
		}
	}
}

// All implements storage.Archive. The streams are the partitions of the table origins, whose rows outlive the records.
func (a *Archive) All(ctx context.Context) iter.Seq2[messages.Stream, error] {
	return func(yield func(messages.Stream, error) bool) {
		var name string
		for err := range a.each(ctx, []any{&name}, `SELECT DISTINCT stream FROM origins`) {
			if !yield(messages.Stream(name), err) || err != nil {
				return
			}
		}
	}
}

// daysOf are the days of which there are records of an origin.
func (a *Archive) daysOf(ctx context.Context, origin messages.NodeID, fromMs, toMs int64) (list []day, err error) {
	first, last := daysOf(fromMs, toMs)
	var at time.Time
	for err := range a.each(ctx, []any{&at}, `SELECT day FROM days WHERE origin = ? AND day >= ? AND day <= ?`, string(origin), date(first), date(last)) {
		if err != nil {
			return nil, err
		}
		list = append(list, dayAt(at))
	}
	return list, nil
}

// each reads rows of a small table page by page into dest, and yields once for each; an error is the last.
func (a *Archive) each(ctx context.Context, dest []any, statement string, args ...any) iter.Seq[error] {
	return func(yield func(error) bool) {
		s, err := a.use(ctx)
		if err != nil {
			yield(err)
			return
		}
		var state []byte
		for {
			var rows *gocql.Iter
			err := a.try(ctx, func(ctx context.Context) error {
				rows = s.Query(statement, args...).WithContext(ctx).PageSize(listPage).PageState(state).Iter()
				if rows.NumRows() == 0 {
					return rows.Close() // where the question itself failed, the iterator has its error
				}
				return nil
			})
			if err != nil {
				yield(told(ctx, err))
				return
			}
			state = rows.PageState()
			for rows.Scan(dest...) {
				if !yield(nil) {
					return
				}
			}
			if err := rows.Close(); err != nil {
				yield(told(ctx, err))
				return
			}
			if len(state) == 0 {
				return
			}
		}
	}
}
