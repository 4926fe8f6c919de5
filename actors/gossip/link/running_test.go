package link

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"anode/messages/wire/frame"
)

// recorder is a handler that keeps what it was given.
type recorder struct {
	// hold, where there is one, blocks Frame until it is closed.
	hold chan struct{}

	kept   sync.Mutex
	frames []frame.Frame
	heard  int
	queued []int
	more   chan struct{}
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{}, 1)} }

func (r *recorder) Frame(f frame.Frame) {
	if r.hold != nil {
		<-r.hold
	}
	r.kept.Lock()
	defer r.kept.Unlock()
	r.frames = append(r.frames, f)
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *recorder) Heard() {
	r.kept.Lock()
	defer r.kept.Unlock()
	r.heard++
}

func (r *recorder) Queued(bytes int) {
	r.kept.Lock()
	defer r.kept.Unlock()
	r.queued = append(r.queued, bytes)
}

// await waits until so many frames came.
func (r *recorder) await(n int) []frame.Frame {
	for {
		if list := r.got(); len(list) >= n {
			return list
		}
		<-r.more
	}
}

func (r *recorder) got() []frame.Frame {
	r.kept.Lock()
	defer r.kept.Unlock()
	return slices.Clone(r.frames)
}

// told is what Queued said.
func (r *recorder) told() []int {
	r.kept.Lock()
	defer r.kept.Unlock()
	return slices.Clone(r.queued)
}

// running is a link that runs.
type running struct {
	*Link
	*recorder
	done   chan error
	cancel context.CancelCauseFunc
}

// start runs a link. It ends with the test.
func start(t testing.TB, l *Link) *running {
	ctx, cancel := context.WithCancelCause(t.Context())
	r := &running{Link: l, recorder: l.handler.(*recorder), done: make(chan error, 1), cancel: cancel}
	ended := make(chan struct{})
	go func() {
		r.done <- l.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel(nil)
		<-ended
	})
	return r
}

// ends are the two ends of a link in memory, without buffers: what one writes waits until the other reads.
func ends(t testing.TB) (a, b *Link) {
	t.Helper()
	left, right := net.Pipe()
	t.Cleanup(func() { left.Close(); right.Close() })
	d, l := linked(t, left, right)
	return New(d, newRecorder()), New(l, newRecorder())
}

// nonces are the numbers of pings, in the order in which they came.
func nonces(list []frame.Frame) []uint64 {
	var numbers []uint64
	for _, f := range list {
		if p, ok := f.(*frame.Ping); ok {
			numbers = append(numbers, p.Nonce)
		}
	}
	return numbers
}

// sequences are those of pushes, in the order in which they came.
func sequences(list []frame.Frame) []uint64 {
	var numbers []uint64
	for _, f := range list {
		if p, ok := f.(*frame.Push); ok {
			numbers = append(numbers, p.Batch.Sequence)
		}
	}
	return numbers
}
