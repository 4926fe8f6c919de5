package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anode/storage"
	"anode/storage/state"
)

// keysOf is how many values written has: enough for several pages of bbolt.
const keysOf = 60

func valueOf(i int) string { return strings.Repeat(fmt.Sprint("value ", i, " "), 12) }

// written makes a state file with known values, the last of which came in a Put of its own.
func written(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	s := must(t, path)
	var changes []storage.Change
	for i := range keysOf {
		changes = append(changes, storage.Change{Bucket: fmt.Sprint("b", i%3), Key: fmt.Sprintf("k%03d", i), Value: []byte("old " + valueOf(i))})
	}
	if err := s.Put(changes...); err != nil {
		t.Fatal(err)
	}
	for i := range keysOf {
		if err := s.Put(storage.Change{Bucket: fmt.Sprint("b", i%3), Key: fmt.Sprintf("k%03d", i), Value: []byte(valueOf(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inspect opens a file and fails where a value is wrong; it tells how many are there, and whether
// what is missing was told of.
func inspect(t *testing.T, what string, file []byte) (good int, told bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := state.Open(path)
	if err != nil {
		t.Fatalf("%s: it does not open: %v", what, err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}()
	told = s.Note() != ""
	for i := range keysOf {
		b, err := s.Get(fmt.Sprint("b", i%3), fmt.Sprintf("k%03d", i))
		switch {
		case err == nil && string(b) == valueOf(i):
			good++
		case err == nil:
			t.Fatalf("%s: value %d is %q", what, i, b)
		case !errors.Is(err, storage.ErrNotHeld) && !errors.Is(err, storage.ErrDamaged):
			t.Fatalf("%s: value %d: %v", what, i, err)
		}
	}
	if err := s.Put(storage.Change{Bucket: "b0", Key: "more", Value: []byte("x")}); err != nil {
		t.Fatalf("%s: nothing can be put: %v", what, err)
	}
	return good, told
}

func TestNoFlippedBitIsAWrongValueOrACrash(t *testing.T) {
	file := written(t)
	if good, told := inspect(t, "whole", file); good != keysOf || told {
		t.Fatalf("%d of %d are there, told: %v", good, keysOf, told)
	}
	step := 127 // bytes; a prime, so that every field of bbolt's is met
	switch {
	case long():
		step = 23
	case testing.Short():
		step = 211
	}
	for at := 0; at < len(file); at += step {
		b := bytes.Clone(file)
		b[at] ^= 1 << (at % 8)
		if good, told := inspect(t, fmt.Sprintf("bit %d of byte %d", at%8, at), b); good < keysOf && !told {
			t.Fatalf("byte %d: %d of %d are there, and nothing was told", at, good, keysOf)
		}
	}
}

// long tells whether tests try all that they can, which takes minutes.
func long() bool { return os.Getenv("ANODE_LONG") != "" }

// TestNoHeaderBitIsAWrongValueOrACrash tries a bit of each of the first bytes of every page, where bbolt
// keeps what it trusts; without ANODE_LONG=1 of every fifth, another one in the next page.
func TestNoHeaderBitIsAWrongValueOrACrash(t *testing.T) {
	file, size := written(t), os.Getpagesize()
	for page := 0; page < len(file); page += size {
		for at := page; at < page+80; at++ {
			if !long() && at%5 > 0 {
				continue
			}
			b := bytes.Clone(file)
			b[at] ^= 1 << (at % 8)
			if good, told := inspect(t, fmt.Sprintf("bit %d of byte %d", at%8, at), b); good < keysOf && !told {
				t.Fatalf("byte %d: %d of %d are there, and nothing was told", at, good, keysOf)
			}
		}
	}
}

func TestTruncatedAndGarbageFilesAreSetAside(t *testing.T) {
	file := written(t)
	files := map[string][]byte{"garbage": bytes.Repeat([]byte("no bbolt file "), 3000), "one byte": {1}, "zeros": make([]byte, len(file)), "empty": {}}
	for n := 1; n < len(file); n += len(file)/13 + 1 {
		files[fmt.Sprint("cut to ", n)] = file[:n]
	}
	for name, b := range files {
		if good, told := inspect(t, name, b); !told && good < keysOf { // the end may be pages that nothing uses
			t.Errorf("%s: %d of %d are there, and nothing was told", name, good, keysOf)
		}
	}
}

func TestDamagedFileIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	file := written(t)[:9000]
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if note := must(t, path).Note(); !strings.Contains(note, path+".damaged-") {
		t.Fatalf("note: %q", note)
	}
	aside, err := filepath.Glob(path + ".damaged-*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("%v, %v", aside, err)
	}
	if b, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(b, file) {
		t.Fatalf("it has %d bytes, not the %d of the file: %v", len(b), len(file), err)
	}
}

func TestDamagedValueIsReportedAlone(t *testing.T) {
	file := written(t)
	needle := []byte(valueOf(7))
	path := filepath.Join(t.TempDir(), "state.db")
	for at := bytes.Index(file, needle); at >= 0 && at < len(file); {
		file[at+20] ^= 4
		next := bytes.Index(file[at+1:], needle)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := must(t, path)
	if _, err := s.Get("b1", "k007"); !errors.Is(err, storage.ErrDamaged) {
		t.Fatalf("the damaged value: %v", err)
	}
	good, bad := 0, 0
	for p := range s.Each("b1") {
		switch {
		case p.Err == nil:
			good++
		case errors.Is(p.Err, storage.ErrDamaged) && p.Key == "k007" && p.Value == nil:
			bad++
		default:
			t.Fatalf("%s: %v", p.Key, p.Err)
		}
	}
	if good != keysOf/3-1 || bad != 1 {
		t.Fatalf("%d good, %d damaged", good, bad)
	}
	if err := s.Put(storage.Change{Bucket: "b1", Key: "k007", Value: []byte("learned again")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = must(t, path); s.Note() != "" {
		t.Fatalf("once it was learned again: %s", s.Note())
	}
}

func TestIdentityIsKeptAndChecked(t *testing.T) {
	dir := t.TempDir()
	id, err := state.LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "node.key")
	if again, err := state.LoadIdentity(dir); err != nil || again.ID != id.ID || !again.Key.Equal(id.Key) {
		t.Fatalf("%+v, %v", again.ID, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range text {
		for bit := range 8 {
			b := bytes.Clone(text)
			b[at] ^= 1 << bit
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := state.LoadIdentity(dir); !errors.Is(err, state.ErrIdentity) {
				t.Fatalf("bit %d of byte %d: %v", bit, at, err)
			}
		}
	}
}

func TestLostKeyIsNoNewIdentity(t *testing.T) {
	dir := t.TempDir()
	if _, err := state.LoadIdentity(dir); err != nil {
		t.Fatal(err)
	}
	must(t, filepath.Join(dir, "state.db"))
	if err := os.Remove(filepath.Join(dir, "node.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := state.LoadIdentity(dir); !errors.Is(err, state.ErrIdentity) {
		t.Fatal(err)
	}
}

func TestSecondLockNamesTheHolder(t *testing.T) {
	dir := t.TempDir()
	lock, err := state.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.LockDir(dir); !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if lock, err = state.LockDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestNextEpochOnlyGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	for i, c := range []struct {
		ms      int64
		atLeast uint64
		want    uint64
	}{{1000, 0, 1000}, {1000, 0, 1001}, {500, 0, 1002}, {500, 5000, 5000}, {7000, 0, 7000}, {-5, 0, 7001}} {
		s := must(t, path)
		got, err := state.NextEpoch(s, time.UnixMilli(c.ms), c.atLeast)
		if err != nil || got != c.want {
			t.Fatalf("%d: %d, %v, want %d", i, got, err, c.want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLockToRead: a directory that can't be written can be locked to be read, unless somebody has it.
func TestLockToRead(t *testing.T) {
	dir := t.TempDir()
	lock, err := state.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.LockDirToRead(dir); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("of a directory that is held: %v", err)
	}
	if os.Geteuid() == 0 {
		t.Log("root may write anywhere")
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.Chmod(filepath.Join(dir, "lock"), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := state.LockDirToRead(dir); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("of one that is held, and can't be written: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if lock, err = state.LockDirToRead(dir); err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}
