package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages"
	"anode/testkit/feeds"
)

func TestEachItemHasItsState(t *testing.T) {
	check := func(a, b string) ctxLine {
		return func(ctx context.Context, line *source.Line) error {
			sinceIs(ctx, t, line, "A", a)
			sinceIs(ctx, t, line, map[string]any{"id": json.Number("1")}, b)
			sinceIs(ctx, t, line, nil, `"from "`)
			feed(ctx, t, line, "A", `{"n":5}`, false)
			feed(ctx, t, line, map[string]any{"id": json.Number("1")}, `{"n":7}`, false)
			if err := line.Settle(ctx); err != nil {
				t.Error(err)
			}
			sinceIs(ctx, t, line, "A", "5")
			sinceIs(ctx, t, line, map[string]any{"id": json.Number("1")}, "7")
			return errBroke
		}
	}
	b := newScript(t, check(`"from A"`, `"from {\"id\":1}"`), check("5", "7"))
	script(b, "since: {from: .n, start: 'from ${.item}'}")
	// Another node, or this one after a start, has the same.
	b.restart("p")
	b.script.more(check("5", "7"))
	script(b, "since: {from: .n, start: 'from ${.item}'}")
	streams := b.journal.Streams("$state.p.*")
	if len(streams) != 2 || !strings.HasPrefix(string(streams[0].Stream), "$state.p.I") || len(b.intake.on("$state.p")) != 1 {
		t.Errorf("states on %v, %v", streams, b.intake.on("$state.p"))
	}
	for _, s := range b.statesOn(streams[0].Stream) {
		if string(s.Item) != `"A"` && string(s.Item) != `{"id":1}` {
			t.Errorf("%+v", s)
		}
	}
}

func TestAComputedStartIsComputedOnce(t *testing.T) {
	var first any
	step := func(ctx context.Context, line *source.Line) error {
		vars, err := line.Vars(ctx, nil)
		if err != nil || vars.Since == nil || first != nil && vars.Since != first {
			t.Errorf("it begins with %v, %v; before with %v", vars.Since, err, first)
		}
		first = vars.Since
		time.Sleep(2 * time.Millisecond)
		return errBroke
	}
	b := newScript(t, step, step)
	script(b, "since: {from: .n, start: '${now | tostring}'}")
	b.restart("p")
	b.script.more(step)
	script(b, "since: {from: .n, start: '${now | tostring}'}")
}

func TestAStartThatFailsIsSaid(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: rest\nurl: http://127.0.0.1:1/\nsince: {from: .n, start: '${.item | explode}'}")
	b.awaitError("p", "since/start: ")
}

func TestWhatIsWrongWithSinceIsSaidAtOnce(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct{ since, want string }{
		{"{from: '.[', start: 0}", "/since/from: "},
		{"{from: .n, start: '${.x ++}'}", "/since/start: "},
		{"{from: .n, start: {a: '${secret:x}'}}", "/since/start/a: must not have a secret"},
	} {
		faults := b.Check(parse(t, "name: p\nkind: rest\nurl: http://x/\nsince: "+c.since))
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Path+": "+faults[0].Message, c.want) {
			t.Errorf("%s: %v", c.since, faults)
		}
	}
}

func TestWithoutRecordsStatesAreSealedSeldom(t *testing.T) {
	b := newScript(t, func(ctx context.Context, line *source.Line) error {
		for i := range 300 {
			feed(ctx, t, line, nil, fmt.Sprintf(`{"n":%d}`, i), false)
			sinceIs(ctx, t, line, nil, fmt.Sprint(i)) // no record waits for the journal
		}
		return errBroke
	})
	script(b, "since: {from: .n}\ntransform: {where: 'false'}")
	b.await("the last is sealed", func() bool {
		s := b.statesOn("$state.p")
		return len(s) > 0 && string(s[len(s)-1].Since) == "299"
	})
	if n := len(b.statesOn("$state.p")); n > 4 {
		t.Errorf("%d states without a record", n)
	}
	if status, _ := b.Status("p"); status.Dropped.Filtered != 300 {
		t.Errorf("%+v", status)
	}
}

func TestTheStateGoesWithTheLastOfALargeMessage(t *testing.T) {
	large := list(1, 3000)
	b := newScript(t, func(ctx context.Context, line *source.Line) error {
		feed(ctx, t, line, nil, large, false)
		return errBroke
	})
	script(b, "since: {from: '.[-1].n'}\ntransform: {split: '.[]'}")
	exactly(t, b.awaitRecords("p", 3000), 3000)
	b.await("the state", func() bool { return len(b.statesOn("$state.p")) == 1 })
	taken := b.intake.submissions()
	for i, s := range taken {
		if (len(s.State) == 1) != (i == len(taken)-1) {
			t.Errorf("submission %d of %d has %d states", i, len(taken), len(s.State))
		}
	}
}

