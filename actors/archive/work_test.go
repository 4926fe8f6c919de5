package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// worked gives all lines of long work.
func worked[L any](w *world, work command.ArchiveWork, err error) (lines []L) {
	w.Helper()
	w.good(err)
	defer work.Close()
	for {
		line, err := work.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return lines
		}
		w.good(err)
		lines = append(lines, line.(L))
	}
}

// idle is a world whose archiver does not run, with some hours of two origins in its journal.
func idle(t *testing.T, cfg memory.Config, archive storage.Archive) (w *world, all []wire.Sealed) {
	t.Helper()
	cfg.Self = "self"
	w = newWorld(t, "self", memory.NewJournal(cfg), archive)
	var err error
	w.a, err = New(Config{Node: w.id, Journal: w.journal, Archive: archive, Clock: time.Now, Logger: w.logger()})
	w.good(err)
	for range 40 {
		for _, id := range []string{"self", "peer"} {
			list := w.make(nodeID(id), 9)
			_, err := w.journal.Append(storage.Live, list)
			w.good(err)
			all = append(all, list...)
		}
		time.Sleep(7 * time.Minute)
	}
	return w, all
}

func TestBackfillWritesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w, all := idle(t, memory.Config{}, archive)
		work, err := w.a.Backfill(command.Backfill{})
		if _, again := w.a.Backfill(command.Backfill{}); !errors.Is(again, command.ErrTooMany) {
			t.Errorf("a second one at once: %v", again)
		}
		lines := worked[command.BackfillLine](w, work, err)
		holds(t, archive, all)
		n := uint64(len(all))
		if last := lines[len(lines)-1]; last != (command.BackfillLine{Done: n, Total: n, Records: uint64(len(records(t, all))), Finished: true}) {
			t.Errorf("%+v", last)
		}
		if got, want := confirmedOf(t, archive), "peer/1 [1-360] 2 true 0; self/1 [1-360] 2 true 0"; got != want {
			t.Errorf("confirmed %q, want %q", got, want)
		}
	})
}

// A backfill writes again what a database that was killed between a write and its confirm has forgotten.
func TestABackfillOverAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := newLone()
		killed := &spoiled{Archive: archive}
		w, all := idle(t, memory.Config{}, killed)
		once := sync.OnceFunc(func() {
			archive.kill()
			archive.revive()
		})
		time.Sleep(time.Second) // the database does not sync meanwhile
		killed.set(nil, func(context.Context) error { once(); return nil })
		work, err := w.a.Backfill(command.Backfill{})
		if lines := worked[command.BackfillLine](w, work, err); !lines[len(lines)-1].Finished {
			t.Errorf("%+v", lines)
		}
		holds(t, archive, all)
	})
}

// Of a time only what was received then is written, with at most a batch around it.
func TestBackfillOfATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		began := time.Now()
		w, all := idle(t, memory.Config{}, archive)
		from, to := began.Add(30*time.Minute).UnixMilli(), began.Add(90*time.Minute).UnixMilli()
		work, err := w.a.Backfill(command.Backfill{FromMs: from, ToMs: to})
		worked[command.BackfillLine](w, work, err)
		holds(t, archive, slices.DeleteFunc(slices.Clone(all), func(s wire.Sealed) bool {
			return s.Last.Millis() < from || s.First.Millis() >= to
		}))
	})
}

// A backfill waits for an archive that is away, and ends with an error that stays.
func TestBackfillIntoAnArchiveThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.NewArchive(memory.ArchiveConfig{})
		archive := &spoiled{Archive: inner}
		w, all := idle(t, memory.Config{}, archive)
		inner.Away(errGone)
		time.AfterFunc(5*time.Second, func() { inner.Away(nil) })
		work, err := w.a.Backfill(command.Backfill{})
		lines := worked[command.BackfillLine](w, work, err)
		if lines[0].Waiting == "" || lines[0].Done != 0 || len(lines) < 5 {
			t.Errorf("%+v", lines)
		}
		holds(t, archive, all)
		archive.set(nil, func(context.Context) error { return fmt.Errorf("no such table") })
		work, err = w.a.Backfill(command.Backfill{})
		lines = worked[command.BackfillLine](w, work, err)
		if last := lines[len(lines)-1]; last.Error != "no such table" || last.Finished {
			t.Errorf("%+v", last)
		}
	})
}

// unreadable is a journal that gives nothing.
type unreadable struct {
	storage.Journal
	err error
}

// Read implements storage.Journal.
func (u unreadable) Read(messages.BatchID) (wire.Sealed, error) { return wire.Sealed{}, u.err }

// A backfill whose journal is closed under it, or can't be read just now, does not say that it is done; over what is damaged it goes on.
func TestABackfillOfAJournalThatCannotBeRead(t *testing.T) {
	for err, finished := range map[error]bool{storage.ErrClosed: false, errors.New("too many open files"): false, storage.ErrDamaged: true, storage.ErrNotHeld: true} {
		synctest.Test(t, func(t *testing.T) {
			w, _ := idle(t, memory.Config{}, memory.NewArchive(memory.ArchiveConfig{}))
			work, failed := w.a.Backfill(command.Backfill{})
			w.a.cfg.Journal = unreadable{w.journal, fmt.Errorf("batch: %w", err)}
			lines := worked[command.BackfillLine](w, work, failed)
			if last := lines[len(lines)-1]; last.Finished != finished || !finished && (last.Done > 0 || last.Error == "") {
				t.Errorf("%v: %+v", err, last)
			}
		})
	}
}

