package storagetest

import (
	"maps"
	"slices"
	"testing"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

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
