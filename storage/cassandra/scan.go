package cassandra

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
	"anode/storage"
)

const (
	// firstPage is how many rows are read where nothing is known of their size, pageBytes what a page should have after that, largeBytes
	// what it may have if all rows are as large as the largest that was seen, and mostPage how many rows it has at most.
	firstPage  = 100
	pageBytes  = 1 << 20
	largeBytes = 16 << 20
	mostPage   = 500
	// sameBytes is how much of one ms is kept to be sorted.
	sameBytes = 16 << 20
)

// Scan implements storage.Archive.
func (a *Archive) Scan(ctx context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		if q.Epoch > 0 && q.After > 0 { // what stands at or below After needs not be read
			mark, err := a.Locate(ctx, messages.BatchID{Origin: q.Origin, Epoch: q.Epoch, Sequence: q.After})
			if err != nil {
				yield(nil, err)
				return
			}
			q.FromMs = max(q.FromMs, mark.Ms)
		}
		for r, err := range ordered(ctx, q, a.rowsOf(ctx, q), a.rowsOf) {
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// ordered gives what a scan asks for in its order, of rows in order of HLC: those of one ms, which may be of several epochs, by
// their positions, and each position once. Where a ms has more than is kept, again reads it once for each epoch.
func ordered(ctx context.Context, q storage.ArchiveScan, rows iter.Seq2[*messages.Record, error], again func(context.Context, storage.ArchiveScan) iter.Seq2[*messages.Record, error]) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		m := moment{query: q}
		flush := func() bool {
			defer m.clear()
			if !m.over {
				return m.give(yield)
			}
			return m.giveEpochs(func(q storage.ArchiveScan) iter.Seq2[*messages.Record, error] { return again(ctx, q) }, yield)
		}
		for r, err := range rows {
			if err != nil {
				if flush() {
					yield(nil, err)
				}
				return
			}
			if q.Epoch > 0 && (r.Position.Epoch != q.Epoch || r.Position.Sequence <= q.After) {
				continue
			}
			if m.ms != r.HLC.Millis() && !flush() {
				return
			}
			m.add(r)
		}
		flush()
	}
}

// page is some rows, or why there are none.
type page struct {
	rows []*messages.Record
	err  error
}

// rowsOf gives the rows of a scan in order of HLC. A goroutine reads one page ahead; it has ended when the iteration has.
func (a *Archive) rowsOf(ctx context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		pages := make(chan page)
		go func() {
			defer close(pages)
			a.readScan(ctx, q, func(p page) bool {
				select {
				case pages <- p:
					return p.err == nil
				case <-ctx.Done():
					return false
				}
			})
		}()
		defer func() {
			cancel()
			for range pages { // until it has ended
			}
		}()
		for p := range pages {
			for _, r := range p.rows {
				if !yield(r, nil) {
					return
				}
			}
			if p.err != nil {
				yield(nil, p.err)
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, context.Cause(ctx))
		}
	}
}

// readScan reads a scan day by day, as they are listed.
func (a *Archive) readScan(ctx context.Context, q storage.ArchiveScan, give func(page) bool) {
	r := pageReader{a: a, query: q, size: q.Page}
	r.from, r.to = int64(messages.HLCFromMillis(q.FromMs)), int64(math.MaxInt64)
	if q.ToMs > 0 {
		r.to = int64(messages.HLCFromMillis(q.ToMs)) - 1
	}
	first, last := daysOf(q.FromMs, q.ToMs)
	if q.ToMs > 0 && q.ToMs <= q.FromMs || first > last {
		return
	}
	var at time.Time
	for err := range a.each(ctx, []any{&at}, `SELECT day FROM buckets WHERE stream = ? AND origin = ? AND day >= ? AND day <= ?`+r.order("day"),
		string(q.Stream), string(q.Origin), date(first), date(last)) {
		if err != nil {
			give(page{err: err})
			return
		}
		if !r.readDay(ctx, dayAt(at), give) {
			return
		}
	}
}

// pageReader reads the partitions of a scan.
type pageReader struct {
	a        *Archive
	query    storage.ArchiveScan
	from, to int64 // HLCs, both included
	size     int   // of the next page; 0 where nothing is known
	largest  int   // bytes of the largest row that was seen
}

func (r *pageReader) order(columns ...string) string {
	text := ""
	for i, c := range columns {
		text += []string{` ORDER BY `, `, `}[min(i, 1)] + c
		if r.query.Descending {
			text += ` DESC`
		}
	}
	return text
}

// listedBucket is a row of the table partitions.
type listedBucket struct {
	start int64
	width width
}

// buckets are those of a day that the scan touches, each start once: a partition of records has what was put there by all who cut the day
// so that a bucket begins then, up to the end of the widest.
func (r *pageReader) buckets(ctx context.Context, d day) (list []listedBucket, err error) {
	var (
		start int64
		text  string
	)
	for err := range r.a.each(ctx, []any{&start, &text}, `SELECT bucket, width FROM partitions WHERE stream = ? AND origin = ? AND day = ?`+r.order("bucket"),
		string(r.query.Stream), string(r.query.Origin), date(d)) {
		if err != nil {
			return nil, err
		}
		w, err := parseWidth(text)
		if err != nil {
			return nil, err
		}
		if last := len(list) - 1; last >= 0 && list[last].start == start {
			list[last].width = max(list[last].width, w)
			continue
		}
		list = append(list, listedBucket{start, w})
	}
	return slices.DeleteFunc(list, func(b listedBucket) bool {
		return b.start+int64(b.width) <= r.query.FromMs || r.query.ToMs > 0 && b.start >= r.query.ToMs
	}), nil
}

