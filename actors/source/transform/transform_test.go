package transform

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/jsontext"
	"anode/messages/spec"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// pipeline makes one of the fields that a test is about.
func pipeline(t testing.TB, fields string) (*Pipeline, *clock) {
	t.Helper()
	document := "name: lab\nkind: rest\nurl: https://feed.example.com/v1\n" + fields
	s, err := spec.Parse([]byte(document), true)
	if err != nil {
		t.Fatalf("%s\n%v", document, err)
	}
	c := &clock{start}
	p, err := New(Config{Spec: s, Language: language(c.Now), Clock: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func feed(p *Pipeline, message string) Result {
	return p.Feed(context.Background(), []byte(message), Meta{
		Received: start, URL: "https://feed.example.com/v1", Status: 200, Headers: map[string]string{"etag": "7"},
		Secret: func(name string) (string, error) { return "secret of " + name, nil },
	})
}

// show is a draft in one line.
func show(d messages.Draft) string {
	text := string(d.Stream) + " " + string(d.Payload)
	if d.Key != "" || d.NativeID != "" {
		text += " key=" + d.Key + " id=" + d.NativeID
	}
	if !d.Time.IsZero() {
		text += " at=" + d.Time.Format(time.RFC3339Nano)
	}
	return text
}

func TestMessagesBecomeDrafts(t *testing.T) {
	for _, c := range []struct {
		name, spec, message string
		drafts              []string
		dropped             Dropped
		reason              string // of the first failure
	}{
		{
			name: "tokens stay as they were sent", message: "{ \"b\": 1.10, \"a\":\"\\u00e9\" , \"n\":9007199254740993 }",
			drafts: []string{`lab {"b":1.10,"a":"\u00e9","n":9007199254740993}`},
		},
		{name: "numbers keep their text through map", spec: "transform: {map: '{p: .price}'}", message: `{"price":1.10}`, drafts: []string{`lab {"p":1.10}`}},
		{
			name: "everything at once", spec: "stream: 'm.{s}'\nkey: .s\nnative_id: .n\ntime: .t\ntransform: {where: '.type == \"match\"', split: '.items[]', map: '{s, n, t}'}",
			message: `{"type":"match","items":[{"s":"A/B","n":7,"t":1763805600123,"x":0},{"s":"C","n":"8","t":"2025-11-22T10:00:00Z"}]}`,
			drafts:  []string{`m.A_B {"n":7,"s":"A/B","t":1763805600123} key=A/B id=7 at=2025-11-22T10:00:00.123Z`, `m.C {"n":"8","s":"C","t":"2025-11-22T10:00:00Z"} key=C id=8 at=2025-11-22T10:00:00Z`},
		},
		{name: "a false where is filtered", spec: "transform: {where: '.a == 1'}", message: `{"a":2}`, dropped: Dropped{Filtered: 1}},
		{name: "an error in where is false", spec: "transform: {where: '.a.b.c == 1'}", message: `{"a":2}`, dropped: Dropped{Filtered: 1}},
		{name: "an error in a where beyond the subset is false", spec: "transform: {where: '[.a[] | select(. > 1)] | length > 0'}", message: `{"a":2}`, dropped: Dropped{Filtered: 1}},
		{name: "an empty map is filtered", spec: "transform: {split: '.[]', map: 'select(. > 1)'}", message: `[1,2]`, drafts: []string{"lab 2"}, dropped: Dropped{Filtered: 1}},
		{name: "an empty split is filtered", spec: "transform: {split: '.[]'}", message: `[]`, dropped: Dropped{Filtered: 1}},
		{name: "a failing map is failed, the others go on", spec: "transform: {split: '.[]', map: '.a'}", message: `[{"a":1},5]`, drafts: []string{"lab 1"}, dropped: Dropped{Failed: 1}, reason: "map: "},
		{name: "a failing split is failed", spec: "transform: {split: '.a[]'}", message: `{"a":1}`, dropped: Dropped{Failed: 1}, reason: "split: "},
		{name: "a key that is no scalar is failed", spec: "key: .k", message: `{"k":[]}`, dropped: Dropped{Failed: 1}, reason: "key: is an object"},
		{name: "a key of several values is failed", spec: "key: .k[]", message: `{"k":[1,2]}`, dropped: Dropped{Failed: 1}, reason: "key: gives 2"},
		{name: "a stream without its value is failed", spec: "stream: 'm.{s}'", message: `{}`, dropped: Dropped{Failed: 1}, reason: "stream: {s} is not there"},
		{name: "a long key is failed", spec: "key: .k", message: `{"k":"` + strings.Repeat("x", 300) + `"}`, dropped: Dropped{Failed: 1}, reason: "key has 300 bytes"},
		{name: "no key is no key", spec: "key: .k\nnative_id: .n", message: `{"k":null}`, drafts: []string{`lab {"k":null}`}},
		{name: "an unreadable time keeps the record", spec: "time: .t", message: `{"t":"soon"}`, drafts: []string{`lab {"t":"soon"}`}},
		{name: "auto takes text", message: "no JSON\n", drafts: []string{`lab "no JSON\n"`}},
		{name: "auto refuses bytes", message: "\xff\x00", dropped: Dropped{Failed: 1}, reason: "parse: is neither JSON nor UTF-8"},
		{name: "json refuses text", spec: "parse: json", message: "no", dropped: Dropped{Failed: 1}, reason: "parse: at byte 1"},
		{name: "text takes JSON as text", spec: "parse: text", message: `{"a":1}`, drafts: []string{`lab "{\"a\":1}"`}},
		{name: "ndjson is a message a line", spec: "parse: ndjson", message: "{\"a\":1}\n\nbad\n{\"a\":2}", drafts: []string{`lab {"a":1}`, `lab {"a":2}`}, dropped: Dropped{Failed: 1}, reason: "parse: "},
		{name: "json that nests too deep is failed", spec: "parse: json", message: strings.Repeat("[", 200) + strings.Repeat("]", 200), dropped: Dropped{Failed: 1}, reason: "parse: "},
		{name: "meta is there", spec: "transform: {map: '[$meta.status, $meta.headers.etag, $meta.received, $meta.event]'}", message: `1`, drafts: []string{`lab [200,"7","2026-11-22T10:00:00Z",null]`}},
		{name: "paths reach into arrays", spec: "stream: 'm.{[2]}.{[-1]}'\nkey: .[0]", message: `[5,{},"trade","XBT/USD"]`, drafts: []string{`m.trade.XBT_USD [5,{},"trade","XBT/USD"] key=5 id=`}},
		{name: "data above 1 MiB is failed", message: `"` + strings.Repeat("x", 1<<20) + `"`, dropped: Dropped{Failed: 1}, reason: "data has"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := pipeline(t, c.spec)
			got := feed(p, c.message)
			var drafts []string
			for _, d := range got.Drafts {
				drafts = append(drafts, show(d))
				if d.Source != "lab" {
					t.Errorf("source is %q", d.Source)
				}
			}
			if fmt.Sprint(drafts) != fmt.Sprint(c.drafts) {
				t.Errorf("drafts\n got %v\nwant %v", drafts, c.drafts)
			}
			if got.Dropped != c.dropped {
				t.Errorf("dropped %+v, want %+v", got.Dropped, c.dropped)
			}
			switch {
			case c.reason == "" && len(got.Failures) > 0:
				t.Errorf("failed: %v", got.Failures[0].Reason)
			case c.reason != "" && (len(got.Failures) == 0 || !strings.Contains(got.Failures[0].Reason, c.reason)):
				t.Errorf("%d failures, want one with %q", len(got.Failures), c.reason)
			}
			if got.Data != (len(got.Drafts) > 0) {
				t.Errorf("Data is %v", got.Data)
			}
		})
	}
}

// A reason names the field, the expression, and what it met.
func TestReasonsTeach(t *testing.T) {
	long := strings.Repeat("é", 300)
	for _, c := range []struct{ spec, message, want string }{
		{"transform: {map: '.a\n  | .b'}", `{"a":5}`, `map: expected an object but got: number (5); .a | .b met {"a":5}`},
		{"transform: {split: '.items[]'}", `{"items":null}`, `split: cannot iterate over: null; .items[] met {"items":null}`},
		{"transform: {split: '.[]', map: '.x + 1'}", `[{"x":"1"}]`, `map: cannot add: string ("1") and number (1); .x + 1 met {"x":"1"}`},
		{"transform: {map: 'error(\"no \\(.a)\")'}", `{"a":1}`, `map: error: no 1; error("no \(.a)") met {"a":1}`},
		{"key: .k", `{"k":[1]}`, `key: is an object or an array, not a text, number or boolean; .k met {"k":[1]}`},
		{"key: .k.x", `{"k":[1]}`, `key: .x is asked of what is no object; .k.x met {"k":[1]}`},
		{"native_id: '.a, .b'", `{}`, `native_id: gives 2 values, one is allowed; .a, .b met {}`},
		{"stream: 'm.{s.t}'", `{"s":{}}`, `stream: {s.t} is not there; m.{s.t} met {"s":{}}`},
		{"schema: {required: [a]}", `{"b":"` + long + `"}`, `schema: the value: missing property 'a'; met {"b":"` + strings.Repeat("é", 97) + `…`},
		{"transform: {split: '. as $x | $x'}\nkey: .k", `{"k":[],"b":"` + long + `"}`, `key: is an object or an array, not a text, number or boolean; .k met {"b":"` + strings.Repeat("é", 97) + `…`},
		{"on: [{when: 'true', set: '.a'}]", `{"a":1}`, `/on/0/set: gives a number, not an object; .a met {"a":1}`},
		{"on: [{when: 'true', send: '${.frame.a.b}'}]", `{"a":1}`, `/on/0/send: ${.frame.a.b}: expected an object but got: number (1); met {"a":1}`},
		{"parse: json", `{"a":`, `parse: at byte 5: `},
	} {
		p, _ := pipeline(t, c.spec)
		if got := reasonsOf(feed(p, c.message)); len(got) != 1 || !strings.HasPrefix(got[0], c.want) || strings.Contains(got[0], "\n") {
			t.Errorf("%s\n got %q\nwant %q", c.spec, got, c.want)
		}
	}
}

func TestReasonsHideSecrets(t *testing.T) {
	p, _ := pipeline(t, "key: .k")
	p.cfg.Hide = func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") }
	if got := reasonsOf(feed(p, `{"k":["hunter2"]}`)); len(got) != 1 || !strings.HasSuffix(got[0], `met {"k":["***"]}`) {
		t.Errorf("got %q", got)
	}
}

// One message can't spend time without end, however many parts it has.
func TestAMessageIsGivenUp(t *testing.T) {
	p, _ := pipeline(t, "transform: {split: '.[]', map: 'last(range(1e9))'}")
	begun := time.Now()
	got := feed(p, "["+strings.TrimSuffix(strings.Repeat("1,", 1000), ",")+"]")
	if n := got.Dropped.Failed; n != maxSpent+1 || time.Since(begun) > time.Minute {
		t.Errorf("%d failed in %s: %q", n, time.Since(begun), reasonsOf(got))
	}
	if got := feed(p, "[]"); got.Dropped.Filtered != 1 { // the next one is none of it
		t.Errorf("got %+v", got)
	}
	p, _ = pipeline(t, "parse: lines\ntransform: {where: 'last(range(1e9))'}")
	if got := feed(p, strings.Repeat("a\n", 1000)); got.Dropped.Filtered != maxSpent || got.Dropped.Failed != 1 || !strings.Contains(got.Failures[0].Reason, "the rest of the message is given up") {
		t.Errorf("where: %+v %q", got.Dropped, reasonsOf(got))
	}
}

func TestUntimedIsCounted(t *testing.T) {
	p, _ := pipeline(t, "time: .t")
	if got := feed(p, `{"t":"soon"}`); got.Untimed != 1 || !got.Drafts[0].Time.IsZero() {
		t.Fatalf("got %+v", got)
	}
}

func TestRules(t *testing.T) {
	p, _ := pipeline(t, `
on:
  - {when: 'has("ping")', send: {pong: '${.frame.ping}', key: '${secret:k}'}}
  - {when: '.event == "subscribed"', set: '{("\(.id)"): .symbol}'}
  - {when: '.event == "error"', fail: 'the feed says ${.frame.msg}'}
  - {when: '.event == "bad"', set: '7'}
transform: {where: '.chan', map: '{s: $state["\(.chan)"]}'}`)
	got := feed(p, `{"ping":17}`)
	if len(got.Actions) != 1 || string(got.Actions[0].Send) != `{"key":"secret of k","pong":17}` {
		t.Errorf("ping gives %s", got.Actions)
	}
	feed(p, `{"event":"subscribed","id":5,"symbol":"ETH"}`)
	if got := feed(p, `{"chan":5}`); len(got.Drafts) != 1 || string(got.Drafts[0].Payload) != `{"s":"ETH"}` {
		t.Errorf("with $state: %+v", got)
	}
	if got := feed(p, `{"event":"bad"}`); len(got.Failures) != 1 || !strings.Contains(got.Failures[0].Reason, "/on/3/set") {
		t.Errorf("set of no object: %+v", got.Failures)
	}
	got = feed(p, `{"event":"error","msg":"no","chan":5}`)
	if len(got.Actions) != 1 || got.Actions[0].Fail != "the feed says no" || len(got.Drafts) != 0 {
		t.Errorf("error gives %+v", got)
	}
	p.Reset()
	if got := feed(p, `{"chan":5}`); string(got.Drafts[0].Payload) != `{"s":null}` {
		t.Errorf("a new connection has $state: %s", got.Drafts[0].Payload)
	}
}

func TestStateIsBounded(t *testing.T) {
	p, _ := pipeline(t, "on: [{when: 'true', set: '.'}]\ntransform: {map: 'empty'}")
	if got := feed(p, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`); len(got.Failures) != 1 {
		t.Fatal("1 MiB was taken")
	}
	for i := range maxStateKeys {
		if err := p.state.merge(map[string]any{fmt.Sprint(i): nil}); err != nil {
			t.Fatal(err)
		}
		if i == 100 { // the rest at once: each merge copies
			break
		}
	}
	many := map[string]any{}
	for i := range maxStateKeys + 1 {
		many[fmt.Sprint(i)] = nil
	}
	if err := p.state.merge(many); err == nil || !strings.Contains(err.Error(), "10001 keys") {
		t.Fatalf("10,001 keys: %v", err)
	}
}

func TestDedupe(t *testing.T) {
	type step struct {
		after   time.Duration
		message string
		kept    bool
	}
	for _, c := range []struct {
		name, spec string
		steps      []step
	}{
		{"native id", "native_id: .n", []step{{0, `{"n":1}`, true}, {0, `{"n":1,"x":2}`, false}, {0, `{"n":2}`, true}, {0, `{}`, true}, {0, `{}`, true}}},
		{"window", "native_id: .n\ndedupe: {window: 1m}", []step{{0, `{"n":1}`, true}, {50 * time.Second, `{"n":1}`, false}, {50 * time.Second, `{"n":1}`, false}, {61 * time.Second, `{"n":1}`, true}}},
		{"payload", "dedupe: {by: payload}", []step{{0, `{"n":1}`, true}, {0, `{"n": 1}`, false}, {0, `{"n":2}`, true}, {0, `{"n":1}`, false}}},
		{"change", "key: .k\ndedupe: {by: change}", []step{{0, `{"k":1,"v":1}`, true}, {0, `{"k":1,"v":1}`, false}, {0, `{"k":2,"v":1}`, true}, {time.Hour, `{"k":1,"v":1}`, false}, {0, `{"k":1,"v":2}`, true}, {0, `{"k":1,"v":1}`, true}}},
		{"none", "native_id: .n\ndedupe: {by: none}", []step{{0, `{"n":1}`, true}, {0, `{"n":1}`, true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, clock := pipeline(t, c.spec)
			for i, s := range c.steps {
				clock.now = clock.now.Add(s.after)
				got := feed(p, s.message)
				if (len(got.Drafts) == 1) != s.kept || !got.Data || (got.Dropped.Duplicate == 1) == s.kept {
					t.Fatalf("step %d: %+v, want kept %v", i, got, s.kept)
				}
			}
		})
	}
}

func TestDedupeIsRestoredAndTakenBack(t *testing.T) {
	p, clock := pipeline(t, "native_id: .n\ndedupe: {window: 10m}")
	ms, needed := p.Dedupe().Horizon(start)
	if !needed || ms != start.Add(-10*time.Minute).UnixMilli() || !p.Dedupe().NativeIDs() {
		t.Fatalf("horizon is %d, %v", ms, needed)
	}
	of := func(n string) messages.Identity {
		return (&messages.Draft{Source: "lab", Stream: "lab", NativeID: n}).Identity()
	}
	p.Dedupe().Restore(of("2"), start.Add(-time.Minute).UnixMilli(), start)
	p.Dedupe().Restore(of("1"), start.Add(-90*time.Minute).UnixMilli(), start)
	if horizon, old, some := p.Dedupe().Needed(start, 5); !some || horizon != start.Add(-time.Minute).UnixMilli() || len(old) != 24 {
		t.Errorf("needed from %d on, and %d bytes, %v", horizon, len(old), some)
	}
	if horizon, old, _ := p.Dedupe().Needed(start, 0); horizon != start.Add(-90*time.Minute).UnixMilli() || len(old) != 0 {
		t.Errorf("without a list needed from %d on", horizon)
	}
	clock.now = start.Add(9 * time.Minute)
	if got := feed(p, `{"n":2}`); got.Dropped.Duplicate != 1 || !got.Seen {
		t.Errorf("restored, but taken: %+v", got)
	}
	clock.now = start.Add(11 * time.Minute)
	horizon, old, _ := p.Dedupe().Needed(clock.now, 5)
	if horizon != clock.now.UnixMilli() || len(old) != 24 {
		t.Errorf("needed from %d on, and %d bytes", horizon, len(old))
	}
	r, _ := pipeline(t, "native_id: .n")
	r.Dedupe().Remember(old, start)
	for n, want := range map[string]uint64{`{"n":1}`: 0, `{"n":2}`: 1} {
		if got := feed(r, n); got.Dropped.Duplicate != want {
			t.Errorf("what is remembered of %s: %+v", n, got)
		}
	}
	got := feed(p, `{"n":1}`)
	if len(got.Drafts) != 1 {
		t.Fatalf("not seen for 11 minutes, but a duplicate: %+v", got)
	}
	p.Forget(got.Drafts)
	if got := feed(p, `{"n":1}`); len(got.Drafts) != 1 {
		t.Errorf("not stored, but a duplicate: %+v", got)
	}
	q, _ := pipeline(t, "dedupe: {by: change}")
	q.Dedupe().RestoreDraft(&messages.Draft{Source: "lab", Stream: "lab", Payload: []byte("5")}, start.UnixMilli(), start)
	q.Dedupe().RestoreDraft(&messages.Draft{Source: "lab", Stream: "lab", Payload: []byte("4")}, start.UnixMilli()-1, start)
	if got := feed(q, "5"); got.Dropped.Duplicate != 1 {
		t.Errorf("restored value was taken: %+v", got)
	}
}

func TestDedupeIsBounded(t *testing.T) {
	p, _ := pipeline(t, "native_id: .n")
	p.dedupe.most = 3
	for _, n := range []string{"1", "2", "3", "1", "4"} { // 2 was seen longest ago
		feed(p, `{"n":`+n+`}`)
	}
	for n, kept := range map[string]int{"1": 0, "3": 0, "4": 0} {
		if got := feed(p, `{"n":`+n+`}`); len(got.Drafts) != kept {
			t.Errorf("%s: %d drafts, want %d", n, len(got.Drafts), kept)
		}
	}
	if got := feed(p, `{"n":2}`); len(got.Drafts) != 1 || p.Evicted() != 2 || len(p.dedupe.entries) != 3 {
		t.Errorf("2: %d drafts, %d evicted, %d entries", len(got.Drafts), p.Evicted(), len(p.dedupe.entries))
	}
}

func TestFaultsComeAtOnce(t *testing.T) {
	s, err := spec.Parse([]byte("name: a\nkind: rest\nurl: https://x.example.com\nkey: '.a |'\ntransform: {where: '(', map: ')'}\non: [{when: '[', set: '{'}]"), true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{Spec: s, Language: language(time.Now), Clock: time.Now})
	var faults spec.Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, f := range faults {
		paths[f.Path] = true
	}
	for _, want := range []string{"/key", "/transform/where", "/transform/map", "/on/0/when", "/on/0/set"} {
		if !paths[want] {
			t.Errorf("%s is not among %v", want, faults)
		}
	}
}

func TestFramesOfFailuresAreCut(t *testing.T) {
	p, _ := pipeline(t, "parse: ndjson")
	got := feed(p, strings.Repeat("bad\n", 20)+strings.Repeat("x", 10_000))
	if got.Dropped.Failed != 21 || len(got.Failures) != maxFailures || got.Decoded {
		t.Fatalf("%d failed, %d told", got.Dropped.Failed, len(got.Failures))
	}
	if got := feed(p, strings.Repeat("x", 10_000)); len(got.Failures[0].Frame) != maxFrame || got.Failures[0].Size != 10_000 {
		t.Fatalf("frame of %d", len(got.Failures[0].Frame))
	}
}

func FuzzFeed(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"c"}]}`, `[1,2,"x"]`, "text", "\xff", `{"k":"é","n":1e999,"t":1e30}`} {
		f.Add(seed)
	}
	p, _ := pipeline(f, "stream: 'm.{k}.{a[0]}'\nkey: .k\nnative_id: .n\ntime: .t\ntransform: {where: '. != 3'}")
	f.Fuzz(func(t *testing.T, message string) {
		got := feed(p, message)
		for _, d := range got.Drafts {
			if err := d.Check(); err != nil {
				t.Fatal(err)
			}
			if _, err := messages.ParseStream(string(d.Stream)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func Example() {
	s, err := spec.Parse([]byte(`{"name":"lab","kind":"rest","url":"https://feed.example.com","stream":"lab.{room}","key":".room",
		"transform":{"split":".rooms[]","map":"{room, c: .temp}"}}`), false)
	if err != nil {
		panic(err)
	}
	p, err := New(Config{Spec: s, Language: language(time.Now), Clock: time.Now})
	if err != nil {
		panic(err)
	}
	got := p.Feed(context.Background(), []byte(`{"rooms":[{"room":"a 1","temp":21.50},{"room":"b","temp":19}]}`), Meta{Received: time.Now()})
	for _, d := range got.Drafts {
		fmt.Printf("%s %q %s\n", d.Stream, d.Key, d.Payload)
	}
	// Output:
	// lab.a_1 "a 1" {"c":21.50,"room":"a 1"}
	// lab.b "b" {"c":19,"room":"b"}
}

// compacted is JSON as the journal wants it.
func compacted(raw []byte) (string, error) {
	out, err := jsontext.Compact(nil, raw, messages.MaxJSONDepth)
	return string(out), err
}

// allocated is what was allocated since the start, in bytes.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestValuesOfAMessageAreBounded(t *testing.T) {
	p, _ := pipeline(t, "transform: {split: 'range(1000)', map: 'range(500)'}")
	n := 0
	last, err := p.FeedTo(context.Background(), []byte("1"), Meta{Received: start}, func(r *Result) error {
		n += len(r.Drafts)
		return nil
	})
	if n += len(last.Drafts); err != nil || n != 131_000 || last.Dropped.Failed != 1 || !strings.Contains(last.Failures[0].Reason, "more than 131072 values of one message: all from part 263 of 1000 on") {
		t.Errorf("%d records, %+v, %v", n, last.Failures, err)
	}
}
