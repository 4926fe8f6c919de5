package archive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

func TestWhatIsStoredIsArchivedAndConfirmed(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{})
	in(t, archive, func(w *world) {
		all := w.publish("self", 3)
		pass(3 * time.Second)
		holds(t, archive, all)
		if got, want := confirmedOf(t, archive), "self/1 [1-3] 2 true 0"; got != want {
			t.Errorf("confirmed %q, want %q", got, want)
		}
		v := w.view()
		if v.State != command.StateOK || v.Detail != "all is archived" || v.Figures["lag_records"] != 0 || v.Figures["rows"] != 6 {
			t.Errorf("%+v", v)
		}
	})
}

// What is in the journal at the start is archived, with what came late and what fills a hole.
func TestWhatIsHeldIsArchivedHoweverItCame(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
		w.alone = true
		all := w.make("peer", 300)
		_, err := w.journal.Append(storage.Live, slices.Concat(all[:50], all[100:]))
		w.good(err)
		w.start()
		pass(3 * time.Second)
		holds(t, archive, slices.Concat(all[:50], all[100:]))
		w.store(storage.Backfill, all[50:100]...)
		pass(3 * time.Second)
		holds(t, archive, all)
		if got := confirmedOf(t, archive); got != "peer/1 [1-300] 2 true 0" {
			t.Errorf("confirmed %q", got)
		}
		w.stop()
	})
}

func TestOnlyWhatIsTakenIsWrittenAndAllIsConfirmed(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{Streams: "test.s1"})
	in(t, archive, func(w *world) {
		all := w.publish("self", 6)
		pass(3 * time.Second)
		want := slices.DeleteFunc(records(t, all), func(r string) bool { return !strings.Contains(r, " test.s1 ") })
		if got := rows(t, archive); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%q, want %q", got, want)
		}
		if got := confirmedOf(t, archive); got != "self/1 [1-6] 2 true 0" {
			t.Errorf("confirmed %q", got)
		}
	})
}

// What others confirmed, of streams that cover this node's, is not written again; of others it is.
func TestWhatIsConfirmedIsNotWrittenAgain(t *testing.T) {
	for streams, want := range map[messages.Pattern]int{">": 0, "test.>": 0, "test.s1": 10, "other.>": 10} {
		t.Run(string(streams), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				archive := memory.NewArchive(memory.ArchiveConfig{Streams: "test.>"})
				w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
				w.alone = true
				all := w.make("peer", 20)
				_, err := w.journal.Append(storage.Live, all)
				w.good(err)
				w.good(archive.Confirm(t.Context(), "other", []storage.Archived{{Origin: "peer", Epoch: 1, Streams: streams, Runs: messages.Ranges{{From: 11, To: 20}}}}))
				w.start()
				pass(3 * time.Second)
				if got, want := len(rows(t, archive)), len(records(t, all[:10+want])); got != want {
					t.Errorf("%d records were written, want %d", got, want)
				}
				w.stop()
			})
		})
	}
}

// An archive that is away costs nothing but lag, which is shown and alarmed; afterwards everything is there once.
func TestAnArchiveThatIsAway(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{})
	in(t, archive, func(w *world) {
		all := w.publish("self", 100)
		pass(95 * time.Second)
		archive.Away(errGone)
		for range 600 {
			all = append(all, w.publish("self", 5)...)
			before := time.Now()
			all = append(all, w.publish("peer", 5)...)
			if took := time.Since(before); took != 0 {
				t.Fatalf("to store took %s", took)
			}
			pass(100 * time.Millisecond)
		}
		want := float64(len(records(t, all[100:])))
		v := w.view()
		if got := v.Figures["lag_records"]; got < want-250 || got > want {
			t.Errorf("lag of %v records, want %v", got, want)
		}
		if got := v.Figures["lag_seconds"]; got < 58 || got > 62 {
			t.Errorf("lag of %v s, want 60", got)
		}
		if v.State != command.StateDegraded || !strings.HasPrefix(v.Detail, "away since 00:01:3") || !strings.Contains(v.Detail, ",") ||
			!strings.Contains(v.Detail, " records (59 s) behind: ") && !strings.Contains(v.Detail, " records (60 s) behind: ") || v.Hint == "" {
			t.Errorf("%+v", v)
		}
		archive.Away(nil)
		pass(time.Second) // it is asked as soon as it can be reached
		holds(t, archive, all)
		pass(2 * time.Second)
		if v := w.view(); v.State != command.StateOK || v.Figures["lag_records"] != 0 || v.Figures["lag_seconds"] != 0 {
			t.Errorf("%+v", v)
		}
	})
}

