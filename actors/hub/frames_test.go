package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/hub"
	"anode/actors/internal/sessiontest"
	"anode/messages"
	"anode/messages/command"
	"anode/testkit/storagetest"
)

// TestMessages is the wire as API.md §5 draws it, for one subscription.
func TestMessages(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		p.live("s.a k 1")
		c := sessiontest.NewClient(t, "client", sessiontest.NewPipe(1<<20, false))
		session := p.Open(c.Out)
		if err := session.Ask(t.Context(), command.Subscribe{Sub: `q"1`, Streams: []string{"s.*"}, Start: command.Start{After: &messages.Cursor{}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		p.live("s.a k 2", "s.b k 3", "s.b k 4")
		time.Sleep(time.Second)
		at := func(ms int) string {
			return time.UnixMilli(946684800000 + int64(ms)).UTC().Format("2006-01-02T15:04:05.999999999Z")
		}
		record := func(id, stream string, n int) string {
			return fmt.Sprintf(`{"id":"a-1-%s","stream":"%s","key":"k","native_id":"%d","time":"%s","received":"%s","data":"%d"}`, id, stream, n, at(0), at(0), n)
		}
		want := `{"op":"subscribed","sub":"q\"1","after":[],"node":"self","nodes":["http://here"]}
{"op":"records","sub":"q\"1","stream":"s.a","pos":"a-1-1-0","records":[` + record("1-0", "s.a", 1) + `]}
{"op":"live","sub":"q\"1"}
{"op":"cursor","sub":"q\"1","after":["a-1-1-0"]}
{"op":"records","sub":"q\"1","stream":"s.a","pos":"a-1-2-0","records":[` + record("2-0", "s.a", 2) + `]}
{"op":"records","sub":"q\"1","stream":"s.b","pos":"a-1-2-2","records":[` + record("2-1", "s.b", 3) + "," + record("2-2", "s.b", 4) + `]}
`
		if got := string(c.Out.Take(0)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		session.Hangup()
	})
}

// TestEndOfConnection: it ends with the farewell where the client has said that it closes, before or
// in answer, and else a second later.
func TestEndOfConnection(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		for name, end := range map[string]struct {
			do   func(s command.Session)
			want time.Duration
		}{
			"the client closes": {func(s command.Session) { s.Close(1000, ""); s.Heard() }, 0},
			"the client answers": {func(s command.Session) {
				s.Close(4408, "too slow")
				time.Sleep(300 * time.Millisecond)
				s.Heard()
			}, 300 * time.Millisecond},
			"the client is silent": {func(s command.Session) { s.Close(4408, "too slow") }, time.Second},
		} {
			c := sessiontest.NewClient(t, "client", sessiontest.NewPipe(1<<20, false))
			session := p.Open(c.Out)
			began := time.Now()
			end.do(session)
			<-session.Gone()
			if took := time.Since(began); took != end.want {
				t.Errorf("%s: the connection ends after %v, want %v", name, took, end.want)
			}
			if said := string(c.Out.Take(0)); !strings.Contains(said, `"op":"closed"`) {
				t.Errorf("%s: no farewell, but %q", name, said)
			}
			session.Hangup()
		}
	})
}

// TestCursorEvery15Seconds: what moved, also by records that were not delivered, and [] when idle.
func TestCursorEvery15Seconds(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		p.live("s.a k 1")
		c, session := p.Subscribe(command.Subscribe{Streams: []string{"s.a"}, Where: "x"})
		settle(c)
		p.live("s.a k y2", "t.b k 3") // filtered, and not subscribed
		var got []string
		for range 46 {
			time.Sleep(time.Second)
			settle(c)
		}
		for _, m := range c.Sub("1").Cursors {
			got = append(got, strings.Join(m.After, " "))
		}
		wants(t, "cursors", fmt.Sprintf("%q", got), `["" "a-1-2-1" "" ""]`)
		session.Hangup()
	})
}

// TestPositionsPassWhatWasExamined: a message's pos stands for what where left out behind its records.
func TestPositionsPassWhatWasExamined(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		before := p.next("s.a k n0", "s.a k y1", "s.a k n2", "s.b k n3")
		p.Store(true, before)
		for _, start := range []command.Start{{Earliest: true}, {}} {
			c, session := p.Subscribe(command.Subscribe{Streams: []string{"s.*"}, Where: "y", Start: start})
			settle(c)
			if !start.Earliest {
				p.live("s.a k n0", "s.a k y1", "s.a k n2", "s.b k n3")
				time.Sleep(time.Second)
			}
			out := c.Said
			c.Read(1 << 20)
			wants(t, "records", data(c.Sub("1")), "y1")
			if i := slices.IndexFunc(c.Said, func(s string) bool {
				return strings.Contains(s, `"pos":"a-1-1-2"`) || strings.Contains(s, `"pos":"a-1-2-2"`)
			}); i < 0 {
				t.Errorf("no pos stands for the record that where left out:\n%s", strings.Join(out, "\n"))
			}
			session.Hangup()
		}
	})
}

