package journal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/journal"
	"anode/messages"
	"anode/messages/command"
	"anode/storage/memory"
	"anode/testkit/faults"
)

// withPeers answers only what a peer holds.
func withPeers(c *journal.Config) {
	epochs(c)
	c.Peers, c.Ack = true, journal.AckPeer
}

// patience is how long an answer waits for a peer.
const patience = 5 * time.Second

// one stores one record and gives where its answer comes. The record is appended, and synced unless that is held up.
func (n *node) one(id string) <-chan answer {
	n.Helper()
	time.Sleep(10 * time.Millisecond)
	told := n.submit(id != "", draft("a", id))
	time.Sleep(5 * time.Millisecond)
	return told
}

func (n *node) covered(epoch, from, to uint64) {
	n.inbox.Covered(epoch, messages.Range{From: from, To: to})
	synctest.Wait()
}

func TestAnAnswerWaitsForAPeer(t *testing.T) {
	for _, durability := range []journal.Durability{journal.Sync, journal.Interval, journal.None} {
		t.Run(string(durability), func(t *testing.T) {
			inBubble(t, func(c *journal.Config) { withPeers(c); c.Durability = durability }, func(n *node) {
				told := n.one("")
				if len(n.heard()) != 1 {
					n.Fatal("delivery waits for a peer")
				}
				n.none(told)
				time.Sleep(time.Second)
				n.none(told)
				n.covered(1, 1, 1)
				if a := n.await(told); a.Err != nil || a.Positions[0].Sequence != 1 {
					n.Fatalf("answered %+v", a)
				}
			})
		})
	}
}

func TestACoverBeforeTheSyncCounts(t *testing.T) {
	inBubble(t, withPeers, func(n *node) {
		blocked := make(chan struct{})
		n.journal.set(&n.journal.onSync, func() error { <-blocked; return nil })
		told := n.one("")
		n.covered(1, 1, 1)
		n.none(told)
		close(blocked)
		if a := n.await(told); a.Err != nil {
			n.Fatalf("answered %+v", a)
		}
	})
}

func TestWithoutACoverItIsStoredAndUnconfirmed(t *testing.T) {
	inBubble(t, withPeers, func(n *node) {
		chain := &command.Chain{}
		begin := time.Now()
		told := n.submitState(chain, "1", draft("a", ""))
		time.Sleep(patience - time.Millisecond)
		n.none(told)
		time.Sleep(time.Millisecond)
		a := n.await(told)
		if !errors.Is(a.Err, command.ErrUncovered) || !errors.Is(a.Err, command.ErrUnconfirmed) || a.at.Sub(begin) != patience {
			n.Fatalf("answered %+v after %v", a, a.at.Sub(begin))
		}
		if got := n.line(); got != "1-1" || chain.Broken() != nil {
			n.Errorf("the line reads %q, the chain is broken: %v", got, chain.Broken())
		}
		if v := n.view(); v.State != command.StateDegraded || v.Detail != "no peer confirms: publishers get 503 unconfirmed" || !strings.Contains(v.Hint, "links") {
			n.Errorf("view %+v", v)
		}
		told = n.submitState(chain, "2", draft("a", ""))
		time.Sleep(5 * time.Millisecond)
		n.covered(1, 1, 2)
		if a := n.await(told); a.Err != nil {
			n.Errorf("what came after it: %+v", a)
		}
		if v := n.view(); v.State != command.StateOK {
			n.Errorf("view %+v", v)
		}
	})
}

func (n *node) view() command.ComponentView {
	n.Helper()
	v, err := command.Ask(n.Context(), n.ref, command.Component{})
	if err != nil {
		n.Fatal(err)
	}
	return v
}

func TestEachBatchOfAGroupIsCovered(t *testing.T) {
	inBubble(t, withPeers, func(n *node) {
		many := make([]messages.Draft, 2*messages.MaxBatchRecords+1) // three batches
		for i := range many {
			many[i] = draft("a", "")
		}
		before := n.one("")
		time.Sleep(5 * time.Millisecond)
		told := n.submit(false, many...)
		time.Sleep(5 * time.Millisecond)
		after := n.one("")
		for _, c := range []struct{ epoch, from, to uint64 }{{1, 2, 2}, {1, 4, 4}, {2, 1, 9}, {1, 5, 4}} {
			n.covered(c.epoch, c.from, c.to)
			n.none(told)
		}
		n.covered(1, 5, 9)
		if a := n.await(after); a.Err != nil {
			n.Fatalf("a later one: %+v", a)
		}
		n.none(told)
		n.covered(1, 3, 3)
		if a := n.await(told); a.Err != nil || len(a.Positions) != len(many) {
			n.Fatalf("answered %+v", a.Err)
		}
		n.none(before)
		time.Sleep(patience)
		if a := n.await(before); !errors.Is(a.Err, command.ErrUncovered) {
			n.Fatalf("the hole: %+v", a)
		}
	})
}

