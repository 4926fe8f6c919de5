package cassandra

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
	"anode/storage"
)

// noting is how many rows of progress are written at a time.
const noting = 8

// leastMemory is how much longer than records their progress is kept, at least.
const leastMemory = 30 * 24 * time.Hour

// Confirm implements storage.Archive.
func (a *Archive) Confirm(ctx context.Context, archiver messages.NodeID, done []storage.Archived) error {
	s, err := a.use(ctx)
	if err != nil {
		return err
	}
	select {
	case a.notes <- struct{}{}:
		defer func() { <-a.notes }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err = all(ctx, noting, joinSame(done), func(ctx context.Context, d storage.Archived) error {
		return a.try(ctx, func(ctx context.Context) error { return a.note(ctx, s, archiver, d) })
	})
	return told(ctx, err)
}

// joinSame has each (origin, epoch, streams) once.
func joinSame(done []storage.Archived) []storage.Archived {
	type key struct {
		origin  messages.NodeID
		epoch   uint64
		streams messages.Pattern
	}
	list, at := make([]storage.Archived, 0, len(done)), make(map[key]int, len(done))
	for _, d := range done {
		k := key{d.Origin, d.Epoch, d.Streams}
		if i, ok := at[k]; ok {
			list[i] = list[i].Join(d)
			continue
		}
		at[k] = len(list)
		list = append(list, d)
	}
	return list
}

// note joins what an archiver has noted with more. Nobody else writes its row. What can't be read of it counts for nothing: it is written
// anew, and what it said is written again by who still has it.
func (a *Archive) note(ctx context.Context, s *gocql.Session, archiver messages.NodeID, d storage.Archived) error {
	rows := s.Query(selectProgress+` WHERE origin = ? AND epoch = ? AND streams = ? AND archiver = ?`,
		string(d.Origin), int64(d.Epoch), string(d.Streams), string(archiver)).WithContext(ctx).Iter()
	before, _, err := readProgress(rows)
	if closed := rows.Close(); closed != nil {
		return closed
	}
	if err != nil {
		a.log.Error("a row of the archive's progress is written anew", "archiver", archiver, "error", err)
	} else {
		d = before.Join(d)
	}
	prior := ""
	if d.Prior != (messages.Position{}) {
		prior = d.Prior.String()
	}
	return s.Query(`INSERT INTO progress (origin, epoch, streams, archiver, runs, begun, prior, head_index, head_hlc, noted)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, toTimestamp(now())) USING TTL ?`,
		string(d.Origin), int64(d.Epoch), string(d.Streams), string(archiver), formatRuns(d.Runs), d.Begun, prior, int(d.HeadIndex), int64(d.HeadHLC),
		int(progressLife(a.cfg.TTL, a.clock.of(a.now()))/time.Second)).WithContext(ctx).Exec()
}

const selectProgress = `SELECT origin, epoch, streams, runs, begun, prior, head_index, head_hlc FROM progress`

// readProgress reads a row; not ok is the end. An error is of that row: others may follow.
func readProgress(rows *gocql.Iter) (d storage.Archived, ok bool, err error) {
	var (
		origin, streams, runs, prior string
		epoch, hlc                   int64
		index                        int
	)
	if !rows.Scan(&origin, &epoch, &streams, &runs, &d.Begun, &prior, &index, &hlc) {
		return d, false, nil
	}
	d.Origin, d.Epoch, d.Streams = messages.NodeID(origin), uint64(epoch), messages.Pattern(streams)
	d.HeadIndex, d.HeadHLC = uint32(index), messages.HLC(hlc)
	if d.Runs, err = parseRuns(runs); err == nil && prior != "" {
		d.Prior, err = messages.ParsePosition(prior)
	}
	if err != nil {
		return storage.Archived{}, true, fmt.Errorf("progress of %s in epoch %d can't be read: %w", d.Origin, d.Epoch, err)
	}
	return d, true, nil
}

// Confirmed implements storage.Archive.
func (a *Archive) Confirmed(ctx context.Context, origin messages.NodeID) ([]storage.Archived, error) {
	s, err := a.use(ctx)
	if err != nil {
		return nil, err
	}
	var list []storage.Archived
	err = a.try(ctx, func(ctx context.Context) error {
		query := s.Query(selectProgress)
		if origin != "" {
			query = s.Query(selectProgress+` WHERE origin = ?`, string(origin))
		}
		list, err = a.readAllProgress(query.WithContext(ctx).Iter())
		return err
	})
	if err != nil {
		return nil, told(ctx, err)
	}
	list = joinSame(list)
	slices.SortFunc(list, func(a, b storage.Archived) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Streams, b.Streams))
	})
	return list, nil
}

// readAllProgress leaves out, with a word to the log, what can't be read: it counts as not written.
func (a *Archive) readAllProgress(rows *gocql.Iter) (list []storage.Archived, err error) {
	for {
		d, ok, wrong := readProgress(rows)
		switch {
		case !ok:
			return list, rows.Close()
		case wrong != nil:
			a.log.Error("a row of the archive's progress is left out", "place", a.place(), "error", wrong)
		default:
			list = append(list, d)
		}
	}
}

// progressLife is how long a row of progress is kept from when it was last written, where records end: well beyond these, as what nobody
// has noted is written again from a journal that still holds it.
func progressLife(ttl time.Duration, now time.Time) time.Duration {
	if ttl <= 0 {
		return 0
	}
	most := min(serverTTL, time.Unix(lastExpiry, 0).Sub(now))
	return max(ttl+slackOf(ttl), min(ttl+max(ttl, leastMemory), most)).Truncate(time.Second)
}

// formatRuns writes "1-5,8,10-12".
func formatRuns(runs messages.Ranges) string {
	var b []byte
	for i, run := range runs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, run.From, 10)
		if run.To > run.From {
			b = strconv.AppendUint(append(b, '-'), run.To, 10)
		}
	}
	return string(b)
}

// parseRuns reads what formatRuns writes.
func parseRuns(text string) (messages.Ranges, error) {
	var runs messages.Ranges
	for part := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 64)
		last, err2 := strconv.ParseUint(to, 10, 64)
		if err1 != nil || err2 != nil || first == 0 || last < first || last > messages.MaxSequence {
			return nil, fmt.Errorf("%q is no run of sequences, such as 1-5", part)
		}
		runs = runs.Add(messages.Range{From: first, To: last})
	}
	return runs, nil
}
