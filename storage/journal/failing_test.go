package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/faults"
	"anode/testkit/storagetest"
)

// good runs steps that must succeed.
func (w *world) good(errs ...error) {
	w.Helper()
	if err := errors.Join(errs...); err != nil {
		w.Fatal(err)
	}
}

// cut cuts the power and opens what is left.
func (w *world) cut(seed uint64) {
	w.Helper()
	w.disk = w.disk.Cut(chance(seed))
	w.open()
}

func TestFailedFsyncIsWrittenAgain(t *testing.T) {
	for seed := range min(seeds(t), 50) {
		w := newWorld(t, journal.Config{})
		w.good(w.append(storage.Own, w.next(w.own, 200)), w.append(storage.Live, w.next(w.peer, 200)), w.sync())
		w.good(w.append(storage.Own, w.next(w.own, 200), w.next(w.own, 200)), w.append(storage.Live, w.next(w.peer, 200)))
		w.disk.Fail(faults.Fault{Op: faults.OpSync, Name: "-own", Times: 1})
		w.good(w.sync()) // the promise is kept by writing again
		if s := w.j.Stats(); s.Rewritten != 2 || s.Refused != "" || s.Batches != 5 || s.Records != 5 {
			t.Fatalf("stats %+v", s)
		}
		w.holds()
		w.scans("after the fsync failed", nil)
		w.good(w.append(storage.Own, w.next(w.own, 100)), w.sync())
		w.cut(seed)
		w.holds()
		w.scans("after a power cut", nil)
		if s := w.j.Stats(); s.Batches != 6 || s.Damaged != 0 {
			t.Fatalf("stats after a power cut %+v", s)
		}
	}
}

func TestFsyncThatCannotBeMendedRefusesAndTriesAgain(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.good(w.append(storage.Own, w.next(w.own, 200)))
	w.disk.Fail(faults.Fault{Op: faults.OpSync})
	if err := w.sync(); !errors.Is(err, storage.ErrRefused) {
		t.Fatalf("sync: %v", err)
	}
	lost := w.next(w.own, 10)
	if err := w.append(storage.Own, lost); !errors.Is(err, storage.ErrRefused) {
		t.Fatalf("append: %v", err)
	}
	if err := w.append(storage.Live, w.next(w.peer, 10)); !errors.Is(err, storage.ErrRefused) {
		t.Fatalf("append of a peer's: %v", err)
	}
	if s := w.j.Stats(); s.Refused == "" {
		t.Fatalf("stats %+v", s)
	}
	w.disk.Heal()
	if err := w.sync(); !errors.Is(err, storage.ErrRefused) {
		t.Fatalf("within the second: %v", err)
	}
	w.now = w.now.Add(time.Second)
	w.good(w.j.Maintain(w.now))
	if s := w.j.Stats(); s.Refused != "" || s.Rewritten != 1 {
		t.Fatalf("stats %+v", s)
	}
	w.good(w.append(storage.Own, lost), w.sync())
	w.cut(1)
	w.holds()
	if s := w.j.Stats(); s.Batches != 2 {
		t.Fatalf("stats %+v", s)
	}
}

func TestFailedWriteStoresNothing(t *testing.T) {
	for _, written := range []int{0, 5, 100, 300, 700, -1} {
		t.Run(fmt.Sprint(written, " bytes written"), func(t *testing.T) {
			w := newWorld(t, journal.Config{})
			first := w.next(w.own, 200)
			w.good(w.append(storage.Own, first), w.sync())
			w.disk.Fail(faults.Fault{Op: faults.OpWrite, Name: "-own.seg", Times: 1, Written: written})
			before := *w.own
			if err := w.append(storage.Own, w.next(w.own, 200), w.next(w.own, 200)); !errors.Is(err, storage.ErrRefused) {
				t.Fatalf("append: %v", err)
			}
			if got := w.j.Head(storagetest.Self); got != first.Position() {
				t.Fatalf("head %s", got)
			}
			*w.own = before // the same numbers are given again
			w.good(w.append(storage.Own, w.next(w.own, 333)), w.sync())
			for _, disk := range []*faults.Disk{w.disk.Kill(), w.disk.Cut(chance(3))} {
				w.disk = disk
				w.open()
				w.holds()
				if s := w.j.Stats(); s.Batches != 2 || s.Damaged != 0 || s.Torn != 0 || s.Forks != 0 {
					t.Fatalf("stats %+v", s)
				}
			}
		})
	}
}

