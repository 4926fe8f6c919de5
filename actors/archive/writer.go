package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"anode/messages"
	"anode/storage"
)

// load is what a writer writes at once.
type load struct {
	pieces []piece
	// life tells loads of before the archive was away from later ones.
	life int
	ctx  context.Context
}

// result is what became of a load: each sequence of it is in one of the lists.
type result struct {
	load
	done []done
	// back were not written, absent could not be read, refused the archive does not take.
	back, absent, refused []piece
	// err is why the archive takes nothing now, refusal why it refused some; nil where it does.
	err, refusal error
	// unread is why so many of absent could not be read that the journal holds; nil is that it held none of them any more.
	unread     error
	unreadable int
	// batches and bytes are what was opened.
	batches int
	bytes   int64
}

// done is a run that was acknowledged.
type done struct {
	piece
	note
}

// opened is a batch on its way.
type opened struct {
	at    piece
	batch *messages.Batch
}

// strikes is how many batches in a row may be refused one by one before that is of the archive, and not of them.
const strikes = 3

// writer writes loads until there are no more.
func (l *loop) writer() {
	for {
		select {
		case one := <-l.loads:
			l.results <- l.write(one)
		case <-l.ended:
			return
		}
	}
}

// write writes a load.
func (l *loop) write(one load) result {
	r := result{load: one}
	list := l.open(&r)
	l.a.flying.Add(r.bytes)
	defer l.a.flying.Add(-r.bytes)
	if len(list) == 0 {
		return r
	}
	ctx, cancel := context.WithTimeout(one.ctx, writePatience)
	defer cancel()
	err := l.put(ctx, list)
	switch {
	case err == nil:
		r.acknowledged(list)
	case passes(ctx, err):
		r.err = err
		r.again(list)
	default:
		l.singly(ctx, &r, list)
	}
	return r
}

// passes tells whether an error is of the archive and the moment, not of what was written.
func passes(ctx context.Context, err error) bool {
	return errors.Is(err, storage.ErrAway) || errors.Is(err, storage.ErrClosed) || ctx.Err() != nil
}

// put writes batches.
func (l *loop) put(ctx context.Context, list []opened) error {
	batches := make([]*messages.Batch, len(list))
	for i := range list {
		batches[i] = list[i].batch
	}
	_, err := l.a.cfg.Archive.Write(ctx, batches)
	return err
}

// singly writes batches one by one, to find out which the archive refuses.
func (l *loop) singly(ctx context.Context, r *result, list []opened) {
	failed := 0
	for i := range list {
		one := list[i : i+1]
		switch err := l.put(ctx, one); {
		case err == nil:
			r.acknowledged(one)
			failed = -len(list) // it takes some
		case passes(ctx, err):
			r.err = err
			r.again(list[i:])
			return
		default:
			r.refused = append(r.refused, one[0].at)
			r.refusal = fmt.Errorf("batch %s: %w", one[0].batch.ID(), err)
			if failed++; failed >= strikes {
				r.err = err
				r.again(list[i+1:])
				return
			}
		}
	}
}

func (r *result) acknowledged(list []opened) {
	for i := range list {
		h := &list[i].batch.Header
		n := note{top: h.Sequence, index: h.Count - 1, hlc: h.Last, begun: h.Sequence == 1, prior: h.Prior}
		if last := len(r.done) - 1; last >= 0 && r.done[last].follows(list[i].at) {
			r.done[last].To = h.Sequence
			r.done[last].join(n)
			continue
		}
		r.done = append(r.done, done{list[i].at, n})
	}
}

func (r *result) again(list []opened) {
	for i := range list {
		r.back = add(r.back, list[i].at)
	}
}

// follows tells whether another piece goes on where this one ends.
func (p *piece) follows(next piece) bool { return p.epochKey == next.epochKey && p.To+1 == next.From }

// add appends a piece, to the last one where it goes on there.
func add(list []piece, p piece) []piece {
	if last := len(list) - 1; last >= 0 && list[last].follows(p) {
		list[last].To = p.To
		return list
	}
	return append(list, p)
}

// open reads and opens the batches of a load, up to the bound of bytes.
func (l *loop) open(r *result) (list []opened) {
	for i, p := range r.pieces {
		for at := p.From; at <= p.To; at++ {
			one := piece{p.epochKey, messages.Range{From: at, To: at}}
			batch, err := read(l.a.cfg.Journal, messages.BatchID{Origin: p.origin, Epoch: p.epoch, Sequence: at})
			switch {
			case errors.Is(err, storage.ErrClosed) || r.ctx.Err() != nil:
				r.back = append(append(r.back, piece{p.epochKey, messages.Range{From: at, To: p.To}}), r.pieces[i+1:]...)
				return list
			case err != nil:
				if !errors.Is(err, storage.ErrNotHeld) {
					r.unread = cmp.Or(r.unread, err)
					r.unreadable++
				}
				r.absent = add(r.absent, one)
				continue
			}
			size := sizeOf(batch)
			if r.bytes+size > mostBytes && len(list) > 0 {
				r.back = append(append(r.back, piece{p.epochKey, messages.Range{From: at, To: p.To}}), r.pieces[i+1:]...)
				return list
			}
			r.bytes += size
			r.batches++
			list = append(list, opened{one, batch})
		}
	}
	return list
}

// read reads a batch from a journal, and opens it.
func read(j storage.Journal, id messages.BatchID) (*messages.Batch, error) {
	sealed, err := j.Read(id)
	if err != nil {
		return nil, err
	}
	batch, err := sealed.Open()
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w: %w", id, storage.ErrDamaged, err)
	}
	return batch, nil
}

// sizeOf is about what an opened batch takes in memory.
func sizeOf(b *messages.Batch) (size int64) {
	const record = 192 // what a record takes besides its texts
	for g := range b.Groups {
		for i := range b.Groups[g].Records {
			size += record + int64(len(b.Groups[g].Records[i].Payload))
		}
	}
	return size
}
