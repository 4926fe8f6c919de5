package transform

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/messages"
)

func TestLimit(t *testing.T) {
	type step struct {
		at      int // ms
		message string
		passes  []string
	}
	for _, c := range []struct {
		name, policy string
		steps        []step
		limited      uint64
		flushed      []string
	}{
		{"sample gives the first of each interval", "sample", []step{
			{0, `a1`, []string{"a1"}}, {50, `a2`, nil}, {60, `b1`, []string{"b1"}}, {99, `a3`, nil}, {100, `a4`, []string{"a4"}}, {159, `b2`, nil}, {350, `b3`, []string{"b3"}},
		}, 3, nil},
		{"conflate gives the newest at the end of the interval", "conflate", []step{
			{0, `a1`, []string{"a1"}}, {50, `a2`, nil}, {60, `b1`, []string{"b1"}}, {70, `a3`, nil}, {100, ``, []string{"a3"}}, {150, `a4`, nil}, {160, ``, nil}, {200, ``, []string{"a4"}}, {400, `a5`, []string{"a5"}},
		}, 1, nil},
		{"what comes when a turn has come has the next", "conflate", []step{
			{0, `a1`, []string{"a1"}}, {50, `a2`, nil}, {120, `a3`, []string{"a2"}}, {130, `a4`, nil}, {219, ``, nil}, {220, ``, []string{"a4"}},
		}, 1, nil},
		{"many have their turn at once, in the order of it", "conflate", []step{
			{0, `a1`, []string{"a1"}}, {10, `b1`, []string{"b1"}}, {20, `b2`, nil}, {30, `a2`, nil}, {200, ``, []string{"a2", "b2"}},
		}, 0, nil},
		{"an end brings all that is held", "conflate", []step{
			{0, `a1`, []string{"a1"}}, {10, `b1`, []string{"b1"}}, {20, `b2`, nil}, {30, `a2`, nil}, {40, `b3`, nil},
		}, 1, []string{"a2", "b3"}},
		{"a clock that is set back holds nothing up", "conflate", []step{
			{1000, `a1`, []string{"a1"}}, {500, `a2`, []string{"a2"}},
		}, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, clock := pipeline(t, "parse: text\nkey: '.[:1]'\nlimit: {policy: "+c.policy+", every: 100ms}")
			texts := func(drafts []messages.Draft) (all []string) {
				for _, d := range drafts {
					all = append(all, strings.Trim(string(d.Payload), `"`))
				}
				return all
			}
			limited := uint64(0)
			for _, s := range c.steps {
				clock.now = start.Add(time.Duration(s.at) * time.Millisecond)
				var got []string
				if s.message == "" {
					got = texts(p.Due())
				} else {
					r := feed(p, s.message)
					got, limited = texts(r.Drafts), limited+r.Dropped.Limited
					if !r.Data || r.Dropped.Filtered+r.Dropped.Failed+r.Dropped.Duplicate > 0 {
						t.Errorf("at %d: %+v", s.at, r)
					}
				}
				same(t, fmt.Sprintf("at %d", s.at), got, s.passes)
			}
			if got := texts(p.Flush()); !slices.Equal(slices.Sorted(slices.Values(got)), c.flushed) {
				t.Errorf("flushed %v, want %v", got, c.flushed)
			}
			if _, held := p.Wait(); held || p.limit.bytes != 0 || len(p.Flush()) > 0 {
				t.Errorf("something is held after all: %d bytes", p.limit.bytes)
			}
			if limited != c.limited {
				t.Errorf("%d limited, want %d", limited, c.limited)
			}
		})
	}
}

func TestLimitIsByStreamAndKey(t *testing.T) {
	p, _ := pipeline(t, "stream: 'm.{s}'\nkey: .k\nlimit: {policy: sample, every: 1m}")
	n := 0
	for _, m := range []string{`{"s":"a","k":1}`, `{"s":"b","k":1}`, `{"s":"a","k":2}`, `{"s":"a"}`, `{"s":"a","k":1}`, `{"s":"a"}`} {
		n += len(feed(p, m).Drafts)
	}
	if n != 4 {
		t.Errorf("%d passed", n)
	}
}

