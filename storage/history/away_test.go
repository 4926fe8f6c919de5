package history_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/history"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// counting is an archive that counts what it is asked.
type counting struct {
	*memory.Archive
	asked atomic.Int32
}

func (c *counting) Confirmed(ctx context.Context, origin messages.NodeID) ([]storage.Archived, error) {
	c.asked.Add(1)
	return c.Archive.Confirmed(ctx, origin)
}

func (c *counting) Origins(ctx context.Context, stream messages.Stream, fromMs, toMs int64) ([]messages.NodeID, error) {
	c.asked.Add(1)
	return c.Archive.Origins(ctx, stream, fromMs, toMs)
}

func (c *counting) Scan(ctx context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	c.asked.Add(1)
	return c.Archive.Scan(ctx, q)
}

// dropped is a journal that has dropped the first five of ten batches, which the archive has.
type dropped struct {
	*world
	archive *counting
	batches []wire.Sealed
}

func newDropped(t *testing.T) *dropped {
	t.Helper()
	w, batches := ten(t)
	d := &dropped{world: w, archive: &counting{Archive: memory.NewArchive(memory.ArchiveConfig{})}, batches: batches}
	w.now = storagetest.Start + 1_000_000
	w.must(t, batches...)
	d.store(t, batches[:5]...)
	if err := w.Raise("self", 1, 6); err != nil {
		t.Fatal(err)
	}
	d.history = d.over(t, history.Config{Journal: w.Journal})
	return d
}

func (d *dropped) over(t *testing.T, cfg history.Config) *history.History {
	t.Helper()
	cfg.Archive, cfg.Clock = d.archive, func() time.Time { return time.UnixMilli(d.now) }
	h, err := history.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// store archives batches and confirms them.
func (d *dropped) store(t *testing.T, batches ...wire.Sealed) {
	t.Helper()
	for i := range batches {
		b, err := batches[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.archive.Write(t.Context(), []*messages.Batch{b}); err != nil {
			t.Fatal(err)
		}
		run := messages.Ranges{{From: b.Sequence, To: b.Sequence}}
		done := storage.Archived{Origin: b.Origin, Epoch: b.Epoch, Streams: messages.Everything, Runs: run, HeadIndex: b.Count - 1, HeadHLC: b.Last}
		if err := d.archive.Confirm(t.Context(), "n", []storage.Archived{done}); err != nil {
			t.Fatal(err)
		}
	}
}

// lately is since when the journal has all.
const lately = storagetest.Start + 51

func TestRecentQuestionsDoNotAskTheArchive(t *testing.T) {
	d := newDropped(t)
	if got, _, cursor := walked(t, d.history, command.History{Stream: stream, FromMs: lately}, 3); fmt.Sprint(got) != "[7 8 9]" || cursor != fmt.Sprint("self-1-9-1024,@", lately) {
		t.Errorf("gave %v, cursor %s", got, cursor)
	}
	var heads messages.Cursor
	heads.Advance(d.Head("self"))
	last := 0
	if err := d.history.Last(t.Context(), stream, 3, heads, func(list []*messages.Record) error { last += len(list); return nil }); err != nil || last != 3 {
		t.Errorf("%d of the last, %v", last, err)
	}
	if n := d.archive.asked.Load(); n != 0 {
		t.Errorf("the archive was asked %d times", n)
	}
	for range 3 {
		if got, _, _ := walked(t, d.history, command.History{Stream: stream, Descending: true}, 3); fmt.Sprint(got) != "[10 9 8]" {
			t.Errorf("descending gave %v", got)
		}
	}
	if n := d.archive.asked.Load(); n != 1 {
		t.Errorf("the archive was asked for names %d times", n)
	}
	if got, _, _ := walked(t, d.history, command.History{Stream: stream}, 20); fmt.Sprint(got) != "[1 2 3 4 5 6 7 8 9 10]" {
		t.Errorf("all are %v", got)
	}
}

// TestAwayArchive: what needs it is unavailable within a time, and says why; all else is answered.
func TestAwayArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDropped(t)
		d.archive.Away(errors.New("a cable is cut at 10.0.0.7"))
		begun := time.Now()
		for name, q := range map[string]command.History{
			"recent":     {Stream: stream, FromMs: lately},
			"the newest": {Stream: stream, Descending: true},
		} {
			if got, _, _ := walked(t, d.history, q, 3); len(got) != 3 {
				t.Errorf("%s: %v", name, got)
			}
		}
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("waited %s for what the journal has", waited)
		}
		for name, q := range map[string]command.History{
			"ascending":  {Stream: stream},
			"descending": {Stream: stream, Descending: true, ToMs: lately},
			"after":      {Stream: stream, After: messages.Position{Origin: "self", Epoch: 1, Sequence: 3}},
		} {
			err := unanswered(t, d.history, q)
			if !errors.Is(err, command.ErrUnavailable) || !strings.Contains(err.Error(), "is in the archive, which can't be reached since") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if waited := time.Since(begun); waited < 5*time.Second || waited > 6*time.Second {
			t.Errorf("waited %s in all", waited)
		}
		if err := unanswered(t, d.history, command.History{Stream: stream}); err == nil || !strings.Contains(err.Error(), "before 2023-11-14T22:13:20Z is") {
			t.Errorf("%v", err)
		}
		var heads messages.Cursor
		heads.Advance(d.Head("self"))
		last := 0
		if err := d.history.Last(t.Context(), stream, 9, heads, func(list []*messages.Record) error { last += len(list); return nil }); err != nil || last != 5 {
			t.Errorf("%d of the last, %v", last, err)
		}
		if d.history.Stats().Away == 0 {
			t.Error("it was not counted")
		}
	})
}

