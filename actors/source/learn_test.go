package source

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"anode/actors/expr"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// idle is a connector that brings nothing.
type idle struct{}

func (idle) Run(ctx context.Context, _ *Line) error { <-ctx.Done(); return context.Cause(ctx) }
func (idle) Close()                                 {}

func idling(Setup) (Connector, error) { return idle{}, nil }

// learning is a job without an actor, and its journal.
type learning struct {
	t       testing.TB
	cfg     *Config
	journal *memory.Journal
	job     *job
	board   *board
	sealer  *wire.Sealer
	heads   map[messages.NodeID]wire.Place
}

func newLearning(t testing.TB, document string) *learning {
	t.Helper()
	return newLearningOf(t, "name: p\nkind: websocket\nurl: wss://x.example.com/\n"+document)
}

func newLearningOf(t testing.TB, document string) *learning {
	t.Helper()
	l := &learning{t: t, journal: memory.NewJournal(memory.Config{Self: "self"}), sealer: wire.NewSealer(wire.S2), heads: make(map[messages.NodeID]wire.Place)}
	l.cfg = &Config{
		Node: "self", Journal: l.journal, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Language: Language(expr.NewEngine(expr.EngineConfig{})),
		Kinds:    map[string]Kind{spec.KindWebSocket: idling, spec.KindPush: idling},
		reporter: newReporter(), hosts: newHosts(time.Now), learner: newLearner("self", time.Now),
	}
	s, err := spec.Parse([]byte(document), true)
	if err != nil {
		t.Fatal(err)
	}
	if l.job, err = newJob(l.cfg, s, ""); err != nil {
		t.Fatal(err)
	}
	l.board = newBoard("p", time.Now())
	l.board.want.Store(&Assignment{Spec: s})
	l.job.attach(l.board)
	t.Cleanup(l.job.close)
	return l
}

// seal makes a batch of a node, and has the journal hold it.
func (l *learning) seal(origin messages.NodeID, drafts ...messages.Draft) command.StoredBatch {
	l.t.Helper()
	place := l.heads[origin]
	place.Origin, place.Epoch, place.First = origin, 1, messages.HLC(0).Next(time.Now())
	place.Sequence++
	sealed, _, _, err := l.sealer.Seal(place, drafts)
	if err != nil {
		l.t.Fatal(err)
	}
	place.Previous = sealed.HeaderHash()
	l.heads[origin] = place
	if _, err := l.journal.Append(storage.Live, []wire.Sealed{sealed}); err != nil {
		l.t.Fatal(err)
	}
	return command.StoredBatch{Sealed: sealed, Live: true}
}

func datum(source string, n int) messages.Draft {
	return messages.Draft{Stream: messages.Stream(source), Source: source, NativeID: strconv.Itoa(n), Payload: fmt.Appendf(nil, `{"n":%d}`, n)}
}

// passes tells whether what the source's own feed brings passes deduplication.
func (l *learning) passes(n int) bool {
	l.t.Helper()
	if err := l.job.catchUp(l.t.Context(), l.board); err != nil {
		l.t.Fatal(err)
	}
	d := datum("p", n)
	return len(l.job.pipeline.Feed(l.t.Context(), d.Payload, metaNow()).Drafts) == 1
}

func (l *learning) learn(batches ...command.StoredBatch) {
	l.cfg.learner.learn(command.Stored{Batches: batches})
	l.cfg.learner.drain(l.t.Context(), l.cfg)
}

