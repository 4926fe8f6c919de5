package history_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/history"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// quick is an archive of one stream that finds its rows as fast as a database would.
type quick struct {
	*memory.Archive
	rows map[messages.NodeID][]*messages.Record
}

// Write takes batches in any order; sorted must be called before it is asked.
func (a *quick) Write(_ context.Context, batches []*messages.Batch) (int, error) {
	n := 0
	for _, b := range batches {
		if g := b.Group(stream); g != nil {
			for i := range g.Records {
				a.rows[b.Origin] = append(a.rows[b.Origin], &g.Records[i])
			}
			n += len(g.Records)
		}
	}
	return n, nil
}

func (a *quick) sorted() {
	for _, rows := range a.rows {
		slices.SortFunc(rows, func(x, y *messages.Record) int { return placeOf(x).compare(placeOf(y)) })
	}
}

func (a *quick) Origins(context.Context, messages.Stream, int64, int64) ([]messages.NodeID, error) {
	var list []messages.NodeID
	for origin := range a.rows {
		list = append(list, origin)
	}
	slices.Sort(list)
	return list, nil
}

func (a *quick) Scan(_ context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	rows := a.rows[q.Origin]
	at := func(ms int64) int {
		return sort.Search(len(rows), func(i int) bool { return rows[i].HLC.Millis() >= ms })
	}
	rows = rows[at(q.FromMs):]
	if q.ToMs > 0 {
		rows = rows[:at(q.ToMs)]
	}
	return func(yield func(*messages.Record, error) bool) {
		for i := range rows {
			r := rows[i]
			if q.Descending {
				r = rows[len(rows)-1-i]
			}
			if q.Epoch > 0 && (r.Position.Epoch != q.Epoch || r.Position.Sequence <= q.After) {
				continue
			}
			if own := *r; !yield(&own, nil) {
				return
			}
		}
	}
}

// large is a journal on disk that has dropped about a part of n records, all of which are archived, but for some
// batches; and those held are in the list.
func large(t testing.TB, n int) (*both, []messages.Record) {
	t.Helper()
	retention := int64(n) * 3 / 2 // a record is less than 4 bytes there
	j, err := journal.Open(journal.Config{Dir: t.TempDir(), State: memory.NewState(), Self: "self", SegmentBytes: max(16<<10, retention/20), RetentionBytes: retention})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	a := &quick{Archive: memory.NewArchive(memory.ArchiveConfig{}), rows: make(map[messages.NodeID][]*messages.Record)}
	w := newBoth(t, j, a)
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's draw is the same each time
	var all []messages.Record
	seen := make(map[messages.BatchID]bool)
	for s := range seals(t, rnd, n) {
		b, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		if rnd.IntN(20) > 0 { // else it is a hole here
			w.must(t, s)
			seen[s.ID()] = true
		}
		if rnd.IntN(50) > 0 {
			if _, err := a.Write(t.Context(), []*messages.Batch{b}); err != nil {
				t.Fatal(err)
			}
			done := storage.Archived{Origin: s.Origin, Epoch: s.Epoch, Streams: messages.Everything, Runs: messages.Ranges{{From: s.Sequence, To: s.Sequence}}, HeadIndex: s.Count - 1, HeadHLC: s.Last}
			if err := a.Confirm(t.Context(), "n", []storage.Archived{done}); err != nil {
				t.Fatal(err)
			}
			seen[s.ID()] = true
		}
		if s.Sequence%50 == 0 {
			if err := w.Maintain(time.UnixMilli(w.now)); err != nil {
				t.Fatal(err)
			}
		}
		w.now = max(w.now, s.Last.Millis()+1_000_000)
		if g := b.Group(stream); g != nil && seen[s.ID()] {
			all = append(all, g.Records...)
		}
	}
	a.sorted()
	return w, w.whatIsThere(t, all, a)
}

// seals yields batches of several origins, whose clocks are put back at times, until there are n records.
func seals(t testing.TB, rnd *rand.Rand, n int) iter.Seq[wire.Sealed] {
	return func(yield func(wire.Sealed) bool) {
		origins := []*storagetest.Origin{}
		for i := range 5 {
			origins = append(origins, storagetest.NewOrigin(messages.NodeID(fmt.Sprint("node", i)), 1, storagetest.Start))
		}
		for n > 0 {
			o := origins[rnd.IntN(len(origins))]
			if o.Sequence > 0 && rnd.IntN(5000) == 0 {
				o.Restart(o.Epoch+1, messages.Position{Origin: o.ID, Epoch: o.Epoch, Sequence: o.Sequence})
				if rnd.IntN(2) == 0 {
					o.HLC -= messages.HLCFromMillis(int64(rnd.IntN(5000)))
				}
			}
			drafts := make([]messages.Draft, 1+rnd.IntN(100))
			for i := range drafts {
				drafts[i] = storagetest.Draft([]messages.Stream{stream, stream, "test.z"}[rnd.IntN(3)], `{"price":101.25,"size":3}`)
			}
			n -= len(drafts)
			o.At(o.HLC.Millis() + int64(rnd.IntN(30)))
			if !yield(o.Next(t, drafts...)) {
				return
			}
		}
	}
}

