package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
)

// ArchiveConfig says what an archive takes.
type ArchiveConfig struct {
	Streams messages.Pattern
	TTL     time.Duration
}

// OpenedArchives are made for one check: Open gives another archive over the same, empty at first, database.
type OpenedArchives struct {
	Open func(ArchiveConfig) storage.Archive
	// Wait lets time pass for what is kept for a TTL.
	Wait func(time.Duration)
}

// Archive checks a storage.Archive.
func Archive(t *testing.T, open func(t *testing.T) OpenedArchives) {
	t.Helper()
	for name, check := range map[string]func(*testing.T, *archives){
		"records come back as they were":             sameRecords,
		"a scan is in order of time":                 scansInOrder,
		"what is written again is there once":        writtenAgain,
		"only what is taken is written":              takes,
		"what is confirmed is joined":                confirmed,
		"marks say when":                             marks,
		"a mark is at the lowest of its minute":      lowestMark,
		"what a ttl took is gone, and its marks too": expires,
		"origins and streams within a time":          whereabouts,
		"a large record, and a full batch":           large,
		"a scan that is left reads no more":          leaves,
		"what ended its context ends":                ends,
		"random batches by many writers":             randomly,
	} {
		t.Run(name, func(t *testing.T) {
			a := &archives{T: t, OpenedArchives: open(t)}
			check(t, a)
		})
	}
}

func sameRecords(_ *testing.T, a *archives) {
	o := NewOrigin(Self, 7, Start)
	now := time.UnixMilli(Start).UTC()
	list := a.batches(o.Next(a,
		messages.Draft{Stream: "s.full", Source: "src", Key: "k", NativeID: "n", Time: now.Add(123456789), Payload: []byte(`{"a":1.50e3,"b":"\u00e4"}`)},
		messages.Draft{Stream: "s.full", Payload: []byte("null")},
		messages.Draft{Stream: "s.full", ContentType: "application/octet-stream", Payload: []byte{0, 1, 0xff, 0xfe}},
		messages.Draft{Stream: "s.full", ContentType: "text/plain", Payload: []byte("a\x00text \xff that is none")},
		messages.Draft{Stream: "s.full", ContentType: "text/plain; charset=utf-8", Payload: nil},
		messages.Draft{Stream: "s.full", Key: "ключ", NativeID: "\"'", Time: time.Date(1678, 2, 1, 0, 0, 0, 1, time.UTC), Payload: []byte("[]")},
		messages.Draft{Stream: "s.full", Time: time.Date(2262, 1, 1, 0, 0, 0, 999_999_999, time.UTC), Payload: []byte(`"x"`)},
		messages.Draft{Stream: "s.full", Time: time.Unix(0, 0), Payload: []byte(`1`)},
	))
	w := a.Open(ArchiveConfig{})
	a.write(w, list...)
	for _, from := range []storage.Archive{w, a.Open(ArchiveConfig{})} {
		a.same(a.scan(from, storage.ArchiveScan{Stream: "s.full", Origin: Self}), recordsOf("s.full", list...))
	}
}