// What was absent at the start is asked for until it is there. Meanwhile the lag is what came since.
func TestAnArchiveThatIsAbsentAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
		w.alone = true
		all := w.make("self", 50)
		_, err := w.journal.Append(storage.Own, all)
		w.good(err)
		archive.Away(errGone)
		w.start()
		all = append(all, w.publish("self", 20)...)
		pass(30 * time.Second)
		v := w.view()
		if want := float64(len(records(t, all[50:]))); v.Figures["lag_records"] != want || !strings.Contains(v.Detail, "at least ") {
			t.Errorf("lag %+v, want %v records", v, want)
		}
		if !w.a.Pinned("self", 1, messages.Range{From: 1, To: 1}) {
			t.Error("what may not be archived is not kept")
		}
		archive.Away(nil)
		pass(10 * time.Second)
		holds(t, archive, all)
		w.stop()
	})
}

// A node that starts while the archive is away knows what is behind, as it noted what had been confirmed.
func TestWhatIsBehindIsKnownAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
		w.alone, w.state = true, memory.NewState()
		w.start()
		w.publish("self", 50)
		w.publish("peer", 50)
		pass(2 * time.Minute) // it is settled
		archive.Away(errGone)
		behind := append(w.publish("self", 40), w.publish("peer", 30)...)
		pass(time.Minute)
		w.stop()
		for range 2 { // the second time, too: what is not known is not noted
			w.start()
			pass(12 * time.Second)
			want := float64(len(records(t, behind)))
			v := w.view()
			if got := v.Figures["lag_records"]; got < want*0.9 || got > want*1.1 || v.Figures["lag_batches"] != 70 {
				t.Errorf("a lag of %v records in %v batches, want about %v in 70", got, v.Figures["lag_batches"], want)
			}
			if s := v.Figures["lag_seconds"]; s < 72 || !strings.Contains(v.Detail, "about ") {
				t.Errorf("%v s, %s", s, v.Detail)
			}
			w.stop()
		}
		w.start()
		archive.Away(nil)
		pass(10 * time.Second)
		if v := w.view(); v.Figures["lag_records"] != 0 || v.State != command.StateOK {
			t.Errorf("%+v", v)
		}
		archive.Away(errGone)
		pass(time.Second)
		w.stop()
		w.archive = memory.NewArchive(memory.ArchiveConfig{Streams: "test.s1"}) // of which nothing was noted
		w.archive.(*memory.Archive).Away(errGone)
		w.start()
		pass(12 * time.Second)
		if v := w.view(); v.Figures["lag_records"] != 0 || !strings.Contains(v.Detail, "at least 0 records") {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}

// A lone database that is killed forgets rows and progress of its last seconds, and is given them again.
func TestADatabaseThatForgets(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		t.Run(fmt.Sprint("quiet ", quiet), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				archive := newLone()
				w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
				w.alone = true
				w.start()
				var all []wire.Sealed
				for range 95 {
					all = append(all, w.publish("self", 7)...)
					pass(300 * time.Millisecond)
				}
				pass(time.Second) // 29 s: the database synced at 20 s
				kept := len(rows(t, archive))
				archive.kill()
				if !quiet {
					all = append(all, w.publish("self", 7)...)
					pass(8 * time.Second)
				}
				archive.revive()
				if got := len(rows(t, archive)); got >= kept {
					t.Fatalf("nothing was forgotten: %d rows of %d", got, kept)
				}
				pass(time.Minute)
				holds(t, archive, all)
				w.stop()
			})
		})
	}
}

