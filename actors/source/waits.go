package source

import (
	"sync"
	"time"
)

// waits adds up how long a connection waited for something of this node. Several waits at once count once. It is safe for concurrent use; the
// mutex is a leaf.
type waits struct {
	mu     sync.Mutex
	open   int
	since  time.Time
	waited time.Duration
}

func (w *waits) begin(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open++; w.open == 1 {
		w.since = now
	}
}

func (w *waits) end(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open--; w.open == 0 {
		w.waited += max(now.Sub(w.since), 0)
	}
}

// restart counts from now on.
func (w *waits) restart(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since, w.waited = now, 0
}

// sum is how long was waited since the restart, without a wait that has not ended.
func (w *waits) sum() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waited
}