// TestGapReasons: retention, missing and late, to a live reader and to one that reads.
func TestGapReasons(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		run := p.a.Run(t, 6)
		p.Store(true, run[0], run[1])
		live, s1 := p.Subscribe(all(command.Start{}))
		settle(live)
		p.Store(true, run[4]) // 3 and 4 are a hole
		p.GiveUp("a", 1, messages.Range{From: 3, To: 4})
		settle(live)
		reads, s2 := p.Subscribe(all(command.Start{Earliest: true}))
		settle(reads)
		for _, c := range []*sessiontest.Client{live, reads} {
			if g := c.Sub("1").Gaps; len(g) != 1 || g[0].Reason != "missing" || g[0].To != "a-1-4-1024" || g[0].Origin != "a" {
				t.Errorf("gaps %+v, want one of a, missing, to a-1-4-1024", g)
			}
		}
		// A new epoch names the sequence 5 as its end: what comes of the old beyond is late.
		p.a.Restart(2, run[4].Position())
		p.live("s.a k 1")
		settle(live, reads)
		p.Store(true, run[5])
		settle(live, reads)
		for _, c := range []*sessiontest.Client{live, reads} {
			g := c.Sub("1").Gaps
			if last := g[len(g)-1]; len(g) != 2 || last.Reason != "late" || last.To != "a-1-6-0" {
				t.Errorf("gaps %+v, want a late one to a-1-6-0 at last", g)
			}
			if ids := c.Sub("1").IDs; ids[len(ids)-1] != "a-2-1-0" {
				t.Errorf("the last record is %s, want that of the new epoch", ids[len(ids)-1])
			}
		}
		s1.Hangup()
		s2.Hangup()
	})
}

// TestLateIsToldToWhoReads: a reader that is behind hears, once it is live, of what turned up late.
func TestLateIsToldToWhoReads(t *testing.T) {
	in(t, hub.Config{Slack: 100}, func(t *testing.T, p *place) {
		run := p.a.Run(t, 2)
		p.Store(true, run[0])
		c, session := p.Subscribe(all(command.Start{}))
		settle(c)
		c.Out.Take(10)
		p.a.Restart(2, run[0].Position())
		for range 50 {
			p.live("s.a k 1")
			time.Sleep(time.Millisecond)
		}
		p.Store(true, run[1])
		settle(c)
		if g := c.Sub("1").Gaps; len(g) != 1 || g[0].Reason != "late" || g[0].To != "a-1-2-0" {
			t.Errorf("gaps %+v, want one late to a-1-2-0", g)
		}
		session.Hangup()
	})
}

// TestHoleHoldsNothingElseBack: an origin that waits leaves live and the other origins alone.
func TestHoleHoldsNothingElseBack(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		b := storagetest.NewOrigin("b", 1, time.Now().UnixMilli())
		holed := b.Run(t, 4)
		p.Store(true, holed[0], holed[2])
		p.live("s.a k a1")
		c, session := p.Subscribe(all(command.Start{Earliest: true}))
		settle(c)
		r := c.Sub("1")
		if r.Lives != 1 {
			t.Errorf("it heard %d times that it is live, want once", r.Lives)
		}
		p.live("s.a k a2")
		p.Store(true, holed[3])
		settle(c)
		wants(t, "records", fmt.Sprint(r.IDs), "[a-1-1-0 b-1-1-0 a-1-2-0]")
		p.Store(false, holed[1])
		settle(c)
		wants(t, "records", fmt.Sprint(r.IDs[3:]), "[b-1-2-0 b-1-3-0 b-1-4-0]")
		p.Store(true, b.Next(t))
		settle(c)
		wants(t, "the next", r.IDs[len(r.IDs)-1], "b-1-5-0")
		session.Hangup()
	})
}

// TestMessageIsBounded: 255 KiB of records a message, and one record alone however large.
func TestMessageIsBounded(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		var list []messages.Draft
		for n := range 300 {
			list = append(list, big("s.a", 700+n))
		}
		p.Store(true, p.a.Next(t, list...), p.a.Next(t, big("s.a", 1<<20)))
		c, session := p.Subscribe(all(command.Start{Earliest: true})) // the client checks
		settle(c)
		p.Store(true, p.a.Next(t, list...), p.a.Next(t, big("s.a", 1<<20)))
		settle(c)
		if got := len(c.Sub("1").IDs); got != 602 {
			t.Errorf("%d records came, want 602", got)
		}
		last, s2 := p.Subscribe(all(command.Start{Last: 400}))
		settle(last)
		if got := len(last.Sub("1").IDs); got != 400 {
			t.Errorf("the last are %d records, want 400", got)
		}
		session.Hangup()
		s2.Hangup()
	})
}

