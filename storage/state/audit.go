package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The parts of bbolt's file format (version 2) that an audit reads; integers little-endian
// as on all machines that aNode runs on.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	pageHeader  = 16 // id (8), flags (2), count (2), overflow (4)
	element     = 16 // branch: pos (4), key size (4), page (8); leaf: flags, pos, key size, value size
	metaSize    = 64
	flagBranch  = 1
	flagLeaf    = 2
	flagMeta    = 4
	flagBucket  = 1
	maxDepth    = 32
	noFreelist  = ^uint64(0)
)

// errAudit marks what an audit found.
var errAudit = errors.New("damaged")

func auditf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errAudit}, args...)...)
}

// meta is one of the two pages that say where everything is.
type meta struct {
	pageSize int64
	root     uint64
	// pages is how many there are.
	pages uint64
	tx    uint64
}

// audit reads a bbolt file without bbolt.
type audit struct {
	file io.ReaderAt
	size int64
	meta
	// one tells that one of the two meta pages is no good, twice that both lead to the same.
	one, twice bool
	visited    map[uint64]struct{}
	// value is called for each pair of the bucket.
	value func(name, stored []byte)
	// faults are what was found, the first few in words.
	faults []error
	found  int
}

// fault notes what was found; the reading goes on elsewhere.
func (a *audit) fault(err error) {
	if a.found++; a.found <= 3 {
		a.faults = append(a.faults, err)
	}
}

// newAudit finds the meta page to begin with.
func newAudit(file io.ReaderAt, size int64) (*audit, error) {
	a := &audit{file: file, size: size}
	sizes := []int64{int64(os.Getpagesize())}
	for n := int64(512); n <= 64<<10; n *= 2 {
		sizes = append(sizes, n)
	}
	first, ok0 := a.readMeta(0)
	if ok0 {
		sizes = []int64{first.pageSize}
	}
	for _, n := range sizes {
		second, ok1 := a.readMeta(n)
		ok1 = ok1 && second.pageSize == n
		if !ok0 && !ok1 {
			continue
		}
		a.one = !ok0 || !ok1
		a.twice = ok0 && ok1 && first.root == second.root && first.pages == second.pages
		if a.meta = first; ok1 && (!ok0 || second.tx > first.tx) {
			a.meta = second
		}
		return a, nil
	}
	return nil, auditf("neither of the meta pages is good in %d bytes", size)
}

func (a *audit) readMeta(at int64) (meta, bool) {
	var b [pageHeader + metaSize]byte
	if n, _ := a.file.ReadAt(b[:], at); n < len(b) {
		return meta{}, false
	}
	le, m := binary.LittleEndian, b[pageHeader:]
	h := fnv.New64a()
	_, _ = h.Write(m[:metaSize-8]) // never fails
	page := int64(le.Uint32(m[8:]))
	if le.Uint32(m) != boltMagic || le.Uint32(m[4:]) != boltVersion || le.Uint64(m[metaSize-8:]) != h.Sum64() ||
		page < 512 || page > 64<<10 || page&(page-1) != 0 || le.Uint16(b[8:]) != flagMeta || le.Uint64(b[:]) > 1 {
		return meta{}, false
	}
	return meta{pageSize: page, root: le.Uint64(m[16:]), pages: le.Uint64(m[40:]), tx: le.Uint64(m[48:])}, le.Uint64(m[32:]) == noFreelist
}

// run reads everything that can be reached. It tells of each fault, and goes on beside it.
func (a *audit) run(value func(name, stored []byte)) {
	a.visited, a.value = make(map[uint64]struct{}), value
	if need := int64(a.pages); need > a.size/a.pageSize {
		a.fault(auditf("%d pages are said to be in %d bytes", need, a.size))
	}
	buckets := 0
	a.tree(a.root, 0, nil, nil, func(flags uint32, name, stored []byte) {
		if buckets++; flags&flagBucket == 0 || !bytes.Equal(name, bucketName) || len(stored) < 16 {
			a.fault(auditf("the root has an entry that is not the bucket"))
			return
		}
		if root := binary.LittleEndian.Uint64(stored); root != 0 {
			a.tree(root, 0, nil, nil, a.pair)
			return
		}
		a.page(stored[16:], 0, 0, nil, nil, a.pair)
	})
	if buckets != 1 {
		a.fault(auditf("the root has %d entries", buckets))
	}
}

