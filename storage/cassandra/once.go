package cassandra

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"anode/storage"
)

// once has one of those who want the same at a time do it, and the others wait for that. What was done holds for a generation of
// connections. The zero value is ready. Its lock is let go of while the job runs.
type once[K comparable, V any] struct {
	mu    sync.Mutex // guards what follows; a leaf
	under map[K]*attempt[V]
}

// attempt is under way until done is closed; then value and err are set.
type attempt[V any] struct {
	generation uint64
	done       chan struct{}
	value      V
	err        error
}

// do gives what is known, or what job gives, which is told the generation that it began in. What another one began counts where no
// connection had been made between that and this question.
func (o *once[K, V]) do(ctx context.Context, key K, now *atomic.Uint64, known func(generation uint64) (V, bool), job func(context.Context, uint64) (V, error)) (V, error) {
	for {
		generation := now.Load()
		if value, ok := known(generation); ok {
			return value, nil
		}
		u, mine := o.join(key, generation)
		if mine {
			defer o.leave(key, u)
			u.value, u.err = job(ctx, generation)
			return u.value, u.err
		}
		select {
		case <-ctx.Done():
			var none V
			return none, context.Cause(ctx)
		case <-u.done:
		}
		switch {
		case u.err == nil && u.generation == generation:
			return u.value, nil
		case errors.Is(u.err, storage.ErrAway): // it has waited for all
			return u.value, u.err
		}
	}
}

// join gives the attempt that is under way, or a new one that is the caller's.
func (o *once[K, V]) join(key K, generation uint64) (u *attempt[V], mine bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if u, ok := o.under[key]; ok {
		return u, false
	}
	if o.under == nil {
		o.under = make(map[K]*attempt[V])
	}
	u = &attempt[V]{generation: generation, done: make(chan struct{})}
	o.under[key] = u
	return u, true
}

func (o *once[K, V]) leave(key K, u *attempt[V]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.under, key)
	close(u.done)
}
