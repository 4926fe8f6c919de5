package archive

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// The journal keeps what is not archived, and what was confirmed for a minute more; then it drops it as ever.
func TestTheJournalKeepsWhatIsNotArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self", RetentionBytes: 1}), archive)
		w.alone = true
		held := func() uint64 { return w.journal.Stats().Batches }
		maintain := func() uint64 { w.good(w.journal.Maintain(time.Now())); return held() }
		old := w.make("self", 10)
		_, err := w.journal.Append(storage.Own, old)
		w.good(err)
		archive.Away(errGone)
		w.start()
		w.journal.Pin(w.a.Pinned)
		all := append(old, w.publish("self", 10)...)
		all = append(all, w.publish("peer", 10)...)
		pass(2 * time.Minute)
		if got := maintain(); got != 30 {
			t.Errorf("%d batches are held while the archive is away, want all 30", got)
		}
		archive.Away(nil)
		pass(8 * time.Second)
		holds(t, archive, all)
		pass(50 * time.Second)
		if got := maintain(); got != 30 {
			t.Errorf("%d batches are held for a minute after they were confirmed, want all 30", got)
		}
		pass(60 * time.Second) // it is read back each half minute
		if got := maintain(); got != 0 {
			t.Errorf("%d batches are held that are archived for long", got)
		}
		if v := w.view(); v.Figures["lost"] != 0 || v.State != "ok" {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}

// What others archive is not kept for them; what had to go before it was archived is told.
func TestWhatWasDroppedBeforeItWasArchivedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w := newTight(t, archive, 1)
		w.publish("peer", 1)
		pass(2 * time.Second) // it is known what the archive has of the peer
		archive.Away(errGone)
		var lost []wire.Sealed
		lost = append(lost, w.publish("peer", 20)...)
		pass(time.Second)
		w.good(w.journal.Maintain(time.Now()))
		if _, err := w.journal.Read(lost[0].ID()); err == nil {
			t.Fatal("it was not dropped")
		}
		pass(11 * time.Second)
		archive.Away(nil)
		pass(15 * time.Second)
		if v := w.view(); v.Figures["lost"] != 20 || v.State != "degraded" || v.Detail != "the journal dropped 20 batches before they were archived" {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}

// A batch that is refused for good keeps the journal only for a while from what came after it.
func TestWhatIsRefusedForGoodIsNotKeptForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := &spoiled{Archive: memory.NewArchive(memory.ArchiveConfig{})}
		archive.set(func(_ context.Context, batches []*messages.Batch) error {
			if slices.ContainsFunc(batches, func(b *messages.Batch) bool { return b.Origin == "self" && b.Sequence == 3 }) {
				return errors.New("mutation too large")
			}
			return nil
		}, nil)
		w := newTight(t, archive, 0)
		w.publish("self", 50)
		held := func() uint64 {
			w.good(w.journal.Maintain(time.Now()))
			own := w.journal.Digest()["self"][0]
			return own.Head + 1 - own.Floor
		}
		for range 4 {
			pass(time.Minute)
			w.publish("peer", 1)
		}
		pass(time.Second)
		if got := held(); got != 48 {
			t.Errorf("%d batches are held after 4 min, want 48", got)
		}
		for range 7 {
			pass(time.Minute)
			w.publish("peer", 1)
		}
		pass(100 * time.Second)
		if got := held(); got != 0 {
			t.Errorf("%d batches are held after 11 min", got)
		}
		pass(11 * time.Second)
		if v := w.view(); v.Figures["lost"] != 1 || v.State != "degraded" {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}

// While the archive takes nothing, all that it refuses is kept.
func TestWhatAnArchiveRefusesThatTakesNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := &spoiled{Archive: memory.NewArchive(memory.ArchiveConfig{})}
		archive.set(func(context.Context, []*messages.Batch) error { return errors.New("unauthorized") }, nil)
		w := newTight(t, archive, 0)
		w.publish("self", 20)
		pass(20 * time.Minute)
		w.good(w.journal.Maintain(time.Now()))
		if got := w.journal.Stats().Batches; got != 20 {
			t.Errorf("%d batches are held", got)
		}
		w.stop()
	})
}

