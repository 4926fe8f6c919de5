package journal_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/actor"
	"anode/actors/journal"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

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