func TestWhatAnotherNodeNumberedIsNotNumberedAgain(t *testing.T) {
	for by, fields := range map[string]string{"native_id": "native_id: .n", "payload": "dedupe: {by: payload}", "change": "key: '\"k\"'\ndedupe: {by: change}"} {
		t.Run(by, func(t *testing.T) {
			l := newLearning(t, fields)
			l.job.restored = true
			draft := func(n int) messages.Draft {
				d := datum("p", n)
				if by == "change" {
					d.Key = "k"
				}
				return d
			}
			l.learn(l.seal("other", draft(1))) // before it cares
			if !l.passes(1) {
				t.Error("1 was learned of by one that did not ask")
			}
			l.job.heed()
			l.learn(l.seal("self", draft(2)), l.seal("other", draft(3)), l.seal("other", datum("q", 4)), l.seal("other", messages.Draft{Stream: "p", Payload: []byte(`{"n":5}`)}))
			if l.passes(3) {
				t.Error("3 passes, which another node numbered")
			}
			if l.board.crossed.Load() != 0 {
				t.Errorf("%d crossed", l.board.crossed.Load())
			}
			for _, n := range []int{2, 4, 5} {
				if !l.passes(n) {
					t.Errorf("%d does not pass", n)
				}
			}
			l.learn(l.seal("other", draft(5)))
			if l.passes(5) || l.board.crossed.Load() != 1 {
				t.Errorf("of what both numbered %d is counted", l.board.crossed.Load())
			}
		})
	}
}

func TestAFullQueueIsMadeUpForFromTheJournal(t *testing.T) {
	for by, fields := range map[string]string{"native_id": "native_id: .n", "payload": "dedupe: {by: payload}"} {
		t.Run(by, func(t *testing.T) {
			l := newLearning(t, fields)
			l.job.restored = true
			l.job.heed()
			var all []command.StoredBatch
			for n := range mostLearning + 100 {
				all = append(all, l.seal("other", datum("p", n)))
			}
			l.cfg.learner.learn(command.Stored{Batches: all})
			if dropped, depth := l.cfg.learner.dropped.Load(), l.cfg.learner.depth(); dropped != 100 || depth != mostLearning {
				t.Errorf("%d are dropped, %d wait", dropped, depth)
			}
			l.cfg.learner.drain(t.Context(), l.cfg)
			for n := range mostLearning + 100 {
				if l.passes(n) {
					t.Fatalf("%d passes, which another node numbered", n)
				}
			}
			if n := l.board.reread.Load(); n != 1 {
				t.Errorf("the journal was read %d times", n)
			}
			if !l.passes(mostLearning + 100) {
				t.Error("what is new does not pass")
			}
		})
	}
}

func TestMoreThanASourceTakesAtOnceIsMadeUpForToo(t *testing.T) {
	l := newLearning(t, "native_id: .n")
	l.job.restored = true
	l.job.heed()
	n := 0
	for n < mostLearnt+2000 { // nothing comes of its own feed meanwhile
		var drafts []messages.Draft
		for range 1000 {
			drafts = append(drafts, datum("p", n))
			n++
		}
		l.learn(l.seal("other", drafts...))
	}
	if held := len(l.job.learnt.copies); held != mostLearnt {
		t.Errorf("%d wait", held)
	}
	for i := range n {
		if l.passes(i) {
			t.Fatalf("%d passes", i)
		}
	}
}

// A state that is sealed while the newest is looked for is the newest.
func TestAStateThatComesWhileItIsLookedForCounts(t *testing.T) {
	l := newLearning(t, "since: {from: .n, start: 0}")
	state := func(turn, since int) messages.Draft {
		return messages.Draft{Stream: "$state.p", Source: "p", Payload: fmt.Appendf(nil, `{"v":1,"turn":%d,"since":%d,"from":"%s"}`, turn, since, l.job.states.from)}
	}
	l.job.heed()
	l.learn(l.seal("other", state(1, 10)))
	late := false
	l.cfg.Journal = &looking{Journal: l.journal, digest: func() {
		if !late {
			late = true
			stored := l.seal("other", state(2, 20)) // after the list was made
			l.learn(stored)
		}
	}}
	s, err := l.job.states.find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(s.counts.raw); got != "20" || s.turn != 2 {
		t.Errorf("it goes on from %s, turn %d", got, s.turn)
	}
}

// looking is a journal that tells when somebody looked at what it holds.
type looking struct {
	storage.Journal
	digest func()
}

