package journal_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"anode/actors/actor"
	"anode/actors/journal"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const self messages.NodeID = "self"

// spy is a journal that tells what is asked of it, and may be told to fail.
type spy struct {
	storage.Journal
	mu       sync.Mutex
	syncs    []time.Time
	onSync   func() error // before it
	onAppend func() error
}

func (s *spy) hook(of *func() error) error {
	s.mu.Lock()
	f := *of
	s.mu.Unlock()
	if f != nil {
		return f()
	}
	return nil
}

func (s *spy) set(of *func() error, f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*of = f
}

func (s *spy) Sync() error {
	s.mu.Lock()
	s.syncs = append(s.syncs, time.Now())
	s.mu.Unlock()
	if err := s.hook(&s.onSync); err != nil {
		return err
	}
	return s.Journal.Sync()
}

func (s *spy) Append(family storage.Family, batches []wire.Sealed) ([]storage.Held, error) {
	if err := s.hook(&s.onAppend); err != nil {
		return nil, err
	}
	return s.Journal.Append(family, batches)
}

func (s *spy) synced() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.syncs)
}

// node is a journal actor in a bubble.
type node struct {
	*testing.T
	system  *actor.System
	ref     *actor.Ref
	inbox   *journal.Inbox
	journal *spy

	mu        sync.Mutex
	announced []announced
	gaveUp    int
	onStored  func()
}

type announced struct {
	at    time.Time
	batch command.StoredBatch
}

// start runs a journal actor; change may change its configuration.
func start(t *testing.T, over storage.Journal, change func(*journal.Config), inbox int) *node {
	t.Helper()
	n := &node{T: t, journal: &spy{Journal: over}, inbox: journal.NewInbox(inbox)}
	cfg := journal.Config{
		Self: self, Epoch: 1, Journal: n.journal, Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
		Announce: n.announce, GaveUp: func(command.GaveUp) { n.mu.Lock(); n.gaveUp++; n.mu.Unlock() },
	}
	if change != nil {
		change(&cfg)
	}
	spec, err := journal.Spec(cfg, n.inbox)
	if err != nil {
		t.Fatal(err)
	}
	if n.system, err = actor.NewSystem(actor.Config{Logger: cfg.Logger}); err != nil {
		t.Fatal(err)
	}
	if n.ref, err = n.system.Spawn(spec); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // virtual: the sync of what may have been left is over
	synctest.Wait()
	n.journal.mu.Lock()
	n.journal.syncs = nil
	n.journal.mu.Unlock()
	return n
}

func (n *node) announce(s command.Stored) {
	n.mu.Lock()
	for _, b := range s.Batches {
		n.announced = append(n.announced, announced{time.Now(), b})
	}
	f := n.onStored
	n.mu.Unlock()
	if f != nil {
		f()
	}
}

func (n *node) heard() []announced {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.announced)
}

// stop ends the actor as the node does.
func (n *node) stop() {
	n.Helper()
	n.inbox.Close()
	if err := n.system.Stop(context.Background()); err != nil {
		n.Error(err)
	}
	time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
}

// answer is what a submission was answered, and when.
type answer struct {
	command.Outcome
	at time.Time
}

// submit hands drafts over, and gives where the answer comes.
func (n *node) submit(recognise bool, drafts ...messages.Draft) <-chan answer {
	n.Helper()
	told := make(chan answer, 2)
	err := n.inbox.Submit(context.Background(), command.Submission{Drafts: drafts, Recognise: recognise, Done: func(o command.Outcome) { told <- answer{o, time.Now()} }})
	if err != nil {
		n.Fatal(err)
	}
	return told
}

// await gives an answer that must have come.
func (n *node) await(told <-chan answer) answer {
	n.Helper()
	synctest.Wait()
	select {
	case a := <-told:
		return a
	default:
		n.Fatal("no answer has come")
		return answer{}
	}
}

func (n *node) none(told <-chan answer) {
	n.Helper()
	synctest.Wait()
	select {
	case a := <-told:
		n.Fatalf("it was answered: %+v", a)
	default:
	}
}

func draft(stream messages.Stream, id string) messages.Draft {
	return messages.Draft{Stream: stream, NativeID: id, Payload: []byte(`{"n":1}`)}
}

