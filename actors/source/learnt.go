package source

import (
	"sync"

	"anode/actors/source/transform"
)

// mostLearnt is how many copies wait for the next message of a source; of more the journal tells.
const mostLearnt = 16384

// learnt is what other nodes numbered of a source that its job has not taken over yet. The mutex is a leaf.
type learnt struct {
	mu     sync.Mutex
	copies []heardCopy
	// lost is the Unix ms from which on something is missing here; 0 is nothing.
	lost int64
}

// heardCopy is a copy, and when its record was received by the clock of who numbered it, in Unix ms.
type heardCopy struct {
	transform.Copy
	ms int64
	// outranks tells that it came as it was numbered, by a node before which this one gives way.
	outranks bool
}

func (l *learnt) add(c heardCopy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.copies) >= mostLearnt {
		l.loseFrom(c.ms)
		return
	}
	l.copies = append(l.copies, c)
}

// lose notes that something received since then was not learned.
func (l *learnt) lose(since int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loseFrom(since)
}

// loseFrom is lose; mu is held.
func (l *learnt) loseFrom(since int64) {
	if l.lost == 0 || since < l.lost {
		l.lost = since
	}
}

// take gives, once, what came, and since when something is missing.
func (l *learnt) take() (copies []heardCopy, lost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	copies, lost = l.copies, l.lost
	l.copies, l.lost = nil, 0
	return copies, lost
}
