package replay

import (
	"context"
	"fmt"
	"sync"

	"anode/messages"
	"anode/storage"
)

// scan gives records of one stream while they are wanted.
func (r *Replay) scan(ctx context.Context, q storage.ArchiveScan, take func(*messages.Record) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 3*r.cfg.Patience)
	defer cancel()
	for record, err := range r.cfg.Archive.Scan(ctx, q) {
		if err != nil {
			return fmt.Errorf("scan %s of %s: %w", q.Stream, q.Origin, err)
		}
		if !take(record) {
			return nil
		}
	}
	return nil
}

// each does something for all streams that may have something of a time, several at once. The first error ends it.
func (w *Walk) each(ctx context.Context, fromMs, toMs int64, do func(context.Context, messages.Stream) error) error {
	if err := w.learn(ctx); err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	work := make(chan messages.Stream)
	var scans sync.WaitGroup
	for range w.replay.cfg.Scans {
		scans.Go(func() {
			for stream := range work {
				if err := do(ctx, stream); err != nil {
					end(err)
					return
				}
			}
		})
	}
	err := w.streams(ctx, fromMs, toMs, func(stream messages.Stream) bool {
		select {
		case work <- stream:
			return true
		case <-ctx.Done():
			return false
		}
	})
	close(work)
	scans.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// streams hands out the streams.
func (w *Walk) streams(ctx context.Context, fromMs, toMs int64, hand func(messages.Stream) bool) error {
	if !w.names.many {
		for _, stream := range w.names.list {
			if !hand(stream) {
				return nil
			}
		}
		return nil
	}
	for stream, err := range w.replay.cfg.Archive.Streams(ctx, w.origin, w.match, fromMs, toMs) {
		if err != nil {
			return fmt.Errorf("streams of %s: %w", w.origin, err)
		}
		if !hand(stream) {
			return nil
		}
	}
	return nil
}

// learn asks which streams there are, once a chart.
func (w *Walk) learn(ctx context.Context) error {
	if w.names.asked {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*w.replay.cfg.Patience)
	defer cancel()
	var list []messages.Stream
	for stream, err := range w.replay.cfg.Archive.Streams(ctx, w.origin, w.match, 0, 0) {
		if err != nil {
			return fmt.Errorf("streams of %s: %w", w.origin, err)
		}
		if list = append(list, stream); len(list) > mostNames {
			w.names = names{asked: true, many: true}
			return nil
		}
	}
	w.names = names{list: list, asked: true}
	return nil
}
