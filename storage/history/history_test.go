package history_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/history"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(shared.Closing(m)) }

const stream messages.Stream = "test.x"

// place is a record's place in the order, as a model has it.
type place struct {
	ms int64
	at messages.Position
}

func placeOf(r *messages.Record) place { return place{r.HLC.Millis(), r.Position} }

func (p place) compare(q place) int { return cmp.Or(cmp.Compare(p.ms, q.ms), p.at.Compare(q.at)) }

// world is a journal with batches of several origins, some of which were not appended yet.
type world struct {
	storage.Journal
	t       testing.TB
	history *history.History
	now     int64
	// ever are all batches, absent those that come later.
	ever, absent []wire.Sealed
	// renumber is what is added to the numbers of epochs.
	renumber uint64
	// back is about where clocks are put back to, in ms.
	back int64
	// inverted: some epoch begins before the one that it follows ended.
	inverted bool
}

func newWorld(t testing.TB, j storage.Journal) *world {
	w := &world{Journal: j, t: t, now: storagetest.Start + 100_000, back: storagetest.Start}
	h, err := history.New(history.Config{Journal: j, Clock: func() time.Time { return time.UnixMilli(w.now) }})
	if err != nil {
		t.Fatal(err)
	}
	w.history = h
	return w
}

// fill draws origins with epochs, holes, late batches and clocks that go back.
func (w *world) fill(r *rapid.T) {
	n := 0
	for _, origin := range []messages.NodeID{"self", "peer", "other"}[:rapid.IntRange(1, 3).Draw(r, "origins")] {
		o := storagetest.NewOrigin(origin, w.renumber+1, storagetest.Start+rapid.Int64Range(0, 2000).Draw(r, "start"))
		var line []wire.Sealed
		for epoch := range rapid.IntRange(1, 3).Draw(r, "epochs") {
			if epoch > 0 {
				w.restart(r, o, line, w.renumber+uint64(epoch+1))
			}
			line = w.batches(r, o, &n)
		}
	}
	w.absent = rapid.Permutation(w.absent).Draw(r, "order")
	w.append(r, rapid.IntRange(0, len(w.absent)).Draw(r, "held"))
}

// restart begins an epoch that names some place of the one before, with a clock that may be behind.
func (w *world) restart(r *rapid.T, o *storagetest.Origin, line []wire.Sealed, epoch uint64) {
	end := line[len(line)-1]
	if rapid.Bool().Draw(r, "late") {
		end = line[rapid.IntRange(0, len(line)-1).Draw(r, "end")]
	}
	o.Restart(epoch, end.Position())
	if rapid.Bool().Draw(r, "back") {
		o.HLC = messages.HLCFromMillis(w.back + rapid.Int64Range(0, 2000).Draw(r, "back to"))
	}
	w.inverted = w.inverted || o.HLC <= line[len(line)-1].Last
}

func (w *world) batches(r *rapid.T, o *storagetest.Origin, n *int) []wire.Sealed {
	var line []wire.Sealed
	for range rapid.IntRange(1, 8).Draw(r, "batches") {
		drafts := make([]messages.Draft, rapid.IntRange(1, 5).Draw(r, "records"))
		for i := range drafts {
			*n++
			drafts[i] = storagetest.Draft(rapid.SampledFrom([]messages.Stream{stream, stream, "test.a", "test.z"}).Draw(r, "stream"), fmt.Sprint(*n))
			drafts[i].NativeID = fmt.Sprint("n", rapid.IntRange(0, 20).Draw(r, "id"))
		}
		o.At(o.HLC.Millis() + rapid.SampledFrom([]int64{0, 0, 1, 7, 90, 3000}).Draw(r, "later"))
		line = append(line, o.Next(w.t, drafts...))
	}
	w.ever, w.absent = append(w.ever, line...), append(w.absent, line...)
	return line
}

// append stores some of what is absent.
func (w *world) append(r *rapid.T, n int) {
	for range n {
		s := w.absent[0]
		w.absent = w.absent[1:]
		if _, err := w.Append(rapid.SampledFrom([]storage.Family{storage.Own, storage.Live, storage.Backfill}).Draw(r, "family"), []wire.Sealed{s}); err != nil {
			r.Fatal(err)
		}
	}
}