func (a *audit) pair(flags uint32, name, stored []byte) {
	if flags != 0 {
		a.fault(auditf("an entry has flags %d", flags))
		return
	}
	a.value(name, stored)
}

// tree reads the pages from one on; their keys are in [low, high).
func (a *audit) tree(id uint64, depth int, low, high []byte, each func(flags uint32, key, value []byte)) {
	if depth > maxDepth {
		a.fault(auditf("pages are nested %d deep", depth))
		return
	}
	b, err := a.load(id)
	if err != nil {
		a.fault(err)
		return
	}
	a.page(b, id, depth, low, high, each)
}

// load reads a page with what it overflows to.
func (a *audit) load(id uint64) ([]byte, error) {
	var head [pageHeader]byte
	if id < 2 || id >= a.pages {
		return nil, auditf("page %d is none of %d", id, a.pages)
	}
	if n, _ := a.file.ReadAt(head[:], int64(id)*a.pageSize); n < pageHeader {
		return nil, auditf("page %d is beyond the end", id)
	}
	more := uint64(binary.LittleEndian.Uint32(head[12:]))
	if id+more >= a.pages {
		return nil, auditf("page %d overflows to %d of %d", id, id+more, a.pages)
	}
	for i := id; i <= id+more; i++ {
		if _, twice := a.visited[i]; twice {
			return nil, auditf("page %d is reached twice", i)
		}
		a.visited[i] = struct{}{}
	}
	length := int64(more+1) * a.pageSize
	if int64(id)*a.pageSize+length > a.size {
		return nil, auditf("page %d of %d bytes is beyond the end", id, length)
	}
	b := make([]byte, length)
	if n, err := a.file.ReadAt(b, int64(id)*a.pageSize); n < len(b) {
		return nil, auditf("page %d: %w", id, err)
	}
	return b, nil
}

// page reads one page's entries.
func (a *audit) page(b []byte, id uint64, depth int, low, high []byte, each func(flags uint32, key, value []byte)) {
	if len(b) < pageHeader {
		a.fault(auditf("page %d has %d bytes", id, len(b)))
		return
	}
	le := binary.LittleEndian
	flags, count := le.Uint16(b[8:]), int(le.Uint16(b[10:]))
	switch {
	case le.Uint64(b) != id:
		a.fault(auditf("page %d says that it is %d", id, le.Uint64(b)))
		return
	case flags != flagLeaf && (flags != flagBranch || count == 0):
		a.fault(auditf("page %d has flags %d and %d entries", id, flags, count))
		return
	case pageHeader+count*element > len(b):
		a.fault(auditf("page %d has %d entries", id, count))
		return
	}
	keys := make([][]byte, count+1)
	keys[count] = high
	for i := range count {
		at := pageHeader + i*element
		pos, size, extra := uint64(le.Uint32(b[at+4:])), uint64(le.Uint32(b[at+8:])), uint64(le.Uint32(b[at+12:]))
		if flags == flagBranch {
			pos, size, extra = uint64(le.Uint32(b[at:])), uint64(le.Uint32(b[at+4:])), 0
		}
		from := uint64(at) + pos
		if from < uint64(pageHeader+count*element) || from+size+extra > uint64(len(b)) {
			a.fault(auditf("entry %d of page %d is beyond it", i, id))
			return
		}
		key := b[from : from+size]
		if i > 0 && bytes.Compare(keys[i-1], key) >= 0 || bytes.Compare(key, low) < 0 || high != nil && bytes.Compare(key, high) >= 0 {
			a.fault(auditf("the keys of page %d are out of order", id))
			return
		}
		keys[i] = key
	}
	for i := range count {
		at := pageHeader + i*element
		if flags == flagBranch {
			a.tree(le.Uint64(b[at+8:]), depth+1, keys[i], keys[i+1], each)
			continue
		}
		from := uint64(at) + uint64(le.Uint32(b[at+4:])) + uint64(len(keys[i]))
		each(le.Uint32(b[at:]), keys[i], b[from:from+uint64(le.Uint32(b[at+12:]))])
	}
}
