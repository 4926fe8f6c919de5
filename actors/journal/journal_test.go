package journal_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"anode/actors/journal"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const self messages.NodeID = "self"

func TestLoneRecordIsSealedAtOnce(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		for range 3 {
			time.Sleep(time.Second)
			begin := time.Now()
			a := n.await(n.submit(false, draft("a", "")))
			if a.Err != nil || len(a.Positions) != 1 || a.at != begin {
				n.Fatalf("answered after %v: %+v", a.at.Sub(begin), a)
			}
		}
	})
}

func TestNextSealComesAMillisecondLaterWithAllThatCame(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		time.Sleep(time.Second)
		begin := time.Now()
		first := n.submit(false, draft("a", ""))
		synctest.Wait()
		var others []<-chan answer
		for i := range 9 {
			others = append(others, n.submit(false, draft(messages.Stream(fmt.Sprint("s", i%3)), "")))
			time.Sleep(100 * time.Microsecond)
		}
		synctest.Wait()
		if got := n.heard(); len(got) != 1 {
			n.Fatalf("%d batches within the millisecond", len(got))
		}
		n.await(first)
		time.Sleep(100 * time.Microsecond)
		synctest.Wait()
		got := n.heard()
		if len(got) != 2 || got[1].at.Sub(begin) != time.Millisecond || got[1].batch.Count != 9 {
			n.Fatalf("%d batches, the second after %v with %d records", len(got), got[1].at.Sub(begin), got[1].batch.Count)
		}
		groups := got[1].batch.Batch.Groups
		if len(groups) != 3 || groups[0].Stream != "s0" || len(groups[0].Records) != 3 {
			n.Fatalf("groups %+v", groups)
		}
		time.Sleep(5 * time.Millisecond)
		for i, told := range others { // in order of arrival within a stream
			a := n.await(told)
			if want := uint32(i%3*3 + i/3); a.Err != nil || a.Positions[0].Sequence != 2 || a.Positions[0].Index != want {
				n.Fatalf("draft %d stands at %+v, want index %d", i, a, want)
			}
		}
	})
}

func TestLargeGroupIsSeveralBatchesInOrder(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		var drafts []messages.Draft
		for range 2500 {
			drafts = append(drafts, draft("a", ""))
		}
		a := n.await(n.submit(false, drafts...))
		if len(a.Positions) != 2500 || a.Positions[1024].Sequence != 2 || a.Positions[2499] != (messages.Position{Origin: self, Epoch: 1, Sequence: 3, Index: 451}) {
			n.Fatalf("%d positions, the last %s", len(a.Positions), a.Positions[len(a.Positions)-1])
		}
		got := n.heard()
		for i := 1; i < len(got); i++ {
			if got[i].batch.Previous != got[i-1].batch.HeaderHash() || got[i].batch.First <= got[i-1].batch.Last {
				n.Fatalf("batch %d does not follow", i)
			}
		}
	})
}

func TestManyShareOneFsync(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		n.journal.set(&n.journal.onSync, func() error { time.Sleep(500 * time.Microsecond); return nil })
		begin := time.Now()
		var told []<-chan answer
		for range 200 {
			told = append(told, n.submit(false, draft("a", "")))
			time.Sleep(100 * time.Microsecond)
		}
		time.Sleep(20 * time.Millisecond)
		for _, one := range told {
			if a := n.await(one); a.Err != nil {
				n.Fatal(a.Err)
			}
		}
		syncs := n.journal.synced()
		if len(syncs) > 14 || len(syncs) < 8 { // 20 ms at one each 2 ms
			n.Fatalf("%d fsyncs in %v", len(syncs), time.Since(begin))
		}
		for i := 1; i < len(syncs); i++ {
			if gap := syncs[i].Sub(syncs[i-1]); gap < 2*time.Millisecond {
				n.Fatalf("two fsyncs are %v apart", gap)
			}
		}
	})
}

