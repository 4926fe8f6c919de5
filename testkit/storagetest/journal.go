package storagetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// Self is the node whose journal is tried; Peer is another.
const (
	Self messages.NodeID = "self"
	Peer messages.NodeID = "peer"
)

// Start is the Unix ms at which the suite's batches begin.
const Start = 1_700_000_000_000

// Config bounds the journal to open, as the same fields of its own configuration. Zero means no bound.
type Config struct {
	RetentionBytes, DiskBudget int64
	RetentionAge               time.Duration
}

// Opened is a journal under test.
type Opened struct {
	Journal storage.Journal
	// Reopen closes the journal and opens it again; nil where nothing survives that. With kill
	// it is not closed, as when the process dies.
	Reopen func(kill bool) storage.Journal
}

// Journal runs the suite. open gives an empty journal of Self, and closes it when the test ends.
func Journal(t *testing.T, open func(t *testing.T, cfg Config) Opened) {
	checks := map[string]func(*testing.T, *trial){
		"appended is read, and keeps its bytes":                appendedIsRead,
		"an unknown origin has nothing":                        unknownOrigin,
		"the same batch again is held already":                 heldAlready,
		"another batch at the place of one is a fork":          fork,
		"a batch twice in one call is held once":               twiceInOneCall,
		"what is absent is a hole until it comes":              holes,
		"a hole that was given up is a gap":                    givenUp,
		"epochs are one line":                                  epochs,
		"what is beyond the named end is late":                 late,
		"retention raises floors":                              floors,
		"what is below the floor is held already":              belowFloor,
		"what was held below a floor is not served":            belowFloorOutOfOrder,
		"a floor that was raised is as retention's":            raised,
		"a floor is raised below what is late":                 raisedBelowLate,
		"a floor is raised of what nobody has heard of":        raisedUnknown,
		"a floor is never lowered":                             raisedAgain,
		"own batches are refused where the budget is used up":  budget,
		"what is pinned outlives retention":                    pinned,
		"a hole is not pinned":                                 holesAreNotPinned,
		"own pinned batches fill the budget":                   pinnedOwnFillsTheBudget,
		"pinned batches of peers go when the budget is used":   pinnedOfPeersGoLast,
		"streams are counted":                                  streams,
		"a scan finds the batches of a stream":                 scan,
		"a scan finds what came out of order":                  scanOutOfOrder,
		"identities are told by time and source":               identities,
		"a seek finds the first batch received then":           seek,
		"a seek below the floor is from the beginning":         seekBelowFloor,
		"the head's hash chains the next batch":                headHash,
		"readers see whole batches while others are appended":  concurrent,
		"after Close nothing is taken":                         closed,
		"any history gives what a plain map would":             model,
		"nothing is appended and synced without an error":      nothing,
		"an append that is refused stores nothing":             refusedStoresNothing,
		"what is told is the caller's":                         digestIsTheCallers,
		"retention by age empties, and remembers":              byAge,
		"what is late is in history":                           lateIsInHistory,
		"a scrub is bounded":                                   scrubIsBounded,
		"each origin has a line of its own":                    manyOrigins,
		"a scrub and a Sync find nothing wrong with a journal": scrub,
	}
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		t.Run(name, func(t *testing.T) {
			checks[name](t, &trial{T: t, open: open})
		})
	}
}

func appendedIsRead(_ *testing.T, t *trial) {
	t.start(Config{})
	own, peer := NewOrigin(Self, 7, Start).Run(t, 20), NewOrigin(Peer, 3, Start).Run(t, 20)
	t.put(storage.Own, storage.HeldNew, own[:7]...)
	t.put(storage.Live, storage.HeldNew, peer...)
	t.put(storage.Own, storage.HeldNew, own[7:]...)
	t.again(func() {
		t.has(own...)
		t.has(peer...)
		if got := t.Origins(); !slices.Equal(got, []messages.NodeID{Peer, Self}) {
			t.Fatalf("origins %v", got)
		}
		if got, want := t.Head(Self), own[19].Position(); got != want {
			t.Fatalf("head %s, want %s", got, want)
		}
		d := t.Digest()[Peer]
		if len(d) != 1 || d[0].Floor != 1 || d[0].Head != 20 || d[0].HeadHLC != peer[19].Last || len(d[0].Holes) != 0 {
			t.Fatalf("digest %+v", d)
		}
		if s := t.Stats(); s.Batches != 40 || s.Records != 40 || s.Bytes == 0 {
			t.Fatalf("stats %+v", s)
		}
	})
}

