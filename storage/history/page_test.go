package history_test

import (
	"errors"
	"fmt"
	"testing"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/history"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// ten is a world with ten records of one origin, n of the stream's each in a batch of its own.
func ten(t testing.TB) (*world, []wire.Sealed) {
	t.Helper()
	w := newWorld(t, memory.NewJournal(memory.Config{Self: "self"}))
	o := storagetest.NewOrigin("self", 1, storagetest.Start)
	var batches []wire.Sealed
	for i := range 10 {
		o.At(storagetest.Start + int64(i)*10)
		batches = append(batches, o.Next(t, storagetest.Draft(stream, fmt.Sprint(i))))
	}
	return w, batches
}

func (w *world) must(t testing.TB, batches ...wire.Sealed) {
	t.Helper()
	if _, err := w.Append(storage.Own, batches); err != nil {
		t.Fatal(err)
	}
}

// walked gives the sequences of up to n records of a walk, its token and its cursor.
func walked(t testing.TB, h *history.History, q command.History, n int) (sequences []uint64, token, cursor string) {
	t.Helper()
	walk, err := h.Walk(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer walk.Close()
	for range n {
		r, err := walk.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			break
		}
		sequences = append(sequences, r.Position.Sequence)
	}
	return sequences, walk.Page(), walk.Cursor().String()
}

func TestBadQuestionsAreInvalid(t *testing.T) {
	w, batches := ten(t)
	w.must(t, batches...)
	_, token, _ := walked(t, w.history, command.History{Stream: stream}, 2)
	for name, q := range map[string]command.History{
		"no stream":             {},
		"a bad stream":          {Stream: "a..b"},
		"a negative time":       {Stream: stream, FromMs: -1},
		"an unknown origin":     {Stream: stream, After: messages.Position{Origin: "nobody", Epoch: 1, Sequence: 1}},
		"a garbage page":        {Stream: stream, Page: "garbage"},
		"a page of base64":      {Stream: stream, Page: "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		"a cut page":            {Stream: stream, Page: token[:len(token)-4]},
		"another stream's page": {Stream: "test.other", Page: token},
	} {
		if _, err := w.history.Walk(t.Context(), q); !errors.Is(err, command.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAfterWhatIsNotHeldStandsBeforeTheNext(t *testing.T) {
	w, batches := ten(t)
	w.must(t, batches[:3]...)
	w.must(t, batches[6:]...)
	after := messages.Position{Origin: "self", Epoch: 1, Sequence: 5}
	if got, _, _ := walked(t, w.history, command.History{Stream: stream, After: after}, 10); fmt.Sprint(got) != "[7 8 9 10]" {
		t.Errorf("ascending: %v", got)
	}
	if got, _, _ := walked(t, w.history, command.History{Stream: stream, After: after, Descending: true}, 10); fmt.Sprint(got) != "[3 2 1]" {
		t.Errorf("descending: %v", got)
	}
}

func TestCursorStandsBehindWhatWasGiven(t *testing.T) {
	w, batches := ten(t)
	w.must(t, batches...)
	if _, _, got := walked(t, w.history, command.History{Stream: stream}, 4); got != "self-1-4-1024" {
		t.Errorf("after four: %s", got)
	}
	if _, _, got := walked(t, w.history, command.History{Stream: stream}, 20); got != "self-1-10-0" {
		t.Errorf("after all: %s", got)
	}
	if _, _, got := walked(t, w.history, command.History{Stream: stream, Descending: true}, 2); got != "self-1-10-0" {
		t.Errorf("descending: %s", got)
	}
}

func TestCursorStandsBelowAHole(t *testing.T) {
	w, batches := ten(t)
	w.must(t, batches[:3]...)
	w.must(t, batches[5:]...)
	if got, _, cursor := walked(t, w.history, command.History{Stream: stream}, 20); len(got) != 8 || cursor != "self-1-3-1024" {
		t.Errorf("%v, cursor %s", got, cursor)
	}
	if err := w.GiveUp("self", 1, messages.Range{From: 4, To: 5}); err != nil {
		t.Fatal(err)
	}
	if _, _, cursor := walked(t, w.history, command.History{Stream: stream}, 20); cursor != "self-1-10-0" {
		t.Errorf("once it is given up: %s", cursor)
	}
}

// losing is a journal of which some batches are damaged.
type losing struct {
	storage.Journal
	lost map[uint64]error
}

func (l losing) Read(id messages.BatchID) (wire.Sealed, error) {
	if err := l.lost[id.Sequence]; err != nil {
		return wire.Sealed{}, err
	}
	return l.Journal.Read(id)
}

func TestDamagedAndVanishedBatchesAreCounted(t *testing.T) {
	w, batches := ten(t)
	w.must(t, batches...)
	h, err := history.New(history.Config{Journal: losing{w, map[uint64]error{3: storage.ErrDamaged, 5: storage.ErrNotHeld}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _ := walked(t, h, command.History{Stream: stream}, 20); fmt.Sprint(got) != "[1 2 4 6 7 8 9 10]" {
		t.Errorf("gave %v", got)
	}
	if got := h.Stats(); got != (history.Stats{Damaged: 1, Vanished: 1}) {
		t.Errorf("counted %+v", got)
	}
}

func FuzzPage(f *testing.F) {
	w, batches := ten(f)
	w.must(f, batches...)
	_, token, _ := walked(f, w.history, command.History{Stream: stream, Unique: true}, 3)
	f.Add(token)
	f.Add("AQAGdGVzdC54")
	f.Fuzz(func(t *testing.T, page string) {
		walk, err := w.history.Walk(t.Context(), command.History{Page: page})
		if err != nil {
			if !errors.Is(err, command.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		defer walk.Close()
		if page != token {
			t.Fatalf("%q was taken", page)
		}
	})
}

// million is a journal on disk with 1,000,000 records of one stream, and as many batches of
// another origin's as of this one.
func million(b *testing.B) *world {
	j, err := journal.Open(journal.Config{Dir: b.TempDir(), State: memory.NewState(), Self: "self"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = j.Close() })
	w := newWorld(b, j)
	const perBatch = 50
	for _, name := range []messages.NodeID{"self", "peer"} {
		o := storagetest.NewOrigin(name, 1, storagetest.Start)
		drafts := make([]messages.Draft, perBatch)
		for i := range drafts {
			drafts[i] = storagetest.Draft(stream, `{"price":101.25,"size":3,"side":"buy","venue":"somewhere"}`)
			drafts[i].NativeID = fmt.Sprint(i)
		}
		for range 500_000 / perBatch {
			o.At(o.HLC.Millis() + 20)
			w.must(b, o.Next(b, drafts...))
		}
	}
	return w
}

func BenchmarkPageOf100In1000000(b *testing.B) {
	w := million(b)
	middle := storagetest.Start + int64(100_000)
	for name, q := range map[string]command.History{
		"first":       {Stream: stream},
		"newest":      {Stream: stream, Descending: true},
		"middle":      {Stream: stream, FromMs: middle},
		"middle desc": {Stream: stream, ToMs: middle, Descending: true},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got, _, _ := walked(b, w.history, q, 100); len(got) != 100 {
					b.Fatal(len(got))
				}
			}
		})
	}
	b.Run("next page", func(b *testing.B) {
		_, token, _ := walked(b, w.history, command.History{Stream: stream, FromMs: middle}, 100)
		b.ReportAllocs()
		for b.Loop() {
			if got, _, _ := walked(b, w.history, command.History{Page: token}, 100); len(got) != 100 {
				b.Fatal(len(got))
			}
		}
	})
	b.Run("last 100", func(b *testing.B) {
		var heads messages.Cursor
		for _, origin := range w.Origins() {
			heads.Advance(w.Head(origin))
		}
		b.ReportAllocs()
		for b.Loop() {
			got := 0
			err := w.history.Last(b.Context(), stream, 100, heads, func(list []*messages.Record) error { got += len(list); return nil })
			if err != nil || got != 100 {
				b.Fatal(got, err)
			}
		}
	})
}

func BenchmarkWalkOf1000000(b *testing.B) {
	w := million(b)
	b.ReportAllocs()
	for b.Loop() {
		if got, _, _ := walked(b, w.history, command.History{Stream: stream}, 1_000_000); len(got) != 1_000_000 {
			b.Fatal(len(got))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/record")
}
