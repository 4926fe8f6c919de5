package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"anode/storage"
	"anode/storage/state"
	"anode/testkit/faults"
)

func key(i int) string { return fmt.Sprintf("%06d", i) }

func value(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 3000) }

// holdsAll wants the first so many values, and no other.
func holdsAll(t *testing.T, s *state.Store, count int) {
	t.Helper()
	i := 0
	for pair := range s.Each("b") {
		if pair.Err != nil || pair.Key != key(i) || !bytes.Equal(pair.Value, value(i)) {
			t.Fatalf("value %d of %d: key %q, %d bytes, %v", i, count, pair.Key, len(pair.Value), pair.Err)
		}
		i++
	}
	if i != count {
		t.Fatalf("%d values are held, want %d", i, count)
	}
}

func TestPutOnAFullDiskChangesNothing(t *testing.T) {
	disk := faults.SmallDisk(t, "4m")
	path := filepath.Join(disk, "state.db")
	s := must(t, path)
	put := func(i int) error { return s.Put(storage.Change{Bucket: "b", Key: key(i), Value: value(i)}) }
	count := 0
	for ; count < 50; count++ {
		if err := put(count); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(disk, "other")
	faults.Fill(t, other)
	var err error
	for ; err == nil; count++ {
		err = put(count)
	}
	count--
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("put: %v", err)
	}
	for range 3 {
		if err := put(count); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("put again: %v", err)
		}
		holdsAll(t, s, count)
	}
	// What takes no more room can be put: a journal remembers its floors before it makes room.
	for i := range 100 {
		if err := s.Put(storage.Change{Bucket: "a", Key: "floor", Value: []byte{byte(i)}}); err != nil {
			t.Fatalf("put of a small value: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = must(t, path) // as a node starts again
	if s.Note() != "" {
		t.Fatalf("note: %s", s.Note())
	}
	holdsAll(t, s, count)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := put(count); err != nil {
			t.Fatalf("put with room again: %v", err)
		}
		count++
	}
	holdsAll(t, s, count)
}

func TestStoreOnAFullDiskIsMadeWholeOrNotAtAll(t *testing.T) {
	disk := faults.SmallDisk(t, "1m")
	path, other := filepath.Join(disk, "state.db"), filepath.Join(disk, "other")
	faults.Fill(t, other)
	if s, err := state.Open(path); err == nil {
		t.Fatal(s.Close(), "a store was made on a full disk")
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	s := must(t, path)
	if s.Note() != "" {
		t.Fatalf("note: %s", s.Note())
	}
	if err := s.Put(storage.Change{Bucket: "b", Key: key(0), Value: value(0)}); err != nil {
		t.Fatal(err)
	}
	holdsAll(t, s, 1)
}

func TestIdentityOnAFullDiskIsMadeWholeOrNotAtAll(t *testing.T) {
	disk := faults.SmallDisk(t, "64k")
	other := filepath.Join(disk, "other")
	faults.Fill(t, other)
	if _, err := state.LoadIdentity(disk); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("an identity on a full disk: %v", err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	made, err := state.LoadIdentity(disk)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := state.LoadIdentity(disk); err != nil || again.ID != made.ID {
		t.Fatalf("%s, then %s, %v", made.ID, again.ID, err)
	}
}

// On a disk that is full a node can be started again, and small values can be changed: it reserved room for that.
func TestAFullDiskTakesSmallChanges(t *testing.T) {
	disk := faults.SmallDisk(t, "8m")
	path := filepath.Join(disk, "state.db")
	s := must(t, path)
	for i := range 20 {
		if err := s.Put(storage.Change{Bucket: "b", Key: key(i), Value: value(i)}); err != nil {
			t.Fatal(err)
		}
	}
	faults.Fill(t, filepath.Join(disk, "other"))
	for round := range 5 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = must(t, path)
		if _, err := state.NextEpoch(s, time.Now(), 1); err != nil {
			t.Fatalf("start %d: %v", round, err)
		}
		for i := range 10 {
			if err := s.Put(storage.Change{Bucket: "b", Key: key(100 + 10*round + i), Value: value(i)[:500]}); err != nil {
				t.Fatalf("start %d, change %d: %v", round, i, err)
			}
		}
	}
}