func (l *looking) Digest() messages.Digest {
	defer l.digest()
	return l.Journal.Digest()
}

func TestAStateBehindAHoleOfAnotherOwnerIsPassedOver(t *testing.T) {
	l := newLearning(t, "since: {from: .n, start: 0}")
	state := func(turn, since int) messages.Draft {
		return messages.Draft{Stream: "$state.p", Source: "p", Payload: fmt.Appendf(nil, `{"v":1,"turn":%d,"since":%d,"from":"%s"}`, turn, since, l.job.states.from)}
	}
	l.seal("other", datum("p", 1), state(1, 1))
	place := l.heads["other"]
	place.Sequence++ // 2 never comes
	l.heads["other"] = place
	behind := l.seal("other", datum("p", 3), state(3, 3))
	l.job.heed()
	s, err := l.job.states.find(t.Context(), nil)
	if err != nil || string(s.counts.raw) != "1" {
		t.Errorf("it goes on from %s: %v", s.counts.raw, err)
	}
	l.learn(behind)
	if string(s.counts.raw) != "1" || s.turn != 3 {
		t.Errorf("it goes on from %s, turn %d", s.counts.raw, s.turn)
	}
}

// Another owner ended within a walk: what it stored of that is no sign that what follows is known.
func TestAWalkOfAnotherOwnerThatDidNotEndIsKnownAfterAStart(t *testing.T) {
	l := newLearning(t, "since: {from: .n, start: 0}")
	began := time.Now().Add(-time.Minute).UTC()
	l.seal("other", messages.Draft{Stream: "$state.p", Source: "p", Payload: fmt.Appendf(nil, `{"v":1,"turn":5,"walk":"%s"}`, began.Format(time.RFC3339Nano))})
	l.seal("third", messages.Draft{Stream: "$state.p", Source: "p", Payload: []byte(`{"v":1,"turn":6}`)})
	s, err := l.job.states.find(t.Context(), nil)
	if err != nil || s.turn != 6 {
		t.Fatalf("turn %d: %v", s.turn, err)
	}
	for i, want := range []time.Time{began, began.Add(time.Minute)} {
		l.job.states.startWalk(s, true, began.Add(time.Minute))
		if got := l.job.states.began(s); !got.Equal(want) {
			t.Errorf("walk %d counts what was there at %s, not %s", i, got, want)
		}
		l.job.states.endWalk(s)
	}
}

func TestWhatIsBehindAStateThatWasGoneOnFromMovesNothing(t *testing.T) {
	l := newLearning(t, "since: {from: .n, start: 0}")
	l.job.heed()
	states := l.job.states
	s, err := states.find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	move := func(since, want string) {
		t.Helper()
		if err := states.move(s, json.Number(since), nil); err != nil {
			t.Error(err)
		}
		if got := string(s.current.raw); got != want {
			t.Errorf("after %s it is %s, not %s", since, got, want)
		}
	}
	move("50", "50")
	l.learn(l.seal("other", messages.Draft{Stream: "$state.p", Source: "p", Payload: fmt.Appendf(nil, `{"v":1,"turn":9,"since":60,"from":"%s"}`, states.from)}))
	if string(s.counts.raw) != "60" || len(states.unsent) != 0 {
		t.Errorf("%s counts, %d are to be sealed", s.counts.raw, len(states.unsent))
	}
	move("57", "60") // of the answer that was on its way
	move("58", "60")
	move("61", "61")
	move("40", "40") // the feed itself went back
	if _, tickets := states.draw(); len(tickets) != 1 || tickets[0].saved.Turn != 10 {
		t.Errorf("%+v", tickets)
	}
}

