package source

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"anode/messages/command"
)

// The bounds of those who read frames.
const (
	// mostTaps is how many read the frames of one source at once.
	mostTaps = 8
	// mostTapped is how many frames, and mostTappedBytes how many bytes, wait for one reader; a larger frame
	// waits alone.
	mostTapped      = 4096
	mostTappedBytes = 4 << 20
)

// taps hands the frames of one source to those who look. Nobody costs one load. The mutex is a leaf.
type taps struct {
	open atomic.Int32

	mu    sync.Mutex
	all   map[*tap]struct{}
	ended bool
}

// add opens one; an error says that there are too many.
func (t *taps) add(name string) (*tap, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) >= mostTaps {
		return nil, fmt.Errorf("%w: %d read the frames of source %s already", command.ErrTooMany, mostTaps, name)
	}
	one := &tap{of: t, wake: make(chan struct{}, 1), ended: t.ended}
	if t.all == nil {
		t.all = make(map[*tap]struct{})
	}
	t.all[one] = struct{}{}
	t.open.Store(int32(len(t.all)))
	return one, nil
}

// offer gives a frame to all who look; make is called at most once, and not at all where nobody does.
func (t *taps) offer(frame func() command.Frame) {
	if t.open.Load() == 0 {
		return
	}
	f := frame()
	t.mu.Lock()
	defer t.mu.Unlock()
	for one := range t.all {
		one.offer(f)
	}
}

// end tells those who look that nothing comes any more.
func (t *taps) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for one := range t.all {
		one.end()
	}
}

// tap is one who looks: a queue that leaves out what has no room. The mutex is a leaf; it is taken
// under that of taps.
type tap struct {
	of   *taps
	wake chan struct{}

	mu    sync.Mutex
	queue []command.Frame
	bytes int
	// skipped is how many were left out since the last in the queue.
	skipped uint64
	ended   bool
}

func (t *tap) offer(f command.Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) > 0 && (len(t.queue) >= mostTapped || t.bytes+len(f.Data) > mostTappedBytes) {
		t.skipped++
		return
	}
	if t.skipped > 0 {
		t.queue = append(t.queue, command.Frame{Skipped: t.skipped})
		t.skipped = 0
	}
	t.queue = append(t.queue, f)
	t.bytes += len(f.Data)
	t.signal()
}

func (t *tap) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.signal()
}

func (t *tap) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Next implements command.FrameReader.
func (t *tap) Next(ctx context.Context) (command.Frame, error) {
	for {
		if f, found, ended := t.take(); found {
			return f, nil
		} else if ended {
			return command.Frame{}, io.EOF
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return command.Frame{}, context.Cause(ctx)
		}
	}
}

func (t *tap) take() (f command.Frame, found, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) > 0 {
		f = t.queue[0]
		t.queue[0] = command.Frame{}
		t.queue = t.queue[1:]
		t.bytes -= len(f.Data)
		return f, true, false
	}
	t.queue = nil
	if t.skipped > 0 {
		f.Skipped, t.skipped = t.skipped, 0
		return f, true, false
	}
	return f, false, t.ended
}

// Close implements command.FrameReader.
func (t *tap) Close() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	delete(t.of.all, t)
	t.of.open.Store(int32(len(t.of.all)))
}

// Frames opens the frames of a source that runs here; ErrNotFound where none of that name does.
func (s *Sources) Frames(name string) (command.FrameReader, error) {
	b := s.board(name)
	if b == nil {
		return nil, fmt.Errorf("%w: source %s", command.ErrNotFound, name)
	}
	one, err := b.taps.add(name)
	if err != nil {
		return nil, err // not the typed nil
	}
	return one, nil
}