func scansInOrder(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{})
	o := NewOrigin(Self, 7, Start)
	var list []*messages.Batch
	for i := range 40 {
		o.At(Start + int64(i)*3_700_000) // more than a day in all
		list = append(list, a.batches(o.Next(a, Draft("s.x", "1"), Draft("s.y", "2"), Draft("s.x", "3")))...)
	}
	o.Restart(9, list[len(list)-1].Position())
	o.HLC = messages.HLCFromMillis(Start + 3_700_000) // its clock was put back, to the ms of another batch
	for range 5 {
		list = append(list, a.batches(o.Next(a, Draft("s.x", "4")))...)
	}
	a.write(w, list...)
	all := byTime(recordsOf("s.x", list...))
	for _, page := range []int{0, 1, 7} {
		a.same(a.scan(w, storage.ArchiveScan{Stream: "s.x", Origin: Self, Page: page}), all)
		back := slices.Clone(all)
		slices.Reverse(back)
		a.same(a.scan(w, storage.ArchiveScan{Stream: "s.x", Origin: Self, Descending: true, Page: page}), back)
	}
	from, to := all[10].HLC.Millis(), all[30].HLC.Millis()
	within := slices.DeleteFunc(slices.Clone(all), func(r *messages.Record) bool { return r.HLC.Millis() < from || r.HLC.Millis() >= to })
	a.same(a.scan(w, storage.ArchiveScan{Stream: "s.x", Origin: Self, FromMs: from, ToMs: to}), within)
	a.same(a.scan(w, storage.ArchiveScan{Stream: "s.x", Origin: Self, Epoch: 9}), recordsOf("s.x", list[40:]...))
	a.same(a.scan(w, storage.ArchiveScan{Stream: "s.x", Origin: Self, Epoch: 7, After: 10}), recordsOf("s.x", list[10:40]...))
	a.same(a.scan(w, storage.ArchiveScan{Stream: "s.z", Origin: Self}), nil)
	a.same(a.scan(w, storage.ArchiveScan{Stream: "s.x", Origin: "other"}), nil)
	a.same(a.scan(w, storage.ArchiveScan{Stream: "s.x", Origin: Self, FromMs: 1, ToMs: Start}), nil)
}

func writtenAgain(_ *testing.T, a *archives) {
	one, two := a.Open(ArchiveConfig{}), a.Open(ArchiveConfig{})
	list := a.batches(NewOrigin(Self, 7, Start).Run(a, 20)...)
	a.write(one, list...)
	a.write(two, list[5:]...)
	slices.Reverse(list)
	a.write(one, list...)
	a.same(a.scan(two, storage.ArchiveScan{Stream: "test.a", Origin: Self}), byTime(recordsOf("test.a", list...)))
}

func takes(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{Streams: "s.*"})
	list := a.batches(NewOrigin(Self, 7, Start).Next(a, Draft("s.x", "1"), Draft("t.x", "2"), Draft("$s.x", "3"), Draft("s.x.y", "4")))
	a.write(w, list...)
	for stream, n := range map[messages.Stream]int{"s.x": 1, "t.x": 0, "$s.x": 0, "s.x.y": 0} {
		if got := a.scan(w, storage.ArchiveScan{Stream: stream, Origin: Self}); len(got) != n {
			a.Errorf("%s has %d records, want %d", stream, len(got), n)
		}
	}
	o := NewOrigin("other", 7, Start)
	a.write(w, a.batches(o.Next(a, Draft("t.x", "1")), o.Next(a, Draft("s.x", "1")))...)
	if m, err := w.Oldest(a.Context(), "other", 7); err != nil || m.Sequence != 1 {
		a.Errorf("the oldest mark is %+v, %v, want that of the batch of which nothing is taken", m, err)
	}
	if w.Takes() != "s.*" || a.Open(ArchiveConfig{}).Takes() != messages.Everything {
		a.Errorf("takes %q", w.Takes())
	}
}

func (a *archives) confirm(to storage.Archive, by messages.NodeID, done ...storage.Archived) {
	a.Helper()
	if err := to.Confirm(a.Context(), by, done); err != nil {
		a.Fatal(err)
	}
}

