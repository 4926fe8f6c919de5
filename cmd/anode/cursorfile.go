package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"anode/messages"
)

// cursorFile keeps what a subscriber has printed: the cursor's JSON list. The file is replaced as a whole,
// by one that was synced, each second and at the end: it is never broken, and a power cut takes the command
// back a second at most. Between two syncs the cursor goes to a second file beside it, unsynced, which says
// whose successor it is: who is killed goes on exactly where they were. The second one counts for nothing
// where it does not parse, or where the first one is gone or another: that is how people begin anew.
type cursorFile struct {
	// path is empty where nothing is kept.
	path string
	// kept is the text of the file, last the one of the newest save.
	kept, last string
	synced     time.Time
}

// successor is what the second file holds.
type successor struct {
	// Of is the sum of the text in the first file.
	Of     string          `json:"of"`
	Cursor messages.Cursor `json:"cursor"`
}

// second is the name of the second file.
func (f *cursorFile) second() string { return f.path + ".unsynced" }

// load reads the cursor; nil where there is no file yet.
func (f *cursorFile) load() (*messages.Cursor, error) {
	if f.path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, f.writable()
	}
	if err != nil {
		return nil, fmt.Errorf("cursor file: %w", err)
	}
	var c messages.Cursor
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("cursor file %s: is no cursor (%w): remove it to begin anew", f.path, err)
	}
	f.kept = string(text)
	if next, ok := f.next(); ok {
		c = next
	}
	return &c, nil
}

// next gives the cursor of the second file, where it follows the first one.
func (f *cursorFile) next() (messages.Cursor, bool) {
	text, err := os.ReadFile(f.second())
	if err != nil {
		return messages.Cursor{}, false
	}
	var s successor
	if json.Unmarshal(text, &s) != nil || s.Of != sumOf(f.kept) {
		return messages.Cursor{}, false
	}
	return s.Cursor, true
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// writable finds out at once, not with the first record, that no file can be made there.
func (f *cursorFile) writable() error {
	probe, err := os.OpenFile(f.path+".tmp", os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cursor file: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// save keeps the cursor where it moved.
func (f *cursorFile) save(c messages.Cursor, last bool) error {
	if f.path == "" {
		return nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	text := string(b) + "\n"
	if text == f.last && !last {
		return nil
	}
	if last || f.kept == "" || time.Since(f.synced) >= time.Second {
		err = f.keep(text, last)
	} else {
		err = f.follow(c)
	}
	if err != nil {
		return fmt.Errorf("cursor file: %w", err)
	}
	f.last = text
	return nil
}

// keep puts the cursor into the file, and drops the second one at the end.
func (f *cursorFile) keep(text string, last bool) error {
	if err := replaceFile(f.path, []byte(text), true); err != nil {
		return err
	}
	f.kept, f.synced = text, time.Now()
	if !last {
		return nil
	}
	if err := os.Remove(f.second()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// follow puts the cursor into the second file.
func (f *cursorFile) follow(c messages.Cursor) error {
	text, err := json.Marshal(successor{Of: sumOf(f.kept), Cursor: c})
	if err != nil {
		return err
	}
	return replaceFile(f.second(), append(text, '\n'), false)
}

// replaceFile puts a new file in the place of one. What a killed process left of the new one is
// overwritten by the next.
func replaceFile(path string, data []byte, sync bool) error {
	temp, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err == nil && sync {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil || !sync {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // some file systems have none: a power cut then may bring back the file before, whole
		_ = dir.Close()
	}
	return nil
}
