package source

import (
	"context"
	"errors"
	"sync"

	"anode/messages"
	"anode/messages/command"
)

// The most of one source that is on its way into the journal: beyond, its feed is not read.
const (
	mostInFlight    = 4 << 20
	mostSubmissions = 1024
)

// window is what one source has on its way into the journal. Submissions end on the journal's
// goroutine, in any order with the source's own. The mutex guards everything; it is a leaf.
type window struct {
	mu      sync.Mutex
	bytes   int
	count   int
	changed chan struct{} // closed when something ended; nil while nobody waits
	// lost are drafts that were not stored, err is why; the source takes them back.
	lost []messages.Draft
	err  error
	// unsure tells that of something it is not certain whether it was stored.
	unsure bool
}

// enter waits until there is room; one submission has room when nothing else is there.
func (w *window) enter(ctx context.Context, size int) error {
	return w.await(ctx, func() bool {
		if w.count > 0 && (w.bytes+size > mostInFlight || w.count >= mostSubmissions) {
			return false
		}
		w.bytes += size
		w.count++
		return true
	})
}

// await waits until a condition, which is looked at under the mutex, holds.
func (w *window) await(ctx context.Context, holds func() bool) error {
	for {
		w.mu.Lock()
		if holds() {
			w.mu.Unlock()
			return nil
		}
		if w.changed == nil {
			w.changed = make(chan struct{})
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// leave ends a submission; err says that its drafts were not stored, or that this is not certain: those
// are not taken back, or they would be stored twice.
func (w *window) leave(size int, drafts []messages.Draft, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes -= size
	w.count--
	if err != nil {
		w.err = err
		if errors.Is(err, command.ErrUnconfirmed) {
			w.unsure = true
		} else {
			w.lost = append(w.lost, drafts...)
		}
	}
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// fail notes an error of which takeLost tells.
func (w *window) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// settle waits until nothing is on its way.
func (w *window) settle(ctx context.Context) error {
	return w.await(ctx, func() bool { return w.count == 0 })
}

// takeUnsure tells, once, that of something it is not certain whether it was stored.
func (w *window) takeUnsure() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	unsure := w.unsure
	w.unsure = false
	return unsure
}

// clean tells that nothing is on its way, and nothing failed that was not taken back.
func (w *window) clean() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count == 0 && w.err == nil
}

// takeLost gives what was not stored, once, and why.
func (w *window) takeLost() ([]messages.Draft, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lost, err := w.lost, w.err
	w.lost, w.err = nil, nil
	return lost, err
}

// storageFailed tells that an error is the journal's, not the feed's.
func storageFailed(err error) bool {
	return errors.Is(err, command.ErrStorageFull) || errors.Is(err, command.ErrUnavailable)
}
