package memory_test

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

func TestJournal(t *testing.T) {
	storagetest.Journal(t, func(_ *testing.T, cfg storagetest.Config) storagetest.Opened {
		return storagetest.Opened{Journal: memory.NewJournal(memory.Config{
			Self: storagetest.Self, RetentionBytes: cfg.RetentionBytes, RetentionAge: cfg.RetentionAge, Budget: cfg.DiskBudget,
		})}
	})
}

func TestState(t *testing.T) {
	storagetest.State(t, func(*testing.T) (storage.State, func() storage.State) { return memory.NewState(), nil })
}

// A copy is what it was copied from, and goes its own way from there.
func TestACopyOfAJournalGoesItsOwnWay(t *testing.T) {
	j := memory.NewJournal(memory.Config{Self: "a"})
	list := storagetest.NewOrigin("a", 1, 1).Run(t, 3)
	store := func(j *memory.Journal, batches ...wire.Sealed) {
		t.Helper()
		if _, err := j.Append(storage.Own, batches); err != nil {
			t.Fatal(err)
		}
	}
	store(j, list[:2]...)
	copied := j.Clone()
	if !reflect.DeepEqual(copied.Digest(), j.Digest()) || copied.Stats().Bytes != j.Stats().Bytes {
		t.Errorf("the copy holds %v, the journal %v", copied.Digest(), j.Digest())
	}
	store(copied, list[2])
	if copied.Head("a").Sequence != 3 || j.Head("a").Sequence != 2 {
		t.Errorf("the copy is at %s, the journal at %s", copied.Head("a"), j.Head("a"))
	}
}

func TestACopyOfAStateGoesItsOwnWay(t *testing.T) {
	s := memory.NewState()
	put := func(s *memory.State, value string) {
		t.Helper()
		if err := s.Put(storage.Change{Bucket: "b", Key: "k", Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	put(s, "one")
	copied := s.Clone()
	put(copied, "two")
	for of, want := range map[*memory.State]string{s: "one", copied: "two"} {
		if got, err := of.Get("b", "k"); err != nil || string(got) != want {
			t.Errorf("%s, %v: want %s", got, err, want)
		}
	}
}

func TestArchive(t *testing.T) {
	storagetest.Archive(t, func(*testing.T) storagetest.OpenedArchives {
		now := time.Now()
		var mu sync.Mutex
		clock := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
		base := memory.NewArchive(memory.ArchiveConfig{})
		return storagetest.OpenedArchives{
			Open: func(c storagetest.ArchiveConfig) storage.Archive {
				return base.With(memory.ArchiveConfig{Streams: c.Streams, TTL: c.TTL, Clock: clock})
			},
			Wait: func(d time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				now = now.Add(d)
			},
		}
	})
}