// readDay reads the buckets of a day, one after the other. Where a server forgot how the day was cut, and it was then cut in another
// way, there are buckets of several widths that lie over each other: what these have is merged.
func (r *pageReader) readDay(ctx context.Context, d day, give func(page) bool) bool {
	list, err := r.buckets(ctx, d)
	if err != nil {
		give(page{err: err})
		return false
	}
	if slices.ContainsFunc(list, func(b listedBucket) bool { return b.width != list[0].width }) {
		return r.mergeDay(ctx, list, give)
	}
	for _, b := range list {
		if !r.readBucket(ctx, b.start, give) {
			return false
		}
	}
	return true
}

// mergeDay reads buckets of several widths at a time.
func (r *pageReader) mergeDay(ctx context.Context, list []listedBucket, give func(page) bool) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var lines []iter.Seq2[*messages.Record, error]
	for _, w := range []width{byDay, byHour, byMinute, bySecond} {
		own := *r
		lines = append(lines, func(yield func(*messages.Record, error) bool) {
			for _, b := range list {
				if b.width != w {
					continue
				}
				more := own.readBucket(ctx, b.start, func(p page) bool {
					for _, rec := range p.rows {
						if !yield(rec, nil) {
							return false
						}
					}
					return p.err == nil || yield(nil, p.err)
				})
				if !more {
					return
				}
			}
		})
	}
	for rec, err := range merged(lines, r.query.Descending) {
		p := page{err: err}
		if err == nil {
			p.rows = []*messages.Record{rec}
		}
		if !give(p) {
			return false
		}
	}
	return true
}

// merged gives records of several lines that are each in order of HLC, in that order. An error ends it.
func merged(lines []iter.Seq2[*messages.Record, error], descending bool) iter.Seq2[*messages.Record, error] {
	type head struct {
		record *messages.Record
		next   func() (*messages.Record, error, bool)
	}
	return func(yield func(*messages.Record, error) bool) {
		var heads []head
		for _, line := range lines {
			next, stop := iter.Pull2(line)
			defer stop()
			r, err, ok := next()
			if err != nil {
				yield(nil, err)
				return
			}
			if ok {
				heads = append(heads, head{r, next})
			}
		}
		for len(heads) > 0 {
			least := 0
			for i := range heads {
				order := cmp.Compare(heads[i].record.HLC, heads[least].record.HLC)
				if descending {
					order = -order
				}
				if order < 0 {
					least = i
				}
			}
			if !yield(heads[least].record, nil) {
				return
			}
			r, err, ok := heads[least].next()
			switch {
			case err != nil:
				yield(nil, err)
				return
			case !ok:
				heads = slices.Delete(heads, least, least+1)
			default:
				heads[least].record = r
			}
		}
	}
}

// readBucket reads a partition page by page.
func (r *pageReader) readBucket(ctx context.Context, start int64, give func(page) bool) bool {
	statement := selectRows + r.order("hlc", "epoch", "sequence", "idx")
	key := []any{string(r.query.Stream), string(r.query.Origin), bigint(start), r.from, r.to}
	for state, more := []byte(nil), true; more; more = len(state) > 0 {
		var rows []*messages.Record
		s, err := r.a.use(ctx)
		if err == nil {
			err = r.a.try(ctx, func(ctx context.Context) error {
				read, next, err := r.readPage(s.Query(statement, key...).WithContext(ctx).Consistency(r.a.ofRecords()).PageSize(r.next()).PageState(state).Iter())
				if err != nil {
					r.failed()
					return err
				}
				rows, state = read, next
				return nil
			})
		}
		if err != nil {
			give(page{err: told(ctx, err)})
			return false
		}
		if len(rows) > 0 && !give(page{rows: rows}) {
			return false
		}
	}
	return true
}

// next is how many rows the next page has.
func (r *pageReader) next() int {
	if r.size == 0 {
		return firstPage
	}
	return r.size
}

// readPage reads what came, and learns how many rows a page should have.
func (r *pageReader) readPage(rows *gocql.Iter) (list []*messages.Record, state []byte, err error) {
	reader := rowReader{stream: r.query.Stream, origin: r.query.Origin}
	state, bytes, largest := rows.PageState(), 0, 0
	for rec := reader.next(rows); rec != nil; rec = reader.next(rows) {
		list = append(list, rec)
		bytes += rowSize(rec)
		largest = max(largest, rowSize(rec))
	}
	if r.query.Page == 0 && len(list) > 0 {
		r.learn(len(list), bytes, largest)
	}
	return list, state, rows.Close()
}

// learn takes how many rows a page had, their bytes, and those of the largest.
func (r *pageReader) learn(rows, bytes, largest int) {
	r.largest = max(r.largest, largest)
	r.size = min(max(1, pageBytes/(bytes/rows)), max(1, largeBytes/r.largest), mostPage, 4*r.next())
}

// failed has the next page be smaller: one that is too large for a request's time, or for a frame, would fail again.
func (r *pageReader) failed() { r.size = max(1, r.next()/8) }
