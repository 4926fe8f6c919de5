package storagetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// nothing is no error, and changes nothing.
func nothing(_ *testing.T, t *trial) {
	t.start(Config{})
	if held, err := t.Append(storage.Own, nil); err != nil || len(held) != 0 {
		t.Fatalf("append of nothing: %v, %v", held, err)
	}
	for range 3 {
		if err := t.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	t.maintain()
	t.again(func() {
		if s := t.Stats(); s.Batches != 0 || s.Records != 0 || s.Full != "" || s.Refused != "" {
			t.Fatalf("stats %+v", s)
		}
	})
}

// refusedStoresNothing wants an Append that fails to store none of its batches, and to take no place.
func refusedStoresNothing(_ *testing.T, t *trial) {
	t.start(Config{DiskBudget: 8 << 20})
	own := NewOrigin(Self, 2, Start)
	var stored []wire.Sealed
	for {
		before := *own
		two := []wire.Sealed{own.Next(t, bulk()), own.Next(t, bulk())}
		_, err := t.Append(storage.Own, two)
		if err == nil {
			stored = append(stored, two...)
			continue
		}
		if !errors.Is(err, storage.ErrFull) {
			t.Fatal(err)
		}
		*own = before
		break
	}
	refused := messages.BatchID{Origin: Self, Epoch: 2, Sequence: own.Sequence + 1}
	t.again(func() {
		t.lacks(refused)
		t.has(stored[0], stored[len(stored)-1])
		if got := t.Head(Self); got != stored[len(stored)-1].Position() {
			t.Fatalf("head %s", got)
		}
		if d := t.Digest()[Self]; len(d) != 1 || d[0].Head != own.Sequence || len(d[0].Holes) != 0 {
			t.Fatalf("digest %+v", d)
		}
	})
}

// digestIsTheCallers wants what a caller does to a digest to change nothing.
func digestIsTheCallers(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Peer, 4, Start).Run(t, 9)
	t.put(storage.Live, storage.HeldNew, list[0], list[4], list[8])
	d := t.Digest()
	d[Peer][0].Holes[0] = messages.Range{From: 7, To: 7}
	d[Peer][0].Head = 1
	delete(d, Peer)
	if got := t.Digest()[Peer]; len(got) != 1 || got[0].Head != 9 || !slices.Equal(got[0].Holes, []messages.Range{{From: 2, To: 4}, {From: 6, To: 8}}) {
		t.Fatalf("digest %+v", got)
	}
	origins := t.Origins()
	origins[0] = "changed"
	if got := t.Origins(); !slices.Equal(got, []messages.NodeID{Peer}) {
		t.Fatalf("origins %v", got)
	}
}

// byAge wants what is older than the retention's age to go, all of it where all is, and the
// line to be remembered.
func byAge(_ *testing.T, t *trial) {
	t.start(Config{RetentionAge: time.Hour})
	list := NewOrigin(Self, 2, time.Now().UnixMilli()).Run(t, 12)
	t.put(storage.Own, storage.HeldNew, list...)
	if err := t.Sync(); err != nil {
		t.Fatal(err)
	}
	t.maintain()
	t.has(list...)
	now := time.Now()
	for range 4 {
		now = now.Add(30 * time.Minute)
		if err := t.Maintain(now); err != nil {
			t.Fatal(err)
		}
	}
	t.again(func() {
		t.lacks(list[0].ID(), list[11].ID())
		if got := t.Head(Self); got != list[11].Position() {
			t.Fatalf("head of the emptied line %s, want %s", got, list[11].Position())
		}
		if d := t.Digest()[Self]; len(d) != 1 || d[0].Floor != 13 || d[0].Head != 12 || d[0].HeadHLC != list[11].Last {
			t.Fatalf("digest %+v", d)
		}
		if got := t.Origins(); !slices.Equal(got, []messages.NodeID{Self}) {
			t.Fatalf("origins %v", got)
		}
		t.walks(Self, "retention(2-12)")
		if s := t.Stats(); s.Batches != 0 || s.Records != 0 || len(t.Streams(messages.Everything)) != 0 {
			t.Fatalf("stats %+v, streams %+v", s, t.Streams(messages.Everything))
		}
	})
}

