package storagetest

import (
	"errors"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
)

// raised wants what lies below a floor that was raised to be as if retention had dropped it: for readers, for who
// appends it, and after restarts.
func raised(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Peer, 4, Start)
	list := o.Run(t, 9)
	o.Restart(6, list[8].Position())
	o.At(Start + 1000)
	next := o.Run(t, 1)
	t.put(storage.Live, storage.HeldNew, list[0], list[1], list[3], list[5], list[7], list[8])
	t.put(storage.Live, storage.HeldNew, next...)
	if err := t.GiveUp(Peer, 4, messages.Range{From: 7, To: 7}); err != nil {
		t.Fatal(err)
	}
	if err := t.Raise(Peer, 4, 6); err != nil {
		t.Fatal(err)
	}
	check := func() {
		if d := t.Digest()[Peer][0]; d.Floor != 6 || d.Head != 9 || len(d.Holes) != 1 || d.Holes[0] != (messages.Range{From: 7, To: 7}) {
			t.Fatalf("digest %+v", d)
		}
		t.walks(Peer, "retention(4-5) 4-6 missing(4-7) 4-8 4-9 6-1")
		t.lacks(list[0].ID(), list[3].ID(), list[4].ID())
		t.has(list[5], list[7], list[8], next[0])
		if got := t.scanned(storage.Scan{Stream: "test.a", Origin: Peer, Epoch: 4}); len(got) != 3 || got[0] != 6 {
			t.Fatalf("scan %v", got)
		}
		if got := t.Seek(Peer, Start); got != (messages.Position{Origin: Peer}) {
			t.Fatalf("the beginning is sought at %s", got)
		}
	}
	t.again(check)
	t.put(storage.Backfill, storage.HeldAlready, list[0], list[2])
	t.put(storage.Backfill, storage.HeldNew, list[6])
	t.again(func() {
		t.walks(Peer, "retention(4-5) 4-6 4-7 4-8 4-9 6-1")
		t.lacks(list[2].ID())
	})
	if err := t.Raise(Peer, 4, 20); err != nil { // beyond all of it
		t.Fatal(err)
	}
	t.again(func() {
		t.walks(Peer, "retention(4-9) 6-1")
		t.lacks(list[8].ID())
		if got := t.Seek(Peer, Start); got != (messages.Position{Origin: Peer}) {
			t.Fatalf("the beginning is sought at %s: all of the first epoch is gone", got)
		}
		if got := t.Seek(Peer, Start+500); got != list[8].ID().End() {
			t.Fatalf("what came after the first epoch is sought at %s", got)
		}
		if got := t.HeadHash(Peer, 4); got != (messages.Hash{}) {
			t.Fatalf("hash %x of what is not served", got)
		}
	})
}

// raisedBelowLate wants what is late to hide nothing of what retention took below it.
func raisedBelowLate(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Peer, 4, Start)
	list := o.Run(t, 4)
	o.Restart(6, list[2].Position())
	o.At(Start + 1000)
	next := o.Run(t, 2)
	t.put(storage.Live, storage.HeldNew, list[:3]...)
	t.put(storage.Live, storage.HeldNew, next...)
	t.put(storage.Live, storage.HeldLate, list[3])
	if err := t.Raise(Peer, 4, 4); err != nil {
		t.Fatal(err)
	}
	t.again(func() {
		t.walks(Peer, "retention(4-3) 6-1 6-2")
		if got := t.Seek(Peer, Start); got != (messages.Position{Origin: Peer}) {
			t.Fatalf("the beginning is sought at %s", got)
		}
	})
	if err := t.Raise(Peer, 6, 2); err != nil {
		t.Fatal(err)
	}
	t.again(func() {
		if got := t.Seek(Peer, Start+500); got != (messages.Position{Origin: Peer}) {
			t.Fatalf("what came after the first epoch is sought at %s", got)
		}
	})
}

// raisedUnknown wants a floor to be raised before any batch of the epoch is held, and to outlive upkeep.
func raisedUnknown(_ *testing.T, t *trial) {
	t.start(Config{RetentionAge: time.Hour})
	list := NewOrigin(Peer, 4, time.Now().UnixMilli()).Run(t, 7)
	if err := t.Raise(Peer, 4, 5); err != nil {
		t.Fatal(err)
	}
	t.again(func() {
		t.maintain()
		if d := t.Digest()[Peer]; len(d) != 1 || d[0].Epoch != 4 || d[0].Floor != 5 || d[0].Head != 4 || len(d[0].Holes) != 0 {
			t.Fatalf("digest %+v", d)
		}
		if got, want := t.Head(Peer), (messages.Position{Origin: Peer, Epoch: 4, Sequence: 4, Index: messages.IndexEnd}); got != want {
			t.Fatalf("head %s, want %s", got, want)
		}
		t.walks(Peer, "retention(4-4)")
	})
	t.put(storage.Live, storage.HeldNew, list[6])
	t.put(storage.Backfill, storage.HeldAlready, list[0], list[3])
	t.put(storage.Backfill, storage.HeldNew, list[4])
	t.again(func() {
		t.walks(Peer, "retention(4-4) 4-5 wait(4-6)")
		t.has(list[4], list[6])
	})
}

// raisedAgain wants the highest floor to count, and nonsense to be refused.
func raisedAgain(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Self, 4, Start).Run(t, 7)
	t.put(storage.Own, storage.HeldNew, list...)
	for _, floor := range []uint64{3, 5, 2, 5, 1, 0} {
		if err := t.Raise(Self, 4, floor); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ epoch, floor uint64 }{{0, 3}, {4, messages.MaxSequence + 2}, {messages.MaxEpoch + 1, 3}} {
		if err := t.Raise(Self, c.epoch, c.floor); err == nil {
			t.Fatalf("the floor of epoch %d is %d", c.epoch, c.floor)
		}
	}
	t.again(func() {
		t.walks(Self, "retention(4-4) 4-5 4-6 4-7")
		if got := t.Head(Self); got != list[6].Position() {
			t.Fatalf("head %s", got)
		}
	})
	if err := t.Close(); err != nil {
		t.Fatal(err)
	}
	if err := t.Raise(Self, 4, 6); !errors.Is(err, storage.ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
}
