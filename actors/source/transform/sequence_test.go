package transform

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// gaps are the holes that a result reports, as from-to, and all else as it is.
func gaps(r Result) (all []string) {
	for _, f := range r.Failures {
		if f.Gap != nil {
			all = append(all, strings.TrimPrefix(fmt.Sprintf("%s:%d-%d", f.Gap.Per, f.Gap.From, f.Gap.To), ":"))
		} else {
			all = append(all, f.Reason)
		}
	}
	return all
}

func TestSequence(t *testing.T) {
	const connect = "connect"
	renewed := func(at, after int) string {
		return fmt.Sprintf("sequence: the feed began its numbering anew, at %d after %d", at, after)
	}
	for _, c := range []struct {
		name  string
		steps []string // a number, number/content, or connect
		want  []string
	}{
		{"one after the other", []string{"7", "8", "9"}, nil},
		{"a hole of one", []string{"7", "9", "10"}, []string{"8-8"}},
		{"a hole of many", []string{"-3", "1000000"}, []string{"-2-999999"}},
		{"two holes", []string{"1", "3", "5"}, []string{"2-2", "4-4"}},
		{"digits in a text", []string{`"1"`, `"2"`, `"4"`}, []string{"3-3"}},
		{"a repeat", []string{"1", "2", "2", "1", "3"}, nil},
		{"an overlap", []string{"1", "2", "3", "4", "2", "3", "4", "5", "7"}, []string{"6-6"}},
		{"what fills a hole", []string{"1", "4", "3", "2", "5"}, []string{"2-3"}},
		{"what filled a hole comes again", []string{"1", "3", "2", "2", "4"}, []string{"2-2"}},
		{"a stray is forgotten", []string{"1", "2", "3", "2/x", "4", "1/x", "5"}, nil},
		{"a feed that begins anew, with other content", []string{"1", "2", "3", "4", "1/x", "2/x", "3/x", "4/x", "5"}, []string{renewed(1, 4)}},
		{"and loses some at once", []string{"1", "2", "3", "4", "5", "1/x", "4/x", "5/x"}, []string{renewed(1, 5), "2-3"}},
		{"a feed that begins anew, far below", []string{"5000", "1", "2", "4"}, []string{renewed(1, 5000), "3-3"}},
		{"a feed that begins anew below its first", []string{"50", "51", "10", "11"}, []string{renewed(10, 51)}},
		{"a new connection that goes on", []string{"1", "2", connect, "3", "4"}, nil},
		{"a new connection that overlaps", []string{"1", "2", "3", connect, "2", "3", "4"}, nil},
		{"a hole between connections", []string{"1", "2", connect, "5", "6"}, []string{"3-4"}},
		{"a numbering by connection", []string{"0", "1", "2", connect, "0/x", "1/x", "3/x"}, []string{"2-2"}},
		{"the ends of the range", []string{fmt.Sprint(math.MinInt64 + 1), fmt.Sprint(math.MaxInt64 - 1)}, []string{fmt.Sprintf("%d-%d", math.MinInt64+2, math.MaxInt64-2)}},
		{"pairs", []string{"[1,4]", "[5,5]", "[8,9]", "[9,12]", "13"}, []string{"6-7"}},
		{"no numbers", []string{"1", `"x"`, "1.5", "{}", "[1]", "[2,1]", "true", "9223372036854775807", "1e3", "2"}, slices.Repeat([]string{"sequence: " + errNoNumber.Error()}, 8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := pipeline(t, "sequence: {value: .n}")
			var got []string
			for _, step := range c.steps {
				if step == connect {
					p.Reset()
					continue
				}
				number, content, _ := strings.Cut(step, "/")
				r := feed(p, fmt.Sprintf(`{"n":%s,"c":%q}`, number, content))
				if len(r.Drafts) != 1 || r.Dropped != (Dropped{}) || len(r.Actions) > 0 {
					t.Fatalf("%s: %+v", step, r)
				}
				for _, f := range gaps(r) {
					got = append(got, strings.TrimSuffix(f, "\n"))
				}
			}
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], ";")
			}
			same(t, "report", got, c.want)
		})
	}
}

func TestSequencePerThing(t *testing.T) {
	p, _ := pipeline(t, "sequence: {value: '.n // empty', per: .s}")
	r := feed(p, `{"s":"a","n":1}`)
	for _, m := range []string{`{"s":"b","n":5}`, `{"s":"a","n":2}`, `{"s":"b","n":8}`, `{"s":"b"}`, `{"s":"a","n":3}`} {
		next := feed(p, m)
		r.Failures, r.Missing = append(r.Failures, next.Failures...), r.Missing+next.Missing
	}
	if len(r.Failures) != 1 || r.Missing != 2 || r.Failures[0].Reason != `sequence: 2 are missing of "b": 6 to 7` || *r.Failures[0].Gap != (Gap{"b", 6, 7}) {
		t.Fatalf("got %+v", r.Failures)
	}
}