// whatIsThere keeps what the journal holds or the archive has.
func (w *both) whatIsThere(t testing.TB, all []messages.Record, a *quick) []messages.Record {
	t.Helper()
	archived := make(map[messages.Position]bool)
	for _, rows := range a.rows {
		for _, r := range rows {
			archived[r.Position] = true
		}
	}
	held, dropped := 0, 0
	all = slices.DeleteFunc(all, func(r messages.Record) bool {
		_, err := w.Read(messages.BatchID{Origin: r.Position.Origin, Epoch: r.Position.Epoch, Sequence: r.Position.Sequence})
		if err == nil {
			held++
		} else if archived[r.Position] {
			dropped++
		}
		return err != nil && !archived[r.Position] || r.Position.Compare(w.Head(r.Position.Origin)) > 0
	})
	slices.SortFunc(all, func(x, y messages.Record) int { return placeOf(&x).compare(placeOf(&y)) })
	t.Logf("%d records are in the journal, %d in the archive alone; the journal has %d bytes", held, dropped, w.Stats().Bytes)
	return all
}

// begin is how expected begins, of what is in order, where After is the position of the nth: it looks at no more than it gives.
func begin(q command.History, all []messages.Record, nth, most int) (list []place) {
	from := sort.Search(len(all), func(i int) bool { return all[i].HLC.Millis() >= q.FromMs })
	to := len(all)
	if q.ToMs > 0 {
		to = sort.Search(len(all), func(i int) bool { return all[i].HLC.Millis() >= q.ToMs })
	}
	switch {
	case q.After.IsZero():
	case q.Descending:
		to = min(to, nth)
	default:
		from = max(from, nth+1)
	}
	for i := range min(most, max(0, to-from)) {
		at := from + i
		if q.Descending {
			at = to - 1 - i
		}
		list = append(list, placeOf(&all[at]))
	}
	return list
}

// TestPagesOfAMillion: random pages of 1,000,000 records, of which the journal has some, are as a model says.
func TestPagesOfAMillion(t *testing.T) {
	n, questions := 20_000, 200
	long := os.Getenv("ANODE_LONG") != ""
	if long {
		n, questions = 1_500_000, 1000 // two thirds are of the stream
	}
	w, all := large(t, n)
	rnd := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test's draw is the same each time
	for range questions {
		nth := rnd.IntN(len(all))
		at := all[nth]
		q := command.History{Stream: stream, Descending: rnd.IntN(2) == 0}
		switch rnd.IntN(3) {
		case 0:
			q.FromMs, q.ToMs = at.HLC.Millis(), at.HLC.Millis()+int64(rnd.IntN(100_000))
		case 1:
			q.After = at.Position
		default:
			q.ToMs = at.HLC.Millis()
		}
		limit, began := 1+rnd.IntN(300), q
		want := begin(q, all, nth, 3*limit)
		if !long {
			if slow := expected(q, all); !slices.Equal(want, slow[:min(len(slow), 3*limit)]) {
				t.Fatalf("%+v: this test has two models, and they differ", q)
			}
		}
		var got []place
		for range 3 {
			walk, err := w.history.Walk(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for range limit {
				r, err := walk.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if r == nil {
					break
				}
				got = append(got, placeOf(r))
			}
			token := walk.Page()
			walk.Close()
			if token == "" {
				break
			}
			q = command.History{Page: token}
		}
		if !slices.Equal(got, want) {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Fatalf("%+v: %d records, want %d; from the %dth on %v, want %v", began, len(got), len(want), at, got[at:min(at+2, len(got))], want[at:min(at+2, len(want))])
		}
	}
}

// BenchmarkPageWithArchive: of 1,000,000 records, pages that the journal has, with and without an archive beside it, and
// pages that the archive has.
func BenchmarkPageWithArchive(b *testing.B) {
	w, all := large(b, 1_500_000)
	alone, err := history.New(history.Config{Journal: w.Journal})
	if err != nil {
		b.Fatal(err)
	}
	with, err := history.New(history.Config{Journal: w.Journal, Archive: w.archive})
	if err != nil {
		b.Fatal(err)
	}
	late := all[len(all)-20_000].HLC.Millis()
	early := all[len(all)/4].HLC.Millis()
	for _, c := range []struct {
		name string
		h    *history.History
		q    command.History
	}{
		{"journal alone", alone, command.History{Stream: stream, FromMs: late}},
		{"journal beside an archive", with, command.History{Stream: stream, FromMs: late}},
		{"journal alone, newest", alone, command.History{Stream: stream, Descending: true}},
		{"journal beside an archive, newest", with, command.History{Stream: stream, Descending: true}},
		{"archive", with, command.History{Stream: stream, FromMs: early}},
		{"archive, descending", with, command.History{Stream: stream, ToMs: early, Descending: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got, _, _ := walked(b, c.h, c.q, 100); len(got) != 100 {
					b.Fatal(len(got))
				}
			}
		})
	}
}
