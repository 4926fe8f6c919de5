package cassandra

import (
	"context"
	"sync"
	"time"
)

// maxFlightBytes is the most bytes of rows that are under way. One request alone may have more.
const maxFlightBytes = 8 << 20

// flight bounds what is under way, by a pace. Who finds it full waits: it is the only queue of an archive, and holds what callers hold.
type flight struct {
	mu    sync.Mutex // guards what follows; a leaf
	pace  pace
	batch int       // bytes of a chunk
	most  int       // bytes that are set for one
	grown time.Time // when batch was last changed
	count int
	bytes int
	freed chan struct{} // closed when some room was made; nil where nobody waits
}

func newFlight(most, batch int) *flight {
	return &flight{pace: newPace(most), batch: batch, most: batch}
}

// now is how many requests may be under way, and how many rows of 256 bytes go into one.
func (f *flight) now() (requests, rows int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pace.allowed(), min(maxRows, max(1, f.batch/(rowOverhead+256)))
}

// growAfter is how long smaller chunks stay as they are, before they grow by a quarter: a server may have been set up anew.
const growAfter = 10 * time.Minute

// limit is how many bytes a chunk may have.
func (f *flight) limit(now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.batch < f.most && now.Sub(f.grown) >= growAfter {
		f.batch, f.grown = min(f.most, f.batch+f.batch/4), now
	}
	return f.batch
}

// lower makes chunks smaller: one of so many bytes was refused.
func (f *flight) lower(refused int, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grown = now
	f.batch = max(1<<10, min(f.batch, refused/2))
}

// take waits for room. It must be given back.
func (f *flight) take(ctx context.Context, bytes int) error {
	for {
		f.mu.Lock()
		if f.count < f.pace.allowed() && (f.count == 0 || f.bytes+bytes <= maxFlightBytes) {
			f.count++
			f.bytes += bytes
			f.mu.Unlock()
			return nil
		}
		if f.freed == nil {
			f.freed = make(chan struct{})
		}
		freed := f.freed
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-freed:
		}
	}
}

// give gives room back.
func (f *flight) give(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count--
	f.bytes -= bytes
	if f.freed != nil {
		close(f.freed)
		f.freed = nil
	}
}

// answered tells the pace of an answer.
func (f *flight) answered(asked time.Time, took time.Duration, trouble bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pace.answered(asked, took, f.count >= f.pace.allowed(), trouble)
}
