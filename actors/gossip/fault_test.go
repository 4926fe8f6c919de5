package gossip_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/gossip"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// faulty is a journal that panics when it is asked for what it holds, once.
type faulty struct {
	storage.Journal
	fault atomic.Bool
}

func (f *faulty) Lines() messages.Lines {
	if f.fault.Swap(false) {
		panic("a fault of the journal")
	}
	return f.Journal.Lines()
}

func (f *faulty) Stats() storage.JournalStats {
	if f.fault.Load() {
		panic("a fault of the journal")
	}
	return f.Journal.Stats()
}

// A panic in a goroutine beside the loop, and then one while the next incarnation is made, end those, and the third one works.
func TestAPanicBeginsGossipAnew(t *testing.T) {
	journal := &faulty{}
	a := newGossiper(t, nil)
	journal.Journal = a.journal
	a.cfg.Journal = journal
	b := newGossiper(t, nil)
	a.start()
	b.start(a.addr)
	linked := func() bool { return a.linked() == 1 && b.linked() == 1 }
	await(t, "they are linked", linked)
	journal.fault.Store(true)
	await(t, "it has begun anew twice", func() bool {
		for _, v := range a.system.Tree().Children {
			if v.Name == gossip.Name && v.Restarts == 2 {
				return true
			}
		}
		return false
	})
	await(t, "they are linked again", linked)
}

// Who was there before is just being found again: an office that heard of nobody would take everything, and one that heard of a peer without a
// link too.
func TestGossipThatBeginsAnewDoesNotSayThatItIsAlone(t *testing.T) {
	var mu sync.Mutex
	type told struct {
		list []command.Member
		at   time.Time
	}
	var lists []told
	journal := &faulty{}
	a := newGossiper(t, func(cfg *gossip.Config) {
		cfg.Members = func(list []command.Member) {
			mu.Lock()
			defer mu.Unlock()
			lists = append(lists, told{list, time.Now()})
		}
	})
	journal.Journal = a.journal
	a.cfg.Journal = journal
	b := newGossiper(t, nil)
	a.start()
	b.start(a.addr)
	there := func(list []command.Member) bool {
		return slices.ContainsFunc(list, func(m command.Member) bool { return m.ID == b.id && m.There })
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(lists)
	}
	await(t, "they are linked", func() bool { return a.linked() == 1 && b.linked() == 1 })
	await(t, "the peer is told of", func() bool { mu.Lock(); defer mu.Unlock(); return len(lists) > 0 && there(lists[len(lists)-1].list) })
	before, failed := count(), time.Now()
	journal.fault.Store(true)
	await(t, "it has begun anew", func() bool {
		for _, v := range a.system.Tree().Children {
			if v.Name == gossip.Name && v.Restarts == 2 {
				return true
			}
		}
		return false
	})
	await(t, "they are linked again, and that is told", func() bool { return a.linked() == 1 && count() > before })
	mu.Lock()
	defer mu.Unlock()
	for _, l := range lists[before:] {
		if l.at.Sub(failed) < 4*time.Second && !there(l.list) { // where it takes longer to be linked again it may be alone
			t.Errorf("it told of %+v", l.list)
		}
	}
}
