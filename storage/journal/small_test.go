package journal_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"anode/storage"
	"anode/storage/journal"
	"anode/testkit/faults"
	"anode/testkit/storagetest"
)

const mib = 1 << 20

// stuck wants the journal to be full, and to say so however often it is looked after.
func (w *world) stuck(words ...string) {
	w.Helper()
	for range 3 {
		w.good(ignore(w.j.Maintain(w.now), storage.ErrFull))
		s := w.j.Stats()
		if s.Full == "" || s.Refused != "" {
			w.Fatalf("it is full, and says that it is well: %+v", s)
		}
		for _, word := range words {
			if !strings.Contains(s.Full, word) {
				w.Fatalf("it says %q, without %q", s.Full, word)
			}
		}
		before := *w.own
		if err := w.append(storage.Own, w.next(w.own, 10)); !errors.Is(err, storage.ErrFull) {
			w.Fatalf("append to a full disk: %v", err)
		}
		*w.own = before
	}
}

// A segment has 64 MiB by default: a disk that has less is used all the same.
func TestADiskBelowASegmentIsUsedAsFarAsItGoes(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.disk.SetCapacity(20 * mib)
	w.good(w.j.Maintain(w.now))
	if s := w.j.Stats(); s.Full != "" {
		t.Fatalf("an empty disk: %+v", s)
	}
	taken := 0
	fill := func(family storage.Family, o *storagetest.Origin) bool {
		before := *o
		err := w.append(family, w.next(o, 200_000))
		if errors.Is(err, storage.ErrFull) {
			*o = before
			return false
		}
		w.good(err, w.sync(), w.j.Maintain(w.now))
		taken += 200_000
		return true
	}
	for taken < 20*mib && fill(storage.Live, w.peer) {
		fill(storage.Own, w.own)
	}
	if taken < 15*mib {
		t.Errorf("%d bytes were taken", taken)
	}
	if s := w.j.Stats(); !strings.Contains(s.Full, "no room for a segment") {
		t.Errorf("peers' batches are refused, and it says that it is well: %+v", s)
	}
	for taken < 20*mib && fill(storage.Own, w.own) {
	}
	w.stuck("storage full")
	if s := w.j.Stats(); s.FreeDisk < s.FreeFloor {
		t.Errorf("%d bytes are free, %d had to stay", s.FreeDisk, s.FreeFloor)
	}
	w.disk.SetCapacity(40 * mib)
	w.good(w.j.Maintain(w.now))
	if s := w.j.Stats(); s.Full != "" {
		t.Fatalf("with room again: %+v", s)
	}
	w.good(w.append(storage.Own, w.next(w.own, 200_000)), w.sync())
	w.cut(1)
	w.holds()
}

func TestADiskWithoutRoomForTheLeastSegmentSaysSo(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.disk.SetCapacity(mib)
	w.stuck("no room for a segment: it needs 1.00 MiB, the disk has 1.00 MiB free, of which 0.05 MiB must stay")
	w.disk.SetCapacity(3 * mib)
	w.good(w.j.Maintain(w.now), w.append(storage.Own, w.next(w.own, 10)))
}

// What is too large for what is left is not taken by turns: until there is room, nothing is.
func TestAWriteThatFoundNoRoomKeepsTheJournalFull(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.disk.SetCapacity(3 * mib)
	w.good(w.j.Maintain(w.now))
	if s := w.j.Stats(); s.Full != "" {
		t.Fatalf("an empty disk: %+v", s)
	}
	before := *w.own
	if err := w.append(storage.Own, w.next(w.own, 1e6), w.next(w.own, 1e6), w.next(w.own, 1e6)); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("append: %v", err)
	}
	*w.own = before
	w.stuck("it needs 2.86 MiB")
	w.disk.SetCapacity(8 * mib)
	w.good(w.j.Maintain(w.now), w.append(storage.Own, w.next(w.own, 1e6), w.next(w.own, 1e6), w.next(w.own, 1e6)), w.sync())
	w.holds()
}

// What an fsync failed for is written again in what room there is: it was taken already.
func TestASmallDiskMendsAFailedFsync(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.disk.SetCapacity(8 * mib)
	w.good(w.append(storage.Own, w.next(w.own, 200)))
	w.disk.Fail(faults.Fault{Op: faults.OpSync, Name: "-own", Times: 1})
	w.good(w.sync())
	if s := w.j.Stats(); s.Rewritten != 1 || s.Full != "" {
		t.Fatalf("stats %+v", s)
	}
}

// Where nothing can be allocated a full disk shows at the write: that leaves no segment behind.
func TestAWriteThatFindsTheDiskFullIsTriedInTheSameSegment(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.disk.Fail(faults.Fault{Op: faults.OpWrite, Err: syscall.ENOSPC, After: 1, Times: 3})
	one := w.next(w.own, 200)
	for range 3 {
		if err := w.append(storage.Own, one); !errors.Is(err, storage.ErrFull) {
			t.Fatalf("append: %v", err)
		}
		if s := w.j.Stats(); s.Full == "" {
			t.Fatalf("stats %+v", s)
		}
		w.good(w.j.Maintain(w.now))
	}
	w.good(w.append(storage.Own, one), w.append(storage.Own, w.next(w.own, 200)), w.append(storage.Own, w.next(w.own, 200)), w.sync())
	if s := w.j.Stats(); s.Full != "" || s.Segments != 2 || s.Batches != 3 {
		t.Fatalf("stats %+v", s)
	}
	w.cut(1)
	w.holds()
}