// inBubble runs a test in virtual time on a journal in memory.
func inBubble(t *testing.T, change func(*journal.Config), test func(n *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := start(t, memory.NewJournal(memory.Config{Self: self}), change, 1<<20)
		defer n.stop()
		test(n)
	})
}

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
		sealer := wire.NewSealer(0)
		s, _, _, err := sealer.Seal(wire.Place{BatchID: messages.BatchID{Origin: "peer", Epoch: 1, Sequence: 1}, First: messages.HLCFromMillis(1)}, []messages.Draft{draft("a", "")})
		if err != nil {
			n.Fatal(err)
		}
		begin := time.Now()
		for i, want := range []bool{true, false} {
			got, err := n.ref.Ask(context.Background(), command.Store{Batches: []wire.Sealed{s}})
			if fresh, ok := got.([]bool); err != nil || !ok || len(fresh) != 1 || fresh[0] != want {
				n.Fatalf("store %d: %v, %v", i, got, err)
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

func TestInboxHoldsItsBoundAndLetsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := command.Submission{Drafts: []messages.Draft{draft("a", "")}}
		n := start(t, memory.NewJournal(memory.Config{Self: self}), nil, 3*one.Size())
		defer n.stop()
		blocked := make(chan struct{})
		n.journal.set(&n.journal.onSync, func() error { <-blocked; return nil })
		var told []<-chan answer
		for range 3 {
			told = append(told, n.submit(false, draft("a", "")))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := n.inbox.Submit(ctx, one); !errors.Is(err, command.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("submit to a full inbox: %v", err)
		}
		waited := make(chan error, 1)
		go func() { waited <- n.inbox.Submit(context.Background(), one) }()
		synctest.Wait()
		select {
		case err := <-waited:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		close(blocked)
		if err := <-waited; err != nil {
			t.Fatal(err)
		}
		for _, one := range told {
			if a := n.await(one); a.Err != nil {
				t.Fatal(a.Err)
			}
		}
	})
}

// A large submission must not be passed by small ones for as long as the queue is full, nor stop
// those behind it when it is given up.
func TestWhoWaitsForRoomIsTakenInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := command.Submission{Drafts: []messages.Draft{draft("a", "")}}
		n := start(t, memory.NewJournal(memory.Config{Self: self}), nil, 3*one.Size())
		defer n.stop()
		blocked := make(chan struct{})
		n.journal.set(&n.journal.onSync, func() error { <-blocked; return nil })
		for range 3 {
			n.submit(false, draft("a", ""))
		}
		synctest.Wait()
		var order []string
		wait := func(ctx context.Context, name string, drafts int) <-chan error {
			told := make(chan error, 1)
			s := command.Submission{Done: func(command.Outcome) { order = append(order, name) }}
			for range drafts {
				s.Drafts = append(s.Drafts, draft("a", ""))
			}
			go func() { told <- n.inbox.Submit(ctx, s) }()
			synctest.Wait()
			return told
		}
		ctx, cancel := context.WithCancel(t.Context())
		given := wait(ctx, "given up", 3)
		all := []<-chan error{wait(t.Context(), "large", 3)}
		for i := range 3 {
			all = append(all, wait(t.Context(), fmt.Sprint("small ", i), 1))
		}
		cancel()
		if err := <-given; !errors.Is(err, context.Canceled) {
			t.Fatalf("given up: %v", err)
		}
		close(blocked)
		for _, told := range all {
			if err := <-told; err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second) // of the bubble: all is answered then
		synctest.Wait()
		if got := strings.Join(order, ", "); got != "large, small 0, small 1, small 2" {
			t.Fatalf("answered are %s", got)
		}
	})
}

func TestClosedInboxRefusesAndWhatItHasIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, memory.NewJournal(memory.Config{Self: self}), nil, 1<<20)
		var told []<-chan answer
		for range 20 {
			told = append(told, n.submit(false, draft("a", "")))
		}
		n.stop()
		for _, one := range told {
			if a := n.await(one); a.Err != nil {
				t.Fatal(a.Err)
			}
		}
		if err := n.inbox.Submit(context.Background(), command.Submission{Drafts: []messages.Draft{draft("a", "")}}); !errors.Is(err, command.ErrUnavailable) {
			t.Fatalf("submit: %v", err)
		}
	})
}
