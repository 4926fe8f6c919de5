package journal_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/journal"
	"anode/testkit/faults"
	"anode/testkit/storagetest"
)

// TestFaultsAtRandom has every kind of operation fail at random, heals the disk, cuts its power, and
// goes on: nothing synced is lost, nothing refused is stored, and it always comes to work again.
func TestFaultsAtRandom(t *testing.T) {
	for seed := range seeds(t) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { soak(t, seed) })
	}
}

func soak(t *testing.T, seed uint64) {
	r := chance(seed)
	w := newWorld(t, journal.Config{SegmentBytes: 1 << (11 + r.IntN(4))})
	for range 4 {
		found := w.j.Stats().Damaged // what a power cut tore apart before it was synced
		for range 5 + r.IntN(40) {
			if r.IntN(12) == 0 {
				ops := []faults.Op{faults.OpCreate, faults.OpWrite, faults.OpTruncate, faults.OpAllocate, faults.OpSync, faults.OpSyncDir, faults.OpRename, faults.OpRemove}
				w.disk.Fail(faults.Fault{Op: ops[r.IntN(len(ops))], After: r.IntN(5), Times: 1 + r.IntN(3), Written: r.IntN(400)})
			}
			w.attempt(r)
		}
		w.disk.Heal()
		w.now = w.now.Add(2 * time.Second)
		w.good(w.j.Maintain(w.now), w.sync(), w.j.Maintain(w.now))
		if s := w.j.Stats(); s.Refused != "" || s.Full != "" || s.Damaged != found || s.Forks != 0 || s.Batches < uint64(len(w.all)) { // more where a failed write could not be cut off, and its process was killed
			t.Fatalf("after all was healed, with %d batches: %+v", len(w.all), s)
		}
		w.holds()
		w.scans("after all was healed", nil)
		for range r.IntN(8) {
			w.attempt(r)
		}
		w.restart(r)
	}
}

// restart cuts the power, kills the process, or closes the journal.
func (w *world) restart(r *rand.Rand) {
	w.Helper()
	switch r.IntN(3) {
	case 0:
		w.disk = w.disk.Cut(r)
		w.state = copyState(w, w.state)
	case 1:
		w.disk = w.disk.Kill()
		maps.Copy(w.synced, w.done)
	default:
		w.good(w.j.Close())
		maps.Copy(w.synced, w.done)
	}
	w.now = w.now.Add(time.Second)
	w.open()
	w.holds()
	w.prune()
}

// attempt does one thing, which may fail: then it left no trace.
func (w *world) attempt(r *rand.Rand) {
	w.Helper()
	refused := func(err error) bool {
		if err != nil && !errors.Is(err, storage.ErrRefused) && !errors.Is(err, storage.ErrFull) {
			w.Fatalf("it failed with %v", err)
		}
		return err != nil
	}
	family, o := storage.Own, w.own
	if r.IntN(3) == 0 {
		family, o = storage.Live, w.peer
	}
	switch what := r.IntN(10); {
	case what < 6:
		before := *o
		var batches []wire.Sealed
		for range 1 + r.IntN(3) {
			batches = append(batches, w.next(o, r.IntN(700)))
		}
		if refused(w.append(family, batches...)) {
			for _, s := range batches {
				if _, err := w.j.Read(s.ID()); !errors.Is(err, storage.ErrNotHeld) {
					w.Fatalf("a refused batch is read: %v", err)
				}
			}
			*o = before
		}
	case what < 9:
		refused(w.sync())
	default:
		w.now = w.now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
		_ = w.j.Maintain(w.now) // it tells what the next one mends
	}
	if r.IntN(3) == 0 {
		w.now = w.now.Add(400 * time.Millisecond)
	}
}

// TestRepairOfAnything repairs journals with several damages, interrupted at a random operation first:
// what could be read before can be after.
func TestRepairOfAnything(t *testing.T) {
	base := library(t)
	names, err := base.disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range min(seeds(t), 150) {
		r := chance(seed)
		w := base.one(t)
		for range 1 + r.IntN(6) {
			if path := dir + "/" + names[r.IntN(len(names))]; len(w.disk.Bytes(path)) > 0 {
				w.disk.Flip(path, int64(r.IntN(len(w.disk.Bytes(path)))), uint(r.IntN(8)))
			}
		}
		readable := w.one(t).readable()
		if r.IntN(2) == 0 {
			w.disk.Fail(faults.Fault{After: 20 + r.IntN(100), Times: 1})
			_, _ = journal.Repair(t.Context(), journal.Check{Dir: dir, FS: w.disk})
			w.disk.Heal()
			w.disk = w.disk.Cut(r)
		}
		done, err := journal.Repair(t.Context(), journal.Check{Dir: dir, FS: w.disk})
		if err != nil {
			t.Fatalf("seed %d: %+v, %v", seed, done, err)
		}
		unnamed := 0 // damage that hides even which batch it was
		for _, s := range done.Salvaged {
			unnamed += s.Lost
		}
		report, err := journal.Verify(t.Context(), journal.Check{Dir: dir, FS: w.disk})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range report.Segments {
			if len(s.Damage) > 0 || s.Unreadable != "" {
				t.Fatalf("seed %d: after the repair: %+v", seed, s)
			}
		}
		after := w.readable()
		for id := range readable {
			if !after[id] {
				t.Fatalf("seed %d: batch %s could be read before the repair: %+v", seed, id, done)
			}
		}
		for id := range w.all {
			if !after[id] && w.family[id] == storage.Own && !w.hole(id) && unnamed == 0 {
				t.Fatalf("seed %d: batch %s is lost and no hole: %+v", seed, id, w.j.Digest()[storagetest.Self])
			}
		}
	}
}

// readable opens the journal and gives what can be read.
func (w *world) readable() map[messages.BatchID]bool {
	w.Helper()
	w.open()
	held := make(map[messages.BatchID]bool)
	for id, s := range w.all {
		if got, err := w.j.Read(id); err == nil {
			if string(got.Bytes()) != string(s.Bytes()) {
				w.Fatalf("batch %s has other bytes", id)
			}
			held[id] = true
		}
	}
	return held
}
