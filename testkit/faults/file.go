package faults

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// inode is a file without its name.
type inode struct {
	// data is what the process sees, base what is durable; pending leads from one to the other.
	data, base []byte
	pending    []edit
	allocated  int64
}

// edit is a write, or a change of size where it has no bytes.
type edit struct {
	offset int64
	bytes  []byte
}

func (e edit) apply(b []byte) []byte {
	if e.bytes == nil {
		return resize(b, e.offset)
	}
	b = resize(b, max(int64(len(b)), e.offset+int64(len(e.bytes))))
	copy(b[e.offset:], e.bytes)
	return b
}

// resize cuts bytes, or grows them with zeros.
func resize(b []byte, size int64) []byte {
	if int64(len(b)) >= size {
		return b[:size]
	}
	from := len(b)
	b = slices.Grow(b, int(size)-from)[:size]
	clear(b[from:])
	return b
}

func (n *inode) do(e edit) {
	n.data = e.apply(n.data)
	n.pending = append(n.pending, e)
}

func (n *inode) truncate(size int64) {
	n.do(edit{offset: size})
	n.allocated = 0
}

func (n *inode) takes() int64 { return max(int64(len(n.data)), n.allocated) }

// sync makes all durable, or drops it where it fails.
func (n *inode) sync(f *Fault, name string) error {
	pending := n.pending
	n.pending = nil
	if f != nil {
		return f.error("sync", name)
	}
	for _, e := range pending {
		n.base = e.apply(n.base)
	}
	return nil
}

// cut gives what a power cut leaves of a file.
func (n *inode) cut(chance *rand.Rand) *inode {
	b := slices.Clone(n.base)
	switch chance.IntN(4) {
	case 0: // nothing of what was not synced
	case 1: // all of it
		for _, e := range n.pending {
			b = e.apply(b)
		}
	case 2: // the first of it, and a torn part of the next
		whole := chance.IntN(len(n.pending) + 1)
		for _, e := range n.pending[:whole] {
			b = e.apply(b)
		}
		if whole < len(n.pending) {
			if next := n.pending[whole]; len(next.bytes) > 0 {
				next.bytes = next.bytes[:chance.IntN(len(next.bytes))]
				if len(next.bytes) > 0 {
					b = next.apply(b)
				}
			}
		}
	case 3: // some sectors of it: the size is known, what was not written is zeros
		for _, e := range n.pending {
			b = e.sectors(b, chance)
		}
	}
	return &inode{data: b, base: slices.Clone(b)}
}

// sectors applies a part of a write: each sector, or not.
func (e edit) sectors(b []byte, chance *rand.Rand) []byte {
	if e.bytes == nil {
		return e.apply(b)
	}
	end := e.offset + int64(len(e.bytes))
	b = resize(b, max(int64(len(b)), end))
	for from := e.offset; from < end; {
		to := min((from/sector+1)*sector, end)
		if chance.IntN(2) == 0 {
			copy(b[from:to], e.bytes[from-e.offset:to-e.offset])
		}
		from = to
	}
	return b
}

// copier copies inodes, each once.
type copier struct{ made map[*inode]*inode }

func (c *copier) inode(n *inode) *inode {
	if n == nil {
		return nil
	}
	if k := c.made[n]; k != nil {
		return k
	}
	k := &inode{data: slices.Clone(n.data), base: slices.Clone(n.base), pending: slices.Clone(n.pending), allocated: n.allocated}
	c.made[n] = k
	return k
}

func (c *copier) names(from map[string]*inode) map[string]*inode {
	to := make(map[string]*inode, len(from))
	for name, n := range from {
		to[name] = c.inode(n)
	}
	return to
}

// file is an open file. The disk's lock guards it.
type file struct {
	disk     *Disk
	inode    *inode
	name     string
	readOnly bool
	closed   bool
}

var errReadOnly = errors.New("file was opened for reading")

func (f *file) lock() (unlock func()) {
	f.disk.mu.Lock()
	return f.disk.mu.Unlock
}

// may tells whether the file can be used. The lock is held.
func (f *file) may(op string, write bool) error {
	switch {
	case f.closed:
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	case write && f.readOnly:
		return &fs.PathError{Op: op, Path: f.name, Err: errReadOnly}
	}
	return nil
}

// ReadAt implements journal.File.
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	defer f.lock()()
	if err := f.may("read", false); err != nil {
		return 0, err
	}
	if fault := f.disk.fault(OpRead, f.name); fault != nil {
		return 0, fault.error("read", f.name)
	}
	if off >= int64(len(f.inode.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.inode.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements journal.File. On a full disk it writes what there is room for.
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	defer f.lock()()
	if err := f.may("write", true); err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, nil
	}
	if fault := f.disk.step(OpWrite, f.name); fault != nil {
		part := fault.Written
		if part < 0 || part > len(b) {
			part = len(b)
		}
		if part > 0 {
			f.inode.do(edit{off, slices.Clone(b[:part])})
		}
		return part, fault.error("write", f.name)
	}
	part := len(b)
	for part > 0 && !f.disk.room(f.inode, off+int64(part)) {
		part = min(part-1, part/sector*sector)
	}
	if part > 0 {
		f.inode.do(edit{off, slices.Clone(b[:part])})
	}
	if part < len(b) {
		return part, noRoom("write", f.name)
	}
	return part, nil
}

// Truncate implements journal.File.
func (f *file) Truncate(size int64) error {
	defer f.lock()()
	if err := f.may("truncate", true); err != nil {
		return err
	}
	if fault := f.disk.step(OpTruncate, f.name); fault != nil {
		return fault.error("truncate", f.name)
	}
	f.inode.truncate(size)
	return nil
}

// Sync implements journal.File.
func (f *file) Sync() error {
	defer f.lock()()
	if err := f.may("sync", false); err != nil {
		return err
	}
	return f.inode.sync(f.disk.step(OpSync, f.name), f.name)
}

// Size implements journal.File.
func (f *file) Size() (int64, error) {
	defer f.lock()()
	if err := f.may("stat", false); err != nil {
		return 0, err
	}
	return int64(len(f.inode.data)), nil
}

// Preallocate implements journal.File.
func (f *file) Preallocate(size int64) error {
	defer f.lock()()
	if err := f.may("allocate", true); err != nil {
		return err
	}
	if fault := f.disk.step(OpAllocate, f.name); fault != nil {
		return fault.error("allocate", f.name)
	}
	if !f.disk.room(f.inode, size) {
		return noRoom("allocate", f.name)
	}
	f.inode.allocated = max(f.inode.allocated, size)
	return nil
}

// Close implements journal.File.
func (f *file) Close() error {
	defer f.lock()()
	if err := f.may("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