func TestFailedWriteThatCannotBeCutOffClosesItsSegment(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.good(w.append(storage.Own, w.next(w.own, 200)), w.sync())
	w.disk.Fail(faults.Fault{Op: faults.OpWrite, Name: "-own.seg", Times: 1, Written: -1})
	w.disk.Fail(faults.Fault{Op: faults.OpTruncate, Times: 1})
	before := *w.own
	if err := w.append(storage.Own, w.next(w.own, 200)); !errors.Is(err, storage.ErrRefused) {
		t.Fatalf("append: %v", err)
	}
	*w.own = before
	again := w.next(w.own, 333)
	w.good(w.append(storage.Own, again))
	if s := w.j.Stats(); s.Segments != 2 {
		t.Fatalf("stats %+v", s)
	}
	w.disk = w.disk.Kill() // what could not be cut off stands there still
	w.open()
	w.holds()
	w.has(again.ID())
	w.good(w.sync())
	w.cut(2)
	w.has(again.ID())
}

func (w *world) has(id messages.BatchID) {
	w.Helper()
	got, err := w.j.Read(id)
	if want := w.all[id]; err != nil || string(got.Bytes()) != string(want.Bytes()) {
		w.Fatalf("batch %s: %v", id, err)
	}
}

func TestNewSegmentThatFailsLeavesNoTrace(t *testing.T) {
	for _, op := range []faults.Op{faults.OpCreate, faults.OpAllocate, faults.OpRename, faults.OpWrite} {
		for _, spare := range []bool{false, true} {
			w := newWorld(t, journal.Config{})
			if spare {
				w.good(w.j.Maintain(w.now))
			} else if op == faults.OpRename {
				continue
			}
			if spare && (op == faults.OpCreate || op == faults.OpAllocate) {
				continue // done already
			}
			w.disk.Fail(faults.Fault{Op: op, Times: 1})
			one := w.next(w.own, 100)
			if err := w.append(storage.Own, one); !errors.Is(err, storage.ErrRefused) {
				t.Fatalf("op %d, spare %v: append: %v", op, spare, err)
			}
			w.good(w.append(storage.Own, one), w.sync())
			w.cut(4)
			w.has(one.ID())
			if names, _ := w.disk.List(dir); len(names) != 1 {
				t.Fatalf("op %d, spare %v: files %v", op, spare, names)
			}
		}
	}
}

func TestDirectoryThatCannotBeSyncedAcknowledgesNothing(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.good(w.append(storage.Own, w.next(w.own, 200)))
	w.disk.Fail(faults.Fault{Op: faults.OpSyncDir, Times: 1})
	if err := w.sync(); !errors.Is(err, storage.ErrRefused) {
		t.Fatalf("sync: %v", err)
	}
	w.good(w.sync())
	w.cut(1)
	w.holds()
}

func TestReadErrorIsTriedAgainAndThenDamage(t *testing.T) {
	w := library(t)
	id := messages.BatchID{Origin: storagetest.Self, Epoch: 2, Sequence: 2}
	w.disk.Fail(faults.Fault{Op: faults.OpRead, Name: "1-own.seg", Times: 1})
	w.has(id)
	w.disk.Heal()
	w.disk.Fail(faults.Fault{Op: faults.OpRead, Name: "1-own.seg"})
	if _, err := w.j.Read(id); !errors.Is(err, storage.ErrDamaged) {
		t.Fatalf("read: %v", err)
	}
	if !w.hole(id) {
		t.Fatalf("it is no hole: %+v", w.j.Digest())
	}
}

