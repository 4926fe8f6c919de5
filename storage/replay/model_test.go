package replay_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/memory"
	"anode/storage/replay"
	"anode/testkit/storagetest"
)

// world is one origin's line and what archives have of it.
type world struct {
	t    *testing.T
	rnd  *rand.Rand
	o    *storagetest.Origin
	kept *memory.Archive
	now  time.Time
	// line is all that is on the line, late what is not.
	line, late []*messages.Batch
	// there are the patterns of which a batch was confirmed.
	there map[messages.BatchID][]messages.Pattern
	begun map[uint64]messages.Position
}

const start = storagetest.Start

var streams = []messages.Stream{"a.x", "a.y", "b.x", "b.y.z"}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, rnd: rand.New(rand.NewPCG(seed, 7)), o: storagetest.NewOrigin("o", 10, start), now: time.UnixMilli(start),
		there: make(map[messages.BatchID][]messages.Pattern), begun: map[uint64]messages.Position{10: {}},
	}
	w.kept = memory.NewArchive(memory.ArchiveConfig{Clock: w.clock})
	return w
}

func (w *world) clock() time.Time { return w.now }

// next makes a batch of some streams, some time after the one before.
func (w *world) next() *messages.Batch {
	w.o.At(w.o.HLC.Millis() + []int64{0, 1, 1000, 100_000, 40_000_000}[w.rnd.IntN(5)])
	var drafts []messages.Draft
	for i := range 1 + w.rnd.IntN(5) {
		drafts = append(drafts, messages.Draft{Stream: streams[w.rnd.IntN(len(streams))], Payload: []byte(fmt.Sprintf("[%d,%0*d]", i, w.rnd.IntN(300), 7))})
	}
	sealed := w.o.Next(w.t, drafts...)
	b, err := sealed.Open()
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// fill makes epochs, of which some have more than the next one names.
func (w *world) fill() {
	for range 1 + w.rnd.IntN(4) {
		n := 1 + w.rnd.IntN(20)
		for range n {
			w.line = append(w.line, w.next())
		}
		prior := w.line[len(w.line)-1].Position()
		clock := w.o.HLC
		for range w.rnd.IntN(3) {
			w.late = append(w.late, w.next())
		}
		if w.rnd.IntN(5) == 0 {
			w.o.HLC = messages.HLCFromMillis(clock.Millis() - 30_000_000) // its clock was put back
		}
		w.o.Restart(w.o.Epoch+1+w.rnd.Uint64N(3), prior)
		w.begun[w.o.Epoch] = prior
	}
}

// archive has archivers of several streams write and confirm most of it, in any order.
func (w *world) archive(ttl time.Duration) {
	all := slices.Concat(w.line, w.late)
	for i, takes := range []messages.Pattern{">", "a.>", "b.x"} {
		to := w.kept.With(memory.ArchiveConfig{Streams: takes, Clock: w.clock, TTL: ttl})
		if i > 0 && w.rnd.IntN(2) == 0 {
			continue
		}
		w.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		holes := w.rnd.IntN(4) == 0
		for _, b := range all {
			if i == 0 && w.rnd.IntN(3) == 0 && !holes || w.rnd.IntN(20) == 0 {
				continue
			}
			w.write(to, b, w.rnd.IntN(20) > 0)
		}
	}
}

// write archives a batch, and confirms it or not.
func (w *world) write(to storage.Archive, b *messages.Batch, confirm bool) {
	w.t.Helper()
	if _, err := to.Write(w.t.Context(), []*messages.Batch{b}); err != nil {
		w.t.Fatal(err)
	}
	done := storage.Archived{Origin: b.Origin, Epoch: b.Epoch, Streams: to.Takes(), Begun: true, Prior: w.begun[b.Epoch], HeadIndex: b.Count - 1, HeadHLC: b.Last}
	if confirm {
		done.Runs = messages.Ranges{{From: b.Sequence, To: b.Sequence}}
		w.there[b.ID()] = append(w.there[b.ID()], to.Takes())
	}
	if err := to.Confirm(w.t.Context(), messages.NodeID("by"+fmt.Sprint(w.rnd.IntN(2))), []storage.Archived{done}); err != nil {
		w.t.Fatal(err)
	}
}

// has tells whether all of a batch that patterns match is there.
func (w *world) has(b *messages.Batch, match []messages.Pattern) bool {
	for _, p := range match {
		if p != "$status.>" && !slices.ContainsFunc(w.there[b.ID()], func(takes messages.Pattern) bool { return takes.Covers(p) }) {
			return false
		}
	}
	return true
}

func (w *world) replay(cfg replay.Config) *replay.Replay {
	w.t.Helper()
	if cfg.Archive == nil {
		cfg.Archive = w.kept
	}
	if cfg.Logger = slog.New(slog.DiscardHandler); cfg.Clock == nil {
		cfg.Clock = w.clock
	}
	r, err := replay.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// got is what a walk gave.
type got struct {
	records []*messages.Record
	gaps    []messages.Gap
	at      messages.Position
}

// read walks from a place to another.
func (w *world) read(r *replay.Replay, at, to messages.Position, match []messages.Pattern, reason messages.Reason) got {
	w.t.Helper()
	walk := r.Walk("o", match, w.journal)
	defer walk.Close()
	g := got{at: at}
	for range 10_000 {
		p, err := walk.Next(w.t.Context(), g.at, to, reason)
		if err != nil {
			w.t.Fatal(err)
		}
		w.take(&g, p)
		if p.End || !to.IsZero() && g.at.Compare(to) >= 0 {
			return g
		}
		if w.rnd.IntN(10) == 0 { // another reader goes on
			walk.Close()
			walk = r.Walk("o", match, w.journal)
		}
	}
	w.t.Fatal("it does not end")
	return g
}

// journal knows how the epochs follow each other, and holds nothing.
func (w *world) journal() *messages.Line {
	line := messages.NewLine("o")
	for epoch, prior := range w.begun {
		line.Name(epoch, prior)
	}
	return line
}

func (w *world) take(g *got, p replay.Part) {
	w.t.Helper()
	for _, b := range p.Batches {
		for _, group := range b.Groups {
			for i := range group.Records {
				r := &group.Records[i]
				if r.Position.Compare(g.at) <= 0 || r.Position.BatchEnd() != b.ID().End() {
					w.t.Fatalf("%s comes after %s, in %s", r.Position, g.at, b.ID())
				}
				g.at, g.records = r.Position, append(g.records, r)
			}
		}
	}
	if p.Gap != nil {
		if p.Gap.From != g.at || p.Gap.To != p.At || p.Gap.To.Compare(p.Gap.From) <= 0 {
			w.t.Fatalf("gap %+v at %s, then %s", p.Gap, g.at, p.At)
		}
		g.gaps = append(g.gaps, *p.Gap)
	}
	if p.At.Compare(g.at) < 0 {
		w.t.Fatalf("went back from %s to %s", g.at, p.At)
	}
	g.at = p.At
}

// TestModel reads random lines out of random archives, in parts of all sizes: what is there comes once, in order, and what is
// not is in a gap.
func TestModel(t *testing.T) {
	for seed := range uint64(400) {
		w := newWorld(t, seed)
		w.fill()
		w.archive(0)
		match := [][]messages.Pattern{{">"}, {"a.>"}, {"a.x", "b.x"}, {"a.*"}, {"b.y.z", "$status.>"}, {"*.y", "a.x"}}[w.rnd.IntN(6)]
		r := w.replay(replay.Config{Budget: 1 + w.rnd.Int64N(20_000), Scans: 1 + w.rnd.IntN(3)})
		at, to := messages.Position{Origin: "o"}, messages.Position{}
		if w.rnd.IntN(2) == 0 {
			at = w.line[w.rnd.IntN(len(w.line))].Position()
			at.Index = w.rnd.Uint32N(at.Index + 1)
		}
		if w.rnd.IntN(2) == 0 {
			to = w.line[w.rnd.IntN(len(w.line))].Position().BatchEnd()
			if to.Compare(at) <= 0 {
				continue
			}
		}
		w.check(w.read(r, at, to, match, messages.ReasonMissing), at, to, match)
		if t.Failed() {
			t.Fatalf("seed %d, %v, from %s to %s", seed, match, at, to)
		}
	}
}

// check compares with what there is.
func (w *world) check(g got, at, to messages.Position, match []messages.Pattern) {
	w.t.Helper()
	var want []messages.Position
	for _, b := range w.line {
		for _, group := range b.Groups {
			for _, r := range group.Records {
				p := r.Position
				gapped := slices.ContainsFunc(g.gaps, func(g messages.Gap) bool { return p.Compare(g.From) > 0 && p.Compare(g.To) <= 0 })
				switch {
				case p.Compare(at) <= 0, !to.IsZero() && p.Compare(to) > 0:
					if gapped && (to.IsZero() || p.Compare(to) > 0) {
						w.t.Errorf("%s is in a gap", p)
					}
				case !w.has(b, match):
					if !gapped && p.Compare(g.at) <= 0 {
						w.t.Errorf("%s is not there, and in no gap of %+v", p, g.gaps)
					}
				case gapped:
					w.t.Errorf("%s is there, and in a gap of %+v", p, g.gaps)
				case matches(match, r.Stream):
					want = append(want, p)
				}
			}
		}
	}
	have := make([]messages.Position, len(g.records))
	for i, r := range g.records {
		have[i] = r.Position
	}
	if !slices.Equal(have, want) {
		w.t.Errorf("got %v\nwant %v\ngaps %+v", have, want, g.gaps)
	}
	if !to.IsZero() && g.at != to {
		w.t.Errorf("it ends at %s", g.at)
	}
}

func matches(match []messages.Pattern, stream messages.Stream) bool {
	return slices.ContainsFunc(match, func(p messages.Pattern) bool { return p.Match(stream) })
}