func TestGapEndsConnectionsAtItsPace(t *testing.T) {
	p, clock := pipeline(t, "sequence: {value: ., on_gap: reconnect}\nbackoff: {min: 1s, max: 8s}\nparse: ndjson")
	n := 0
	// jump gives the words with which the connection ends.
	jump := func() string {
		n += 2
		r := feed(p, fmt.Sprint(n, "\n", n+1))
		n++
		if len(r.Drafts) != 2 {
			t.Fatalf("a hole cost a record: %+v", r)
		}
		if len(r.Actions) == 0 {
			return ""
		}
		return r.Actions[0].Fail
	}
	jump()
	var ended []time.Duration
	for clock.now.Sub(start) < 40*time.Second {
		if words := jump(); words != "" {
			if want := fmt.Sprintf("sequence: 1 is missing: %d, so it is connected anew", n-2); words != want {
				t.Fatalf("%q, want %q", words, want)
			}
			ended = append(ended, clock.now.Sub(start))
			p.Reset()
			if words := jump(); words != "" { // lost between the connections
				t.Fatalf("a new connection ends with %q", words)
			}
		}
		clock.now = clock.now.Add(500 * time.Millisecond)
	}
	if want := []time.Duration{0, 1e9, 3e9, 7e9, 15e9, 23e9, 31e9, 39e9}; !slices.Equal(ended, want) {
		t.Errorf("ended at %v, want %v", ended, want)
	}
	clock.now = clock.now.Add(time.Minute) // it was well
	for _, want := range []bool{true, false} {
		if words := jump(); (words != "") != want {
			t.Errorf("after a minute: %q", words)
		}
	}
}

func TestNumberingsAreBounded(t *testing.T) {
	p, _ := pipeline(t, "sequence: {value: .n, per: .s}")
	p.sequence.most = 3
	var told []string
	for _, s := range []string{"a", "b", "c", "a", "d", "e"} { // b and c are forgotten
		told = append(told, gaps(feed(p, fmt.Sprintf(`{"s":%q,"n":1}`, s)))...)
	}
	if len(told) != 1 || !strings.Contains(told[0], "more than 3 things") || len(p.sequence.lines) != 3 || p.sequence.byUse.Len() != 3 {
		t.Fatalf("told %q of %d", told, len(p.sequence.lines))
	}
	if got := gaps(feed(p, `{"s":"a","n":9}`)); len(got) != 1 || got[0] != "a:2-8" {
		t.Errorf("a: %q", got)
	}
}

func TestWhatIsNotStoredIsMissing(t *testing.T) {
	p, _ := pipeline(t, "sequence: {value: .n}")
	feed(p, `{"n":1}`)
	refused := append(feed(p, `{"n":2}`).Drafts, feed(p, `{"n":3}`).Drafts...)
	p.Forget(refused)
	p.Reset()
	if got := gaps(feed(p, `{"n":4}`)); len(got) != 1 || got[0] != "2-3" {
		t.Errorf("the feed goes on: %q", got)
	}
	p.Forget(feed(p, `{"n":5}`).Drafts)
	if got := gaps(feed(p, `{"n":5}`)); len(got) != 0 {
		t.Errorf("the feed gives it again: %q", got)
	}
}

// Whatever comes, every number that never came and lies between others that did is told as missing, exactly once, as
// long as the feed only counts upwards, repeats and reorders within what is remembered.
func TestHolesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := numbering{}
		came, told := map[int64]bool{}, map[int64]bool{}
		at := rapid.Int64Range(-1000, 1000).Draw(t, "begin")
		first := at
		n.take(numbered{first: at, last: at}, uint64(at)<<1|1, true)
		came[at] = true
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			v := at + rapid.SampledFrom([]int64{0, 1, 1, 1, 2, 5, 200, -1, -3}).Draw(t, "step")
			if v < first || at-v >= lookBack {
				continue
			}
			holes, renumbered := n.take(numbered{first: v, last: v}, uint64(v)<<1|1, rapid.Bool().Draw(t, "fresh"))
			if renumbered {
				t.Fatalf("%d is taken for a new numbering", v)
			}
			for _, h := range holes {
				for i := h.From; i <= h.To; i++ {
					if told[i] || came[i] {
						t.Fatalf("%d is told twice, or came", i)
					}
					told[i] = true
				}
			}
			came[v], at = true, max(at, v)
		}
		for i := first; i <= at; i++ {
			if !came[i] && !told[i] {
				t.Fatalf("%d did not come, and was not told", i)
			}
		}
	})
}

func BenchmarkSequence(b *testing.B) {
	p, _ := pipeline(b, "sequence: {value: .n, per: .s}")
	for i := 0; b.Loop(); i++ {
		p.Feed(context.Background(), fmt.Appendf(nil, `{"s":"BTC-USD","n":%d}`, i), Meta{Received: start})
	}
}
