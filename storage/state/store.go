package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zeebo/blake3"
	bolt "go.etcd.io/bbolt"

	"anode/storage"
)

// Store implements storage.State in a bbolt file.
type Store struct {
	db     *bolt.DB
	note   string
	closed atomic.Bool
	// open is held by who reads or writes, and by Close alone.
	open sync.RWMutex
}

var _ storage.State = (*Store)(nil)

const (
	formatVersion = 1
	sumSize       = 8
	separator     = "\x00"
	// maxKey is the longest bucket and key together, in bytes: what bbolt can hold.
	maxKey = bolt.MaxKeySize
)

var (
	bucketName = []byte("anode")
	totalKey   = []byte(separator)
)

// Note is what an operator should know of how the store was opened, in words; empty when nothing.
func (s *Store) Note() string { return s.note }

// Get implements storage.State.
func (s *Store) Get(bucket, key string) (value []byte, err error) {
	name, err := nameOf(bucket, key)
	if err != nil {
		return nil, err
	}
	err = s.guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			stored := tx.Bucket(bucketName).Get(name)
			if stored == nil {
				return storage.ErrNotHeld
			}
			value, err = unwrap(name, stored)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("state %s/%s: %w", bucket, key, err)
	}
	return value, nil
}

// Put implements storage.State. The file grows where it must: a full disk is an error, and
// nothing has changed.
func (s *Store) Put(changes ...storage.Change) error {
	names := make([][]byte, len(changes))
	for i, c := range changes {
		var err error
		if names[i], err = nameOf(c.Bucket, c.Key); err != nil {
			return err
		}
	}
	err := s.guard(func() error {
		if err := s.db.Update(func(tx *bolt.Tx) error { return apply(tx.Bucket(bucketName), names, changes) }); err != nil {
			return err
		}
		// The other meta page may fail to follow: the change is durable, and the next Put mends it.
		_ = s.db.Update(func(*bolt.Tx) error { return nil })
		return nil
	})
	if err != nil {
		return fmt.Errorf("state: put %d changes: %w", len(changes), err)
	}
	return nil
}

// apply makes the changes and keeps the total right.
func apply(b *bolt.Bucket, names [][]byte, changes []storage.Change) error {
	sum, err := readTotal(b.Get(totalKey))
	if err != nil {
		return err
	}
	damaged := false
	for i, c := range changes {
		if old := b.Get(names[i]); old != nil {
			damaged = damaged || !whole(names[i], old)
			sum.remove(old)
		}
		if c.Value == nil {
			if err := b.Delete(names[i]); err != nil {
				return err
			}
			continue
		}
		stored := wrap(names[i], c.Value)
		sum.add(stored)
		if err := b.Put(names[i], stored); err != nil {
			return err
		}
	}
	if damaged { // what it added to the sum can't be told
		if sum, err = count(b); err != nil {
			return err
		}
	}
	return b.Put(totalKey, wrap(totalKey, sum.encode()))
}

// count makes the total anew.
func count(b *bolt.Bucket) (total, error) {
	var t total
	err := b.ForEach(func(name, stored []byte) error {
		if !bytes.Equal(name, totalKey) {
			t.add(stored)
		}
		return nil
	})
	return t, err
}

// page is how many pairs Each reads at a time, so that nobody holds a transaction meanwhile.
const page = 256

// Each implements storage.State.
func (s *Store) Each(bucket string) iter.Seq[storage.Pair] {
	return func(yield func(storage.Pair) bool) {
		prefix, err := nameOf(bucket, "")
		if err != nil {
			yield(storage.Pair{Err: err})
			return
		}
		from := prefix
		for {
			pairs, err := s.read(prefix, from)
			for _, p := range pairs {
				if !yield(p) {
					return
				}
			}
			if err != nil {
				yield(storage.Pair{Err: fmt.Errorf("state %s: %w", bucket, err)})
				return
			}
			if len(pairs) < page {
				return
			}
			from = append(append(bytes.Clone(prefix), pairs[page-1].Key...), 0) // just behind it
		}
	}
}