func TestADuplicateWaitsForWhatItRepeats(t *testing.T) {
	unconfirmed := func(n *node, told <-chan answer, what string) {
		n.Helper()
		n.none(told)
		time.Sleep(patience)
		if a := n.await(told); !errors.Is(a.Err, command.ErrUncovered) {
			n.Fatalf("%s: %+v", what, a)
		}
	}
	duplicate := func(n *node, told <-chan answer, what string) {
		n.Helper()
		if a := n.await(told); a.Err != nil || !a.Positions[0].IsZero() {
			n.Fatalf("%s: %+v", what, a)
		}
	}
	inBubble(t, withPeers, func(n *node) {
		unconfirmed(n, n.one("1"), "the first")
		unconfirmed(n, n.one("1"), "again")
		told := n.one("2")
		n.covered(1, 2, 2)
		if a := n.await(told); a.Err != nil {
			n.Fatal(a.Err)
		}
		duplicate(n, n.one("2"), "of what is covered, though one before it is not")
		told = n.one("1")
		n.none(told)
		n.covered(1, 1, 1)
		duplicate(n, told, "once it is covered")
		duplicate(n, n.one("1"), "from then on")

		// Within one group each waits for its own.
		unconfirmed(n, n.one("3"), "the third")
		time.Sleep(10 * time.Millisecond)
		all := []<-chan answer{n.submit(true, draft("a", "3")), n.submit(true, draft("a", "2")), n.submit(true, draft("a", "4")), n.submit(true, draft("a", "4"))}
		time.Sleep(5 * time.Millisecond)
		if got := n.line(); !strings.HasSuffix(got, "1-4") {
			n.Fatalf("the line reads %q", got)
		}
		// The first of these was taken alone.
		duplicate(n, all[1], "of what is covered, beside others")
		n.none(all[2])
		n.none(all[3])
		n.covered(1, 4, 4)
		if a := n.await(all[2]); a.Err != nil {
			n.Fatal(a.Err)
		}
		duplicate(n, all[3], "of what came with it")
		unconfirmed(n, all[0], "of what is not covered")
	})
}

func TestCoversOutliveTheActor(t *testing.T) {
	inBubble(t, withPeers, func(n *node) {
		told := n.one("1")
		time.Sleep(patience)
		n.await(told)
		covered := n.one("2")
		n.covered(1, 2, 2)
		n.await(covered)
		n.journal.set(&n.journal.onAppend, func() error { panic("by the test") })
		waits := n.one("")
		time.Sleep(100 * time.Millisecond)
		n.await(waits)
		n.journal.set(&n.journal.onAppend, nil)
		time.Sleep(time.Second)
		if a := n.await(n.one("2")); a.Err != nil || !a.Positions[0].IsZero() {
			n.Errorf("a duplicate of what was covered: %+v", a)
		}
		again := n.one("1")
		n.none(again)
		n.covered(1, 1, 1)
		if a := n.await(again); a.Err != nil {
			n.Errorf("a duplicate once it is covered: %+v", a)
		}
	})
}

// After a restart nobody knows what was covered: a duplicate of the last ten minutes waits until a peer says so.
func TestADuplicateFromBeforeTheRestartWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, state := faults.NewDisk(0), memory.NewState()
		j := open(t, disk, state, nil)
		n := start(t, j, withPeers, 1<<20)
		for i := range 3 {
			told := n.one(fmt.Sprint(i))
			n.covered(1, uint64(i+1), uint64(i+1))
			n.await(told)
			time.Sleep(5 * time.Minute)
		}
		n.stop()
		j = open(t, disk.Kill(), state, nil)
		n = start(t, j, func(c *journal.Config) { withPeers(c); c.Epoch = 2 }, 1<<20)
		told := n.one("2")
		n.none(told)
		n.covered(1, 3, 3) // what is older may not be asked for any more
		if a := n.await(told); a.Err != nil || !a.Positions[0].IsZero() {
			t.Errorf("%+v", a)
		}
		n.stop()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheOldEpochIsCoveredByItsName(t *testing.T) {
	inBubble(t, withPeers, func(n *node) {
		before := n.one("")
		if epoch, err := n.number(1, messages.Position{}); epoch != 100 || err != nil {
			n.Fatal(epoch, err)
		}
		after := n.one("")
		n.covered(100, 1, 1)
		if a := n.await(after); a.Err != nil || a.Positions[0].Epoch != 100 {
			n.Fatalf("%+v", a)
		}
		n.none(before)
		n.covered(1, 1, 1)
		if a := n.await(before); a.Err != nil || a.Positions[0].Epoch != 1 {
			n.Fatalf("%+v", a)
		}
	})
}

