package archive

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages/wire"
	"anode/storage/memory"
)

// outage is a node with a full journal that publishes for a while, after which its database is killed just when all was confirmed, and is away
// for a time. It is over when all that can be is archived again.
func outage(t *testing.T, archive *lone, away time.Duration, meanwhile func(w *world)) (w *world, all []wire.Sealed) {
	w = newTight(t, archive, 0)
	upkeep := func(d time.Duration) {
		for until := time.Now().Add(d); time.Now().Before(until); pass(5 * time.Second) {
			w.good(w.journal.Maintain(time.Now()))
		}
	}
	pass(10 * time.Second)
	all = w.publish("self", 3)
	pass(5 * time.Second) // the database syncs at 20 s
	for range 20 {
		all = append(all, w.publish("self", 3)...)
		pass(350 * time.Millisecond)
	}
	pass(2 * time.Second)
	archive.kill()
	meanwhile(w)
	upkeep(away)
	archive.revive()
	upkeep(3 * time.Minute)
	return w, all
}

// What was confirmed just before the database was killed is kept however long that is away.
func TestWhatWasConfirmedLatelyOutlastsAnOutage(t *testing.T) {
	for name, meanwhile := range map[string]func(w *world){
		"quiet":            func(*world) {},
		"with new records": func(w *world) { w.publish("peer", 1); pass(time.Second) },
	} {
		for _, split := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					archive := newLone()
					archive.split = split
					w, all := outage(t, archive, 5*time.Minute, meanwhile)
					has := rowsOf(t, archive, "self")
					if want := records(t, all); len(has) != len(want) {
						t.Errorf("%d rows of %d are in the archive", len(has), len(want))
					}
					if v := w.view(); v.Figures["lost"] != 0 || v.Detail != "all is archived" {
						t.Errorf("%+v", v)
					}
					pass(2 * time.Minute)
					w.good(w.journal.Maintain(time.Now()))
					if held := w.journal.Stats().Batches; held != 0 {
						t.Errorf("%d batches are held that are archived for long", held)
					}
					w.stop()
				})
			})
		}
	}
}

// What the archive forgets when the journal has dropped it is told.
func TestWhatIsForgottenForGoodIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := newLone()
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self", RetentionBytes: 1}), archive)
		w.alone = true
		w.start()
		pass(11 * time.Second)
		w.publish("self", 9)
		pass(2 * time.Second)
		w.good(w.journal.Maintain(time.Now())) // nothing is pinned
		archive.kill()
		pass(time.Second)
		archive.revive()
		pass(15 * time.Second)
		if v := w.view(); v.Figures["lost"] != 9 || v.State != "degraded" {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}

// Who empties the database is not the journal, that dropped what was archived for long.
func TestWhatIsErasedIsToldAsSuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		archive := newLone()
		w := newTight(t, archive, 0)
		w.publish("self", 9)
		pass(3 * time.Minute)
		w.good(w.journal.Maintain(time.Now()))
		if held := w.journal.Stats().Batches; held != 0 {
			t.Fatalf("%d batches are held that are archived for long", held)
		}
		pass(15 * time.Second)
		archive.done = nil
		archive.kill()
		pass(time.Second)
		archive.revive()
		pass(15 * time.Second)
		const want = "the archive has forgotten 9 batches that it had confirmed, and the journal has dropped them"
		if v := w.view(); v.Figures["lost"] != 9 || v.State != "degraded" || v.Detail != want || !strings.Contains(v.Hint, "backup") {
			t.Errorf("%+v", v)
		}
		w.stop()
	})
}
