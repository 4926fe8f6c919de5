package journal_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/journal"
	"anode/testkit/storagetest"
)

const day = 24 * time.Hour

// hours appends own batches, each with its time of receipt, an hour apart, and maintains after each.
func (w *world) hours(n int, size int) {
	w.Helper()
	for range n {
		w.now = w.now.Add(time.Hour)
		w.own.At(w.now.UnixMilli())
		w.good(w.append(storage.Own, w.next(w.own, size)), w.sync(), w.j.Maintain(w.now))
	}
}

func (w *world) floor(origin messages.NodeID) uint64 {
	w.Helper()
	d := w.j.Digest()[origin]
	if len(d) == 0 {
		w.Fatalf("nothing is known of %s", origin)
	}
	return d[len(d)-1].Floor
}

func TestRetentionByAge(t *testing.T) {
	w := newWorld(t, journal.Config{RetentionAge: 16 * time.Hour})
	w.hours(60, 50)
	floor := w.floor(storagetest.Self)
	if floor < 40 || floor > 45 { // the newest 16 hours, in segments of two
		t.Fatalf("the floor is %d of 60", floor)
	}
	w.disk = w.disk.Kill()
	w.open()
	if step := w.j.Next(messages.Position{Origin: storagetest.Self}); step.Kind != messages.StepGap || step.Gap.Reason != messages.ReasonRetention || step.Gap.To.Sequence != floor-1 {
		t.Fatalf("a reader from the beginning meets %+v", step)
	}
	w.good(w.j.Maintain(w.now.Add(23 * time.Hour)))
	if d := w.j.Digest()[storagetest.Self]; w.j.Stats().Batches != 0 || d[0].Floor != 61 || d[0].Head != 60 {
		t.Fatalf("an idle journal keeps what is old: %+v, %+v", d, w.j.Stats())
	}
	if got := w.j.Head(storagetest.Self); got.Sequence != 60 {
		t.Fatalf("head of the emptied line %s", got)
	}
}

func TestRetentionOfAnIdleJournal(t *testing.T) {
	w := newWorld(t, journal.Config{RetentionAge: 16 * time.Hour})
	w.hours(1, 50)
	for range 20 {
		w.now = w.now.Add(time.Hour)
		w.good(w.j.Maintain(w.now))
	}
	if s := w.j.Stats(); s.Batches != 0 {
		t.Fatalf("what is 20 hours old is kept: %+v", s)
	}
}

func TestClockThatJumpsWipesNothing(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			w := newWorld(t, journal.Config{RetentionAge: 16 * time.Hour, RetentionBytes: 1 << 30, SegmentBytes: 4096})
			w.hours(10, 1000)
			batches := w.j.Stats().Batches
			w.now = w.now.Add(30 * day)
			if restart {
				w.disk = w.disk.Kill()
				w.open()
			}
			for range 8 { // rolls before the first Maintain that sees the new time
				w.own.At(w.now.UnixMilli())
				w.good(w.append(storage.Own, w.next(w.own, 1000)), w.sync())
			}
			w.good(w.j.Maintain(w.now))
			s := w.j.Stats()
			if s.Batches != batches+8 || !strings.Contains(s.Note, "nothing is dropped by age") {
				t.Fatalf("%d batches of %d are left, note %q", s.Batches, batches+8, s.Note)
			}
			w.now = w.now.Add(23 * time.Hour)
			w.disk = w.disk.Kill() // the pause is remembered
			w.open()
			w.good(w.j.Maintain(w.now))
			if s := w.j.Stats(); s.Batches != batches+8 {
				t.Fatalf("within the day %d batches are left", s.Batches)
			}
			w.now = w.now.Add(2 * time.Hour)
			w.good(w.j.Maintain(w.now))
			if s := w.j.Stats(); s.Batches != 0 || s.Note != "" {
				t.Fatalf("after the day: %+v", s)
			}
		})
	}
}

