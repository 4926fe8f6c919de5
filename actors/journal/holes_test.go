package journal_test

import (
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/journal"
	"anode/messages"
	"anode/storage/memory"
)

// Alone a node gives up at once what it lost of its own; with peers others are asked, and who asks decides.
func TestOwnHolesAreGivenUpWhereThereAreNoPeers(t *testing.T) {
	for name, c := range map[string]struct {
		peers bool
		line  string
		told  int
	}{"alone": {false, "1-1 missing 1-3", 1}, "with peers": {true, "1-1 wait 1-2", 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := memory.NewJournal(memory.Config{Self: self})
				n := start(t, j, func(cfg *journal.Config) { cfg.Peers = c.peers }, 1<<20)
				defer n.stop()
				for range 3 {
					n.put()
				}
				j.Lose(messages.BatchID{Origin: self, Epoch: 1, Sequence: 2})
				time.Sleep(11 * time.Second)
				synctest.Wait()
				if got := n.line(); got != c.line || n.gaveUp != c.told {
					t.Errorf("the line reads %q, readers were told %d times; want %q, %d", got, n.gaveUp, c.line, c.told)
				}
			})
		})
	}
}

// Who gave a hole up may have died before the hub was told: a journal that begins has readers look.
func TestReadersAreToldAtStartOfWhatWasGivenUp(t *testing.T) {
	for name, peers := range map[string]bool{"alone": false, "with peers": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := memory.NewJournal(memory.Config{Self: self})
				n := start(t, j, nil, 1<<20)
				for range 3 {
					n.put()
				}
				n.stop()
				j.Lose(messages.BatchID{Origin: self, Epoch: 1, Sequence: 2})
				if err := j.GiveUp(self, 1, messages.Range{From: 2, To: 2}); err != nil {
					t.Fatal(err)
				}
				n = start(t, j, func(cfg *journal.Config) { cfg.Peers = peers }, 1<<20)
				defer n.stop()
				if n.gaveUp != 1 {
					t.Errorf("readers were told %d times", n.gaveUp)
				}
			})
		})
	}
}