// What the journal refused passes when the feed gives it again.
func TestLimitForgets(t *testing.T) {
	for _, policy := range []string{"sample", "conflate"} {
		p, clock := pipeline(t, "native_id: .n\nlimit: {policy: "+policy+", every: 1m}")
		first := feed(p, `{"n":1}`).Drafts
		p.Forget(first)
		if got := feed(p, `{"n":1}`); len(got.Drafts) != 1 {
			t.Errorf("%s: refused, and does not pass again: %+v", policy, got.Dropped)
		}
		if policy == "sample" {
			continue
		}
		feed(p, `{"n":2}`)
		clock.now = clock.now.Add(time.Minute)
		due := p.Due()
		p.Forget(due)
		if got := feed(p, `{"n":2}`); len(due) != 1 || len(got.Drafts) != 1 {
			t.Errorf("held and refused, and does not pass again: %+v", got.Dropped)
		}
	}
}

func TestLimitIsBounded(t *testing.T) {
	p, clock := pipeline(t, "key: .k\nlimit: {policy: conflate, every: 1m}")
	p.limit.mostKeys, p.limit.mostHeld = 10, 4000
	seen, limited := map[string]bool{}, 0
	note := func(drafts []messages.Draft) {
		for _, d := range drafts {
			if seen[string(d.Payload)] {
				t.Fatalf("%s passes twice", d.Payload)
			}
			seen[string(d.Payload)] = true
		}
	}
	const total = 500
	for i := range total {
		clock.now = clock.now.Add(time.Millisecond)
		r := feed(p, fmt.Sprintf(`{"k":%d,"n":%d,"x":%q}`, i%15, i, strings.Repeat("x", 500)))
		note(r.Drafts)
		limited += int(r.Dropped.Limited)
		if len(p.limit.at) > 10 || p.limit.order.Len() != len(p.limit.at) || p.limit.bytes > 4000 {
			t.Fatalf("%d keys, %d bytes", len(p.limit.at), p.limit.bytes)
		}
	}
	note(p.Flush())
	if len(seen)+limited != total {
		t.Errorf("%d passed and %d were limited of %d", len(seen), limited, total)
	}
}

// Of each key nothing passes sooner than an interval after the last, nothing is lost or passes twice or out of order, and
// the newest passes at the latest when its interval is over.
func TestConflateInGeneral(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		every := 100 * time.Millisecond
		p, clock := pipeline(t, "parse: text\nkey: '.[:1]'\nlimit: {policy: conflate, every: 100ms}")
		passed, last := map[string]time.Time{}, map[string]int{}
		newest := map[string]int{}
		fed, out, limited := 0, 0, 0
		note := func(drafts []messages.Draft, early bool) {
			for _, d := range drafts {
				var n int
				if _, err := fmt.Sscanf(string(d.Payload[2:]), "%d", &n); err != nil {
					rt.Fatal(err)
				}
				if at, ok := passed[d.Key]; ok && !early && clock.now.Sub(at) < every {
					rt.Fatalf("%s passes %s after the one before", d.Payload, clock.now.Sub(at))
				}
				if n <= last[d.Key] {
					rt.Fatalf("%s passes after %d", d.Payload, last[d.Key])
				}
				passed[d.Key], last[d.Key] = clock.now, n
				out++
			}
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			clock.now = clock.now.Add(time.Duration(rapid.IntRange(0, 60).Draw(rt, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(rt, "due") {
				note(p.Due(), false)
				for key, n := range newest {
					if n > last[key] && clock.now.Sub(passed[key]) >= every {
						rt.Fatalf("%s%d did not pass", key, n)
					}
				}
				continue
			}
			fed++
			key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key")
			newest[key] = fed
			r := feed(p, fmt.Sprint(key, fed))
			note(r.Drafts, false)
			limited += int(r.Dropped.Limited)
			if wait, held := p.Wait(); held && wait > every+limitGrain {
				rt.Fatalf("waits for %s", wait)
			}
		}
		note(p.Flush(), true)
		if out+limited != fed {
			rt.Fatalf("%d passed and %d were limited of %d", out, limited, fed)
		}
		for key, n := range newest {
			if last[key] != n {
				rt.Fatalf("%s: the newest is %d, and %d passed last", key, n, last[key])
			}
		}
	})
}
