package storagetest

import (
	"slices"
	"testing"

	"anode/messages"
	"anode/storage"
)

func holes(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Peer, 4, Start).Run(t, 9)
	t.put(storage.Live, storage.HeldNew, list[0], list[1], list[4], list[8])
	t.again(func() {
		t.walks(Peer, "4-1 4-2 wait(4-3)")
		if got := t.Digest()[Peer][0].Holes; !slices.Equal(got, []messages.Range{{From: 3, To: 4}, {From: 6, To: 8}}) {
			t.Fatalf("holes %v", got)
		}
	})
	t.put(storage.Backfill, storage.HeldNew, list[3], list[2], list[6], list[5], list[7])
	t.again(func() {
		t.walks(Peer, "4-1 4-2 4-3 4-4 4-5 4-6 4-7 4-8 4-9")
		t.has(list...)
	})
}

func givenUp(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Peer, 4, Start).Run(t, 8)
	t.put(storage.Live, storage.HeldNew, list[0], list[4], list[7])
	if err := t.GiveUp(Peer, 4, messages.Range{From: 1, To: 6}); err != nil {
		t.Fatal(err)
	}
	t.again(func() { t.walks(Peer, "4-1 missing(4-4) 4-5 missing(4-6) wait(4-7)") })
	t.put(storage.Backfill, storage.HeldNew, list[1])
	t.again(func() { t.walks(Peer, "4-1 4-2 missing(4-4) 4-5 missing(4-6) wait(4-7)") })
}

func epochs(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Self, 5, Start)
	first := o.Run(t, 3)
	o.Restart(8, first[2].Position())
	second := o.Run(t, 2)
	o.Restart(11, second[1].Position())
	third := o.Run(t, 1)
	t.put(storage.Own, storage.HeldNew, first...)
	t.put(storage.Own, storage.HeldNew, third...)
	t.again(func() { t.walks(Self, "5-1 5-2 5-3 wait(8-1)") })
	t.put(storage.Backfill, storage.HeldNew, second...)
	t.again(func() {
		t.walks(Self, "5-1 5-2 5-3 8-1 8-2 11-1")
		if got := t.Head(Self); got != third[0].Position() {
			t.Fatalf("head %s", got)
		}
	})
}

func late(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Peer, 5, Start)
	first := o.Run(t, 4)
	o.Restart(8, first[2].Position())
	second := o.Run(t, 2)
	t.put(storage.Live, storage.HeldNew, first[:3]...)
	t.put(storage.Live, storage.HeldNew, second...)
	t.put(storage.Live, storage.HeldLate, first[3])
	t.again(func() {
		t.has(first...)
		t.walks(Peer, "5-1 5-2 5-3 8-1 8-2")
	})
}