// What was acknowledged and not confirmed when the database was killed is written again, wherever in the pace of confirms that was.
func TestADatabaseThatForgetsWhatWasNotConfirmed(t *testing.T) {
	for after := 60 * time.Millisecond; after < 1200*time.Millisecond; after += 130 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			archive := newLone()
			w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
			w.alone = true
			w.start()
			all := w.publish("self", 7)
			pass(12 * time.Second)
			all = append(all, w.publish("self", 7)...)
			pass(after)
			archive.kill()
			pass(time.Second)
			archive.revive()
			pass(10 * time.Second)
			holds(t, archive, all)
			w.stop()
		})
	}
}

// Nodes that are started and stopped at random while they archive: nothing is missing, nothing is there twice.
func TestNodesThatComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(4) {
			random := rand.New(rand.NewPCG(seed, 1))
			archive := memory.NewArchive(memory.ArchiveConfig{})
			w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
			w.alone = true
			var all []wire.Sealed
			for range 20 {
				w.start()
				for range random.IntN(20) {
					all = append(all, w.publish("self", 1+random.IntN(200))...)
					if random.IntN(6) == 0 {
						archive.Away(errGone)
					} else {
						archive.Away(nil)
					}
					time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
				}
				w.stop()
				w.origins = make(map[messages.NodeID]*storagetest.Origin)
			}
			archive.Away(nil)
			w.start()
			pass(time.Minute)
			holds(t, archive, all)
			if v := w.view(); v.Figures["lag_batches"] != 0 {
				t.Errorf("seed %d: %+v", seed, v)
			}
			w.stop()
		}
	})
}

// A batch that the archive does not take holds up no other one.
func TestABatchThatIsRefused(t *testing.T) {
	archive := &spoiled{Archive: memory.NewArchive(memory.ArchiveConfig{})}
	bad := func(_ context.Context, batches []*messages.Batch) error {
		if slices.ContainsFunc(batches, func(b *messages.Batch) bool { return b.Sequence == 17 }) {
			return fmt.Errorf("mutation too large")
		}
		return nil
	}
	in(t, archive, func(w *world) {
		archive.set(bad, nil)
		all := w.publish("self", 200)
		pass(5 * time.Second)
		holds(t, archive, slices.Concat(all[:16], all[17:]))
		v := w.view()
		if v.State != command.StateDegraded || v.Detail != "it refuses 1 batch: batch self-1-17: mutation too large" || v.Figures["lag_batches"] != 1 {
			t.Errorf("%+v", v)
		}
		archive.set(nil, nil)
		pass(2 * time.Minute)
		holds(t, archive, all)
		if v := w.view(); v.State != command.StateOK {
			t.Errorf("%+v", v)
		}
	})
}

// An archive that answers questions and refuses all that it is given is not asked without end.
func TestAnArchiveThatRefusesAll(t *testing.T) {
	archive := &spoiled{Archive: memory.NewArchive(memory.ArchiveConfig{})}
	in(t, archive, func(w *world) {
		var tries atomic.Int64
		archive.set(func(context.Context, []*messages.Batch) error { tries.Add(1); return fmt.Errorf("unauthorized") }, nil)
		all := w.publish("self", 2000)
		pass(time.Minute)
		if n := tries.Load(); n > 500 {
			t.Errorf("it was tried %d times in a minute", n)
		}
		if v := w.view(); v.State != command.StateDegraded || !strings.HasPrefix(v.Detail, "away since ") || !strings.HasSuffix(v.Detail, "unauthorized") {
			t.Errorf("%+v", v)
		}
		archive.set(nil, nil)
		pass(2 * time.Minute)
		holds(t, archive, all)
	})
}

