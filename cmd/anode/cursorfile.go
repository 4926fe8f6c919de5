package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"anode/messages"
)

// cursorFile keeps what a subscriber has printed: the cursor's JSON list. It is replaced as a whole, so
// that who is killed leaves the old one or the new one. It is synced at the end, and each second before:
// a power cut may take the command back a second, never break the file.
type cursorFile struct {
	// path is empty where nothing is kept.
	path   string
	last   string
	synced time.Time
}

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
	return &c, nil
}

// writable finds out at once, not with the first record, that no file can be made there.
func (f *cursorFile) writable() error {
	probe, err := os.OpenFile(f.path+".tmp", os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cursor file: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// save replaces the file where the cursor moved.
func (f *cursorFile) save(c messages.Cursor, last bool) error {
	if f.path == "" {
		return nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	sync := last || time.Since(f.synced) >= time.Second
	if string(text) == f.last && !last {
		return nil
	}
	if err := replaceFile(f.path, append(text, '\n'), sync); err != nil {
		return fmt.Errorf("cursor file: %w", err)
	}
	if f.last = string(text); sync {
		f.synced = time.Now()
	}
	return nil
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
	return os.Rename(temp.Name(), path)
}
