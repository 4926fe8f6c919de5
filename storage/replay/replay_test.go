package replay_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/memory"
	"anode/storage/replay"
)

var everything = []messages.Pattern{">"}

// What a TTL took is a gap of retention, and what it left comes.
func TestWhatATTLTook(t *testing.T) {
	w := newWorld(t, 1)
	to := w.kept.With(memory.ArchiveConfig{TTL: time.Hour, Clock: w.clock})
	for range 10 {
		w.o.At(w.now.UnixMilli())
		sealed := w.o.Next(t)
		b, err := sealed.Open()
		if err != nil {
			t.Fatal(err)
		}
		w.write(to, b, true)
		w.now = w.now.Add(10 * time.Minute)
	}
	r := w.replay(replay.Config{Archive: to})
	g := w.read(r, messages.Position{Origin: "o"}, messages.Position{}, everything, messages.ReasonMissing)
	if len(g.gaps) != 1 || g.gaps[0].Reason != messages.ReasonRetention || g.gaps[0].From.Sequence != 0 {
		t.Fatalf("gaps %+v", g.gaps)
	}
	if first := g.records[0].Position.Sequence; first != g.gaps[0].To.Sequence+1 || first != 6 {
		t.Errorf("the first is %d, behind a gap to %s", first, g.gaps[0].To)
	}
	w.now = w.now.Add(time.Hour)
	g = w.read(r, g.gaps[0].To, messages.Position{}, everything, messages.ReasonMissing)
	if len(g.records) > 0 || len(g.gaps) != 1 || g.gaps[0].Reason != messages.ReasonRetention || g.gaps[0].To.Sequence != 10 {
		t.Errorf("when all is gone: %d records, gaps %+v", len(g.records), g.gaps)
	}
}

