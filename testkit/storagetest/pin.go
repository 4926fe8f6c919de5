package storagetest

import (
	"errors"
	"testing"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// pinOf pins sequences of an origin.
func pinOf(pinned messages.NodeID, from, to uint64) func(messages.NodeID, uint64, messages.Range) bool {
	return func(origin messages.NodeID, _ uint64, run messages.Range) bool {
		return origin == pinned && run.From <= to && run.To >= from
	}
}

func pinAll(messages.NodeID, uint64, messages.Range) bool { return true }

func pinned(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 8 << 20, DiskBudget: 64 << 20})
	t.Pin(pinOf(Self, 50, 60))
	peer := NewOrigin(Peer, 2, Start)
	before := t.fill(storage.Live, peer, 60)
	list := t.fill(storage.Own, NewOrigin(Self, 2, Start), 150)
	after := t.fill(storage.Live, peer, 60)
	t.maintain()
	t.has(list[49:]...) // what follows stays with it: there is one floor
	t.lacks(list[0].ID(), before[0].ID(), after[0].ID())
	if s := t.Stats(); s.Bytes < 9<<20 || s.Pinned < 9<<20 || s.Forced != 0 {
		t.Fatalf("stats %+v", s)
	}
	t.Pin(pinOf(Self, 140, 150))
	t.maintain()
	if d := t.Digest()[Self][0]; d.Floor <= 60 || d.Floor > 140 {
		t.Fatalf("digest %+v", d)
	}
	t.has(list[139:]...)
	t.Pin(nil)
	t.fill(storage.Live, peer, 90)
	t.maintain()
	t.lacks(list[139].ID())
	if s := t.Stats(); s.Bytes > 8<<20 || s.Pinned != 0 {
		t.Fatalf("stats %+v", s)
	}
}

// holesAreNotPinned: what is not held can't be kept, and holds up nothing.
func holesAreNotPinned(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 8 << 20, DiskBudget: 64 << 20})
	t.Pin(pinOf(Self, 3, 3))
	own := NewOrigin(Self, 2, Start)
	t.fill(storage.Own, own, 2)
	own.Next(t)
	t.fill(storage.Own, own, 147)
	t.maintain()
	if d := t.Digest()[Self][0]; d.Floor < 60 {
		t.Fatalf("digest %+v", d)
	}
}

func pinnedOwnFillsTheBudget(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 6 << 20, DiskBudget: 12 << 20})
	t.Pin(pinAll)
	own := NewOrigin(Self, 2, Start)
	var list []wire.Sealed
	for range 300 {
		before := *own
		s := own.Next(t, bulk())
		if _, err := t.Append(storage.Own, []wire.Sealed{s}); errors.Is(err, storage.ErrFull) {
			*own = before
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if list = append(list, s); len(list)%10 == 0 {
			t.sync()
			t.maintain()
		}
	}
	t.sync()
	t.maintain()
	if n := len(list); n < 100 || n > 126 {
		t.Fatalf("%d batches of 100 KB were taken", n)
	}
	t.has(list...)
	if s := t.Stats(); s.Full == "" || s.Forced != 0 {
		t.Fatalf("stats %+v", s)
	}
	t.Pin(nil)
	t.maintain()
	t.lacks(list[0].ID())
	t.put(storage.Own, storage.HeldNew, own.Next(t))
}

func pinnedOfPeersGoLast(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 6 << 20, DiskBudget: 12 << 20})
	t.Pin(pinAll)
	mine := t.fill(storage.Own, NewOrigin(Self, 2, Start), 30)
	peer := NewOrigin(Peer, 2, Start)
	var theirs []wire.Sealed
	for range 30 {
		theirs = append(theirs, t.fill(storage.Live, peer, 10)...)
		t.maintain()
	}
	t.has(mine...)
	t.has(theirs[len(theirs)-50:]...)
	t.lacks(theirs[0].ID())
	s := t.Stats()
	if s.Bytes > 14<<20 || s.Forced < 150 || s.Forced > 260 {
		t.Fatalf("stats %+v", s)
	}
}

func (t *trial) sync() {
	t.Helper()
	if err := t.Sync(); err != nil {
		t.Fatal(err)
	}
}