// Before it is known who archives what, all is kept; then what is not archived.
func TestWhatNobodyHasArchivedIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
		_, err := w.journal.Append(storage.Own, append(w.make("self", 1), w.make("other", 1)...))
		w.good(err)
		archive.Away(errGone)
		w.start()
		has := Register(archive)
		one := messages.Range{From: 1, To: 1}
		pass(time.Second)
		if !w.a.Pinned("self", 1, one) || !w.a.Pinned("other", 1, one) {
			t.Error("something is not kept at the start")
		}
		w.a.Archives(archives{"other": has})
		w.a.Members(members{{ID: "self", There: true}, {ID: "other", There: true}})
		pass(15 * time.Second)
		if !w.a.Pinned("self", 1, one) || !w.a.Pinned("other", 1, one) {
			t.Error("what nobody has archived yet is not kept")
		}
		w.a.Members(members{{ID: "self", There: true}, {ID: "other"}})
		pass(15 * time.Second)
		if !w.a.Pinned("other", 1, one) {
			t.Error("what a dead node has not archived is not kept")
		}
		w.stop()
	})
}

// What another node is to archive is kept until it has, while there is room: who reads here meanwhile is given no gap.
func TestWhatAnotherNodeArchivesIsKeptMeanwhile(t *testing.T) {
	for name, budget := range map[string]int64{"there is room": 0, "there is none": 10_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				archive := memory.NewArchive(memory.ArchiveConfig{})
				w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self", RetentionBytes: 1, Budget: budget}), archive)
				w.start()
				w.journal.Pin(w.a.Pinned)
				w.a.Archives(archives{"other": Register(archive)})
				w.a.Members(members{{ID: "self", There: true}, {ID: "other", There: true}})
				pass(12 * time.Second)
				archive.Away(errGone)
				w.publish("other", 100)
				pass(12 * time.Second)
				upkeep := func(d time.Duration) uint64 {
					for until := time.Now().Add(d); time.Now().Before(until); pass(10 * time.Second) {
						w.good(w.journal.Maintain(time.Now()))
					}
					return w.journal.Stats().Batches
				}
				if got := upkeep(time.Minute); budget == 0 && got != 100 || budget > 0 && got != 0 {
					t.Errorf("%d batches are held while nobody has archived them", got)
				}
				archive.Away(nil)
				if got := upkeep(5 * time.Minute); budget == 0 && got != 100 {
					t.Errorf("%d batches are held while another node is behind", got)
				}
				w.good(archive.Confirm(t.Context(), "other", []storage.Archived{{Origin: "other", Epoch: 1, Streams: ">", Runs: messages.Ranges{{From: 1, To: 100}}}}))
				if got := upkeep(time.Minute); got != 0 {
					t.Errorf("%d batches are held that another node has archived", got)
				}
				if v := w.view(); v.Figures["lost"] != 0 || v.Figures["lag_batches"] != 0 {
					t.Errorf("%+v", v)
				}
				w.stop()
			})
		})
	}
}

// A journal that is full of what waited for the archive has room again seconds after that is back: what it confirmed is not kept for a minute then, but
// as long as a database needs to sync it.
func TestAFullJournalHasRoomSoonAfterTheArchiveIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w := newTight(t, archive, 20_000)
		pass(time.Minute)
		archive.Away(errGone)
		for w.journal.Stats().Full == "" {
			w.publish("self", 1)
		}
		pass(5 * time.Minute)
		archive.Away(nil)
		back := time.Now()
		for w.journal.Stats().Full != "" && time.Since(back) < 5*time.Minute {
			pass(time.Second)
			w.good(w.journal.Maintain(time.Now())) // as a journal's actor has it done while it is full
		}
		if took := time.Since(back); took < 12*time.Second || took > 20*time.Second {
			t.Errorf("there is room %s after the archive is back", took)
		}
		if v := w.view(); v.Figures["lost"] != 0 {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}