func confirmed(_ *testing.T, a *archives) {
	one, two := a.Open(ArchiveConfig{}), a.Open(ArchiveConfig{})
	first := storage.Archived{Origin: Self, Epoch: 7, Streams: messages.Everything, Begun: true, Runs: messages.Ranges{{From: 1, To: 5}}, HeadIndex: 3, HeadHLC: 100}
	later := storage.Archived{Origin: Self, Epoch: 7, Streams: messages.Everything, Runs: messages.Ranges{{From: 4, To: 9}, {From: 20, To: 20}}, HeadIndex: 1, HeadHLC: 90}
	narrow := storage.Archived{Origin: Self, Epoch: 7, Streams: "s.*", Runs: messages.Ranges{{From: 6, To: 10}}, HeadIndex: 8, HeadHLC: 120}
	next := storage.Archived{
		Origin: Self, Epoch: 8, Streams: messages.Everything, Begun: true, Prior: messages.Position{Origin: Self, Epoch: 7, Sequence: 20, Index: 1},
		Runs: messages.Ranges{{From: 1, To: 1}},
	}
	other := storage.Archived{Origin: "other", Epoch: 1 << 55, Streams: messages.Everything, Runs: messages.Ranges{{From: 1 << 55, To: 1 << 55}}, HeadIndex: messages.IndexEnd, HeadHLC: 1 << 60}
	a.confirm(one, "n1", first, next)
	a.confirm(two, "n2", later, narrow, other)
	joined := first
	joined.Runs, joined.HeadIndex = messages.Ranges{{From: 1, To: 9}, {From: 20, To: 20}}, 1
	check := func(origin messages.NodeID, want ...storage.Archived) {
		a.Helper()
		for _, from := range []storage.Archive{one, two} {
			if got, err := from.Confirmed(a.Context(), origin); err != nil || !reflect.DeepEqual(got, want) {
				a.Fatalf("confirmed of %q is %+v, %v, want %+v", origin, got, err, want)
			}
		}
	}
	check(Self, joined, narrow, next)
	check("", other, joined, narrow, next)
	a.confirm(one, "n1", storage.Archived{Origin: Self, Epoch: 7, Streams: messages.Everything, Runs: messages.Ranges{{From: 7, To: 7}}})
	check(Self, joined, narrow, next)
	if got, err := one.Confirmed(a.Context(), "nobody"); err != nil || len(got) != 0 {
		a.Fatalf("%v, %v", got, err)
	}
}

func marks(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{})
	o := NewOrigin(Self, 7, Start)
	var list []*messages.Batch
	for i := range 60 {
		o.At(Start + int64(i)*10_000)
		list = append(list, a.batches(o.Next(a))...)
	}
	a.write(w, list[10:]...)
	oldest, err := w.Oldest(a.Context(), Self, 7)
	if err != nil || oldest.Sequence != 11 || oldest.Ms != list[10].First.Millis() {
		a.Fatalf("the oldest mark is %+v, %v", oldest, err)
	}
	for i := 10; i < 60; i++ {
		m, err := w.Locate(a.Context(), list[i].ID())
		switch {
		case err != nil, m.Sequence > list[i].Sequence, m.Sequence == 0:
			a.Fatalf("batch %d is behind %+v, %v", list[i].Sequence, m, err)
		case m.Ms != list[m.Sequence-1].First.Millis():
			a.Fatalf("%+v is not true", m)
		case list[i].First.Millis()-m.Ms > 120_000:
			a.Fatalf("batch %d is far behind %+v", list[i].Sequence, m)
		}
	}
	for _, id := range []messages.BatchID{list[5].ID(), {Origin: Self, Epoch: 8, Sequence: 5}, {Origin: "other", Epoch: 7, Sequence: 40}} {
		if m, err := w.Locate(a.Context(), id); err != nil || m != (storage.Mark{}) {
			a.Errorf("%s: %+v, %v", id, m, err)
		}
	}
	if m, err := w.Oldest(a.Context(), Self, 8); err != nil || m != (storage.Mark{}) {
		a.Errorf("%+v, %v", m, err)
	}
}

// lowestMark writes what was received in one minute against its order: else the oldest mark would say that the rest is gone.
func lowestMark(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{TTL: time.Hour})
	list := a.batches(NewOrigin(Self, 7, Start).Run(a, 5)...)
	slices.Reverse(list)
	for _, b := range list {
		a.write(w, b)
	}
	a.write(w, list[0])
	if m, err := w.Oldest(a.Context(), Self, 7); err != nil || m.Sequence != 1 || m.Ms != list[4].First.Millis() {
		a.Errorf("the oldest mark is %+v, %v, want the first batch's", m, err)
	}
}