// Where a failed segment could not be cut, its batches stand in two: the older is as good as the newer.
func TestDamagedCopyIsReadFromTheOther(t *testing.T) {
	w := newWorld(t, journal.Config{})
	one := w.next(w.own, 400)
	w.good(w.append(storage.Own, one))
	w.disk.Fail(faults.Fault{Op: faults.OpSync, Name: "-own", Times: 1})
	w.disk.Fail(faults.Fault{Op: faults.OpTruncate, Name: "-own", Times: 1})
	w.good(w.sync())
	w.disk = w.disk.Kill()
	w.open()
	if s := w.j.Stats(); s.Batches != 2 {
		t.Fatalf("%d copies, want 2", s.Batches)
	}
	for i, name := range []string{"/0000000000000002-own.seg", "/0000000000000001-own.seg"} {
		at := bytes.Index(w.disk.Bytes(dir+name), one.Bytes())
		w.disk.Flip(dir+name, int64(at+200), 1)
		if i == 0 {
			w.has(one.ID())
		} else if _, err := w.j.Read(one.ID()); !errors.Is(err, storage.ErrDamaged) || !w.hole(one.ID()) {
			t.Fatalf("with both damaged: %v", err)
		}
	}
}

func TestSegmentThatCannotBeOpenedNowIsNoDamage(t *testing.T) {
	w := library(t)
	w.disk = w.disk.Kill()
	w.open()
	id := messages.BatchID{Origin: storagetest.Self, Epoch: 2, Sequence: 2}
	w.disk.Fail(faults.Fault{Op: faults.OpOpen, Name: ".seg", Err: syscall.EMFILE})
	if _, err := w.j.Read(id); !errors.Is(err, syscall.EMFILE) || errors.Is(err, storage.ErrDamaged) {
		t.Fatalf("read: %v", err)
	}
	if _, err := w.j.Scrub(t.Context(), 1<<20); err != nil {
		t.Fatal(err)
	}
	w.disk.Heal()
	if s := w.j.Stats(); s.Damaged != 0 {
		t.Fatalf("%d damaged", s.Damaged)
	}
	w.has(id)
}

func TestTailThatCannotBeReadIsNotCutOff(t *testing.T) {
	w := newWorld(t, journal.Config{})
	for range 40 {
		w.good(w.append(storage.Own, w.next(w.own, 400)))
	}
	w.good(w.sync())
	name := dir + "/0000000000000001-own.seg"
	size := len(w.disk.Bytes(name))
	w.disk = w.disk.Kill()
	w.disk.Fail(faults.Fault{Op: faults.OpRead, Name: ".seg"})
	w.open()
	w.disk.Heal()
	if got := len(w.disk.Bytes(name)); got != size {
		t.Fatalf("%d of %d bytes are left", got, size)
	}
	if s := w.j.Stats(); s.Torn != 0 || s.Damaged == 0 && s.Note == "" {
		t.Fatalf("stats %+v", s)
	}
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	w := newWorld(t, journal.Config{SegmentBytes: 4096, RetentionBytes: 16 * 4096})
	w.disk.SetCapacity(40_000)
	w.good(w.j.Maintain(w.now))
	var err error
	for range 200 {
		before := *w.own
		if err = w.append(storage.Own, w.next(w.own, 300)); err != nil {
			*w.own = before
			break
		}
	}
	if !errors.Is(err, storage.ErrFull) {
		t.Fatalf("append: %v", err)
	}
	if s := w.j.Stats(); s.Full == "" || s.Refused != "" {
		t.Fatalf("stats %+v", s)
	}
	w.good(w.sync())
	_ = w.j.Maintain(w.now)
	if err := w.append(storage.Own, w.next(w.own, 3000)); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("append while it is full: %v", err)
	}
	w.own.Sequence--
	w.disk.SetCapacity(400_000)
	w.good(w.j.Maintain(w.now))
	if s := w.j.Stats(); s.Full != "" {
		t.Fatalf("it is still full: %+v", s)
	}
	w.good(w.append(storage.Own, w.next(w.own, 300)), w.sync())
	w.cut(1)
	w.holds()
	if s := w.j.Stats(); s.Damaged != 0 {
		t.Fatalf("stats %+v", s)
	}
}

// Some file systems find out only when they write back.
func TestDiskThatIsFoundFullByAnFsyncIsFull(t *testing.T) {
	w := newWorld(t, journal.Config{})
	w.good(w.append(storage.Own, w.next(w.own, 200)))
	w.disk.Fail(faults.Fault{Op: faults.OpSync, Err: syscall.ENOSPC})
	if err := w.sync(); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("sync: %v", err)
	}
	w.good(ignore(w.j.Maintain(w.now), storage.ErrFull))
	lost := w.next(w.own, 10)
	if err := w.append(storage.Own, lost); !errors.Is(err, storage.ErrFull) || errors.Is(err, storage.ErrRefused) {
		t.Fatalf("append: %v", err)
	}
	if s := w.j.Stats(); s.Full == "" || s.Refused != "" {
		t.Fatalf("full %q, refused %q", s.Full, s.Refused)
	}
	w.disk.Heal()
	w.now = w.now.Add(time.Second)
	w.good(w.j.Maintain(w.now), w.append(storage.Own, lost), w.sync())
	if s := w.j.Stats(); s.Full != "" || s.Refused != "" || s.Rewritten != 1 {
		t.Fatalf("stats %+v", s)
	}
	w.cut(1)
	w.holds()
}