func TestAStateThatIsTooLargeIsReported(t *testing.T) {
	b := newScript(t, func(ctx context.Context, line *source.Line) error {
		feed(ctx, t, line, nil, `{"n":1}`, false)
		feed(ctx, t, line, nil, fmt.Sprintf(`{"n":%q}`, strings.Repeat("x", 70_000)), false)
		return errBroke
	})
	script(b, "since: {from: .n}")
	b.awaitRecords("p", 2)
	b.await("it is reported", func() bool {
		return strings.Contains(strings.Join(b.intake.on("$errors.p"), ""), "since/from: the state has 70002 bytes, at most 65536 are allowed")
	})
	if s := b.statesOn("$state.p"); len(s) != 1 || string(s[0].Since) != "1" {
		t.Errorf("%+v", s)
	}
}

func TestACursorIsKeptBesideSince(t *testing.T) {
	cursorIs := func(ctx context.Context, line *source.Line, want string) {
		t.Helper()
		if got, err := line.Cursor(ctx, nil); err != nil || got != want {
			t.Errorf("cursor %q, want %q: %v", got, want, err)
		}
	}
	b := newScript(t, func(ctx context.Context, line *source.Line) error {
		cursorIs(ctx, line, "")
		m := meta(nil)
		for _, c := range []string{"a", "b"} {
			m.Cursor = &c
			if _, err := line.Feed(ctx, []byte(`{"n":"`+c+`"}`), m); err != nil {
				t.Error(err)
			}
		}
		if err := line.Passed(ctx, nil, "c"); err != nil {
			t.Error(err)
		}
		return errBroke
	}, func(ctx context.Context, line *source.Line) error {
		cursorIs(ctx, line, "c")
		sinceIs(ctx, t, line, nil, `"b"`)
		if err := line.Passed(ctx, nil, strings.Repeat("x", 20_000)); err != nil {
			t.Error(err)
		}
		return errBroke
	}, func(ctx context.Context, line *source.Line) error {
		cursorIs(ctx, line, "c")
		return errBroke
	})
	script(b, "since: {from: .n}")
	b.await("it is shown", func() bool {
		s, _ := b.Status("p")
		return s.Resume != nil && s.Resume.Cursor == "c" && string(s.Resume.Since) == `"b"`
	})
}