// The newest turn is the furthest state, also where who was ahead had not heard yet how far the turns were.
func TestAStateThatIsAheadWithALowTurnIsSealedAgain(t *testing.T) {
	for turn, sealed := range map[int]bool{5: true, 20: true, 21: false} {
		l := newLearning(t, "since: {from: .n, start: 0}")
		l.job.heed()
		states := l.job.states
		state := func(turn, since int) messages.Draft {
			return messages.Draft{Stream: "$state.p", Source: "p", Payload: fmt.Appendf(nil, `{"v":1,"turn":%d,"since":%d,"from":"%s"}`, turn, since, states.from)}
		}
		l.learn(l.seal("third", state(19, 10)))
		s, err := states.find(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := states.move(s, json.Number("118"), nil); err != nil {
			t.Fatal(err)
		}
		if _, tickets := states.draw(); len(tickets) != 1 || tickets[0].saved.Turn != 20 {
			t.Fatalf("%+v", tickets)
		}
		l.learn(l.seal("other", state(turn, 119)))
		if string(s.counts.raw) != "119" {
			t.Errorf("turn %d: %s counts", turn, s.counts.raw)
		}
		_, tickets := states.draw()
		if !sealed && len(tickets) > 0 || sealed && (len(tickets) != 1 || tickets[0].saved.Turn != 21 || string(tickets[0].saved.Since) != "119") {
			t.Errorf("turn %d: %+v", turn, tickets)
		}
	}
}

func TestWhatIsAhead(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		order int
		ok    bool
	}{
		{"1", "2", -1, true},
		{"10", "9", 1, true},
		{"1.0", "1", 0, true},
		{"18446744073709551617", "18446744073709551616", 1, true},
		{`"10"`, `"9"`, 1, true},
		{`"10"`, "9", 1, true},
		{`"2026-11-22T10:00:00.5Z"`, `"2026-11-22T10:00:00Z"`, 1, true},
		{`"2026-11-22T10:00:00Z"`, `"2026-11-22T12:00:00+02:00"`, 0, true},
		{`"a1"`, `"a2"`, 0, false},
		{`"a"`, `"a"`, 0, true},
		{"1e999999999", "2", 0, false},
		{"[1]", "[2]", 0, false},
		{"null", "1", 0, false},
	} {
		read := func(text string) any {
			v, err := expr.Decode([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if order, ok := orderOf(read(c.a), read(c.b)); order != c.order || ok != c.ok {
			t.Errorf("%s and %s: %d %v", c.a, c.b, order, ok)
		}
	}
}

func BenchmarkLearn(b *testing.B) {
	batches := func(l *learning, source string) command.Stored {
		var all []command.StoredBatch
		for i := range 64 {
			var drafts []messages.Draft
			for k := range 16 {
				drafts = append(drafts, datum(source, 16*i+k))
			}
			all = append(all, l.seal("other", drafts...))
		}
		return command.Stored{Batches: all}
	}
	b.Run("nobody", func(b *testing.B) {
		l := newLearning(b, "native_id: .n")
		stored := batches(l, "q")
		one := command.Stored{Batches: stored.Batches[:1]}
		b.ReportAllocs()
		for b.Loop() {
			l.cfg.learner.learn(one)
		}
	})
	for _, source := range []string{"q", "p"} {
		b.Run(map[string]string{"q": "of-others", "p": "of-one-here"}[source]+"/16-records", func(b *testing.B) {
			l := newLearning(b, "native_id: .n")
			l.job.heed()
			stored := batches(l, source)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				l.cfg.learner.learn(command.Stored{Batches: stored.Batches[i%64 : i%64+1]})
				l.cfg.learner.drain(context.Background(), l.cfg)
				if i++; i%64 == 0 {
					_ = l.job.catchUp(context.Background(), l.board)
				}
			}
		})
	}
	b.Run("writer", func(b *testing.B) { // what the journal's writer pays where somebody cares
		l := newLearning(b, "native_id: .n")
		l.job.heed()
		stored := batches(l, "p")
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			l.cfg.learner.learn(command.Stored{Batches: stored.Batches[i%64 : i%64+1]})
			if i%512 == 0 {
				b.StopTimer()
				_, _, _ = l.cfg.learner.take()
				b.StartTimer()
			}
		}
	})
}

func metaNow() transform.Meta { return transform.Meta{Received: time.Now()} }