// TestEphemeral: the latest of each is first, without id and pos, also past where; withdrawn ones are gone.
func TestEphemeral(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		say := func(node, n string) {
			p.Hub.Publish(command.Ephemeral{
				Stream: messages.Stream("$status." + node),
				JSON:   []byte(`{"stream":"$status.` + node + `","native_id":"` + n + `","received":"2026-01-01T00:00:00Z","data":"` + n + `"}`),
			})
		}
		say("n1", "a1")
		say("n1", "a2")
		say("n2", "b1")
		say("n3", "c1")
		p.Hub.Publish(command.Ephemeral{Stream: "$status.n3", Withdrawn: true})
		c, session := p.Subscribe(command.Subscribe{Streams: []string{"$status.>"}})
		filtered, s2 := p.Subscribe(command.Subscribe{Streams: []string{"$status.>"}, Where: "b"})
		other, s3 := p.Subscribe(all(command.Start{}))
		settle(c, filtered, other)
		if got := c.Sub("1").Loose; got != 2 {
			t.Errorf("%d first values, want 2", got)
		}
		said := strings.Join(c.Said, "\n")
		if !strings.Contains(said, `"a2"`) || !strings.Contains(said, `"b1"`) || strings.Contains(said, `"pos"`) || strings.Contains(said, `"id"`) {
			t.Errorf("first values:\n%s\nwant a2 and b1 without id and pos", said)
		}
		if log := c.Sub("1").Log; log[len(log)-2] != "live" {
			t.Errorf("%v: the first values come before live", log)
		}
		say("n1", "a3")
		say("n2", "b2")
		settle(c, filtered, other)
		for what, got := range map[string]int{"of all": c.Sub("1").Loose - 4, "of b": filtered.Sub("1").Loose - 2, "of >": other.Sub("1").Loose} {
			if got != 0 {
				t.Errorf("subscription %s: %d ephemeral records too many", what, got)
			}
		}
		session.Hangup()
		s2.Hangup()
		s3.Hangup()
	})
}

// TestBackfilledOrigin: what is repaired of an origin that never spoke live reaches those who are
// live, once, also when they fall behind after that.
func TestBackfilledOrigin(t *testing.T) {
	in(t, hub.Config{Slack: 200}, func(t *testing.T, p *place) {
		b := storagetest.NewOrigin("b", 1, time.Now().UnixMilli())
		p.Store(false, b.Run(t, 3)...)
		var clients []*sessiontest.Client
		var sessions []command.Session
		for _, start := range []command.Start{{}, {Earliest: true}, {Time: time.Now().Add(-time.Minute)}} {
			c, s := p.Subscribe(all(start))
			clients, sessions = append(clients, c), append(sessions, s)
		}
		settle(clients...)
		for range 3 {
			p.Store(false, b.Run(t, 2)...)
			settle(clients...)
		}
		for _, c := range clients { // they fall behind
			c.Out.Take(10)
		}
		for range 40 {
			p.live("s.a k 1")
			time.Sleep(time.Millisecond)
		}
		p.Store(false, b.Run(t, 2)...)
		settle(clients...)
		p.Store(true, b.Run(t, 2)...) // now it speaks
		p.Store(true, b.Run(t, 2)...)
		settle(clients...)
		for i, want := range []int{12, 15, 15} {
			n := 0
			for _, id := range clients[i].Sub("1").IDs {
				if strings.HasPrefix(id, "b-") {
					n++
				}
			}
			if n != want {
				t.Errorf("reader %d got %d of the backfilled origin, want %d", i, n, want)
			}
		}
		for _, s := range sessions {
			s.Hangup()
		}
	})
}

// TestHubAfterRestart stands below a hole that was held before, and goes on when it is filled.
func TestHubAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := storagetest.NewOrigin("a", 1, time.Now().UnixMilli())
		run := o.Run(t, 4)
		w := sessiontest.NewWorld(t, sessiontest.Config{}, run[0], run[1], run[3])
		defer w.Stop()
		c, session := w.Subscribe(command.Subscribe{Streams: []string{">"}, Start: command.Start{After: cursor(t, "a-1-1-0")}})
		settle(c)
		wants(t, "records", fmt.Sprint(c.Sub("1").IDs), "[a-1-2-0]")
		w.Store(false, run[2])
		w.Store(true, o.Next(t))
		settle(c)
		wants(t, "records", fmt.Sprint(c.Sub("1").IDs), "[a-1-2-0 a-1-3-0 a-1-4-0 a-1-5-0]")
		session.Hangup()
	})
}
