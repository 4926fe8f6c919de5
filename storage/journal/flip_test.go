package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/journal"
	"anode/testkit/storagetest"
)

// library is a world with closed and active segments of own and peers' batches, all synced: two
// epochs of its own, one batch in each segment beside others, a spare.
func library(t testing.TB) *world {
	w := newWorld(t, journal.Config{SegmentBytes: 1400})
	step := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for range 5 {
			step(w.append(storage.Own, w.next(w.own, 150), w.next(w.own, 20)))
			step(w.append(storage.Live, w.next(w.peer, 250)))
		}
		step(w.sync())
		step(w.j.Maintain(w.now))
		w.disk = w.disk.Kill()
		w.now = w.now.Add(time.Second)
		w.open()
	}
	step(w.append(storage.Own, w.next(w.own, 150)))
	step(w.append(storage.Own, w.next(w.own, 30)))
	step(w.append(storage.Live, w.next(w.peer, 90)))
	step(w.append(storage.Backfill, w.next(w.peer, 90)))
	step(w.sync())
	step(w.j.Maintain(w.now))
	return w
}

// one is a world of its own with the disk as a killed process left it.
func (w *world) one(t testing.TB) *world {
	v := *w
	v.TB, v.disk, v.state = t, w.disk.Kill(), copyState(t, w.state)
	return &v
}

// audit reads everything in every way, and gives what is lost. What is, must be told.
func (w *world) audit(what string) (lost []messages.BatchID) {
	w.Helper()
	for id, s := range w.all {
		got, err := w.j.Read(id)
		switch {
		case err != nil:
			lost = append(lost, id)
		case !bytes.Equal(got.Bytes(), s.Bytes()):
			w.Fatalf("%s: batch %s has other bytes", what, id)
		}
	}
	w.walks(storagetest.Self)
	w.walks(storagetest.Peer)
	for _, id := range lost {
		if w.j.Stats().Damaged == 0 {
			w.Fatalf("%s: batch %s is lost and nothing is damaged", what, id)
		}
		if w.family[id] == storage.Own && !w.hole(id) {
			w.Fatalf("%s: batch %s is lost and no hole: %+v", what, id, w.j.Digest()[id.Origin])
		}
	}
	w.scans(what, lost)
	return lost
}

func (w *world) hole(id messages.BatchID) bool {
	for _, e := range w.j.Digest()[id.Origin] {
		if e.Epoch == id.Epoch && slices.ContainsFunc(e.Holes, func(h messages.Range) bool { return h.From <= id.Sequence && id.Sequence <= h.To }) {
			return true
		}
	}
	return false
}

// scans wants indexes to know exactly what is held.
func (w *world) scans(what string, lost []messages.BatchID) {
	w.Helper()
	found := 0
	epochs := make(map[messages.BatchID]bool)
	for id := range w.all {
		epochs[messages.BatchID{Origin: id.Origin, Epoch: id.Epoch}] = true
	}
	for key := range epochs {
		for ref, err := range w.j.Scan(storage.Scan{Stream: "test.a", Origin: key.Origin, Epoch: key.Epoch}) {
			if err != nil {
				w.Fatalf("%s: scan: %v", what, err)
			}
			s, known := w.all[ref.ID]
			if !known || s.First != ref.First || s.Last != ref.Last {
				w.Fatalf("%s: a scan gave %+v", what, ref)
			}
			found++
		}
	}
	if found != len(w.all)-len(lost) {
		w.Fatalf("%s: scans gave %d batches of %d, %d are lost", what, found, len(w.all), len(lost))
	}
	ids := make(map[messages.Identity]bool)
	for at, err := range w.j.Identities(0, nil) {
		if err != nil {
			w.Fatalf("%s: identities: %v", what, err)
		}
		ids[at.Identity] = true
	}
	for id, s := range w.all {
		b, err := s.Open()
		if err != nil {
			w.Fatal(err)
		}
		if r := &b.Groups[0].Records[0]; !ids[r.Identity()] && !slices.Contains(lost, id) && r.HasIdentity() {
			w.Fatalf("%s: the identity of %s is not known", what, id)
		}
	}
}

// offsets are the bytes of a file to try: all with ANODE_LONG=1; else every n-th, and of the first file of its
// kind the end and the headers of the file and of its first frame and batch.
func offsets(size int, first bool) []int {
	const headers, end = 170, 16
	step := 17
	if testing.Short() {
		step = 61
	}
	var list []int
	for at := range size {
		if long() || first && (at < headers || size-at <= end) || at%step == 0 {
			list = append(list, at)
		}
	}
	return list
}

