package faults_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"

	"anode/storage/journal"
	"anode/testkit/faults"
)

func chance(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func create(t *testing.T, d *faults.Disk, name string) journal.File {
	t.Helper()
	f, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, f journal.File, at int64, b string) {
	t.Helper()
	if _, err := f.WriteAt([]byte(b), at); err != nil {
		t.Fatal(err)
	}
}

func TestCutKeepsWhatWasSyncedAndMayKeepTheRest(t *testing.T) {
	seen := make(map[string]bool)
	for seed := range uint64(200) {
		d := faults.NewDisk(0)
		f := create(t, d, "j/a")
		write(t, f, 0, "synced")
		if err := errors.Join(f.Sync(), d.SyncDir("j")); err != nil {
			t.Fatal(err)
		}
		write(t, f, 6, "lost?")
		got := d.Cut(chance(seed)).Bytes("j/a")
		if !bytes.HasPrefix(got, []byte("synced")) {
			t.Fatalf("seed %d: %q is left", seed, got)
		}
		seen[string(got)] = true
		if k := d.Kill().Bytes("j/a"); string(k) != "syncedlost?" {
			t.Fatalf("a killed process left %q", k)
		}
	}
	for _, want := range []string{"synced", "syncedlost?", "syncedlo", "synced\x00\x00\x00\x00\x00"} {
		if !seen[want] {
			t.Errorf("no seed left %q: %v", want, seen)
		}
	}
}

func TestCutForgetsNamesThatWereNotSynced(t *testing.T) {
	kept, lost := 0, 0
	for seed := range uint64(100) {
		d := faults.NewDisk(0)
		f := create(t, d, "j/a.tmp")
		write(t, f, 0, "x")
		if err := errors.Join(f.Sync(), d.SyncDir("j"), d.Rename("j/a.tmp", "j/a")); err != nil {
			t.Fatal(err)
		}
		k := d.Cut(chance(seed))
		names, _ := k.List("j")
		switch {
		case len(names) == 1 && names[0] == "a":
			kept++
		case len(names) == 1 && names[0] == "a.tmp":
			lost++
		default:
			t.Fatalf("seed %d: names %v: a rename is whole or not at all", seed, names)
		}
	}
	if kept == 0 || lost == 0 {
		t.Fatalf("kept %d, lost %d", kept, lost)
	}
}

func TestFailedSyncDropsWhatALaterOneThenLacks(t *testing.T) {
	d := faults.NewDisk(0)
	f := create(t, d, "j/a")
	write(t, f, 0, "one")
	d.Fail(faults.Fault{Op: faults.OpSync, Times: 1})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v", err)
	}
	if err := errors.Join(f.Sync(), d.SyncDir("j")); err != nil {
		t.Fatal(err)
	}
	if got := d.Bytes("j/a"); string(got) != "one" {
		t.Fatalf("the process sees %q", got)
	}
	if got := d.Cut(chance(1)).Bytes("j/a"); len(got) != 0 {
		t.Fatalf("%q was durable", got)
	}
}

func TestFullDiskWritesWhatFits(t *testing.T) {
	d := faults.NewDisk(1000)
	f := create(t, d, "j/a")
	if err := f.Preallocate(2000); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("allocate: %v", err)
	}
	n, err := f.WriteAt(make([]byte, 1500), 0)
	if !errors.Is(err, syscall.ENOSPC) || n == 0 || n > 1000 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if err := f.Truncate(100); err != nil {
		t.Fatal(err)
	}
	if free, total, _ := d.Free("j"); free != 900 || total != 1000 {
		t.Fatalf("%d of %d are free", free, total)
	}
}

func TestFaultsFailOnCue(t *testing.T) {
	d := faults.NewDisk(0)
	own := errors.New("own")
	d.Fail(faults.Fault{Op: faults.OpWrite, Name: "-a", After: 1, Times: 2, Err: own, Written: 2})
	a, b := create(t, d, "j/x-a"), create(t, d, "j/x-b")
	write(t, a, 0, "1234")
	write(t, b, 0, "1234")
	for range 2 {
		if n, err := a.WriteAt([]byte("5678"), 4); n != 2 || !errors.Is(err, own) {
			t.Fatalf("%d, %v", n, err)
		}
	}
	write(t, a, 6, "78")
	if got := d.Bytes("j/x-a"); string(got) != "12345678" {
		t.Fatalf("%q", got)
	}
	if _, err := d.Open("j/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("open: %v", err)
	}
}

func TestAtOpRunsOnceBeforeTheOperation(t *testing.T) {
	d := faults.NewDisk(0)
	f := create(t, d, "j/a")
	var seen []string
	d.AtOp(d.Ops()+2, func() { seen = append(seen, string(d.Bytes("j/a"))) })
	for i := range 4 {
		write(t, f, int64(i), "x")
	}
	if len(seen) != 1 || seen[0] != "x" {
		t.Fatalf("%q", seen)
	}
}
