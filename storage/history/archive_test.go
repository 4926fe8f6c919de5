package history_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

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

// both is a world with an archive that has some of all that ever was.
type both struct {
	*world
	archive storage.Archive
	// archived is what was written of all that was sealed.
	archived []wire.Sealed
}

func newBoth(t testing.TB, j storage.Journal, a storage.Archive) *both {
	w := &both{world: newWorld(t, j), archive: a}
	w.now = storagetest.Start + 1_000_000 // its holes are not young
	w.history = w.over(history.Config{})
	return w
}

// over makes a history of a configuration over both.
func (w *both) over(cfg history.Config) *history.History {
	cfg.Journal, cfg.Archive, cfg.Known = w.Journal, w.archive, 1
	cfg.Clock = func() time.Time { return time.UnixMilli(w.now) }
	h, err := history.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// fill draws what was, what of it is archived, and what of the rest the journal has dropped and lost. What the
// journal never knew is older than all that it knows.
func (w *both) fill(r *rapid.T) {
	n := 10_000
	w.back = storagetest.Start - 200_000
	for _, origin := range []messages.NodeID{"self", "gone", "lost"}[:rapid.IntRange(0, 3).Draw(r, "old origins")] {
		o := storagetest.NewOrigin(origin, 0, storagetest.Start-200_000+rapid.Int64Range(0, 2000).Draw(r, "start"))
		var line []wire.Sealed
		for epoch := range rapid.IntRange(1, 2).Draw(r, "old epochs") {
			o.Epoch = uint64(epoch + 1)
			if epoch > 0 {
				w.restart(r, o, line, o.Epoch)
			}
			line = w.batches(r, o, &n)
			w.write(r, line)
		}
	}
	w.absent = nil
	w.renumber = 10
	w.back = storagetest.Start
	w.world.fill(r)
	for _, s := range w.absent { // all epochs of now are known
		if _, ok := w.Line(s.Origin).Epoch(s.Epoch); !ok {
			if _, err := w.Append(storage.Live, []wire.Sealed{s}); err != nil {
				r.Fatal(err)
			}
		}
	}
}

// write archives some batches, and says so.
func (w *both) write(r *rapid.T, batches []wire.Sealed) {
	if len(batches) == 0 {
		return
	}
	for i := range batches {
		b, err := batches[i].Open()
		if err != nil {
			r.Fatal(err)
		}
		if _, err := w.archive.Write(context.Background(), []*messages.Batch{b}); err != nil {
			r.Fatal(err)
		}
		done := storage.Archived{
			Origin: b.Origin, Epoch: b.Epoch, Streams: w.archive.Takes(), Runs: messages.Ranges{{From: b.Sequence, To: b.Sequence}},
			HeadIndex: b.Count - 1, HeadHLC: b.Last,
		}
		if b.Sequence == 1 {
			done.Begun, done.Prior = true, b.Prior
		}
		if err := w.archive.Confirm(context.Background(), rapid.SampledFrom([]messages.NodeID{"n1", "n2"}).Draw(r, "archiver"), []storage.Archived{done}); err != nil {
			r.Fatal(err)
		}
		w.archived = append(w.archived, batches[i])
	}
}

// takeAway has the journal drop and lose some of what it has.
func (w *both) takeAway(r *rapid.T, most int) {
	for range rapid.IntRange(0, most).Draw(r, "taken") {
		s := rapid.SampledFrom(w.ever).Draw(r, "batch")
		switch rapid.IntRange(0, 2).Draw(r, "how") {
		case 0:
			line := w.Line(s.Origin)
			if e, ok := line.Epoch(s.Epoch); ok && e.Head > 0 && s.Sequence <= e.Head+1 {
				if err := w.Raise(s.Origin, s.Epoch, s.Sequence); err != nil {
					r.Fatal(err)
				}
			}
		case 1:
			if m, ok := w.Journal.(*memory.Journal); ok && w.Line(s.Origin).Holds(s.Epoch, s.Sequence) {
				m.Lose(s.ID())
			}
		default:
			_ = w.GiveUp(s.Origin, s.Epoch, messages.Range{From: s.Sequence, To: s.Sequence}) // of some it knows nothing
		}
	}
	if err := w.Maintain(time.UnixMilli(w.now)); err != nil {
		r.Fatal(err)
	}
}

// draw is fill, then some is archived and some taken away.
func (w *both) draw(r *rapid.T) {
	w.fill(r)
	w.takeAway(r, 6)
}

// held is all that a history must have of both, in order.
func (w *both) held(r *rapid.T) []messages.Record {
	list := w.world.held(r)
	was := make(map[messages.Position]bool)
	for i := range list {
		was[list[i].Position] = true
	}
	heads := make(map[messages.NodeID]messages.Position)
	for origin, epochs := range w.Digest() {
		for _, e := range epochs {
			if e.Head > 0 {
				heads[origin] = messages.Position{Origin: origin, Epoch: e.Epoch, Sequence: e.Head, Index: e.HeadIndex}
			}
		}
	}
	for i := range w.archived {
		b, err := w.archived[i].Open()
		if err != nil {
			r.Fatal(err)
		}
		g := b.Group(stream)
		if head, ok := heads[b.Origin]; g == nil || ok && b.Position().Compare(head) > 0 {
			continue
		}
		for i := range g.Records {
			if !was[g.Records[i].Position] {
				was[g.Records[i].Position] = true
				list = append(list, g.Records[i])
			}
		}
	}
	slices.SortFunc(list, func(a, b messages.Record) int { return placeOf(&a).compare(placeOf(&b)) })
	return list
}

// String is what both have.
func (w *both) String() string {
	said, _ := w.archive.Confirmed(context.Background(), "")
	return fmt.Sprintf("the journal has %+v\nthe archive %+v", w.Digest(), said)
}

// warm has the history know what the archive has.
func (w *both) warm(r *rapid.T) { w.page(r, command.History{Stream: stream, Descending: true}, 1) }

// overBoth runs a property over both kinds of journal, with an archive.
func overBoth(t *testing.T, retention int64, property func(*rapid.T, *both)) {
	archive := func() storage.Archive { return memory.NewArchive(memory.ArchiveConfig{}) }
	t.Run("memory", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			property(r, newBoth(t, memory.NewJournal(memory.Config{Self: "self", RetentionBytes: retention}), archive()))
		})
	})
	t.Run("segments", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			j, err := journal.Open(journal.Config{Dir: t.TempDir(), State: memory.NewState(), Self: "self", SegmentBytes: 1500, RetentionBytes: retention})
			if err != nil {
				r.Fatal(err)
			}
			defer func() { _ = j.Close() }() // the test is about what it gave
			property(r, newBoth(t, j, archive()))
		})
	})
}