func unknownOrigin(_ *testing.T, t *trial) {
	t.start(Config{})
	if got := t.Head("nobody"); got != (messages.Position{Origin: "nobody"}) {
		t.Fatalf("head %s", got)
	}
	if step := t.Next(messages.Position{Origin: "nobody"}); step.Kind != messages.StepHead {
		t.Fatalf("next is %+v", step)
	}
	if got := t.Seek("nobody", 0); got != (messages.Position{Origin: "nobody"}) {
		t.Fatalf("seek %s", got)
	}
	if got := t.Line("nobody"); got.Origin != "nobody" || got.Newest() != 0 {
		t.Fatalf("line %+v", got)
	}
	if t.HeadHash("nobody", 1) != (messages.Hash{}) || len(t.Origins()) != 0 || len(t.Digest()) != 0 {
		t.Fatal("an empty journal holds something")
	}
	if err := t.GiveUp("nobody", 1, messages.Range{From: 1, To: 2}); !errors.Is(err, storage.ErrNotHeld) {
		t.Fatalf("give up: %v", err)
	}
	t.lacks(messages.BatchID{Origin: "nobody", Epoch: 1, Sequence: 1})
}

func heldAlready(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Peer, 1, Start).Run(t, 5)
	t.put(storage.Live, storage.HeldNew, list...)
	t.again(func() {
		t.put(storage.Live, storage.HeldAlready, list...)
		t.put(storage.Backfill, storage.HeldAlready, list[2])
		if s := t.Stats(); s.Batches != 5 || s.Forks != 0 {
			t.Fatalf("stats %+v", s)
		}
	})
}

func fork(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Peer, 1, Start).Run(t, 3)
	other := NewOrigin(Peer, 1, Start+5)
	other.Sequence = 1
	forked := other.Next(t, Draft("test.b", `"fork"`))
	t.put(storage.Live, storage.HeldNew, list...)
	t.put(storage.Live, storage.HeldFork, forked)
	if s := t.Stats(); s.Forks != 1 || s.Batches != 3 {
		t.Fatalf("stats %+v", s)
	}
	t.again(func() { t.has(list...) })
}

func twiceInOneCall(_ *testing.T, t *trial) {
	t.start(Config{})
	one := NewOrigin(Peer, 1, Start).Next(t)
	held, err := t.Append(storage.Live, []wire.Sealed{one, one})
	if err != nil || !slices.Equal(held, []storage.Held{storage.HeldNew, storage.HeldAlready}) {
		t.Fatalf("held %v, %v", held, err)
	}
	t.again(func() {
		if s := t.Stats(); s.Batches != 1 || s.Records != 1 {
			t.Fatalf("stats %+v", s)
		}
	})
}

func headHash(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Self, 3, Start).Run(t, 5)
	t.put(storage.Own, storage.HeldNew, list...)
	t.again(func() {
		if t.HeadHash(Self, 3) != list[4].HeaderHash() {
			t.Fatal("the hash is another batch's")
		}
		if t.HeadHash(Self, 4) != (messages.Hash{}) {
			t.Fatal("an epoch of which nothing is held has a hash")
		}
	})
}

func concurrent(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Self, 3, Start).Run(t, 400)
	var group sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		group.Go(func() {
			at := messages.Position{Origin: Self}
			for at.Sequence < 400 {
				step := t.Next(at)
				if step.Kind != messages.StepBatch {
					continue
				}
				s, err := t.Read(step.Batch)
				if err != nil || !bytes.Equal(s.Bytes(), list[step.Batch.Sequence-1].Bytes()) {
					t.Errorf("read of %s: %v", step.Batch, err)
					return
				}
				at = s.Position().BatchEnd()
			}
		})
	}
	var helper sync.WaitGroup
	helper.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := errors.Join(t.Sync(), t.Maintain(time.Now())); err != nil {
				t.Errorf("sync and maintain: %v", err)
				return
			}
			t.Streams(messages.Everything)
			t.Stats()
		}
	})
	for i := 0; i < len(list); i += 4 {
		t.put(storage.Own, storage.HeldNew, list[i:i+4]...)
	}
	group.Wait()
	close(done)
	helper.Wait()
}

func closed(_ *testing.T, t *trial) {
	t.start(Config{})
	one := NewOrigin(Self, 3, Start).Next(t)
	t.put(storage.Own, storage.HeldNew, one)
	if err := t.Close(); err != nil {
		t.Fatal(err)
	}
	if err := t.Close(); err != nil {
		t.Fatalf("a second Close: %v", err)
	}
	if _, err := t.Append(storage.Own, []wire.Sealed{one}); !errors.Is(err, storage.ErrClosed) {
		t.Fatalf("append: %v", err)
	}
	if err := t.Sync(); !errors.Is(err, storage.ErrClosed) {
		t.Fatalf("sync: %v", err)
	}
}

func scrub(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 8 << 20})
	t.fill(storage.Own, NewOrigin(Self, 2, Start), 40)
	t.maintain()
	for range 5 {
		if _, err := t.Scrub(context.Background(), 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	if s := t.Stats(); s.Damaged != 0 || s.Refused != "" || s.LastSync.IsZero() {
		t.Fatalf("stats %+v", s)
	}
}