// What was acknowledged and could not be confirmed is not written again, where the archive was there all the time.
func TestAConfirmThatFailsIsRepeated(t *testing.T) {
	archive := &spoiled{Archive: memory.NewArchive(memory.ArchiveConfig{})}
	in(t, archive, func(w *world) {
		archive.set(nil, func(context.Context) error { return fmt.Errorf("no such table") })
		w.publish("self", 20)
		pass(10 * time.Second)
		archive.set(nil, nil)
		pass(3 * time.Second)
		if got := confirmedOf(t, archive); got != "self/1 [1-20] 1 true 0" {
			t.Errorf("confirmed %q", got)
		}
		if v := w.view(); v.Figures["rows"] != float64(len(rows(t, archive))) {
			t.Errorf("%v rows were written of %d", v.Figures["rows"], len(rows(t, archive)))
		}
	})
}

// What an origin has in backlog does not hold up what is live, of others and of its own.
func TestABacklogStarvesNobody(t *testing.T) {
	archive := &spoiled{Archive: memory.NewArchive(memory.ArchiveConfig{})}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
		w.alone = true
		_, err := w.journal.Append(storage.Live, w.make("aaaa", 70000))
		w.good(err)
		archive.set(func(context.Context, []*messages.Batch) error { time.Sleep(2 * time.Second); return nil }, nil)
		w.start()
		pass(3 * time.Second)
		w.publish("self", 3)
		w.publish("aaaa", 3)
		pass(10 * time.Second)
		confirmed := confirmedOf(t, archive)
		if !strings.Contains(confirmed, "self/1 [1-3]") || !strings.Contains(confirmed, "-70003]") {
			t.Errorf("what is live waits for a backlog: confirmed are %s", confirmed)
		}
		if v := w.view(); v.Figures["lag_batches"] < 1000 {
			t.Fatalf("there was no backlog: %+v", v)
		}
		archive.set(nil, nil)
		w.stop()
	})
}

// Not more is in memory than is said, however large the batches are and however slow the archive is.
func TestWhatIsInFlightIsBounded(t *testing.T) {
	archive := &spoiled{Archive: memory.NewArchive(memory.ArchiveConfig{})}
	in(t, archive, func(w *world) {
		archive.set(func(context.Context, []*messages.Batch) error { time.Sleep(time.Second); return nil }, nil)
		large := strings.Repeat("x", 200<<10)
		for range 200 {
			w.store(storage.Own, w.origin("self").Next(t, messages.Draft{Stream: "test.s0", Payload: []byte(`"` + large + `"`)}))
		}
		most := int64(0)
		for range 300 {
			pass(50 * time.Millisecond)
			most = max(most, w.a.flying.Load())
		}
		if most == 0 || most > writers*mostBytes {
			t.Errorf("%d bytes were in flight", most)
		}
		if v := w.view(); v.Figures["lag_batches"] != 0 {
			t.Errorf("%+v", v)
		}
	})
}

// What was stored just before the end is archived and confirmed, where that is quick.
func TestTheEndArchivesWhatItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := memory.NewArchive(memory.ArchiveConfig{})
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
		w.alone = true
		w.start()
		pass(2 * time.Second)
		all := w.publish("self", 500)
		w.stop()
		holds(t, archive, all)
		if got := confirmedOf(t, archive); got != "self/1 [1-500] 1 true 0" {
			t.Errorf("confirmed %q", got)
		}
	})
}

// An archive that hangs does not hold up the end.
func TestTheEndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := &spoiled{Archive: memory.NewArchive(memory.ArchiveConfig{})}
		archive.set(func(ctx context.Context, _ []*messages.Batch) error { <-ctx.Done(); return ctx.Err() }, nil)
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), archive)
		w.alone = true
		w.start()
		w.publish("self", 500)
		pass(2 * time.Second)
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("the end took %s", took)
		}
	})
}

// More news than there is room for is found in the journal.
func TestTooMuchNews(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{})
	in(t, archive, func(w *world) {
		pass(time.Second)
		all := w.make("self", mostNews+100)
		w.store(storage.Own, all...)
		pass(8 * time.Second)
		if got := confirmedOf(t, archive); !strings.HasPrefix(got, fmt.Sprintf("self/1 [1-%d] ", len(all))) {
			t.Errorf("confirmed %.100q", got)
		}
		if v := w.view(); v.Figures["dropped"] != 100 {
			t.Errorf("%+v", v)
		}
	})
}
