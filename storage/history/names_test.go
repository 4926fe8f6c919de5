package history_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/history"
	"anode/storage/memory"
)

// listed is an archive that has some streams, and counts how often it is asked for them.
type listed struct {
	storage.Archive
	names []messages.Stream
	asked int
	err   error
	slow  time.Duration
}

func (l *listed) All(ctx context.Context) iter.Seq2[messages.Stream, error] {
	return func(yield func(messages.Stream, error) bool) {
		l.asked++
		select {
		case <-time.After(l.slow):
		case <-ctx.Done():
			yield("", context.Cause(ctx))
			return
		}
		for _, name := range l.names {
			if !yield(name, nil) {
				return
			}
		}
		if l.err != nil {
			yield("", l.err)
		}
	}
}

// The streams of the archive are listed once a minute at most, in order, page by page; while it is away as they were.
func TestStreamsOfTheArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &listed{Archive: memory.NewArchive(memory.ArchiveConfig{})}
		for i := range 1000 {
			a.names = append(a.names, messages.Stream(fmt.Sprintf("s.%03d", (i*7)%1000)), messages.Stream(fmt.Sprintf("t.%03d", i)))
		}
		h, err := history.New(history.Config{Journal: memory.NewJournal(memory.Config{Self: "self"}), Archive: a})
		if err != nil {
			t.Fatal(err)
		}
		is := func(match messages.Pattern, after messages.Stream, most int, want ...messages.Stream) {
			t.Helper()
			if got := h.Archived(t.Context(), match, after, most); !slices.Equal(got, want) {
				t.Errorf("%s after %s: %v, want %v", match, after, got, want)
			}
		}
		is("s.>", "", 2, "s.000", "s.001")
		is("s.>", "s.001", 2, "s.002", "s.003")
		is(">", "s.998", 3, "s.999", "t.000", "t.001")
		is("t.>", "t.998", 3, "t.999")
		is("*.500", "", 9, "s.500", "t.500")
		is("$>", "", 9)
		if a.asked != 1 {
			t.Errorf("it was listed %d times", a.asked)
		}
		time.Sleep(61 * time.Second)
		a.err = errors.New("away")
		for range 5 {
			is("s.>", "", 1, "s.000")
		}
		if a.asked != 2 {
			t.Errorf("one that fails was asked %d times", a.asked)
		}
		time.Sleep(11 * time.Second)
		a.err, a.names = nil, append(a.names, "a.new")
		is(">", "", 2, "a.new", "s.000")
		time.Sleep(61 * time.Second)
		a.slow = time.Hour
		begin := time.Now()
		is(">", "", 2, "a.new", "s.000")
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("it was waited for %s", took)
		}
		without, err := history.New(history.Config{Journal: memory.NewJournal(memory.Config{Self: "self"})})
		if err != nil || without.Archived(t.Context(), ">", "", 9) != nil {
			t.Error("without an archive there is something")
		}
	})
}
