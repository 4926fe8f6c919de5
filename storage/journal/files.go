package journal

import (
	"container/list"
	"sync"

	"anode/storage"
)

// cache keeps the details read last, up to maxCached bytes.
type cache struct {
	mu    sync.Mutex // guards all below
	items map[*segment]*list.Element
	order list.List // of cached, the one used last in front
	bytes int64
}

type cached struct {
	seg  *segment
	x    *index
	size int64
}

func (c *cache) get(seg *segment) *index {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.items[seg]
	if at == nil {
		return nil
	}
	c.order.MoveToFront(at)
	return at.Value.(*cached).x
}

func (c *cache) put(seg *segment, x *index) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(seg)
	if c.items == nil {
		c.items = make(map[*segment]*list.Element)
	}
	one := &cached{seg, x, x.size()}
	c.items[seg] = c.order.PushFront(one)
	for c.bytes += one.size; c.bytes > maxCached && c.order.Len() > 1; {
		c.drop(c.order.Back().Value.(*cached).seg)
	}
}

func (c *cache) forget(seg *segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(seg)
}

func (c *cache) drop(seg *segment) {
	if at := c.items[seg]; at != nil {
		c.bytes -= at.Value.(*cached).size
		c.order.Remove(at)
		delete(c.items, seg)
	}
}

// files keeps segments open for reading, up to maxOpen that nobody uses.
type files struct {
	mu    sync.Mutex // guards all below
	open  map[*segment]*handle
	shut  bool
	order list.List // of *handle, the one used last in front
}

type handle struct {
	seg  *segment
	file File
	uses int
	gone bool
	at   *list.Element
}

func (f *files) get(from FS, seg *segment) (*handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.open[seg]; h != nil {
		h.uses++
		f.order.MoveToFront(h.at)
		return h, nil
	}
	if f.shut {
		return nil, storage.ErrClosed
	}
	file, err := from.Open(seg.path + segmentEnding)
	if err != nil {
		return nil, err
	}
	if f.open == nil {
		f.open = make(map[*segment]*handle)
	}
	h := &handle{seg: seg, file: file, uses: 1}
	h.at = f.order.PushFront(h)
	f.open[seg] = h
	for at := f.order.Back(); f.order.Len() > maxOpen && at != nil; {
		old := at.Value.(*handle)
		at = at.Prev()
		if old.uses == 0 {
			f.drop(old)
		}
	}
	return h, nil
}

func (f *files) put(h *handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.uses--; h.gone && h.uses == 0 {
		_ = h.file.Close() // it was only read
	}
}

func (f *files) forget(seg *segment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.open[seg]; h != nil {
		f.drop(h)
	}
}

// drop closes a file, or has who uses it last close it. mu is held.
func (f *files) drop(h *handle) {
	f.order.Remove(h.at)
	delete(f.open, h.seg)
	if h.gone = true; h.uses == 0 {
		_ = h.file.Close() // it was only read
	}
}

func (f *files) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut = true
	for _, h := range f.open {
		f.drop(h)
	}
}
