package main

import (
	"os"
	"path/filepath"
	"testing"

	"anode/messages"
)

// saved keeps the positions "a-1-1" and "a-1-2": the first synced, the second within the same second.
func saved(t *testing.T) (f *cursorFile, first, second string) {
	t.Helper()
	f = &cursorFile{path: filepath.Join(t.TempDir(), "at")}
	if c, err := f.load(); c != nil || err != nil {
		t.Fatalf("load of no file: %v, %v", c, err)
	}
	first, second = "a-1-1-0", "a-1-2-0"
	for _, at := range []string{first, second} {
		if err := f.save(cursorOf(t, at), false); err != nil {
			t.Fatal(err)
		}
	}
	return f, first, second
}

func cursorOf(t *testing.T, text string) messages.Cursor {
	t.Helper()
	c, err := messages.ParseCursorText(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// loads is what another run of the command begins with; empty where it begins anew.
func loads(t *testing.T, path string) string {
	t.Helper()
	c, err := (&cursorFile{path: path}).load()
	if err != nil {
		t.Fatal(err)
	}
	if c == nil {
		return ""
	}
	return c.String()
}

func TestWhoIsKilledGoesOnExactly(t *testing.T) {
	f, _, second := saved(t)
	if got := loads(t, f.path); got != second {
		t.Fatalf("it goes on at %q, %q was printed", got, second)
	}
}

// A power cut may leave nothing, or a part, of what was not synced.
func TestPowerCutTakesBackWhatWasNotSynced(t *testing.T) {
	for _, left := range []int{-1, 0, 20} {
		f, first, _ := saved(t)
		names, err := filepath.Glob(f.path + "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if text, err := os.ReadFile(name); err != nil || string(text) == `["`+first+`"]`+"\n" {
				continue // that one was synced
			}
			if left < 0 {
				err = os.Remove(name)
			} else {
				err = os.Truncate(name, int64(left))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := loads(t, f.path); got != first {
			t.Fatalf("with %d bytes left it goes on at %q, %q was synced", left, got, first)
		}
	}
}

func TestSecondCursorFileCountsOnlyBehindItsFirst(t *testing.T) {
	f, _, _ := saved(t)
	if err := os.WriteFile(f.path, []byte(`["a-1-0-0"]`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := loads(t, f.path); got != "a-1-0-0" {
		t.Fatalf("it goes on at %q, the file was replaced by another", got)
	}
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	if got := loads(t, f.path); got != "" {
		t.Fatalf("it goes on at %q, the file was removed to begin anew", got)
	}
}

func TestLastSaveLeavesOneFile(t *testing.T) {
	f, _, _ := saved(t)
	if err := f.save(cursorOf(t, "a-1-3-0"), true); err != nil {
		t.Fatal(err)
	}
	if got := loads(t, f.path); got != "a-1-3-0" {
		t.Fatalf("it goes on at %q", got)
	}
	if names, _ := filepath.Glob(f.path + "*"); len(names) != 1 {
		t.Fatalf("files %v are left", names)
	}
}
