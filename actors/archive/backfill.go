package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// backfill writes again what the journal holds of a time, beside the loop: rows and progress are the same. It implements
// command.ArchiveWork.
type backfill struct {
	a     *Archiver
	left  []stretch
	line  command.BackfillLine
	ended bool
	close func()
}

// loadsAtOnce is how many loads a backfill writes at a time.
const loadsAtOnce = 4

// retryAfter is how long one waits for an archive that is away.
const retryAfter = time.Second

// Backfill begins to write again. One is made at a time.
func (a *Archiver) Backfill(q command.Backfill) (command.ArchiveWork, error) {
	if !a.backfilling.TryLock() {
		return nil, fmt.Errorf("%w backfills at once: one is under way on this node", command.ErrTooMany)
	}
	b := &backfill{a: a, left: stretches(a.cfg.Journal, q.FromMs, q.ToMs), close: a.backfilling.Unlock}
	for i := range b.left {
		b.line.Total += b.left[i].runs.Len()
	}
	return b, nil
}

// Close implements command.ArchiveWork.
func (b *backfill) Close() {
	if b.close != nil {
		b.close()
	}
	b.ended, b.close = true, nil
}

// Next implements command.ArchiveWork.
func (b *backfill) Next(ctx context.Context) (any, error) {
	if b.ended {
		return nil, io.EOF
	}
	if b.line.Waiting != "" {
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	b.line.Waiting = ""
	if len(b.left) == 0 {
		b.ended, b.line.Finished = true, true
		return b.line, nil
	}
	switch err := b.step(ctx); {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, storage.ErrAway):
		b.line.Waiting = err.Error()
	case err != nil:
		b.ended, b.line.Error = true, err.Error()
	}
	return b.line, nil
}

// step writes some loads of an epoch at a time, and confirms them. On an error all of them are still to be written.
func (b *backfill) step(ctx context.Context) error {
	s, archive := &b.left[0], b.a.cfg.Archive
	connections := archive.Stats().Connections
	runs := s.runs.Minus(nil)
	var parts [loadsAtOnce]part
	var work sync.WaitGroup
	for i := range parts {
		p := &parts[i]
		p.at = s.epochKey
		if runs = p.read(b.a, runs); p.err == nil && len(p.batches) > 0 {
			work.Go(func() { p.rows, p.err = archive.Write(ctx, p.batches) })
		}
		b.a.flying.Add(p.bytes)
	}
	work.Wait()
	done := storage.Archived{Origin: s.origin, Epoch: s.epoch, Streams: archive.Takes()}
	var faults []error
	rows := 0
	for i := range parts {
		p := &parts[i]
		b.a.flying.Add(-p.bytes)
		faults = append(faults, p.err)
		rows += p.rows
		done = done.Join(p.done(done.Streams))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if err := b.confirm(ctx, done, connections); err != nil {
		return err
	}
	b.line.Done += s.runs.Len() - runs.Len()
	b.line.Records += uint64(rows)
	if s.runs = runs; len(runs) == 0 {
		b.left = b.left[1:]
	}
	return nil
}

// confirm confirms what was written since there were so many connections. Where others were made, the archive may have forgotten it.
func (b *backfill) confirm(ctx context.Context, done storage.Archived, connections uint64) error {
	archive := b.a.cfg.Archive
	same := func() error {
		if archive.Stats().Connections != connections {
			return fmt.Errorf("%w: connections to it came and went, and what it was given is given again", storage.ErrAway)
		}
		return nil
	}
	if err := same(); err != nil || len(done.Runs) == 0 {
		return err
	}
	if err := archive.Confirm(ctx, b.a.cfg.Node, []storage.Archived{done}); err != nil {
		return err
	}
	return same()
}

// part is a load of a backfill.
type part struct {
	at      epochKey
	batches []*messages.Batch
	bytes   int64
	rows    int
	err     error
}

// read reads batches up to the bound of a load, and gives what is left. What is not held any more is passed over, as retention may have taken
// it, and what is damaged, which the journal has told; what can't be read just now is not.
func (p *part) read(a *Archiver, runs messages.Ranges) messages.Ranges {
	for len(runs) > 0 && p.bytes < aimBytes && len(p.batches) < mostBatches {
		id := messages.BatchID{Origin: p.at.origin, Epoch: p.at.epoch, Sequence: runs[0].From}
		batch, err := read(a.cfg.Journal, id)
		gone := errors.Is(err, storage.ErrNotHeld) || errors.Is(err, storage.ErrDamaged)
		if err != nil && !gone {
			p.err = err
			return runs
		}
		runs = runs.Drop(messages.Range{From: id.Sequence, To: id.Sequence})
		if gone {
			continue
		}
		p.batches = append(p.batches, batch)
		p.bytes += sizeOf(batch)
	}
	return runs
}

// done is what is confirmed of it.
func (p *part) done(streams messages.Pattern) storage.Archived {
	d := storage.Archived{Origin: p.at.origin, Epoch: p.at.epoch, Streams: streams}
	for _, batch := range p.batches {
		h := &batch.Header
		one := storage.Archived{
			Origin: d.Origin, Epoch: d.Epoch, Streams: streams, Runs: messages.Ranges{{From: h.Sequence, To: h.Sequence}},
			Begun: h.Sequence == 1, Prior: h.Prior, HeadIndex: h.Count - 1, HeadHLC: h.Last,
		}
		d = d.Join(one)
	}
	return d
}
