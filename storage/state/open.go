package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"anode/storage"
)

// lockPatience is how long another process may hold the file, which the lock of the directory
// forbids already where there is one.
const lockPatience = time.Second

// reserved is how much room a store has on the disk beyond its size, in bytes: registry, floors and peers of a node change
// some KiB at a time.
const reserved = 1 << 20

// Open opens a store, made where it is missing. A damaged file is set aside, and what is
// good in it is taken over; Note tells. A file of an unknown format version is an error.
func Open(path string) (*Store, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", path, err)
	}
	return s, nil
}

func open(path string) (*Store, error) {
	s := &Store{}
	found, err := inspect(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := create(path, nil); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case found.damaged:
		if s.note, err = replace(path, found); err != nil {
			return nil, err
		}
	default:
		s.note = found.note
	}
	if s.db, err = openBolt(path, false); err != nil {
		return nil, err
	}
	reserve(path)
	if found.settle {
		if err := guarded(func() error { return s.db.Update(func(*bolt.Tx) error { return nil }) }); err != nil {
			return nil, errors.Join(err, s.db.Close())
		}
	}
	return s, nil
}

// openBolt has bbolt open a file that is missing, or was found good.
func openBolt(path string, lazy bool) (db *bolt.DB, err error) {
	err = guarded(func() error {
		db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: lockPatience, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, NoStatistics: true, NoSync: lazy,
		})
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%w: %w", storage.ErrLocked, err)
	}
	return db, err
}

// create makes a store whole or not at all; fill puts what it begins with.
func create(path string, fill func(put func(name, stored []byte) error) error) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openBolt(fresh, true)
	if err != nil {
		return err
	}
	err = guarded(func() error { return populate(db, fill) })
	if err := errors.Join(err, db.Close()); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// perCommit is how many values go into one commit while a store is made.
const perCommit = 4096

func populate(db *bolt.DB, fill func(put func(name, stored []byte) error) error) error {
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	b, err := tx.CreateBucket(bucketName)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	var sum total
	if fill != nil {
		err = fill(func(name, stored []byte) error {
			if sum.add(stored); sum.count%perCommit == 0 {
				if err := tx.Commit(); err != nil {
					return err
				}
				if tx, err = db.Begin(true); err != nil {
					return err
				}
				b = tx.Bucket(bucketName)
			}
			return b.Put(name, stored)
		})
	}
	if err == nil {
		err = b.Put(totalKey, wrap(totalKey, sum.encode()))
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if err := db.Update(func(*bolt.Tx) error { return nil }); err != nil {
		return err
	}
	return db.Sync()
}

// finding is what an audit says of a file.
type finding struct {
	damaged bool
	// keep: what is good in it may be taken over.
	keep bool
	// settle: one of the meta pages does not lead to the newest.
	settle bool
	note   string
}

// inspect audits a file.
func inspect(path string) (finding, error) {
	f, err := os.Open(path)
	if err != nil {
		return finding{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return finding{}, err
	}
	a, err := newAudit(f, size)
	if err != nil {
		return finding{damaged: true, note: err.Error()}, nil
	}
	return judge(a)
}

// judge reads the whole file and tells whether it can be used.
func judge(a *audit) (finding, error) {
	var want, got total
	var fault error
	bad := 0
	a.run(func(name, stored []byte) {
		if bytes.Equal(name, totalKey) {
			if want, fault = readTotal(stored); fault == nil {
				want.count++ // for itself
			}
			got.count++
			return
		}
		if !whole(name, stored) {
			bad++
		}
		got.add(stored)
	})
	switch {
	case errors.Is(fault, errVersion):
		return finding{}, fault
	case a.found > 0:
		return finding{damaged: true, keep: true, note: errors.Join(a.faults...).Error()}, nil
	case fault != nil:
		return finding{damaged: true, keep: true, note: fault.Error()}, nil
	case want.count != got.count, bad == 0 && want != got:
		return finding{damaged: true, note: fmt.Sprintf("its %d values are not the %d that were written", got.count, want.count)}, nil
	}
	f := finding{settle: !a.twice}
	if a.one {
		f.note = "one of two pages that lead to everything was damaged, and is written again"
	}
	if bad > 0 {
		f.note = fmt.Sprintf("%d of %d values are damaged", bad, got.count-1)
	}
	return f, nil
}

// replace sets a damaged file aside and makes a fresh one. It tells so in words.
func replace(path string, found finding) (string, error) {
	aside := fmt.Sprintf("%s.damaged-%d", path, time.Now().UnixMilli())
	if err := os.Link(path, aside); err != nil { // best, because the file stays until the fresh one takes its place
		if err := os.Rename(path, aside); err != nil {
			return "", err
		}
	}
	kept := 0
	err := create(path, func(put func(name, stored []byte) error) error {
		if !found.keep {
			return nil
		}
		f, err := os.Open(aside)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it was only read
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		a, err := newAudit(f, size)
		if err != nil {
			return nil //nolint:nilerr // it has got worse: nothing is taken over
		}
		var failed error
		a.run(func(name, stored []byte) {
			if failed == nil && !bytes.Equal(name, totalKey) && whole(name, stored) {
				kept++
				failed = put(name, stored)
			}
		})
		return failed
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s was damaged (%s) and is set aside as %s: %d values were good and kept, the rest is learned again",
		path, found.note, aside, kept), nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