// lateIsInHistory wants what is beyond the end of its epoch to be scanned and told of, though it is
// never delivered.
func lateIsInHistory(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Peer, 5, Start)
	first := o.Run(t, 4)
	o.Restart(8, first[2].Position())
	second := o.Run(t, 1)
	t.put(storage.Live, storage.HeldNew, first[:3]...)
	t.put(storage.Live, storage.HeldNew, second...)
	t.put(storage.Live, storage.HeldLate, first[3])
	t.put(storage.Live, storage.HeldAlready, first[3])
	t.again(func() {
		if got := t.scanned(storage.Scan{Stream: "test.a", Origin: Peer, Epoch: 5}); !slices.Equal(got, []uint64{1, 2, 3, 4}) {
			t.Fatalf("scan %v", got)
		}
		if d := t.Digest()[Peer]; d[0].Head != 4 {
			t.Fatalf("digest %+v", d)
		}
	})
}

// scrubIsBounded wants a scrub to read no more than a batch beyond what it may, and to end with its context.
func scrubIsBounded(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 8 << 20})
	t.fill(storage.Own, NewOrigin(Self, 2, Start), 40)
	t.maintain()
	for range 10 {
		if n, err := t.Scrub(context.Background(), 300_000); err != nil || n > 300_000+110_000 {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if n, err := t.Scrub(ctx, 300_000); n != 0 || err != nil && !errors.Is(err, context.Canceled) {
		t.Fatalf("with a context that ended: %d bytes, %v", n, err)
	}
}

// manyOrigins wants each origin to have a line of its own.
func manyOrigins(_ *testing.T, t *trial) {
	t.start(Config{})
	var want []messages.NodeID
	for i := range 20 {
		id := messages.NodeID("node" + string(rune('a'+i)))
		want = append(want, id)
		o := NewOrigin(id, uint64(i+1), Start+int64(i))
		t.put(storage.Live, storage.HeldNew, o.Run(t, i+1)...)
	}
	t.again(func() {
		if got := t.Origins(); !slices.Equal(got, want) {
			t.Fatalf("origins %v", got)
		}
		for i, id := range want {
			if got := t.Head(id); got.Epoch != uint64(i+1) || got.Sequence != uint64(i+1) {
				t.Fatalf("head %s", got)
			}
		}
	})
}

// belowFloorOutOfOrder wants what was held before its floor rose above it to be served no more: of an
// origin whose newest batches came first, retention takes the newest first.
func belowFloorOutOfOrder(_ *testing.T, t *trial) {
	t.start(Config{RetentionBytes: 8 << 20})
	origin := NewOrigin(Peer, 2, Start)
	all := make([]wire.Sealed, 120)
	for i := range all {
		all[i] = origin.Next(t, bulk())
	}
	for from := 40; from < 120; from += 10 {
		t.put(storage.Live, storage.HeldNew, all[from:from+10]...)
	}
	for from := 0; from < 40; from += 10 {
		t.put(storage.Backfill, storage.HeldNew, all[from:from+10]...)
	}
	t.maintain()
	t.again(func() {
		floor := t.Digest()[Peer][0].Floor
		if floor <= 41 {
			t.Fatalf("the floor is %d: nothing that came first was dropped", floor)
		}
		for i := range all {
			if all[i].Sequence < floor {
				t.lacks(all[i].ID())
			}
		}
		t.has(all[floor-1:]...)
		var scanned int
		for ref, err := range t.Scan(storage.Scan{Stream: bulk().Stream, Origin: Peer, Epoch: 2}) {
			if err != nil {
				t.Fatal(err)
			}
			if ref.ID.Sequence < floor {
				t.Fatalf("a scan gives %s, the floor is %d", ref.ID, floor)
			}
			scanned++
		}
		if scanned != len(all)-int(floor)+1 {
			t.Fatalf("a scan gives %d batches, the floor is %d", scanned, floor)
		}
		if got := t.Seek(Peer, Start); got != (messages.Position{Origin: Peer}) {
			t.Fatalf("the beginning is sought at %s", got)
		}
	})
}