func TestDurability(t *testing.T) {
	for _, c := range []struct {
		durability journal.Durability
		waits      bool
		synced     time.Duration // how soon an fsync follows, 0 is never
	}{
		{journal.Sync, true, time.Nanosecond},
		{journal.Interval, false, 50 * time.Millisecond},
		{journal.None, false, 0},
	} {
		t.Run(string(c.durability), func(t *testing.T) {
			inBubble(t, func(cfg *journal.Config) { cfg.Durability = c.durability }, func(n *node) {
				n.journal.set(&n.journal.onSync, func() error { time.Sleep(10 * time.Millisecond); return nil })
				begin := time.Now()
				told := n.submit(false, draft("a", ""))
				synctest.Wait()
				if len(n.heard()) != 1 {
					n.Fatal("delivery waits for the disk")
				}
				if c.waits {
					n.none(told)
					time.Sleep(10 * time.Millisecond)
				}
				if a := n.await(told); a.Err != nil {
					n.Fatal(a.Err)
				}
				time.Sleep(time.Second)
				syncs := n.journal.synced()
				switch {
				case c.synced == 0 && len(syncs) != 0, c.synced > 0 && len(syncs) != 1:
					n.Fatalf("%d fsyncs", len(syncs))
				case len(syncs) == 1 && syncs[0].Sub(begin) > c.synced:
					n.Fatalf("the fsync came after %v", syncs[0].Sub(begin))
				}
			})
		})
	}
}

func TestPeersBatchesAreSyncedWithin50ms(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		begin := time.Now()
		for _, want := range []string{"0 <nil>", "1 <nil>"} { // new, then held
			told := make(chan string, 1)
			n.inbox.Store(journal.Remote{Batch: peerBatch(n, 1), Done: func(held storage.Held, err error) { told <- fmt.Sprint(held, " ", err) }})
			if got := <-told; got != want {
				n.Fatalf("stored: %s, want %s", got, want)
			}
		}
		time.Sleep(time.Second)
		if syncs := n.journal.synced(); len(syncs) != 1 || syncs[0].Sub(begin) > 50*time.Millisecond {
			n.Fatalf("fsyncs %v", syncs)
		}
		if got := n.heard(); len(got) != 1 || !got[0].batch.Live {
			n.Fatalf("announced %+v", got)
		}
	})
}

func TestFailedSyncIsAnsweredSoAndTriedAgainEachSecond(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		broken := errors.New("broken")
		n.journal.set(&n.journal.onSync, func() error { return broken })
		a := n.await(n.submit(false, draft("a", "")))
		if !errors.Is(a.Err, command.ErrUnavailable) || !errors.Is(a.Err, command.ErrUnconfirmed) || !errors.Is(a.Err, broken) {
			n.Fatalf("answered %+v", a)
		}
		time.Sleep(3*time.Second + time.Millisecond)
		if syncs := n.journal.synced(); len(syncs) != 4 {
			n.Fatalf("%d fsyncs in three seconds", len(syncs))
		}
		n.journal.set(&n.journal.onSync, nil)
		time.Sleep(time.Second + 5*time.Millisecond)
		if a := n.await(n.submit(false, draft("a", ""))); a.Err != nil || a.Positions[0].Sequence != 2 {
			n.Fatalf("answered %+v", a)
		}
	})
}

func TestFailedAppendNumbersNothing(t *testing.T) {
	inBubble(t, nil, func(n *node) {
		n.await(n.submit(true, draft("a", "1")))
		n.journal.set(&n.journal.onAppend, func() error { return fmt.Errorf("%w: by the test", storage.ErrFull) })
		time.Sleep(time.Second)
		if a := n.await(n.submit(true, draft("a", "2"), draft("a", "3"))); !errors.Is(a.Err, command.ErrStorageFull) || a.Positions != nil {
			n.Fatalf("answered %+v", a)
		}
		n.journal.set(&n.journal.onAppend, func() error { return storage.ErrRefused })
		time.Sleep(time.Second)
		if a := n.await(n.submit(true, draft("a", "2"))); !errors.Is(a.Err, command.ErrUnavailable) || errors.Is(a.Err, command.ErrUnconfirmed) {
			n.Fatalf("answered %+v", a)
		}
		n.journal.set(&n.journal.onAppend, nil)
		time.Sleep(time.Second)
		if a := n.await(n.submit(true, draft("a", "2"))); a.Err != nil || a.Positions[0].Sequence != 2 {
			n.Fatalf("what was not stored is taken for a duplicate, or numbered: %+v", a)
		}
	})
}