// ignore is an error that is not this one.
func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}

func TestFreeFloorRefusesAll(t *testing.T) {
	w := newWorld(t, journal.Config{SegmentBytes: 4096})
	w.disk.SetCapacity(100_000)
	w.disk.Put("elsewhere/big", make([]byte, 97_000)) // of 5 % that must stay free 3 are left
	w.good(w.j.Maintain(w.now))
	for family, o := range map[storage.Family]*storagetest.Origin{storage.Own: w.own, storage.Live: w.peer} {
		if _, err := w.j.Append(family, []wire.Sealed{w.next(o, 10)}); !errors.Is(err, storage.ErrFull) {
			t.Fatalf("append of family %d: %v", family, err)
		}
		o.Sequence--
	}
	if s := w.j.Stats(); s.FreeFloor != 5000 || s.FreeDisk != 3000 || s.Full == "" {
		t.Fatalf("stats %+v", s)
	}
	w.disk.SetCapacity(200_000)
	w.good(w.j.Maintain(w.now), w.append(storage.Own, w.next(w.own, 10)))
}

func TestBudgetRefusesOwnBatchesAt95Percent(t *testing.T) {
	w := newWorld(t, journal.Config{SegmentBytes: 4096, DiskBudget: 50_000})
	var err error
	for err == nil {
		if w.j.Stats().Bytes > 49_000 {
			t.Fatalf("%d bytes of a budget of 50000 are taken", w.j.Stats().Bytes)
		}
		err = w.append(storage.Own, w.next(w.own, 300))
	}
	if s := w.j.Stats(); !errors.Is(err, storage.ErrFull) || s.Bytes < 47_500 || !strings.Contains(s.Full, "50000") {
		t.Fatalf("%v, stats %+v", err, s)
	}
	w.good(w.append(storage.Live, w.next(w.peer, 300)), w.append(storage.Backfill, w.next(w.peer, 300)))
}

func TestStateThatFailsDropsNothing(t *testing.T) {
	w := newWorld(t, journal.Config{SegmentBytes: 2048, RetentionBytes: 8192})
	broken := &brokenState{State: w.state}
	w.good(w.j.Close())
	w.cfg.Dir, w.cfg.FS, w.cfg.State, w.cfg.Self = dir, w.disk, broken, storagetest.Self
	j, err := journal.Open(w.cfg)
	w.good(err)
	w.j = j
	defer func() { _ = j.Close() }()
	broken.fail = true
	for range 40 {
		w.good(w.append(storage.Own, w.next(w.own, 400)), w.sync())
	}
	for range 3 {
		if err := j.Maintain(w.now); !errors.Is(err, errBroken) {
			t.Fatalf("maintain: %v", err)
		}
	}
	if d := j.Digest()[storagetest.Self][0]; d.Floor != 1 {
		t.Fatalf("the floor is %d and not remembered", d.Floor)
	}
	w.has(messages.BatchID{Origin: storagetest.Self, Epoch: w.epoch, Sequence: 1})
	broken.fail = false
	w.good(j.Maintain(w.now))
	floor := j.Digest()[storagetest.Self][0].Floor
	if floor < 10 {
		t.Fatalf("the floor is %d", floor)
	}
	w.disk = w.disk.Kill()
	w.open()
	if d := w.j.Digest()[storagetest.Self][0]; d.Floor != floor || len(d.Holes) != 0 {
		t.Fatalf("after a restart: %+v", d)
	}
}

var errBroken = errors.New("broken")

// brokenState is a state whose Put fails on cue.
type brokenState struct {
	*memory.State
	fail bool
}

func (s *brokenState) Put(changes ...storage.Change) error {
	if s.fail {
		return errBroken
	}
	return s.State.Put(changes...)
}