// checked is what a check found, in words: hours with what is unequal, and the summary.
func checked(w *world, q command.CheckArchive) (unequal []string, summary string) {
	w.Helper()
	work, err := w.a.Check(q)
	lines := worked[command.CheckLine](w, work, err)
	for _, l := range lines {
		switch {
		case l.CheckedHour != nil && (l.Equal != (l.Journal == l.Archive)):
			w.Errorf("%+v", *l.CheckedHour)
		case l.CheckedHour != nil && !l.Equal:
			unequal = append(unequal, fmt.Sprint(l.Stream, " ", l.Hour.Format("15"), " ", l.Journal.Records, "/", l.Archive.Records))
		case l.Error != "":
			summary = l.Error
		case l.Summary != nil:
			summary = fmt.Sprintf("%+v", *l.Summary)
		}
	}
	return unequal, summary
}

func TestCheckFindsWhatDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w, all := idle(t, memory.Config{}, archive)                                                    // 4 h 40 min
		missing := 100 + slices.IndexFunc(all[100:], func(s wire.Sealed) bool { return s.Count == 1 }) // in the first hour
		_, err := archive.Write(t.Context(), opens(t, slices.Concat(all[:missing], all[missing+1:])))
		w.good(err)
		unequal, summary := checked(w, command.CheckArchive{})
		if len(unequal) != 1 || unequal[0][:11] != "test.s0 00 " {
			t.Errorf("unequal %q", unequal)
		}
		whole := 0
		for i := range all {
			if all[i].First.Millis() < time.Now().UnixMilli()/hourMs*hourMs {
				whole += int(all[i].Count)
			}
		}
		if want := fmt.Sprintf("{Hours:4 Skipped:0 Compared:12 Unequal:1 Records:%d}", whole); summary != want {
			t.Errorf("%s, want %s", summary, want)
		}
		late := time.Now().UnixMilli()/hourMs*hourMs - 30*60_000 // within the last whole hour, which counts
		if _, summary := checked(w, command.CheckArchive{FromMs: late}); !strings.HasPrefix(summary, "{Hours:1 Skipped:0 Compared:3 ") {
			t.Errorf("from within an hour: %s", summary)
		}
		if unequal, summary := checked(w, command.CheckArchive{Streams: "test.s2"}); len(unequal) != 0 || summary[:45] != "{Hours:4 Skipped:0 Compared:4 Unequal:0 Recor" {
			t.Errorf("%q, %s", unequal, summary)
		}
		// One record in place of another one: the same count.
		_, err = archive.Write(t.Context(), opens(t, all[missing:missing+1]))
		w.good(err)
		forged := opens(t, all[missing:missing+1])
		forged[0].Groups[0].Records[0].Payload = []byte(`{"n":-1}`)
		_, err = archive.Write(t.Context(), forged)
		w.good(err)
		if unequal, _ := checked(w, command.CheckArchive{}); len(unequal) != 1 {
			t.Errorf("unequal %q", unequal)
		}
		archive.Away(errGone)
		if _, summary := checked(w, command.CheckArchive{}); summary != "archive away: connection refused" {
			t.Errorf("%s", summary)
		}
	})
}

// Hours of which the journal has dropped something, or lacks a batch, are not compared.
func TestCheckLeavesOutWhatIsNotWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w, all := idle(t, memory.Config{RetentionAge: 200 * time.Minute}, archive) // 4 h 40 min: 80 min are dropped
		_, err := archive.Write(t.Context(), opens(t, all))
		w.good(err)
		w.good(w.journal.Maintain(time.Now()))
		if unequal, summary := checked(w, command.CheckArchive{}); len(unequal) != 0 || summary[:len("{Hours:2 Skipped:1 Compared:6 Unequal:0")] != "{Hours:2 Skipped:1 Compared:6 Unequal:0" {
			t.Errorf("%q, %s", unequal, summary)
		}
		for i := range all { // a batch is damaged, in the third hour
			if all[i].First.Millis() >= all[0].First.Millis()+150*60_000 {
				w.journal.Lose(all[i].ID())
				break
			}
		}
		if unequal, summary := checked(w, command.CheckArchive{}); len(unequal) != 0 || summary[:len("{Hours:1 Skipped:2 Compared:3 Unequal:0")] != "{Hours:1 Skipped:2 Compared:3 Unequal:0" {
			t.Errorf("%q, %s", unequal, summary)
		}
	})
}

func TestTheViewNamesWhoArchivesWhat(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{TTL: time.Hour})
	in(t, archive, func(w *world) {
		all := w.publish("self", 4)
		w.publish("peer", 2)
		pass(95 * time.Second)
		archive.Away(errGone)
		all = append(all, w.publish("self", 3)...)
		pass(20 * time.Second)
		v, err := command.Ask(context.Background(), w.ref, command.Archive{})
		w.good(err)
		lag := uint64(len(records(t, all[4:])))
		if v.State != command.StateDegraded || v.Place != "memory" || v.Streams != ">" || v.TTL != 3600 || v.Away.IsZero() || v.Error == "" || v.Lag.Records != lag || v.Lag.Batches != 3 {
			t.Errorf("%+v", v)
		}
		if len(v.Origins) != 2 {
			t.Fatalf("%+v", v.Origins)
		}
		peer, self := v.Origins[0], v.Origins[1]
		if peer != (command.ArchiveOriginView{Origin: "peer", Archiver: "self", Here: true, Read: true, Confirmed: 2, Runs: 1}) {
			t.Errorf("%+v", peer)
		}
		if s := self.Lag.Seconds; s < 19 || s > 21 || self.Lag.Records != lag || self.Confirmed != 4 {
			t.Errorf("%+v", self)
		}
	})
}
