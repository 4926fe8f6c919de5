package faults

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"anode/storage/journal"
)

// Disk is a file system in memory. NewDisk makes it.
//
// The mutex guards everything in it and in its files.
type Disk struct {
	mu sync.Mutex
	// names are what the process sees, durable what a power cut leaves; changed are the
	// changes between the two, in order.
	names, durable map[string]*inode
	changed        []change
	capacity       int64 // 0 is no bound
	faults         []*Fault
	ops            int
	at             int // when hook runs
	hook           func()
}

// change is one change of names that is not durable: a name that comes, one that goes, or both
// at once in a rename.
type change struct {
	dir, name, gone string
	inode           *inode
}

var _ journal.FS = (*Disk)(nil)

// NewDisk is an empty disk that holds so many bytes; 0 is no bound.
func NewDisk(capacity int64) *Disk {
	return &Disk{names: make(map[string]*inode), durable: make(map[string]*inode), capacity: capacity}
}

// Ops is how many operations were done so far.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// AtOp has hook run just before the n-th operation that changes or syncs something, counted from
// the disk's first. It runs without the disk's lock, and may Cut.
func (d *Disk) AtOp(n int, hook func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.hook = n, hook
}

// step counts an operation, and gives the error it is to fail with. The lock is held, but
// while the hook runs.
func (d *Disk) step(op Op, name string) *Fault {
	d.ops++
	if hook := d.hook; hook != nil && d.ops == d.at {
		d.hook = nil
		d.mu.Unlock()
		hook()
		d.mu.Lock()
	}
	return d.fault(op, name)
}

// Kill is the disk as the next process finds it when this one dies.
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &copier{made: make(map[*inode]*inode)}
	k := NewDisk(d.capacity)
	k.names, k.durable = c.names(d.names), c.names(d.durable)
	for _, one := range d.changed {
		one.inode = c.inode(one.inode)
		k.changed = append(k.changed, one)
	}
	return k
}

// Cut is the disk after a power cut: what was durable, and of the rest what chance leaves.
func (d *Disk) Cut(chance *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := maps.Clone(d.durable)
	for _, one := range d.changed[:chance.IntN(len(d.changed)+1)] {
		one.apply(left)
	}
	k := NewDisk(d.capacity)
	for _, name := range slices.Sorted(maps.Keys(left)) { // in order: the seed decides
		n := left[name].cut(chance)
		k.names[name], k.durable[name] = n, n
	}
	return k
}

func (c *change) apply(names map[string]*inode) {
	if c.inode != nil {
		names[c.name] = c.inode
	}
	delete(names, c.gone)
}

// change changes the names that the process sees. The lock is held.
func (d *Disk) change(c change) {
	c.apply(d.names)
	d.changed = append(d.changed, c)
}

// MkdirAll implements journal.FS: every directory is there.
func (d *Disk) MkdirAll(string) error { return nil }

// Create implements journal.FS.
func (d *Disk) Create(name string) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.step(OpCreate, name); f != nil {
		return nil, f.error("create", name)
	}
	n := d.names[name]
	if n == nil {
		n = &inode{}
		d.change(change{dir: filepath.Dir(name), name: name, inode: n})
	}
	n.truncate(0)
	return &file{disk: d, inode: n, name: name}, nil
}

// Open implements journal.FS.
func (d *Disk) Open(name string) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.fault(OpOpen, name); f != nil {
		return nil, f.error("open", name)
	}
	n := d.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{disk: d, inode: n, name: name, readOnly: true}, nil
}

// Truncate implements journal.FS.
func (d *Disk) Truncate(name string, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	if n == nil {
		return &fs.PathError{Op: "truncate", Path: name, Err: fs.ErrNotExist}
	}
	if f := d.step(OpTruncate, name); f != nil {
		return f.error("truncate", name)
	}
	n.truncate(size)
	return n.sync(d.step(OpSync, name), name)
}

// Rename implements journal.FS.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	if f := d.step(OpRename, from); f != nil {
		return f.error("rename", from)
	}
	d.change(change{dir: filepath.Dir(to), name: to, inode: n, gone: from})
	return nil
}

// Remove implements journal.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if f := d.step(OpRemove, name); f != nil {
		return f.error("remove", name)
	}
	d.change(change{dir: filepath.Dir(name), gone: name})
	return nil
}

// List implements journal.FS.
func (d *Disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.fault(OpList, dir); f != nil {
		return nil, f.error("list", dir)
	}
	var names []string
	for name := range d.names {
		if filepath.Dir(name) == filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements journal.FS.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.step(OpSyncDir, dir); f != nil {
		return f.error("sync", dir)
	}
	rest := d.changed[:0]
	for _, c := range d.changed {
		if c.dir == filepath.Clean(dir) {
			c.apply(d.durable)
		} else {
			rest = append(rest, c)
		}
	}
	d.changed = rest
	return nil
}

// Free implements journal.FS.
func (d *Disk) Free(string) (free, total int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.capacity == 0 {
		return -1, -1, nil
	}
	return max(0, d.capacity-d.used()), d.capacity, nil
}

// used is what all files take. The lock is held.
func (d *Disk) used() int64 {
	var used int64
	for _, n := range d.names {
		used += n.takes()
	}
	return used
}

// room tells whether a file may come to take so many bytes. The lock is held.
func (d *Disk) room(n *inode, takes int64) bool {
	return d.capacity == 0 || takes <= n.takes() || d.used()-n.takes()+takes <= d.capacity
}

// SetCapacity changes how many bytes the disk holds; 0 is no bound.
func (d *Disk) SetCapacity(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.capacity = bytes
}

// Bytes gives a file's bytes as the process sees them, nil where there is none.
func (d *Disk) Bytes(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return slices.Clone(n.data)
	}
	return nil
}

// Put makes a file with bytes, durably.
func (d *Disk) Put(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := &inode{data: slices.Clone(b), base: slices.Clone(b)}
	d.names[name], d.durable[name] = n, n
}

// Flip changes one bit of a file, durably, as a disk that rots. It panics beyond the end of the file.
func (d *Disk) Flip(name string, offset int64, bit uint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	if n == nil || offset >= int64(len(n.data)) {
		panic(fmt.Sprintf("faults: %s has no byte %d", name, offset))
	}
	n.data[offset] ^= 1 << (bit % 8)
	if offset < int64(len(n.base)) {
		n.base[offset] ^= 1 << (bit % 8)
	}
}

// noRoom is what a full disk answers.
func noRoom(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: syscall.ENOSPC} }
