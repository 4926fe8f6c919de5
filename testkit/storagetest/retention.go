package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

func floors(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 8 << 20})
	list := t.fill(storage.Own, NewOrigin(Self, 2, Start), 150)
	t.maintain()
	t.again(func() {
		d := t.Digest()[Self][0]
		if d.Floor < 60 || d.Floor > 100 || d.Head != 150 || len(d.Holes) != 0 {
			t.Fatalf("digest %+v", d)
		}
		if s := t.Stats(); s.Bytes > 8<<20 {
			t.Fatalf("%d bytes are kept", s.Bytes)
		}
		t.has(list[d.Floor-1:]...)
		t.lacks(list[0].ID(), list[d.Floor-2].ID())
		if got := t.walk(Self); !strings.HasPrefix(got, fmt.Sprintf("retention(2-%d) 2-%d ", d.Floor-1, d.Floor)) {
			t.Fatalf("the line reads %.60q", got)
		}
		var records uint64
		for _, s := range t.Streams(messages.Everything) {
			records += s.Records
		}
		if want := 150 - d.Floor + 1; records != want || t.Stats().Records != want {
			t.Fatalf("%d and %d records are counted, want %d", records, t.Stats().Records, want)
		}
	})
}

func belowFloor(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 8 << 20})
	list := t.fill(storage.Live, NewOrigin(Peer, 2, Start), 120)
	t.maintain()
	t.again(func() {
		t.put(storage.Backfill, storage.HeldAlready, list[0], list[3])
		t.lacks(list[0].ID())
	})
}

func budget(_ *testing.T, t *trial) {
	t.start(Config{DiskBudget: 8 << 20})
	own := NewOrigin(Self, 2, Start)
	var err error
	for range 200 {
		if _, err = t.Append(storage.Own, []wire.Sealed{own.Next(t, Draft("test.fill", strings.Repeat("\"x\"", 3)), bulk())}); err != nil {
			break
		}
	}
	if !errors.Is(err, storage.ErrFull) {
		t.Fatalf("append: %v, want full", err)
	}
	if s := t.Stats(); s.Full == "" || s.Bytes > 9<<20 {
		t.Fatalf("stats %+v", s)
	}
	t.put(storage.Live, storage.HeldNew, NewOrigin(Peer, 1, Start).Run(t, 3)...)
}

func seekBelowFloor(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 8 << 20})
	t.fill(storage.Live, NewOrigin(Peer, 2, Start), 120)
	t.maintain()
	t.again(func() {
		if got := t.Seek(Peer, Start-1); got != (messages.Position{Origin: Peer}) {
			t.Fatalf("seek gave %s", got)
		}
	})
}