func TestRetentionByBytesTakesTheOldestOfAllFamilies(t *testing.T) {
	w := newWorld(t, journal.Config{RetentionBytes: 40_000, SegmentBytes: 5000})
	for i := range 60 {
		w.now = w.now.Add(time.Minute)
		w.own.At(w.now.UnixMilli())
		w.peer.At(w.now.UnixMilli())
		w.good(w.append(storage.Own, w.next(w.own, 500)))
		if i%3 == 0 {
			w.good(w.append(storage.Live, w.next(w.peer, 500)))
		}
		w.good(w.sync(), w.j.Maintain(w.now))
		if s := w.j.Stats(); s.Bytes > 46_000 {
			t.Fatalf("%d bytes are kept", s.Bytes)
		}
	}
	if own, peer := w.floor(storagetest.Self), w.floor(storagetest.Peer); own < 15 || own > 35 || peer < 3 || peer > 14 {
		t.Fatalf("floors %d and %d", own, peer)
	}
	names, err := w.disk.List(dir)
	w.good(err)
	for _, name := range names {
		base, ending, _ := strings.Cut(name, ".")
		if ending == "idx" && w.disk.Bytes(filepath.Join(dir, base+".seg")) == nil {
			t.Errorf("sidecar %s is left without its segment", name)
		}
	}
}

// Backfilled batches are as old as their last reading, not as new as their coming.
func TestBackfillGoesByItsOwnAge(t *testing.T) {
	w := newWorld(t, journal.Config{RetentionAge: 16 * time.Hour, SegmentBytes: 4096})
	for range 4 { // the peer's batches are older than that
		w.now = w.now.Add(12 * time.Hour)
		w.good(w.j.Maintain(w.now))
	}
	for range 4 {
		w.good(w.append(storage.Backfill, w.next(w.peer, 1500)))
	}
	w.own.At(w.now.UnixMilli())
	w.good(w.append(storage.Own, w.next(w.own, 1500)), w.append(storage.Live, w.next(w.peer, 10)), w.sync())
	w.good(w.j.Maintain(w.now))
	if got := w.floor(storagetest.Peer); got < 3 {
		t.Fatalf("old backfill is kept: floor %d", got)
	}
	if w.floor(storagetest.Self) != 1 {
		t.Fatal("own batches went with it")
	}
}

func TestFamiliesAreKeptApart(t *testing.T) {
	w := newWorld(t, journal.Config{})
	for range 3 {
		w.good(w.append(storage.Own, w.next(w.own, 50)), w.append(storage.Live, w.next(w.peer, 50)), w.append(storage.Backfill, w.next(w.peer, 50)))
	}
	w.good(w.j.Close())
	r, err := journal.Verify(t.Context(), journal.Check{Dir: dir, FS: w.disk})
	w.good(err)
	for _, s := range r.Segments {
		if s.Batches != 3 {
			t.Fatalf("segments %+v", r.Segments)
		}
	}
	if len(r.Segments) != 3 {
		t.Fatalf("segments %+v", r.Segments)
	}
}

func TestGiveUpIsRememberedAndNothingMore(t *testing.T) {
	w := newWorld(t, journal.Config{SegmentBytes: 2048})
	var ids []messages.BatchID
	for i := range 9 {
		s := w.next(w.peer, 300)
		if ids = append(ids, s.ID()); i != 2 && i != 5 {
			w.good(w.append(storage.Live, s))
		}
	}
	w.good(w.j.GiveUp(storagetest.Peer, 1, messages.Range{From: 1, To: 5}), w.sync())
	for range 3 {
		w.disk = w.disk.Kill()
		w.open()
		at := messages.Position{Origin: storagetest.Peer, Epoch: 1, Sequence: 2, Index: messages.IndexEnd}
		if step := w.j.Next(at); step.Kind != messages.StepGap || step.Gap.Reason != messages.ReasonMissing || step.Gap.To.Sequence != 3 {
			t.Fatalf("a reader meets %+v", step)
		}
		at.Sequence = 5
		if step := w.j.Next(at); step.Kind != messages.StepWait || step.Hole != (messages.Range{From: 6, To: 6}) {
			t.Fatalf("a hole that was not given up: %+v", step)
		}
	}
	// what is damaged later in the range was never given up
	names, _ := w.disk.List(dir)
	for _, name := range names {
		path := filepath.Join(dir, name)
		s := w.all[ids[3]]
		if at := strings.Index(string(w.disk.Bytes(path)), string(s.Bytes())); at >= 0 {
			w.disk.Flip(path, int64(at+140), 1)
		}
	}
	if _, err := w.j.Read(ids[3]); err == nil {
		t.Fatal("the damage was not met")
	}
	w.disk = w.disk.Kill()
	w.open()
	if step := w.j.Next(messages.Position{Origin: storagetest.Peer, Epoch: 1, Sequence: 3, Index: messages.IndexEnd}); step.Kind != messages.StepWait || step.Batch != ids[3] {
		t.Fatalf("later damage is met as %+v", step)
	}
}

