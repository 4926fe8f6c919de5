package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
		"own batches are refused where the budget is used up":  budget,
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

func streams(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Peer, 1, Start)
	t.put(storage.Live, storage.HeldNew,
		o.Next(t, Draft("a.x", `1`), Draft("b.y", `22`), Draft("a.x", `333`)),
		o.Next(t, Draft("b.y", `4`), Draft("$errors.z", `5`)))
	want := []storage.StreamInfo{{Stream: "a.x", Records: 2, Bytes: 4, Last: Start}, {Stream: "b.y", Records: 2, Bytes: 3, Last: Start}}
	t.again(func() {
		if got := t.Streams(messages.Everything); !slices.Equal(got, want) {
			t.Fatalf("streams %+v, want %+v", got, want)
		}
		if got := t.Streams("a.>"); len(got) != 1 {
			t.Fatalf("streams %+v", got)
		}
		for after, list := range map[messages.Stream][]storage.StreamInfo{"": want[:1], "a.x": want[1:], "a.y": want[1:], "b.y": nil} {
			if got := t.StreamsAfter(messages.Everything, after, 1); !slices.Equal(got, list) {
				t.Fatalf("streams after %q: %+v, want %+v", after, got, list)
			}
		}
		if got := t.StreamsAfter("b.>", "", 10); !slices.Equal(got, want[1:]) {
			t.Fatalf("streams that match: %+v, want %+v", got, want[1:])
		}
	})
}

func scan(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Peer, 3, Start)
	for i := range 30 {
		o.At(Start + int64(i)*100)
		stream := messages.Stream("even")
		if i%2 == 0 { // sequence i+1
			stream = "odd"
		}
		t.put(storage.Live, storage.HeldNew, o.Next(t, Draft(stream, `1`), Draft("all", `2`)))
	}
	q := storage.Scan{Stream: "odd", Origin: Peer, Epoch: 3}
	for _, c := range []struct {
		name string
		with func(*storage.Scan)
		want []uint64
	}{
		{"bounded", func(q *storage.Scan) { q.From, q.To = 4, 9 }, []uint64{5, 7, 9}},
		{"descending", func(q *storage.Scan) { q.From, q.To, q.Descending = 4, 9, true }, []uint64{9, 7, 5}},
		{"open", func(q *storage.Scan) { q.From = 26 }, []uint64{27, 29}},
		{"by time", func(q *storage.Scan) { q.FromMs, q.ToMs = Start+200, Start+700 }, []uint64{3, 5, 7}},
		{"before a time", func(q *storage.Scan) { q.ToMs = Start + 201 }, []uint64{1, 3}},
		{"no such stream", func(q *storage.Scan) { q.Stream = "none" }, nil},
		{"no such epoch", func(q *storage.Scan) { q.Epoch = 9 }, nil},
	} {
		q := q
		c.with(&q)
		if got := t.scanned(q); !slices.Equal(got, c.want) {
			t.Fatalf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	t.again(func() {
		if got := len(t.scanned(storage.Scan{Stream: "all", Origin: Peer, Epoch: 3})); got != 30 {
			t.Fatalf("%d batches", got)
		}
	})
	for _, err := range t.Scan(storage.Scan{Stream: "all", Origin: Peer, Epoch: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		break // stopping early is the reader's right
	}
}

func scanOutOfOrder(_ *testing.T, t *trial) {
	t.start(Config{})
	list := NewOrigin(Peer, 3, Start).Run(t, 12)
	t.put(storage.Live, storage.HeldNew, list[6:]...)
	t.put(storage.Backfill, storage.HeldNew, list[4], list[5], list[2])
	t.put(storage.Live, storage.HeldNew, list[0], list[3])
	t.again(func() {
		q := storage.Scan{Stream: "test.a", Origin: Peer, Epoch: 3}
		if got := t.scanned(q); !slices.Equal(got, []uint64{1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) {
			t.Fatalf("%v", got)
		}
		q.Descending, q.To = true, 6
		if got := t.scanned(q); !slices.Equal(got, []uint64{6, 5, 4, 3, 1}) {
			t.Fatalf("%v", got)
		}
	})
}

func identities(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Peer, 3, Start)
	draft := func(source, id string) messages.Draft {
		d := Draft("test.a", `1`)
		d.Source, d.NativeID = source, id
		return d
	}
	drafts := []messages.Draft{draft("", "1"), draft("feed", "1"), draft("", ""), draft("feed", "2")}
	for i := range drafts {
		o.At(Start + int64(i)*1000)
		t.put(storage.Live, storage.HeldNew, o.Next(t, drafts[i]))
	}
	told := func(since int64, source *string) map[messages.Identity]int64 {
		got := make(map[messages.Identity]int64)
		for at, err := range t.Identities(since, source) {
			if err != nil {
				t.Fatal(err)
			}
			got[at.Identity] = at.Ms
		}
		return got
	}
	published, feed := "", "feed"
	one := func(i int) map[messages.Identity]int64 {
		return map[messages.Identity]int64{drafts[i].Identity(): Start + int64(i)*1000}
	}
	t.again(func() {
		if got := told(0, nil); len(got) != 3 {
			t.Fatalf("all: %v", got)
		}
		if got := told(0, &published); !maps.Equal(got, one(0)) {
			t.Fatalf("published: %v", got)
		}
		if got := told(Start+1001, &feed); !maps.Equal(got, one(3)) {
			t.Fatalf("of a source since: %v", got)
		}
		if got := told(Start+3001, nil); len(got) != 0 {
			t.Fatalf("none is so new: %v", got)
		}
	})
}

func seek(_ *testing.T, t *trial) {
	t.start(Config{})
	o := NewOrigin(Peer, 3, Start)
	var list []wire.Sealed
	for i := range 10 {
		if i == 6 {
			o.Restart(9, list[5].Position())
		}
		o.At(Start + int64(i)*1000)
		list = append(list, o.Next(t))
	}
	t.put(storage.Live, storage.HeldNew, list...)
	t.again(func() {
		for ms, next := range map[int64]int{0: 0, Start: 0, Start + 1: 1, Start + 3000: 3, Start + 5500: 6, Start + 7000: 7} {
			at := t.Seek(Peer, ms)
			if step := t.Next(at); step.Kind != messages.StepBatch || step.Batch != list[next].ID() {
				t.Fatalf("seek of %d gave %s, from which comes %+v; want %s", ms-Start, at, step, list[next].ID())
			}
		}
		if got := t.Seek(Peer, Start+9001); got != t.Head(Peer) {
			t.Fatalf("seek beyond all gave %s", got)
		}
	})
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