// pages gives all pages of a question.
func (w *both) pages(r *rapid.T, q command.History, between func()) []place {
	var got []place
	for {
		list, token, _ := w.page(r, q, rapid.IntRange(1, 9).Draw(r, "limit"))
		got = append(got, list...)
		if token == "" {
			return got
		}
		q = command.History{Page: token}
		between()
	}
}

func TestPagesGiveWhatJournalAndArchiveHold(t *testing.T) {
	overBoth(t, 4000, func(r *rapid.T, w *both) {
		w.draw(r)
		some := rapid.Permutation(w.ever).Draw(r, "archived")
		w.write(r, some[:rapid.IntRange(0, len(some)).Draw(r, "n")])
		w.warm(r)
		held := w.held(r)
		q := w.question(r, held)
		q.Unique = rapid.IntRange(0, 4).Draw(r, "unique") == 0
		want := expected(q, held)
		if q.Unique {
			want = firsts(want, held)
		}
		if got := w.pages(r, q, func() {}); !slices.Equal(got, want) {
			r.Fatalf("%+v gave\n%v\nwant\n%v\n%s", q, got, want, w)
		}
	})
}

// firsts are the first places of each native id.
func firsts(list []place, held []messages.Record) []place {
	ids := make(map[place]string)
	for i := range held {
		ids[placeOf(&held[i])] = held[i].NativeID
	}
	was := make(map[string]bool)
	return slices.DeleteFunc(list, func(p place) bool {
		again := was[ids[p]]
		was[ids[p]] = true
		return again
	})
}