func TestAFailedSyncIsAnsweredThoughAPeerHoldsIt(t *testing.T) {
	inBubble(t, withPeers, func(n *node) {
		broken := errors.New("broken")
		n.journal.set(&n.journal.onSync, func() error { return broken })
		told := n.one("")
		n.covered(1, 1, 1)
		if a := n.await(told); !errors.Is(a.Err, broken) || errors.Is(a.Err, command.ErrUncovered) {
			n.Errorf("%+v", a)
		}
	})
}

func TestAtTheEndTheLastHaveASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, memory.NewJournal(memory.Config{Self: self}), withPeers, 1<<20)
		first, second := n.one(""), n.one("")
		time.AfterFunc(500*time.Millisecond, func() { n.inbox.Covered(1, messages.Range{From: 1, To: 1}) })
		begin := time.Now()
		n.stop()
		if a := n.await(first); a.Err != nil {
			t.Errorf("the first: %+v", a)
		}
		if a := n.await(second); !errors.Is(a.Err, command.ErrUncovered) || a.at.Sub(begin) != time.Second {
			t.Errorf("the second: %+v after %v", a, a.at.Sub(begin))
		}
	})
}

// What waits for a peer takes room in the inbox: nothing else bounds it.
func TestWhatWaitsForAPeerTakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := command.Submission{Drafts: []messages.Draft{draft("a", "")}}
		n := start(t, memory.NewJournal(memory.Config{Self: self}), withPeers, 2*s.Size())
		defer n.stop()
		n.one("")
		n.one("")
		taken := make(chan error, 1)
		go func() { taken <- n.inbox.Submit(t.Context(), s) }()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(taken) > 0 {
			t.Fatal("there is room for a third")
		}
		n.covered(1, 2, 2)
		if len(taken) != 1 {
			t.Fatal("an answer frees no room")
		}
	})
}

// TestEveryAnswerIsTrue drives publishers, some of whom repeat themselves, past a peer that says now and then what it
// holds, in panics too: whoever is answered without an error has all that they sent with the peer.
func TestEveryAnswerIsTrue(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inBubble(t, withPeers, func(n *node) { everyAnswer(n, seed) })
		})
	}
}

func everyAnswer(n *node, seed uint64) {
	rnd, fate := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	var mu sync.Mutex
	held := make(map[messages.BatchID]bool)
	answers, good := make(map[int]int), 0
	n.journal.set(&n.journal.onAppend, func() error {
		if fate.IntN(60) == 0 {
			panic("by the test")
		}
		return nil
	})
	where := func(id string) (at messages.BatchID) {
		for _, a := range n.heard() {
			for _, g := range a.batch.Batch.Groups {
				for i := range g.Records {
					if g.Records[i].NativeID == id {
						return a.batch.ID() // the first
					}
				}
			}
		}
		return at
	}
	told := 0
	for i := range 400 {
		id := fmt.Sprint(rnd.IntN(300))
		err := n.inbox.Submit(n.Context(), command.Submission{Drafts: []messages.Draft{draft("a", id)}, Recognise: true, Done: func(o command.Outcome) {
			mu.Lock()
			defer mu.Unlock()
			if answers[i]++; o.Err != nil {
				return
			}
			good++
			at := where(id)
			if p := o.Positions[0]; !p.IsZero() {
				at = messages.BatchID{Origin: p.Origin, Epoch: p.Epoch, Sequence: p.Sequence}
			}
			if !held[at] {
				n.Errorf("record %s of %s was answered %v, and the peer does not hold it", id, at, o.Positions)
			}
		}})
		if err != nil {
			n.Fatal(err)
		}
		told++
		time.Sleep(time.Duration(rnd.IntN(20000)) * time.Microsecond)
		switch heard := n.heard(); rnd.IntN(8) {
		case 0:
			if len(heard) > 0 {
				b := heard[rnd.IntN(len(heard))].batch
				from := b.Sequence - min(b.Sequence-1, uint64(rnd.IntN(6)))
				mu.Lock()
				for s := from; s <= b.Sequence; s++ {
					held[messages.BatchID{Origin: self, Epoch: b.Epoch, Sequence: s}] = true
				}
				mu.Unlock()
				n.inbox.Covered(b.Epoch, messages.Range{From: from, To: b.Sequence})
			}
		case 1:
			if rnd.IntN(10) == 0 {
				n.inbox.Number(uint64(i), messages.Position{}, func(uint64, error) {})
			}
		}
	}
	time.Sleep(time.Minute)
	mu.Lock()
	defer mu.Unlock()
	for i := range told {
		if answers[i] != 1 {
			n.Errorf("submission %d was answered %d times", i, answers[i])
		}
	}
	if good < 20 || good > told-20 {
		n.Errorf("%d of %d were confirmed: that tries little", good, told)
	}
}