func expires(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{TTL: 2 * time.Second})
	if w.TTL() != 2*time.Second {
		a.Errorf("the ttl is %s", w.TTL())
	}
	o := NewOrigin(Self, 7, Start)
	a.write(w, a.batches(o.Next(a))...)
	a.confirm(w, Self, storage.Archived{Origin: Self, Epoch: 7, Streams: messages.Everything, Runs: messages.Ranges{{From: 1, To: 1}}})
	a.Wait(4 * time.Second)
	o.At(Start + 600_000)
	later := a.batches(o.Next(a))
	a.write(w, later...)
	a.same(a.scan(w, storage.ArchiveScan{Stream: "test.a", Origin: Self}), recordsOf("test.a", later...))
	if m, err := w.Oldest(a.Context(), Self, 7); err != nil || m.Sequence != 2 {
		a.Errorf("the oldest mark is %+v, %v", m, err)
	}
	if done, err := w.Confirmed(a.Context(), Self); err != nil || len(done) != 1 {
		a.Errorf("what was confirmed is %v, %v", done, err)
	}
}

func whereabouts(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{})
	const day = 24 * 3600 * 1000
	for i, id := range []messages.NodeID{"a", "b", "c"} {
		o := NewOrigin(id, 7, Start+int64(i)*10*day)
		a.write(w, a.batches(o.Next(a, Draft("s.x", "1"), Draft(messages.Stream("s.of."+id), "1"), Draft("t.y", "1")))...)
	}
	origins := func(stream messages.Stream, from, to int64, must, mayNot []messages.NodeID) {
		a.Helper()
		got, err := w.Origins(a.Context(), stream, from, to)
		if err != nil || !slices.IsSorted(got) {
			a.Fatalf("origins of %s: %v, %v", stream, got, err)
		}
		for _, id := range must {
			if !slices.Contains(got, id) {
				a.Errorf("%s in [%d, %d): %v lacks %s", stream, from, to, got, id)
			}
		}
		for _, id := range mayNot {
			if slices.Contains(got, id) {
				a.Errorf("%s in [%d, %d): %v has %s", stream, from, to, got, id)
			}
		}
	}
	origins("s.x", 0, 0, []messages.NodeID{"a", "b", "c"}, nil)
	origins("s.x", Start+5*day, 0, []messages.NodeID{"b", "c"}, []messages.NodeID{"a"})
	origins("s.x", Start+5*day, Start+15*day, []messages.NodeID{"b"}, []messages.NodeID{"a", "c"})
	origins("s.of.b", 0, 0, []messages.NodeID{"b"}, []messages.NodeID{"a", "c"})
	origins("s.none", 0, 0, nil, []messages.NodeID{"a", "b", "c"})
	streams := func(origin messages.NodeID, from, to int64, match []messages.Pattern, want ...messages.Stream) {
		a.Helper()
		var got []messages.Stream
		for s, err := range w.Streams(a.Context(), origin, match, from, to) {
			if err != nil {
				a.Fatal(err)
			}
			got = append(got, s)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			a.Errorf("streams of %s in [%d, %d) for %v are %v, want %v", origin, from, to, match, got, want)
		}
	}
	streams("b", 0, 0, []messages.Pattern{">"}, "s.of.b", "s.x", "t.y")
	streams("b", 0, 0, []messages.Pattern{"s.>", "s.*", "$x.>"}, "s.of.b", "s.x")
	streams("b", Start, Start+5*day, []messages.Pattern{">"})
	streams("b", Start+9*day, 0, []messages.Pattern{"s.*"}, "s.x")
	streams("nobody", 0, 0, []messages.Pattern{">"})
	var all []messages.Stream
	for s, err := range w.All(a.Context()) {
		if err != nil {
			a.Fatal(err)
		}
		all = append(all, s)
	}
	slices.Sort(all)
	if want := []messages.Stream{"s.of.a", "s.of.b", "s.of.c", "s.x", "t.y"}; !slices.Equal(all, want) {
		a.Errorf("all streams are %v, want %v", all, want)
	}
}