// While the archive fails it is asked once a pause, and answers again when it can.
func TestAnArchiveThatFails(t *testing.T) {
	w := newWorld(t, 2)
	w.fill()
	for _, b := range w.line {
		w.write(w.kept, b, true)
	}
	asked := &counting{Archive: w.kept}
	r := w.replay(replay.Config{Archive: asked, Fresh: time.Second})
	walk := r.Walk("o", everything, w.journal)
	defer walk.Close()
	if list, err := r.Origins(t.Context()); err != nil || len(list) != 1 || list[0].Head.Origin != "o" {
		t.Fatalf("origins %+v, %v", list, err)
	}
	w.kept.Away(errors.New("gone"))
	w.now = w.now.Add(2 * time.Second)
	asked.n.Store(0)
	for range 100 {
		if _, err := walk.Next(t.Context(), messages.Position{Origin: "o"}, messages.Position{}, ""); !errors.Is(err, storage.ErrAway) {
			t.Fatalf("away: %v", err)
		}
		if list, err := r.Origins(t.Context()); !errors.Is(err, storage.ErrAway) || len(list) != 1 {
			t.Fatalf("away: origins %v, %v", list, err)
		}
	}
	if n := asked.n.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	w.kept.Away(nil)
	w.now = w.now.Add(2 * time.Second)
	if p, err := walk.Next(t.Context(), messages.Position{Origin: "o"}, messages.Position{}, ""); err != nil || len(p.Batches) == 0 {
		t.Errorf("back: %+v, %v", p, err)
	}
	if _, err := r.Origins(t.Context()); err != nil {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := walk.Next(ended, messages.Position{Origin: "o"}, messages.Position{}, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a reader that has ended: %v", err)
	}
	if _, err := r.Origins(t.Context()); err != nil {
		t.Errorf("the end of a reader is no fault of the archive: %v", err)
	}
}

// What one reader's question comes to grief of is that reader's alone: others are answered.
func TestAQuestionThatFailsIsOneReaders(t *testing.T) {
	w := newWorld(t, 2)
	w.fill()
	for _, b := range w.line {
		w.write(w.kept, b, true)
	}
	broken := errors.New("unreadable row")
	r := w.replay(replay.Config{Archive: &failing{Archive: w.kept, stream: "s.bad", err: broken}})
	bad := r.Walk("o", []messages.Pattern{"s.bad"}, w.journal)
	defer bad.Close()
	good := r.Walk("o", everything, w.journal)
	defer good.Close()
	for range 3 {
		if _, err := bad.Next(t.Context(), messages.Position{Origin: "o"}, messages.Position{}, ""); !errors.Is(err, broken) {
			t.Fatalf("%v", err)
		}
		if p, err := good.Next(t.Context(), messages.Position{Origin: "o"}, messages.Position{}, ""); err != nil || len(p.Batches) == 0 {
			t.Fatalf("another reader: %+v, %v", p, err)
		}
	}
}

// failing is an archive that can't list the streams for one pattern.
type failing struct {
	storage.Archive
	stream messages.Pattern
	err    error
}

// Streams implements storage.Archive.
func (f *failing) Streams(ctx context.Context, origin messages.NodeID, match []messages.Pattern, fromMs, toMs int64) iter.Seq2[messages.Stream, error] {
	if match[0] == f.stream {
		return func(yield func(messages.Stream, error) bool) { yield("", f.err) }
	}
	return f.Archive.Streams(ctx, origin, match, fromMs, toMs)
}

// A walk of very many streams takes as long for a window however short that is: it comes to its end in few of them.
func TestWindowsOfManySlowStreams(t *testing.T) {
	w := newWorld(t, 4)
	const count, days = 5000, 60
	for day := range days { // one record of another stream each day, and all streams on the first
		var drafts []messages.Draft
		for i := range count {
			if day == 0 || i == day {
				drafts = append(drafts, messages.Draft{Stream: messages.Stream(fmt.Sprintf("s.n%05d", i)), Payload: []byte("1")})
			}
		}
		w.o.At(w.o.HLC.Millis() + 24*time.Hour.Milliseconds())
		for len(drafts) > 0 {
			n := min(len(drafts), messages.MaxBatchRecords)
			sealed := w.o.Next(t, drafts[:n]...)
			drafts = drafts[n:]
			b, err := sealed.Open()
			if err != nil {
				t.Fatal(err)
			}
			w.write(w.kept, b, true)
		}
	}
	slow := &slowly{Archive: w.kept}
	r := w.replay(replay.Config{Archive: slow, Budget: 64 << 20, Clock: func() time.Time { return w.now.Add(time.Duration(slow.took.Load())) }})
	walk := r.Walk("o", []messages.Pattern{"s.*"}, w.journal)
	defer walk.Close()
	at, total := messages.Position{Origin: "o"}, 0
	for {
		p, err := walk.Next(t.Context(), at, messages.Position{}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range p.Batches {
			for _, g := range b.Groups {
				total += len(g.Records)
			}
		}
		if at = p.At; p.End {
			break
		}
	}
	if total != count+days-1 {
		t.Errorf("%d records came", total)
	}
	if n := slow.scans.Load() / count; n > 20 {
		t.Errorf("it took %d windows", n)
	}
}

// slowly is an archive of which each scan takes 10 ms.
type slowly struct {
	storage.Archive
	took, scans atomic.Int64
}

// Scan implements storage.Archive.
func (s *slowly) Scan(ctx context.Context, query storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	s.scans.Add(1)
	s.took.Add(int64(10 * time.Millisecond))
	return s.Archive.Scan(ctx, query)
}

// counting counts how often an archive is asked how far it is, and how many records scans give.
type counting struct {
	storage.Archive
	n, records atomic.Int64
}

// Confirmed implements storage.Archive.
func (c *counting) Confirmed(ctx context.Context, origin messages.NodeID) ([]storage.Archived, error) {
	c.n.Add(1)
	return c.Archive.Confirmed(ctx, origin)
}

// Scan implements storage.Archive.
func (c *counting) Scan(ctx context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		for r, err := range c.Archive.Scan(ctx, q) {
			c.records.Add(1)
			if !yield(r, err) {
				return
			}
		}
	}
}

// Of ten thousand streams a part holds its budget, and windows read little more than they give.
func TestTenThousandStreams(t *testing.T) {
	w := newWorld(t, 3)
	const count = 10_000
	for n := 0; n < 2*count; n += messages.MaxBatchRecords {
		var drafts []messages.Draft
		for i := range min(messages.MaxBatchRecords, 2*count-n) {
			drafts = append(drafts, messages.Draft{Stream: messages.Stream(fmt.Sprintf("s.n%05d", (n+i)%count)), Payload: []byte("1")})
		}
		w.o.At(w.o.HLC.Millis() + 60_000)
		sealed := w.o.Next(t, drafts...)
		b, err := sealed.Open()
		if err != nil {
			t.Fatal(err)
		}
		w.write(w.kept, b, true)
	}
	asked := &counting{Archive: w.kept}
	r := w.replay(replay.Config{Archive: asked, Budget: 1 << 20})
	walk := r.Walk("o", []messages.Pattern{"s.*"}, w.journal)
	defer walk.Close()
	at, total, parts := messages.Position{Origin: "o"}, 0, 0
	for {
		p, err := walk.Next(t.Context(), at, messages.Position{}, "")
		if err != nil {
			t.Fatal(err)
		}
		size, records := 0, 0
		for _, b := range p.Batches {
			for _, g := range b.Groups {
				records += len(g.Records)
				for i := range g.Records {
					size += g.Records[i].Size()
				}
			}
		}
		if size > 1<<20 {
			t.Fatalf("a part has %d bytes", size)
		}
		if at, total, parts = p.At, total+records, parts+1; p.End {
			break
		}
	}
	if total != 2*count || parts < 4 {
		t.Errorf("%d records came in %d parts", total, parts)
	}
	if n := asked.records.Load(); n > 6*2*count {
		t.Errorf("%d records were read for %d", n, total)
	}
}