// TestWalksGiveWhatTheyBeganWith: the journal drops and loses what is archived while walks go on, and more comes.
func TestWalksGiveWhatTheyBeganWith(t *testing.T) {
	overBoth(t, 0, func(r *rapid.T, w *both) {
		w.draw(r)
		w.write(r, w.ever)
		w.warm(r)
		held := w.held(r)
		q := w.question(r, held)
		want := expected(q, held)
		began, was := q, w.String()
		var got []place
		for {
			walk, err := w.history.Walk(context.Background(), q)
			if err != nil {
				r.Fatal(err)
			}
			for range rapid.IntRange(1, 30).Draw(r, "limit") {
				record, err := walk.Next(context.Background())
				if err != nil {
					r.Fatal(err)
				}
				if record == nil {
					break
				}
				got = append(got, placeOf(record))
				w.takeAway(r, 1)
			}
			token := walk.Page()
			walk.Close()
			if token == "" {
				break
			}
			q = command.History{Page: token}
		}
		if !slices.Equal(got, want) {
			r.Fatalf("%+v gave\n%v\nwant\n%v\nof %s", began, got, want, was)
		}
	})
}

// TestCursorGivesTheRestOfBoth: what a walk has not given is behind its cursor, and not all from the beginning.
func TestCursorGivesTheRestOfBoth(t *testing.T) {
	overBoth(t, 4000, func(r *rapid.T, w *both) {
		w.draw(r)
		some := rapid.Permutation(w.ever).Draw(r, "archived")
		w.write(r, some[:rapid.IntRange(0, len(some)).Draw(r, "n")])
		w.warm(r)
		held := w.held(r)
		q := w.question(r, held)
		q.Descending = false
		want := expected(q, held)
		list, _, cursor := w.page(r, q, rapid.IntRange(0, 40).Draw(r, "limit"))
		w.behind(r, want, list, cursor)
		for p := range cursor.All() {
			if w.inverted || len(list) == 0 || !q.After.IsZero() {
				break
			}
			for i := range held {
				if o := placeOf(&held[i]); o.at.Origin == p.Origin && o.at.Compare(p) > 0 && slices.Contains(list, o) && !w.awaits(p) && !w.late(o) {
					r.Fatalf("%v was given, and is behind %s again\n%v\n%s", o, cursor, list, w)
				}
			}
		}
	})
}

// behind checks that all that a walk has not given is behind its cursor.
func (w *both) behind(r *rapid.T, want, given []place, cursor messages.Cursor) {
	for _, p := range want {
		if at, ok := cursor.At(p.at.Origin); ok && !slices.Contains(given, p) && at.Compare(p.at) >= 0 && !w.late(p) {
			r.Fatalf("%v was not given, and is not behind %s\n%s", p, cursor, w)
		}
	}
}

// late tells whether no subscription gets a record: what the journal holds goes by what the journal knows, all else
// by all that ever was.
func (w *both) late(p place) bool {
	if w.Line(p.at.Origin).Holds(p.at.Epoch, p.at.Sequence) {
		return w.world.late(p)
	}
	line := w.Line(p.at.Origin)
	for i := range w.ever {
		if w.ever[i].Origin == p.at.Origin {
			line.Hold(&w.ever[i].Header)
		}
	}
	return line.Late(p.at.Epoch, p.at.Sequence)
}

// awaits tells whether a reader waits for a hole behind a place.
func (w *both) awaits(p messages.Position) bool { return w.Next(p).Kind == messages.StepWait }

func TestLastGivesTheNewestOfBoth(t *testing.T) {
	overBoth(t, 4000, func(r *rapid.T, w *both) {
		w.draw(r)
		w.write(r, w.ever)
		w.warm(r)
		var upTo messages.Cursor
		for i := range w.ever {
			upTo.Advance(w.ever[i].Position())
		}
		var want []place
		held := w.held(r)
		for i := range held {
			if p := placeOf(&held[i]); !w.late(p) {
				want = append(want, p)
			}
		}
		n := rapid.IntRange(0, 20).Draw(r, "n")
		want = want[max(0, len(want)-n):]
		var heads messages.Cursor
		for at := range upTo.All() {
			if head := w.Head(at.Origin); head.Sequence > 0 {
				at = head
			}
			heads.Advance(at)
		}
		var got []place
		h := w.over(history.Config{LastBytes: rapid.SampledFrom([]int{0, 1, 1500}).Draw(r, "bytes")})
		w.world.history = h
		w.warm(r)
		err := h.Last(t.Context(), stream, n, heads, func(records []*messages.Record) error {
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