func large(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{})
	o := NewOrigin(Self, 7, Start)
	payload := make([]byte, messages.MaxPayload)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range payload {
		payload[i] = byte(r.Uint32())
	}
	drafts := make([]messages.Draft, messages.MaxBatchRecords)
	for i := range drafts {
		drafts[i] = Draft(messages.Stream(fmt.Sprintf("many.s%d", i%100)), fmt.Sprintf(`{"n":%d,"pad":"%060d"}`, i, i))
	}
	list := a.batches(
		o.Next(a, messages.Draft{Stream: "s.large", ContentType: "application/octet-stream", Payload: payload}),
		o.Next(a, drafts...),
	)
	a.write(w, list...)
	a.same(a.scan(w, storage.ArchiveScan{Stream: "s.large", Origin: Self}), recordsOf("s.large", list...))
	a.same(a.scan(w, storage.ArchiveScan{Stream: "many.s42", Origin: Self}), recordsOf("many.s42", list...))
}

func leaves(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{})
	list := a.batches(NewOrigin(Self, 7, Start).Run(a, 50)...)
	a.write(w, list...)
	n := 0
	for r, err := range w.Scan(a.Context(), storage.ArchiveScan{Stream: "test.a", Origin: Self, Page: 5}) {
		if err != nil {
			a.Fatal(err)
		}
		if n++; n == 12 {
			if r.Position.Sequence != 12 {
				a.Errorf("record 12 is %s", r.Position)
			}
			break
		}
	}
}

func ends(_ *testing.T, a *archives) {
	w := a.Open(ArchiveConfig{})
	list := a.batches(NewOrigin(Self, 7, Start).Run(a, 3)...)
	ctx, cancel := context.WithCancelCause(a.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := w.Write(ctx, list); err == nil {
		a.Error("it was written nevertheless")
	}
	if _, err := w.Confirmed(ctx, ""); err == nil {
		a.Error("it was read nevertheless")
	}
	failed := false
	for _, err := range w.Scan(ctx, storage.ArchiveScan{Stream: "test.a", Origin: Self}) {
		failed = failed || err != nil
	}
	if !failed {
		a.Error("a scan ended without an error")
	}
	if err := w.Close(); err != nil {
		a.Fatal(err)
	}
	if _, err := w.Write(a.Context(), list); err == nil {
		a.Error("it was written after Close")
	}
}

// randomly has many write what overlaps, at once, and compares with a model.
func randomly(_ *testing.T, a *archives) {
	seed := rand.Uint64()
	a.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var list []*messages.Batch
	for i := range 3 {
		o := NewOrigin(messages.NodeID(fmt.Sprintf("n%d", i)), 7, Start)
		for range 40 {
			o.At(Start + r.Int64N(40*24)*3_600_000)
			var drafts []messages.Draft
			for range 1 + r.IntN(20) {
				drafts = append(drafts, Draft(messages.Stream(fmt.Sprintf("s.x%d", r.IntN(4))), fmt.Sprint(r.Uint64())))
			}
			list = append(list, a.batches(o.Next(a, drafts...))...)
		}
	}
	const writers = 4
	faults := make(chan error, writers)
	for i := range writers {
		w := a.Open(ArchiveConfig{})
		own := slices.Clone(list)
		rand.New(rand.NewPCG(seed, uint64(i+2))).Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
		if i > 0 {
			own = own[:len(own)/2]
		}
		go func() {
			for part := range slices.Chunk(own, 7) {
				if _, err := w.Write(a.Context(), part); err != nil {
					faults <- err
					return
				}
			}
			faults <- nil
		}()
	}
	for range writers {
		if err := <-faults; err != nil {
			a.Fatal(err)
		}
	}
	from := a.Open(ArchiveConfig{})
	for i := range 3 {
		for s := range 4 {
			stream, origin := messages.Stream(fmt.Sprintf("s.x%d", s)), messages.NodeID(fmt.Sprintf("n%d", i))
			want := slices.DeleteFunc(recordsOf(stream, list...), func(r *messages.Record) bool { return r.Position.Origin != origin })
			a.same(a.scan(from, storage.ArchiveScan{Stream: stream, Origin: origin, Page: 1 + r.IntN(50)}), byTime(want))
		}
	}
}
