package journal

import (
	"fmt"
	"sync"
	"time"

	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
)

// Remote is a batch that a peer brought.
type Remote struct {
	Batch *wire.Sealed
	// Backfill: it is older than what the peer brings as it is made.
	Backfill bool
	// Done is told what became of it, in the order of the calls of Store, from the writer: it must not block.
	// Once the inbox is closed, Store itself tells it, at once, that the node is stopping.
	Done func(storage.Held, error)
}

// remotes are the batches of peers that wait for the writer. Who stores them bounds how many they are. The mutex
// guards all of it; it is a leaf.
type remotes struct {
	// ready wakes the writer.
	ready chan struct{}

	mu     sync.Mutex
	queue  []Remote
	closed bool
}

// Store has a batch appended. It never blocks.
func (b *Inbox) Store(r Remote) {
	b.remotes.mu.Lock()
	closed := b.remotes.closed
	if !closed {
		b.remotes.queue = append(b.remotes.queue, r)
	}
	first := len(b.remotes.queue) == 1
	b.remotes.mu.Unlock()
	switch {
	case closed:
		r.Done(0, errStopping)
	case first:
		b.remotes.wake()
	}
}

func (r *remotes) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// take removes batches that wait: the first ones that go to one family, up to a number of bytes.
func (r *remotes) take(most int) []Remote {
	r.mu.Lock()
	defer r.mu.Unlock()
	count, bytes := 0, 0
	for count < len(r.queue) && (count == 0 || bytes < most && r.queue[count].Backfill == r.queue[0].Backfill) {
		bytes += len(r.queue[count].Batch.Bytes())
		count++
	}
	group := r.queue[:count:count]
	if r.queue = r.queue[count:]; len(r.queue) == 0 {
		r.queue = nil
	}
	return group
}

// remoteBytes is about how much of peers' batches one write takes.
const remoteBytes = 1 << 20

// remote writes batches of peers that wait. It is false when none does.
func (w *writer) remote() bool {
	group := w.inbox.remotes.take(remoteBytes)
	if len(group) == 0 {
		return false
	}
	told := 0
	defer func() { // a panic: nobody may wait for ever
		for _, r := range group[told:] {
			told++
			r.Done(0, fmt.Errorf("%w: the journal failed", command.ErrUnconfirmed))
		}
	}()
	sealed := make([]wire.Sealed, len(group))
	for i := range group {
		sealed[i] = *group[i].Batch
	}
	held, err := w.keep(sealed, group[0].Backfill)
	for i := range group {
		told++
		if err != nil {
			group[i].Done(0, err)
			continue
		}
		group[i].Done(held[i], nil)
	}
	return true
}

// keep appends batches of others and announces those that are new.
func (w *writer) keep(batches []wire.Sealed, backfill bool) ([]storage.Held, error) {
	family := storage.Live
	if backfill {
		family = storage.Backfill
	}
	start := time.Now()
	held, err := w.cfg.Journal.Append(family, batches)
	w.metrics.appends.Observe(time.Since(start).Seconds())
	if err != nil {
		return nil, seamError(err)
	}
	var stored []command.StoredBatch
	for i, h := range held {
		switch h {
		case storage.HeldFork:
			id := batches[i].ID()
			w.cfg.Logger.Warn("another batch is held at this position: kept the first", "origin", id.Origin, "epoch", id.Epoch, "seq", id.Sequence)
		case storage.HeldNew, storage.HeldLate:
			if stored == nil {
				stored = make([]command.StoredBatch, 0, len(held)-i)
			}
			stored = append(stored, command.StoredBatch{Sealed: batches[i], Live: !backfill, Late: h == storage.HeldLate})
			w.metrics.meshIn.Add(float64(batches[i].Count))
		case storage.HeldAlready:
		}
	}
	if len(stored) > 0 {
		w.cfg.Announce(command.Stored{Batches: stored})
		w.written <- written{}
	}
	return held, nil
}