// held is all that a history of a stream must have, in order.
func (w *world) held(r *rapid.T) []messages.Record {
	var list []messages.Record
	for origin, epochs := range w.Digest() {
		for _, e := range epochs {
			for s := e.Floor; s <= e.Head; s++ {
				if b := w.open(r, messages.BatchID{Origin: origin, Epoch: e.Epoch, Sequence: s}); b != nil {
					if g := b.Group(stream); g != nil {
						list = append(list, g.Records...)
					}
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b messages.Record) int { return placeOf(&a).compare(placeOf(&b)) })
	return list
}

func (w *world) open(r *rapid.T, id messages.BatchID) *messages.Batch {
	sealed, err := w.Read(id)
	if err != nil {
		return nil
	}
	b, err := sealed.Open()
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// question draws what is asked.
func (w *world) question(r *rapid.T, held []messages.Record) command.History {
	q := command.History{Stream: stream, Descending: rapid.Bool().Draw(r, "descending")}
	if rapid.IntRange(0, 3).Draw(r, "bounds") == 0 {
		q.FromMs = storagetest.Start + rapid.Int64Range(0, 3000).Draw(r, "from")
	}
	if rapid.IntRange(0, 3).Draw(r, "bounds") == 0 {
		q.ToMs = storagetest.Start + rapid.Int64Range(0, 6000).Draw(r, "to")
	}
	if len(held) > 0 && rapid.IntRange(0, 3).Draw(r, "bounds") == 0 {
		q.After = held[rapid.IntRange(0, len(held)-1).Draw(r, "after")].Position
	}
	return q
}

// expected is what a walk must give of what is held.
func expected(q command.History, held []messages.Record) []place {
	var after place
	for i := range held {
		if held[i].Position == q.After {
			after = placeOf(&held[i])
		}
	}
	var list []place
	for i := range held {
		p := placeOf(&held[i])
		if p.ms < q.FromMs || q.ToMs > 0 && p.ms >= q.ToMs || !q.After.IsZero() && (p.compare(after) == 0 || p.compare(after) < 0 != q.Descending) {
			continue
		}
		list = append(list, p)
	}
	if q.Descending {
		slices.Reverse(list)
	}
	return list
}

// page gives up to n records and the token that goes on.
func (w *world) page(r *rapid.T, q command.History, n int) ([]place, string, messages.Cursor) {
	walk, err := w.history.Walk(context.Background(), q)
	if err != nil {
		r.Fatal(err)
	}
	defer walk.Close()
	var list []place
	for range n {
		record, err := walk.Next(context.Background())
		if err != nil {
			r.Fatal(err)
		}
		if record == nil {
			break
		}
		list = append(list, placeOf(record))
	}
	return list, walk.Page(), walk.Cursor()
}

// overJournals runs a property over both kinds of journal.
func overJournals(t *testing.T, retention int64, property func(*rapid.T, *world)) {
	t.Run("memory", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			property(r, newWorld(t, memory.NewJournal(memory.Config{Self: "self", RetentionBytes: retention})))
		})
	})
	t.Run("segments", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			j, err := journal.Open(journal.Config{Dir: t.TempDir(), State: memory.NewState(), Self: "self", SegmentBytes: 1500, RetentionBytes: retention})
			if err != nil {
				r.Fatal(err)
			}
			defer func() { _ = j.Close() }() // the test is about what it gave
			property(r, newWorld(t, j))
		})
	})
}

func TestPagesGiveWhatIsHeldInOrder(t *testing.T) {
	overJournals(t, 0, func(r *rapid.T, w *world) {
		w.fill(r)
		held := w.held(r)
		q := w.question(r, held)
		want := expected(q, held)
		var got []place
		for {
			list, token, _ := w.page(r, q, rapid.IntRange(1, 9).Draw(r, "limit"))
			got = append(got, list...)
			if token == "" {
				break
			}
			q = command.History{Page: token}
		}
		if !slices.Equal(got, want) {
			r.Fatalf("the pages gave\n%v\nwant\n%v", got, want)
		}
	})
}

// TestPagesGiveWhatStaysHeld: batches come and retention takes others between pages.
func TestPagesGiveWhatStaysHeld(t *testing.T) {
	overJournals(t, 4000, func(r *rapid.T, w *world) {
		w.fill(r)
		held := w.held(r)
		q := w.question(r, held)
		want := expected(q, held)
		heads := make(map[messages.NodeID]messages.Position)
		for _, origin := range w.Origins() {
			heads[origin] = w.Head(origin)
		}
		descending := q.Descending
		var got []place
		for {
			list, token, _ := w.page(r, q, rapid.IntRange(1, 9).Draw(r, "limit"))
			got = append(got, list...)
			if token == "" {
				break
			}
			q = command.History{Page: token}
			w.append(r, rapid.IntRange(0, min(3, len(w.absent))).Draw(r, "more"))
			if err := w.Maintain(time.UnixMilli(w.now)); err != nil {
				r.Fatal(err)
			}
		}
		for i := range got {
			if i > 0 && (got[i-1].compare(got[i]) < 0) == descending {
				r.Fatalf("%v was given before %v", got[i-1], got[i])
			}
			if got[i].at.Compare(heads[got[i].at.Origin]) > 0 {
				r.Fatalf("%v was given, and came after the walk began", got[i])
			}
		}
		for _, p := range want {
			if w.keeps(r, p) && !slices.Contains(got, p) {
				r.Fatalf("%v was held all the time, and was not given", p)
			}
		}
	})
}

// keeps tells whether a record is held, and not below the floor of its epoch.
func (w *world) keeps(r *rapid.T, p place) bool {
	for _, e := range w.Digest()[p.at.Origin] {
		if e.Epoch == p.at.Epoch && p.at.Sequence >= e.Floor {
			return w.open(r, messages.BatchID{Origin: p.at.Origin, Epoch: e.Epoch, Sequence: p.at.Sequence}) != nil
		}
	}
	return false
}