// page feeds a page of a walk, the newest first.
func page(from, to int) string {
	var all []string
	for n := from; n >= to; n-- {
		all = append(all, fmt.Sprintf(`{"n":%d}`, n))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func TestAWalkCountsWhenItIsWhole(t *testing.T) {
	walk := func(ctx context.Context, line *source.Line) {
		t.Helper()
		if _, err := line.Walk(ctx, nil, true); err != nil {
			t.Error(err)
		}
	}
	walked := func(ctx context.Context, line *source.Line) {
		t.Helper()
		if err := line.Walked(ctx, nil); err != nil {
			t.Error(err)
		}
	}
	const fields = "native_id: .n\nsince: {from: '.[0].n', start: 0}\ntransform: {split: '.[]'}"
	b := newScript(t, func(ctx context.Context, line *source.Line) error {
		walk(ctx, line)
		feed(ctx, t, line, nil, page(9, 7), false)
		feed(ctx, t, line, nil, page(6, 4), false)
		feed(ctx, t, line, nil, page(3, 1), false)
		sinceIs(ctx, t, line, nil, "0")
		walked(ctx, line)
		sinceIs(ctx, t, line, nil, "9")
		time.Sleep(2 * time.Millisecond)
		walk(ctx, line)
		feed(ctx, t, line, nil, page(12, 10), false)
		feed(ctx, t, line, nil, page(10, 8), true) // one more came meanwhile; 9 was there before
		walked(ctx, line)
		time.Sleep(2 * time.Millisecond)
		walk(ctx, line) // nothing is new: nothing is sealed
		feed(ctx, t, line, nil, page(12, 10), true)
		walked(ctx, line)
		time.Sleep(2 * time.Millisecond)
		walk(ctx, line)
		feed(ctx, t, line, nil, page(18, 16), false)
		return errBroke
	}, func(ctx context.Context, line *source.Line) error {
		sinceIs(ctx, t, line, nil, "12")
		walk(ctx, line) // what the one before brought does not tell that the rest is known
		feed(ctx, t, line, nil, page(18, 16), false)
		return errBroke
	})
	script(b, fields)
	b.await("it is stored", func() bool { return b.intake.count("p") == 15 })
	b.restart("p") // a start
	b.script.more(func(ctx context.Context, line *source.Line) error {
		sinceIs(ctx, t, line, nil, "12")
		walk(ctx, line)
		feed(ctx, t, line, nil, page(19, 16), false)
		feed(ctx, t, line, nil, page(15, 13), false)
		feed(ctx, t, line, nil, page(12, 10), true)
		walked(ctx, line)
		sinceIs(ctx, t, line, nil, "19")
		return errBroke
	})
	script(b, fields)
	b.await("the walk is over", func() bool { s, _ := b.Status("p"); return s.Resume != nil && string(s.Resume.Since) == "19" })
	got := b.awaitRecords("p", 19)
	slices.SortFunc(got, func(x, y string) int { return len(x)*100 - len(y)*100 + strings.Compare(x, y) })
	exactly(t, got, 19)
	var seen []string
	for _, s := range b.statesOn("$state.p") {
		if len(seen) == 0 || seen[len(seen)-1] != string(s.Since) {
			seen = append(seen, string(s.Since))
		}
	}
	if got := strings.Join(seen, " "); got != " 9 12 19" {
		t.Errorf("the states were%s", got)
	}
}

func TestWhatIsNotCertainIsReadFromTheJournal(t *testing.T) {
	var b *bench
	fail := func(stored bool) {
		b.intake.mu.Lock()
		defer b.intake.mu.Unlock()
		b.intake.unconfirmed = &stored
	}
	b = newScript(t, func(ctx context.Context, line *source.Line) error {
		feed(ctx, t, line, nil, `{"n":1}`, false)
		if err := line.Settle(ctx); err != nil {
			t.Error(err)
		}
		fail(true)
		_, _ = line.Feed(ctx, []byte(`{"n":2}`), meta(nil))
		return line.Settle(ctx)
	}, func(ctx context.Context, line *source.Line) error {
		sinceIs(ctx, t, line, nil, "2")
		feed(ctx, t, line, nil, `{"n":2}`, true)
		fail(false)
		_, _ = line.Feed(ctx, []byte(`{"n":3}`), meta(nil))
		return line.Settle(ctx)
	}, func(ctx context.Context, line *source.Line) error {
		sinceIs(ctx, t, line, nil, "2")
		feed(ctx, t, line, nil, `{"n":3}`, false)
		return errBroke
	})
	script(b, "native_id: .n\nsince: {from: .n}")
	exactly(t, b.awaitRecords("p", 3), 3)
}

func TestWhatIsRepeatedForLongIsKnownAfterAStart(t *testing.T) {
	for by, fields := range map[string]string{
		"native_id": "native_id: .n\ndedupe: {window: 1s}", "payload": "dedupe: {by: payload, window: 1s}", "change": "dedupe: {by: change}",
	} {
		t.Run(by, func(t *testing.T) {
			b := newBench(t, nil)
			b.sealInto()
			// The records are older than the window; a state says that they are still needed.
			old := time.Now().Add(-time.Hour)
			draft := messages.Draft{Stream: "p", Source: "p", Payload: []byte(`{"n":1}`)}
			if by == "native_id" {
				draft.NativeID = "1"
			}
			sealAt(t, b.journal, old, draft)
			sealAt(t, b.journal, old.Add(time.Minute), messages.Draft{
				Stream: "$state.p.D", Source: "p", Payload: fmt.Appendf(nil, `{"v":1,"turn":3,"horizon":%q}`, old.UTC().Format(time.RFC3339Nano)),
			})
			sealAt(t, b.journal, old.Add(2*time.Minute), messages.Draft{Stream: "p", Source: "other", Payload: []byte(`{"n":2}`)})
			b.put("name: p\nkind: rest\nurl: %s\nrest: {every: 10ms}\n%s", b.serve(feeds.JSON(`{"n":1}`)).URL("/"), fields)
			b.await("it is known", func() bool { s, _ := b.Status("p"); return s.Dropped.Duplicate > 3 })
			if n := b.intake.count("p"); n != 0 {
				t.Errorf("%d records again", n)
			}
		})
	}
}

func TestTheHorizonIsSealed(t *testing.T) {
	b := newBench(t, nil)
	b.sealInto()
	begun := time.Now()
	answers := []http.Handler{feeds.JSON(`[{"n":1},{"n":2}]`), feeds.JSON(`[{"n":1},{"n":3}]`)}
	api := feeds.NewREST(map[string][]http.Handler{"/": answers})
	b.put("name: p\nkind: rest\nurl: %s\nnative_id: .n\ntransform: {split: '.[]'}\nrest: {every: 10ms}", b.serve(api).URL("/"))
	b.awaitRecords("p", 3)
	if err := api.Await(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	states := b.statesOn("$state.p.D")
	if len(states) != 1 || states[0].Horizon == nil || states[0].Horizon.Before(begun.Add(-time.Second)) || states[0].Horizon.After(time.Now()) {
		t.Errorf("within a minute: %+v", states)
	}
	if s, _ := b.Status("p"); s.Resume != nil {
		t.Errorf("a horizon alone is shown as %+v", s.Resume)
	}
}

func TestWhatFollowsAHoleAtTheEndIsNotTrusted(t *testing.T) {
	for name, c := range map[string]struct {
		later time.Duration
		want  string
	}{"a power cut": {time.Second, "1"}, "damage long ago": {time.Hour, "3"}} {
		t.Run(name, func(t *testing.T) {
			b := newScript(t, func(ctx context.Context, line *source.Line) error {
				sinceIs(ctx, t, line, nil, c.want)
				return errBroke
			})
			b.intake.seal = nil // the epoch is over
			at := time.Now().Add(-2 * time.Hour)
			of := func(turn int) messages.Draft {
				return messages.Draft{Stream: "$state.p", Source: "p", Payload: fmt.Appendf(nil, `{"v":1,"turn":%d,"since":%d,"from":"3852639b"}`, turn, turn)}
			}
			record := messages.Draft{Stream: "p", Source: "p", Payload: []byte("1")}
			sealAt(t, b.journal, at.Add(-time.Hour), record, of(1)) // of an idle source
			sealAt(t, b.journal, at.Add(time.Millisecond), record)
			sealAt(t, b.journal, at.Add(2*time.Millisecond), record, of(3))
			sealAt(t, b.journal, at.Add(c.later), messages.Draft{Stream: "other", Payload: []byte("1")})
			b.journal.Lose(messages.BatchID{Origin: self, Epoch: 1, Sequence: 2})
			script(b, "since: {from: .n}")
		})
	}
}

func TestAMessageThatIsCutShortMovesNothing(t *testing.T) {
	b := newScript(t, func(ctx context.Context, line *source.Line) error {
		feed(ctx, t, line, nil, `{"n":1}`, false)
		cut, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := line.Feed(cut, []byte(`{"n":2}`), meta(nil)); !errors.Is(err, context.Canceled) {
			t.Errorf("a message after the end: %v", err)
		}
		return errBroke
	}, func(ctx context.Context, line *source.Line) error {
		sinceIs(ctx, t, line, nil, "1")
		return errBroke
	})
	script(b, "since: {from: .n}")
	if s := b.statesOn("$state.p"); len(s) != 1 || string(s[0].Since) != "1" {
		t.Errorf("%+v", s)
	}
}

func TestWhatAFeedRepeatsForEverIsKnownAfterAStart(t *testing.T) {
	clock := &movedClock{}
	b := newBench(t, func(cfg *source.Config) { cfg.Clock = clock.now })
	b.sealInto()
	feed := newNumbers(3, 100) // always the whole list
	url := b.serve(feed).URL("/")
	put := func() {
		b.put("name: p\nkind: rest\nurl: %s?since=0\nnative_id: .n\ntransform: {split: '.[]'}\nrest: {every: 10ms}", url)
	}
	put()
	b.awaitRecords("p", 3)
	for range 3 { // in an hour it is seen again and again
		asked := feed.asked.Load()
		clock.add(8 * time.Minute)
		b.await("polls", func() bool { return feed.asked.Load() > asked+3 })
	}
	b.await("what is old is listed", func() bool {
		all := b.intake.on("$state.p.D")
		return len(all) > 1 && strings.Contains(all[len(all)-1], `"seen":"`)
	})
	b.restart("p")
	feed.upTo.Store(5)
	clock.add(2 * time.Hour) // a downtime
	put()
	exactly(t, b.awaitRecords("p", 5), 5)
	b.await("polls", func() bool { s, _ := b.Status("p"); return s.Dropped.Duplicate > 20 })
	exactly(t, b.intake.on("p"), 5)
}

// movedClock is the wall clock, moved on.
type movedClock struct{ by atomic.Int64 }

func (c *movedClock) now() time.Time      { return time.Now().Add(time.Duration(c.by.Load())) }
func (c *movedClock) add(d time.Duration) { c.by.Add(int64(d)) }
