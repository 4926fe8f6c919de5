package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"anode/storage"
)

// Lock keeps other processes out of a data directory. It ends with the process. Without a file it keeps
// out nobody.
type Lock struct{ file *os.File }

// LockDir takes the lock of a data directory. Where another process has it, the error is
// storage.ErrLocked and names the process.
func LockDir(dir string) (*Lock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	lock, err := hold(f, dir)
	if err != nil {
		return nil, err
	}
	if err := writeHolder(f); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, errors.Join(err, f.Close()))
	}
	return lock, nil
}

// hold locks the open file of a directory's lock, or closes it.
func hold(f *os.File, dir string) (*Lock, error) {
	if err := flock(f); err != nil {
		holder := readHolder(f)
		err = errors.Join(err, f.Close())
		if errors.Is(err, errHeld) {
			return nil, fmt.Errorf("%w: %s is held by %s", storage.ErrLocked, dir, holder)
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return &Lock{f}, nil
}

// LockDirToRead is LockDir for who only reads, and so also works where nothing can be written, as of a
// snapshot that is mounted read-only. There it leaves no name, and where there is no lock none is made.
func LockDirToRead(dir string) (*Lock, error) {
	lock, err := LockDir(dir)
	if !errors.Is(err, syscall.EROFS) && !errors.Is(err, fs.ErrPermission) {
		return lock, err
	}
	path := filepath.Join(dir, "lock")
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Lock{}, nil
	case err != nil:
		return nil, fmt.Errorf("lock: %w", err)
	}
	return hold(f, dir)
}

// Unlock lets others in.
func (l *Lock) Unlock() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}

var errHeld = errors.New("the lock is held")

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// readHolder names who has the lock, as far as the file tells.
func readHolder(f *os.File) string {
	b := make([]byte, 32)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "a process that can't be told"
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return "a process that did not tell its number"
	}
	return fmt.Sprintf("process %d", pid)
}
