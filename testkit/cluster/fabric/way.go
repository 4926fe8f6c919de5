package fabric

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// firstAgain is after how long what was lost is sent again, doubling to lastAgain: Linux's for TCP.
	firstAgain, lastAgain = 200 * time.Millisecond, 2 * time.Minute
	// mostLoss keeps a way from losing all for ever: that is a cut.
	mostLoss = 0.99
)

// way is what lies between two machines in one direction.
type way struct {
	pair

	mu            sync.Mutex // guards what follows; a leaf
	rand          *rand.Rand
	delay, jitter time.Duration
	loss          float64
	cut           bool
}

func newWay(cfg *Config, p pair) *way {
	return &way{pair: p, rand: rand.New(rand.NewPCG(cfg.Seed, seedOf(p))), delay: cfg.Delay, jitter: cfg.Jitter, loss: cfg.Loss}
}

// seedOf gives each way a generator of its own.
func seedOf(p pair) uint64 {
	h := fnv.New64a()
	for _, a := range [][16]byte{p.from.As16(), p.to.As16()} {
		h.Write(a[:])
	}
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

func (w *way) change(do func(*way)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do(w)
}

// setCut tells whether that is a change.
func (w *way) setCut(cut bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := w.cut != cut
	w.cut = cut
	return changed
}

func (w *way) isCut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

// once is how long one packet takes; false is that it is lost.
func (w *way) once() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	took := w.takes()
	return took, !w.cut && !w.lose()
}

// surely is how long a piece of a stream takes that is sent until it comes; false is that the way is cut.
func (w *way) surely() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var waited time.Duration
	for again := firstAgain; w.lose(); again = min(2*again, lastAgain) {
		waited += again
	}
	return waited + w.takes(), !w.cut
}

func (w *way) takes() time.Duration {
	if w.jitter == 0 {
		return w.delay
	}
	return w.delay + time.Duration(w.rand.Int64N(int64(w.jitter)+1))
}

func (w *way) lose() bool { return w.loss > 0 && w.rand.Float64() < w.loss }

// nextTry is when what was first sent at some time is sent again, now or later.
func nextTry(sent, now time.Time) time.Time {
	for again := firstAgain; sent.Before(now); again = min(2*again, lastAgain) {
		sent = sent.Add(again)
	}
	return sent
}