// unanswered gives the error that a walk ends with.
func unanswered(t *testing.T, h *history.History, q command.History) error {
	t.Helper()
	walk, err := h.Walk(t.Context(), q)
	if err != nil {
		return err
	}
	defer walk.Close()
	for {
		r, err := walk.Next(t.Context())
		if err != nil {
			return err
		}
		if r == nil {
			t.Fatalf("%+v was answered", q)
		}
	}
}

// TestWalkGoesOnWhenTheArchiveIsBack: one that comes to the archive while that is away waits for it.
func TestWalkGoesOnWhenTheArchiveIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDropped(t)
		walk, err := d.history.Walk(t.Context(), command.History{Stream: stream, Descending: true})
		if err != nil {
			t.Fatal(err)
		}
		defer walk.Close()
		d.archive.Away(errors.New("it restarts"))
		back := time.AfterFunc(3*time.Second, func() { d.archive.Away(nil) })
		defer back.Stop()
		for n := 10; n > 0; n-- {
			r, err := walk.Next(t.Context())
			if err != nil || r == nil || r.Position.Sequence != uint64(n) {
				t.Fatalf("%d: %v, %v", n, r, err)
			}
		}
		if r, err := walk.Next(t.Context()); r != nil || err != nil {
			t.Fatal(r, err)
		}
	})
}

func TestArchiveThatLacksAStreamIsNotNeeded(t *testing.T) {
	d := newDropped(t)
	d.archive = &counting{Archive: memory.NewArchive(memory.ArchiveConfig{Streams: "other.>"})}
	d.archive.Away(errors.New("away"))
	h := d.over(t, history.Config{Journal: d.Journal, Patience: 1})
	if got, _, _ := walked(t, h, command.History{Stream: stream}, 20); fmt.Sprint(got) != "[6 7 8 9 10]" {
		t.Errorf("gave %v", got)
	}
}

// TestRefusedArchive: an archive that is not used until the node starts again is unavailable at once to who needs it, and no fault of the node.
func TestRefusedArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDropped(t)
		d.archive.Refuse(errors.New("its tables are of a later version"))
		begun := time.Now()
		for name, q := range map[string]command.History{
			"ascending": {Stream: stream},
			"after":     {Stream: stream, After: messages.Position{Origin: "self", Epoch: 1, Sequence: 3}},
		} {
			err := unanswered(t, d.history, q)
			if !errors.Is(err, command.ErrUnavailable) || !strings.Contains(err.Error(), "is in the archive, which this node does not use: ") || !strings.HasSuffix(err.Error(), "its tables are of a later version") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("waited %s", waited)
		}
		if got, _, _ := walked(t, d.history, command.History{Stream: stream, FromMs: lately}, 3); len(got) != 3 {
			t.Errorf("of what the journal has: %v", got)
		}
	})
}

// TestYoungHolesAreNotAskedFor: they are awaited from peers, and old ones are in the archive or nowhere.
func TestYoungHolesAreNotAskedFor(t *testing.T) {
	d := newDropped(t)
	d.store(t, d.batches...)
	m, ok := d.Journal.(*memory.Journal)
	if !ok {
		t.Fatal("not in memory")
	}
	m.Lose(d.batches[8].ID())
	d.now = storagetest.Start + 1000
	if got, _, _ := walked(t, d.history, command.History{Stream: stream, FromMs: lately}, 20); fmt.Sprint(got) != "[7 8 10]" || d.archive.asked.Load() != 0 {
		t.Errorf("young: gave %v, asked %d times", got, d.archive.asked.Load())
	}
	d.now += 1_000_000
	if got, _, _ := walked(t, d.history, command.History{Stream: stream, FromMs: lately}, 20); fmt.Sprint(got) != "[7 8 9 10]" {
		t.Errorf("old: gave %v", got)
	}
}

// TestDamagedBatchesComeFromTheArchive: also those that vanished since the index told of them.
func TestDamagedBatchesComeFromTheArchive(t *testing.T) {
	d := newDropped(t)
	d.store(t, d.batches[:8]...)
	h := d.over(t, history.Config{Journal: losing{d.Journal, map[uint64]error{7: storage.ErrDamaged, 8: storage.ErrNotHeld, 9: storage.ErrDamaged}}})
	for _, descending := range []bool{false, true} {
		want := "[7 8 10]"
		if descending {
			want = "[10 8 7]"
		}
		if got, _, _ := walked(t, h, command.History{Stream: stream, FromMs: lately, Descending: descending}, 20); fmt.Sprint(got) != want {
			t.Errorf("gave %v, want %s", got, want)
		}
	}
	if got := h.Stats(); got != (history.Stats{Damaged: 2}) {
		t.Errorf("counted %+v", got)
	}
}

// TestCursorStandsInTheArchive: behind what was given of the archive, of origins that only it knows too.
func TestCursorStandsInTheArchive(t *testing.T) {
	d := newDropped(t)
	o := storagetest.NewOrigin("gone", 3, storagetest.Start-1000)
	d.store(t, o.Next(t, storagetest.Draft(stream, "1")), o.Next(t, storagetest.Draft(stream, "2")))
	for n, want := range []string{"gone-3-0-1024,self-1-0-1024", "gone-3-1-1024,self-1-0-1024", "gone-3-2-0,self-1-0-1024", "gone-3-2-0,self-1-1-1024"} {
		got, _, cursor := walked(t, d.history, command.History{Stream: stream}, n)
		if len(got) != n || cursor != want {
			t.Errorf("after %d: %s, want %s", n, cursor, want)
		}
	}
	if _, _, cursor := walked(t, d.history, command.History{Stream: stream, Descending: true}, 2); cursor != "gone-3-2-0,self-1-10-0" {
		t.Errorf("descending: %s", cursor)
	}
}