// read gives up to a page of pairs whose names begin with a prefix.
func (s *Store) read(prefix, from []byte) (pairs []storage.Pair, err error) {
	err = s.guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			c := tx.Bucket(bucketName).Cursor()
			for name, stored := c.Seek(from); bytes.HasPrefix(name, prefix) && len(pairs) < page; name, stored = c.Next() {
				p := storage.Pair{Key: string(name[len(prefix):])}
				p.Value, p.Err = unwrap(name, stored)
				pairs = append(pairs, p)
			}
			return nil
		})
	})
	return pairs, err
}

// Close implements storage.State.
func (s *Store) Close() error {
	s.open.Lock()
	defer s.open.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// guard makes an error of what bbolt does on a page that went bad under it: it panics, or
// reads where nothing is.
func (s *Store) guard(f func() error) (err error) {
	s.open.RLock()
	defer s.open.RUnlock()
	if s.closed.Load() {
		return storage.ErrClosed
	}
	return guarded(f)
}

func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", storage.ErrDamaged, r)
		}
	}()
	return f()
}

// nameOf is the name of a key in the file.
func nameOf(bucket, key string) ([]byte, error) {
	switch {
	case bucket == "" || strings.Contains(bucket, separator):
		return nil, fmt.Errorf("state: bucket %q is empty or has a zero byte", bucket)
	case len(bucket)+1+len(key) > maxKey:
		return nil, fmt.Errorf("state: bucket and key have %d bytes, at most %d are allowed", len(bucket)+len(key), maxKey-1)
	}
	return append(append(append(make([]byte, 0, len(bucket)+1+len(key)), bucket...), 0), key...), nil
}

// wrap puts the checksum before a value.
func wrap(name, value []byte) []byte {
	return append(checksum(name, value), value...)
}

func checksum(name, value []byte) []byte {
	h := blake3.New()
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(name)))
	for _, part := range [][]byte{length[:], name, value} {
		_, _ = h.Write(part) // never fails
	}
	return h.Sum(nil)[:sumSize:sumSize]
}

// unwrap checks a stored value and gives a copy of what it holds.
func unwrap(name, stored []byte) ([]byte, error) {
	if !whole(name, stored) {
		return nil, storage.ErrDamaged
	}
	value := make([]byte, len(stored)-sumSize)
	copy(value, stored[sumSize:])
	return value, nil
}

func whole(name, stored []byte) bool {
	return len(stored) >= sumSize && bytes.Equal(checksum(name, stored[sumSize:]), stored[:sumSize])
}

// total is what all values together must be.
type total struct{ count, sum uint64 }

func (t *total) add(stored []byte) {
	t.count++
	if len(stored) >= sumSize {
		t.sum += binary.LittleEndian.Uint64(stored)
	}
}

func (t *total) remove(stored []byte) {
	t.count--
	if len(stored) >= sumSize {
		t.sum -= binary.LittleEndian.Uint64(stored)
	}
}

func (t total) encode() []byte {
	b := binary.LittleEndian.AppendUint64([]byte{formatVersion}, t.count)
	return binary.LittleEndian.AppendUint64(b, t.sum)
}

var errVersion = errors.New("unknown format version")

func readTotal(stored []byte) (total, error) {
	switch {
	case !whole(totalKey, stored):
		return total{}, fmt.Errorf("%w: its total", storage.ErrDamaged)
	case len(stored) < sumSize+1 || stored[sumSize] != formatVersion:
		return total{}, fmt.Errorf("%w: this version of aNode reads version %d", errVersion, formatVersion)
	case len(stored) != sumSize+17:
		return total{}, fmt.Errorf("%w: its total has %d bytes", storage.ErrDamaged, len(stored))
	}
	b := stored[sumSize+1:]
	return total{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}
