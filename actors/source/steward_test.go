package source_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
	"anode/storage/memory"
)

// aging is a bench whose journal keeps little, with what retention took.
func aging(t *testing.T) (*bench, *memory.State) {
	t.Helper()
	state := memory.NewState()
	kept := source.NewKept(state, slog.New(slog.DiscardHandler))
	j := memory.NewJournal(memory.Config{Self: self, RetentionBytes: 32 << 10, Dropping: kept.Keep, DroppingOf: source.StateStreams})
	b := newBench(t, func(cfg *source.Config) {
		cfg.Journal, cfg.Kept, cfg.StatesEvery = j, kept, 5*time.Millisecond
	})
	b.journal = j
	b.sealInto()
	return b, state
}

// pour stores records of others, so that the journal drops what is old.
func (b *bench) pour(batches int) {
	for range batches {
		b.intake.mu.Lock()
		store(b.t.(*testing.T), b.journal, messages.Draft{Stream: "other", Payload: make([]byte, 1000)})
		b.intake.mu.Unlock()
		if err := b.journal.Maintain(time.Now()); err != nil {
			b.t.Error(err)
		}
		time.Sleep(time.Millisecond) // else all have one ms, which ages at once
	}
}

func (b *bench) holds(stream messages.Stream) bool {
	return slices.ContainsFunc(b.journal.Streams("$state.>"), func(s storage.StreamInfo) bool { return s.Stream == stream })
}

func TestStatesOutliveRetention(t *testing.T) {
	b, _ := aging(t)
	idle, paused := newNumbers(10, 10), newNumbers(7, 7)
	url := b.serve(idle).URL("/")
	b.put("name: idle\nkind: rest\nurl: %s\n%s", url, incremental)
	b.put("name: paused\nkind: rest\nurl: %s\n%s", b.serve(paused).URL("/"), incremental)
	b.awaitRecords("paused", 7)
	b.awaitRecords("idle", 10)
	b.pause("paused", true)
	b.awaitState("paused", command.SourcePaused)
	for range 5 {
		b.pour(40)
		b.await("both states are in the journal again", func() bool { return b.holds("$state.idle") && b.holds("$state.paused") })
	}
	if len(b.statesOn("$state.paused")) < 3 {
		t.Errorf("the paused source's state was sealed %d times", len(b.statesOn("$state.paused")))
	}
	for _, s := range b.statesOn("$state.paused") {
		if s.Turn != 1 || string(s.Since) != "7" {
			t.Errorf("it was sealed again as %+v", s)
		}
	}
	b.restart("idle")
	idle.upTo.Store(20)
	b.put("name: idle\nkind: rest\nurl: %s\n%s", url, incremental)
	paused.upTo.Store(20)
	b.pause("paused", false)
	exactly(t, b.awaitRecords("idle", 20), 20)
	exactly(t, b.awaitRecords("paused", 20), 20)
}

func TestAStateThatTheJournalLostIsFoundWhereItWasKept(t *testing.T) {
	b, _ := aging(t)
	feed := newNumbers(10, 10)
	url := b.serve(feed).URL("/")
	put := func() { b.put("name: p\nkind: rest\nurl: %s\n%s", url, incremental) }
	put()
	b.awaitRecords("p", 10)
	b.intake.set(true, nil) // nothing is sealed again
	b.intake.mu.Lock()
	b.intake.seal = nil
	b.intake.mu.Unlock()
	b.restart("p")
	b.await("it is gone", func() bool { _, known := b.Status("p"); return !known })
	b.list["p"] = source.Assignment{Name: "p"} // registered, and not for this version
	b.assign()
	b.pour(60)
	if b.holds("$state.p") {
		t.Fatal("the journal still has it")
	}
	b.intake.set(false, nil)
	b.sealInto()
	feed.upTo.Store(20)
	put()
	exactly(t, b.awaitRecords("p", 20), 20)
	b.await("the state is in the journal again", func() bool { return b.holds("$state.p") })
}

func TestTheKeptStateOfARemovedSourceGoes(t *testing.T) {
	b, state := aging(t)
	feed := newNumbers(10, 10)
	b.put("name: p\nkind: rest\nurl: %s\n%s", b.serve(feed).URL("/"), incremental)
	b.awaitRecords("p", 10)
	b.pour(60)
	kept := func() (n int) {
		for range state.Each("source.state") {
			n++
		}
		return n
	}
	if kept() != 1 {
		t.Fatalf("%d states are kept", kept())
	}
	b.restart("p")
	b.await("what was kept is gone", func() bool { return kept() == 0 })
}