// follow is what a subscription from a cursor gets of the stream.
func (w *world) follow(r *rapid.T, c messages.Cursor) []place {
	var list []place
	for _, origin := range w.Origins() {
		at, ok := c.At(origin)
		if from, timed := c.From(); !ok && timed {
			at = w.Seek(origin, from)
		} else if !ok {
			at = messages.Position{Origin: origin}
		}
		for {
			step := w.Next(at)
			if step.Kind == messages.StepGap {
				at = step.Gap.To
				continue
			}
			if step.Kind != messages.StepBatch {
				break
			}
			b := w.open(r, step.Batch)
			if g := b.Group(stream); g != nil {
				for i := range g.Records {
					if g.Records[i].Position.Compare(at) > 0 {
						list = append(list, placeOf(&g.Records[i]))
					}
				}
			}
			at = b.Position().BatchEnd()
		}
	}
	return list
}

// late tells whether no subscription gets a record: it is beyond the named end of its epoch.
func (w *world) late(p place) bool {
	id := messages.BatchID{Origin: p.at.Origin, Epoch: p.at.Epoch, Sequence: p.at.Sequence}
	step := w.Next(messages.Position{Origin: id.Origin, Epoch: id.Epoch, Sequence: id.Sequence - 1, Index: messages.IndexEnd})
	return step.Kind != messages.StepBatch || step.Batch != id
}

func TestCursorGivesTheRest(t *testing.T) {
	overJournals(t, 0, func(r *rapid.T, w *world) {
		w.fill(r)
		held := w.held(r)
		q := w.question(r, held)
		began := q
		var given []place
		var cursor messages.Cursor
		for range rapid.IntRange(1, 4).Draw(r, "pages") {
			list, token, c := w.page(r, q, rapid.IntRange(0, 9).Draw(r, "limit"))
			given, cursor = append(given, list...), c
			if q = (command.History{Page: token}); token == "" {
				break
			}
		}
		whole := len(w.absent) == 0
		before := held
		w.append(r, len(w.absent))
		all := w.held(r)
		got := w.follow(r, cursor)
		must := expected(began, all)
		if began.Descending {
			must = nil
			for i := range all {
				if p := placeOf(&all[i]); !slices.ContainsFunc(before, func(o messages.Record) bool { return o.Position == p.at }) {
					must = append(must, p)
				}
			}
		}
		for _, p := range must {
			if !slices.Contains(got, p) && !w.late(p) && (began.Descending || !slices.Contains(given, p)) {
				r.Fatalf("%v was not given, and a subscription from %s does not get it\n%v", p, cursor, got)
			}
		}
		for _, p := range got {
			if whole && !w.inverted && slices.Contains(given, p) {
				r.Fatalf("%v was given, and a subscription from %s gets it again", p, cursor)
			}
		}
	})
}

func TestUniqueGivesTheFirst(t *testing.T) {
	overJournals(t, 0, func(r *rapid.T, w *world) {
		w.fill(r)
		held := w.held(r)
		q := w.question(r, held)
		q.Unique = true
		byPlace := make(map[place]string)
		for i := range held {
			byPlace[placeOf(&held[i])] = held[i].NativeID
		}
		var want []place
		was := make(map[string]bool)
		for _, p := range expected(q, held) {
			if id := byPlace[p]; !was[id] {
				was[id] = true
				want = append(want, p)
			}
		}
		var got []place
		for {
			list, token, _ := w.page(r, q, rapid.IntRange(1, 5).Draw(r, "limit"))
			got = append(got, list...)
			if token == "" {
				break
			}
			q = command.History{Page: token}
		}
		if !slices.Equal(got, want) {
			r.Fatalf("the pages gave\n%v\nwant\n%v", got, want)
		}
	})
}

func TestLastGivesTheNewestOfTheLine(t *testing.T) {
	overJournals(t, 0, func(r *rapid.T, w *world) {
		w.fill(r)
		var upTo messages.Cursor
		var want []place
		for _, origin := range w.Origins() {
			if rapid.Bool().Draw(r, "listed") {
				upTo.Advance(w.Head(origin))
			}
		}
		held := w.held(r)
		for i := range held {
			if p := placeOf(&held[i]); upTo.Covers(p.at) && !w.late(p) {
				want = append(want, p)
			}
		}
		n := rapid.IntRange(0, 12).Draw(r, "n")
		want = want[max(0, len(want)-n):]
		h, err := history.New(history.Config{Journal: w, LastBytes: rapid.SampledFrom([]int{0, 1, 500, 1500}).Draw(r, "bytes")})
		if err != nil {
			r.Fatal(err)
		}
		var got []place
		err = h.Last(t.Context(), stream, n, upTo, func(records []*messages.Record) error {
			for _, record := range records {
				got = append(got, placeOf(record))
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
		if !slices.Equal(got, want) {
			r.Fatalf("got %v, want %v", got, want)
		}
	})
}