// A number may come again when all segments are gone: nothing of the first may be taken
// for the second's.
func TestSidecarLeftBehindIsNotTakenForAnothers(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.good(w.append(storage.Own, w.next(w.own, 50)), w.sync(), w.j.Close())
	idx := dir + "/0000000000000001-own.idx"
	stale := w.disk.Bytes(idx)
	if stale == nil {
		t.Fatal("no sidecar was made at Close")
	}
	w.disk = newWorld(t, journal.Config{}).disk // empty
	w.disk.Put(idx, stale)
	w.all, w.synced = map[messages.BatchID]wire.Sealed{}, map[messages.BatchID]bool{}
	w.open()
	for range 3 {
		w.good(w.append(storage.Own, w.next(w.own, 70)))
	}
	w.good(w.sync())
	w.disk = w.disk.Kill()
	w.open()
	w.holds()
	if s := w.j.Stats(); s.Batches != 3 || s.Damaged != 0 {
		t.Fatalf("stats %+v", s)
	}
}

// Each restart of an origin is an epoch; where nothing goes by age, those that were emptied are
// remembered by number only.
func TestEmptiedEpochsAreRememberedByCount(t *testing.T) {
	const most = 1000
	w := newWorld(t, journal.Config{RetentionBytes: 8192, SegmentBytes: 2048})
	w.good(w.append(storage.Own, w.next(w.own, 10)), w.sync())
	for epoch := range uint64(most + 200) {
		s := w.next(w.peer, 700)
		w.good(w.append(storage.Live, s))
		if epoch%50 == 0 {
			w.good(w.sync(), w.j.Maintain(w.now))
		}
		w.peer.Restart(epoch+2, s.Position())
	}
	w.good(w.sync(), w.j.Maintain(w.now))
	for _, when := range []string{"running", "after a restart"} {
		epochs := w.j.Digest()[storagetest.Peer]
		if n := len(epochs); n < most || n > most+20 {
			t.Fatalf("%s, %d epochs are remembered", when, n)
		}
		if newest := epochs[len(epochs)-1]; newest.Epoch != most+200 || newest.Floor != 1 {
			t.Fatalf("%s, the newest epoch is %+v", when, newest)
		}
		remembered := 0
		for range w.state.Each("journal.floors") {
			remembered++
		}
		if remembered > most+20 {
			t.Fatalf("%s, State has %d floors", when, remembered)
		}
		at := messages.Position{Origin: storagetest.Peer, Epoch: 5, Sequence: 1, Index: messages.IndexEnd}
		if step := w.j.Next(at); step.Kind != messages.StepGap || step.Gap.Reason != messages.ReasonRetention {
			t.Fatalf("%s, a reader in a forgotten epoch meets %+v", when, step)
		}
		if head := w.j.Head(storagetest.Self); head.Epoch != 2 || head.Sequence != 1 {
			t.Fatalf("%s, the own head is %s", when, head)
		}
		w.disk = w.disk.Kill()
		w.open()
	}
}
