package history_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/history"
)

// still is an archive whose server stands still: connections live, nothing answers, and nobody has noticed yet.
type still struct {
	storage.Archive
	stands atomic.Bool
}

func (s *still) wait(ctx context.Context) error {
	if s.stands.Load() {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return nil
}

func (s *still) Confirmed(ctx context.Context, origin messages.NodeID) ([]storage.Archived, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Archive.Confirmed(ctx, origin)
}

func (s *still) Origins(ctx context.Context, stream messages.Stream, fromMs, toMs int64) ([]messages.NodeID, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.Archive.Origins(ctx, stream, fromMs, toMs)
}

func (s *still) Scan(ctx context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		if err := s.wait(ctx); err != nil {
			yield(nil, err)
			return
		}
		for r, err := range s.Archive.Scan(ctx, q) {
			if !yield(r, err) {
				return
			}
		}
	}
}

// A walk waits for an archive that stands still as long as is said, whatever it asks for; and who can do without it does so once for all, not
// stream by stream.
func TestAnArchiveThatStandsStillIsWaitedForOnce(t *testing.T) {
	d := newDropped(t)
	synctest.Test(t, func(t *testing.T) {
		archive := &still{Archive: d.archive}
		h, err := history.New(history.Config{Journal: d.Journal, Archive: archive, Clock: func() time.Time { return time.UnixMilli(d.now) }})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := walked(t, h, command.History{Stream: stream}, 20); len(got) != 10 {
			t.Fatalf("gave %v", got)
		}
		archive.stands.Store(true)
		time.Sleep(time.Minute) // what was known is not known any more
		begin := time.Now()
		w, err := h.Walk(t.Context(), command.History{Stream: stream})
		if err == nil {
			defer w.Close()
			_, err = w.Next(t.Context())
		}
		if !errors.Is(err, command.ErrUnavailable) || time.Since(begin) > 5100*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		var heads messages.Cursor
		heads.Advance(d.Head("self"))
		begin = time.Now()
		for range 8 {
			last := 0
			if err := h.Last(t.Context(), stream, 8, heads, func(list []*messages.Record) error { last += len(list); return nil }); err != nil || last != 5 {
				t.Errorf("%d of the last, %v", last, err)
			}
		}
		if took := time.Since(begin); took > 1100*time.Millisecond {
			t.Errorf("the last of 8 streams took %s", took)
		}
		archive.stands.Store(false)
		time.Sleep(11 * time.Second)
		last := 0
		if err := h.Last(t.Context(), stream, 8, heads, func(list []*messages.Record) error { last += len(list); return nil }); err != nil || last != 8 {
			t.Errorf("%d of the last, %v", last, err)
		}
		if r, err := w.Next(t.Context()); err != nil || r == nil {
			t.Errorf("the walk goes on with %v, %v", r, err)
		}
	})
}