func TestOneFlippedBitFoundAtOpen(t *testing.T) {
	base := library(t)
	names, err := base.disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]bool)
	for _, name := range names {
		kind := strings.TrimLeft(name, "0123456789abcdef")
		first := !kinds[kind]
		kinds[kind] = true
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			r := chance(7)
			for _, at := range offsets(len(base.disk.Bytes(path)), first) {
				what := fmt.Sprintf("%s, byte %d", name, at)
				w := base.one(t)
				w.disk.Flip(path, int64(at), uint(r.IntN(8)))
				w.survives(what, strings.HasSuffix(name, ".seg"))
			}
		})
	}
	for _, kind := range []string{"-own.seg", "-own.idx", "-live.seg", "-live.idx", "-backfill.seg"} {
		if !kinds[kind] {
			t.Errorf("the library has no %s: %v", kind, names)
		}
	}
}

// survives opens the journal, audits it, lets it mend itself, and audits it again after a restart.
func (w *world) survives(what string, segment bool) {
	w.Helper()
	w.open()
	first := w.audit(what)
	if len(first) > 1 || len(first) > 0 && !segment {
		w.Fatalf("%s: one bit took %v", what, first)
	}
	damaged := w.j.Stats().Damaged
	if _, err := w.j.Scrub(context.Background(), 1<<20); err != nil {
		w.Fatalf("%s: scrub: %v", what, err)
	}
	if now := w.j.Stats().Damaged; now > max(damaged, 1) {
		w.Fatalf("%s: one bit is counted %d times", what, now)
	}
	if err := errors.Join(w.j.Maintain(w.now), w.j.Close()); err != nil {
		w.Fatalf("%s: %v", what, err)
	}
	report, err := journal.Verify(context.Background(), journal.Check{Dir: dir, FS: w.disk})
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range report.Segments {
		if s.Sidecar != "" || s.Unreadable != "" || s.TornAt != 0 {
			w.Fatalf("%s: after it mended itself: %+v", what, s)
		}
	}
	w.open()
	for _, id := range first {
		if w.family[id] == storage.Own && !w.hole(id) {
			w.Fatalf("%s: after a restart batch %s is no hole", what, id)
		}
	}
	for id, s := range w.all {
		if got, err := w.j.Read(id); err == nil && !bytes.Equal(got.Bytes(), s.Bytes()) || err != nil && !slices.Contains(first, id) {
			w.Fatalf("%s: batch %s after a restart: %v", what, id, err)
		}
	}
	if err := w.j.Close(); err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

func TestOneFlippedBitFoundWhileOpen(t *testing.T) {
	base := library(t)
	names, err := base.disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := chance(9)
	for range 40 * min(seeds(t), 20) {
		name := names[r.IntN(len(names))]
		path := filepath.Join(dir, name)
		size := len(base.disk.Bytes(path))
		if size == 0 {
			continue
		}
		at := r.IntN(size)
		what := fmt.Sprintf("%s, byte %d", name, at)
		w := base.one(t)
		w.open()
		path = filepath.Join(dir, name)
		if w.disk.Bytes(path) == nil {
			continue // the spare is gone
		}
		w.disk.Flip(path, int64(at), uint(r.IntN(8)))
		lost := w.audit(what)
		if len(lost) > 1 || len(lost) == 1 && !w.hole(lost[0]) {
			t.Fatalf("%s: %v are lost", what, lost)
		}
		if err := errors.Join(w.j.Maintain(w.now), w.j.Close()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func TestScrubFindsWhatNobodyRead(t *testing.T) {
	w := library(t)
	id := messages.BatchID{Origin: storagetest.Self, Epoch: 2, Sequence: 3}
	name := dir + "/0000000000000001-own.seg"
	s := w.all[id]
	at := bytes.Index(w.disk.Bytes(name), s.Bytes())
	if at < 0 {
		t.Fatal("the batch is elsewhere")
	}
	w.disk.Flip(name, int64(at+150), 3)
	for range 10 {
		if _, err := w.j.Scrub(context.Background(), 1000); err != nil {
			t.Fatal(err)
		}
	}
	if s := w.j.Stats(); s.Damaged != 1 || !w.hole(id) {
		t.Fatalf("%d damaged, digest %+v", s.Damaged, w.j.Digest())
	}
	if step := w.j.Next(messages.Position{Origin: id.Origin, Epoch: 2, Sequence: 2, Index: messages.IndexEnd}); step.Kind != messages.StepWait || step.Batch != id {
		t.Fatalf("a reader meets %+v", step)
	}
	if err := w.append(storage.Backfill, s); err != nil {
		t.Fatal(err)
	}
	if got, err := w.j.Read(id); err != nil || !bytes.Equal(got.Bytes(), s.Bytes()) {
		t.Fatalf("what a peer gave back: %v", err)
	}
}
