package source

import (
	"context"
	"sync"
	"time"

	"anode/actors/actor"
)

// flight counts what one source has on its way into the journal, over all its connections. The mutex is a leaf.
type flight struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when nothing is left; nil while nobody waits
}

func (f *flight) enter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
}

func (f *flight) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

// landed is closed when nothing is on its way.
func (f *flight) landed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	return f.idle
}

// Ended tells that nothing of a source is left on this node, nor will be by what was assigned last: no actor, no
// connection, nothing on its way into the journal.
func (s *Sources) Ended(name string) bool {
	if s.applied.Load() != s.latest.Load() && !s.drained.Load() {
		return false // it may be about to start
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.boards[name] == nil && s.ending[name] == 0
}

// endPatience is how long the end of a source is awaited when the supervisor itself ends: its children end with it.
const endPatience = 8 * time.Second

// awaitEnd waits until nothing of a source that was removed is left.
func (s *Sources) awaitEnd(life context.Context, ref *actor.Ref, b *board) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ending[b.name]--; s.ending[b.name] == 0 {
			delete(s.ending, b.name)
		}
	}()
	last, cancel := context.WithCancel(context.WithoutCancel(life))
	defer cancel()
	defer context.AfterFunc(life, func() {
		timer := time.AfterFunc(endPatience, cancel)
		context.AfterFunc(last, func() { timer.Stop() })
	})()
	select {
	case <-ref.Done():
	case <-last.Done():
		return
	}
	select {
	case <-b.flight.landed():
	case <-last.Done():
	}
}
