package hub_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
	"anode/actors/hub"
	"anode/messages"
	"anode/messages/command"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

func thrifty(kind string, every time.Duration, start command.Start) command.Subscribe {
	s := all(start)
	s.Policy = command.Policy{Kind: kind, Every: every}
	return s
}

// TestConflateAndSample: of each stream and key the newest, or the first, of an interval, flushed
// at once in order of position.
func TestConflateAndSample(t *testing.T) {
	for kind, want := range map[string]string{
		command.PolicyConflate: "b2 c1 a5 a6 c2",
		command.PolicySample:   "a1 b1 c1 a6 c2",
	} {
		t.Run(kind, func(t *testing.T) {
			in(t, hub.Config{}, func(t *testing.T, p *place) {
				c, session := p.Subscribe(thrifty(kind, time.Second, command.Start{}))
				settle(c)
				time.Sleep(1010*time.Millisecond - time.Duration(time.Now().UnixMilli()%1000)*time.Millisecond)
				p.live("s.x a a1")
				p.live("s.x b b1")
				p.live("s.x a a2", "s.x a a3", "s.x b b2", "s.y a c1")
				p.live("s.x a a5")
				settle(c)
				if n := len(c.Sub("1").IDs); n != 0 {
					t.Errorf("%d records before the interval ended", n)
				}
				time.Sleep(time.Second)
				settle(c)
				p.live("s.x a a6", "s.y a c2")
				time.Sleep(time.Second)
				settle(c)
				wants(t, "records", data(c.Sub("1")), want)
				if g := c.Sub("1").Gaps; len(g) > 0 {
					t.Errorf("gaps %+v, want none", g)
				}
				session.Hangup()
			})
		})
	}
}

// TestConflateCatchesUp: history goes the same way, and what comes during the hand-over stays in order;
// the client checks the positions. No key's last value is missing at the end.
func TestConflateCatchesUp(t *testing.T) {
	for seed := range uint64(30) {
		in(t, hub.Config{Slack: 300 + int(seed)*40, Loops: 1}, func(t *testing.T, p *place) {
			b := storagetest.NewOrigin("b", 1, time.Now().UnixMilli())
			newest := make(map[string]string)
			put := func(n int) {
				key := fmt.Sprint("k", n%7)
				o, stream := p.a, "s.a"
				if n%3 == 0 {
					o, stream = b, "s.b"
				}
				s := o.Next(t, drafts(fmt.Sprintf("%s %s v%d", stream, key, n))...)
				newest[stream+key] = fmt.Sprint("v", n)
				p.Store(true, s)
			}
			for n := range 200 {
				put(n)
			}
			c, session := p.Subscribe(thrifty(command.PolicyConflate, 20*time.Millisecond, command.Start{Earliest: true}))
			for n := range 200 {
				put(200 + n)
				if n%20 == int(seed)%20 {
					c.Read(int(seed * 50))
				}
				time.Sleep(time.Duration(seed%5) * time.Millisecond)
			}
			for range 5 {
				settle(c)
			}
			r, last := c.Sub("1"), make(map[string]string)
			for i := range r.IDs {
				var n int
				if _, err := fmt.Sscanf(string(r.Data[i]), `"v%d"`, &n); err != nil {
					t.Fatal(err)
				}
				last[r.Streams[i]+fmt.Sprint("k", n%7)] = fmt.Sprint("v", n)
			}
			for key, want := range newest {
				if last[key] != want {
					t.Errorf("seed %d: the last of %s is %s, want %s", seed, key, last[key], want)
				}
			}
			if got := len(r.IDs); got >= 400 {
				t.Errorf("%d records of 400 came: nothing was conflated", got)
			}
			session.Hangup()
		})
	}
}

// TestDrop: a slow reader gets a gap over what it missed, and goes on live.
func TestDrop(t *testing.T) {
	reg := prometheus.NewRegistry()
	in(t, hub.Config{Slack: 1000, Registerer: reg}, func(t *testing.T, p *place) {
		s := all(command.Start{})
		s.Policy.Kind = command.PolicyDrop
		c, session := p.Subscribe(s)
		settle(c)
		c.Out.Take(500) // it takes no more
		for n := range 100 {
			p.live(fmt.Sprint("s.a k ", n))
			time.Sleep(time.Millisecond)
		}
		settle(c)
		p.live("s.a k end")
		settle(c)
		r := c.Sub("1")
		if len(r.Gaps) != 1 || r.Gaps[0].Reason != "slow" {
			t.Fatalf("gaps %+v, want one that is slow", r.Gaps)
		}
		n := len(r.IDs) - 1
		from, to := position(t, r.Gaps[0].From).Sequence, position(t, r.Gaps[0].To).Sequence
		if int(from) != n || to != 100 || r.IDs[n] != "a-1-101-0" {
			t.Errorf("%d records, a gap over (%d, %d], then %s; want the gap behind the records, to the hundredth", n, from, to, r.IDs[n])
		}
		if r.Log[len(r.Log)-2] != "cursor" || r.Lives != 2 {
			t.Errorf("after the gap came %v, want live and cursor", r.Log[len(r.Log)-4:])
		}
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != "anode_subscriber_dropped_total" {
				continue
			}
			for _, m := range f.GetMetric() {
				want := float64(0)
				if m.GetLabel()[0].GetValue() == command.PolicyDrop {
					want = float64(to - from)
				}
				if got := m.GetCounter().GetValue(); got != want {
					t.Errorf("the metric counts %v dropped as %v, want %v", got, m.GetLabel(), want)
				}
			}
		}
		session.Hangup()
	})
}

// TestDropWhenTheNodeIsSlow: a loop's queue that ran over makes a gap also for who takes all at once.
func TestDropWhenTheNodeIsSlow(t *testing.T) {
	in(t, hub.Config{QueueBytes: 100}, func(t *testing.T, p *place) {
		s := all(command.Start{})
		s.Policy.Kind = command.PolicyDrop
		c, session := p.Subscribe(s)
		settle(c)
		var list []messages.Draft
		p.Store(true, p.a.Next(t, append(list, big("s.a", 90))...), p.a.Next(t, big("s.a", 90)), p.a.Next(t, big("s.a", 90)))
		settle(c)
		p.live("s.a k end")
		settle(c)
		r := c.Sub("1")
		if n := len(r.Gaps); n == 0 || r.Gaps[n-1].Reason != "slow" || r.Gaps[n-1].To != "a-1-3-0" { // more than one where the loop looks in between
			t.Errorf("gaps %+v, want one that is slow, to a-1-3-0", r.Gaps)
		}
		wants(t, "the last", r.IDs[len(r.IDs)-1], "a-1-4-0")
		session.Hangup()
	})
}

// TestDisconnect closes a slow reader with 4408, in the middle of whatever waits.
func TestDisconnect(t *testing.T) {
	in(t, hub.Config{Slack: 1000}, func(t *testing.T, p *place) {
		s := all(command.Start{})
		s.Policy.Kind = command.PolicyDisconnect
		c, session := p.Subscribe(s)
		other, s2 := p.Subscribe(all(command.Start{}))
		settle(c)
		c.Out.Take(500)
		for n := range 100 {
			p.live(fmt.Sprint("s.a k ", n))
			time.Sleep(time.Millisecond)
		}
		settle(c, other)
		if c.Ended == nil || c.Ended.Code != "4408" || !strings.Contains(c.Ended.Message, "subscription 1") {
			t.Errorf("it ended with %+v, want 4408 that names the subscription", c.Ended)
		}
		if got := len(c.Sub("1").IDs); got == 0 || got == 100 {
			t.Errorf("%d records came before, want some", got)
		}
		if got := len(other.Sub("1").IDs); got != 100 {
			t.Errorf("the other reader got %d records, want 100", got)
		}
		time.Sleep(10 * time.Second)
		if !c.Out.Closed() {
			t.Error("the connection was not closed")
		}
		session.Hangup()
		s2.Hangup()
	})
}

// TestUnique drops what came before under the same identity, from any origin, live and read.
func TestUnique(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		b := storagetest.NewOrigin("b", 1, time.Now().UnixMilli())
		p.live("s.a k 1", "s.a k 2", "s.b k 1")
		p.Store(true, b.Next(t, drafts("s.a k 1", "s.a other 1", "s.a k 3")...))
		s := all(command.Start{Earliest: true})
		s.Unique = true
		c, session := p.Subscribe(s)
		settle(c)
		p.Store(true, b.Next(t, drafts("s.a k 2", "s.a k 4", "s.b k 1")...))
		p.Store(true, b.Next(t, messages.Draft{Stream: "s.a", Payload: []byte("5")}, messages.Draft{Stream: "s.a", Payload: []byte("5")}))
		settle(c)
		wants(t, "records", data(c.Sub("1")), "1 2 1 1 3 4 5 5")
		if at := c.Sub("1").At["b"]; at.String() != "b-1-3-1" {
			t.Errorf("its place in b is %s, want b-1-3-1", at)
		}
		session.Hangup()
	})
}

// TestUniqueLosesNothing: what was noted as delivered and was not, because the reader fell
// behind or the hand-over failed, comes all the same.
func TestUniqueLosesNothing(t *testing.T) {
	for seed := range uint64(40) {
		in(t, hub.Config{Slack: 200 + int(seed)*30, QueueBytes: 1000 + int(seed)*200, Loops: 1}, func(t *testing.T, p *place) {
			for n := range 50 {
				p.live(fmt.Sprint("s.a k ", n))
			}
			s := all(command.Start{Earliest: true})
			s.Unique = true
			c, session := p.Subscribe(s)
			for n := range 400 {
				p.live(fmt.Sprint("s.a k ", 50+n), fmt.Sprint("s.b k ", n), fmt.Sprint("s.a k ", n))
				if n%10 == int(seed)%10 {
					c.Read(int(seed*100) % 3000)
				}
				if n%7 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			for range 10 {
				settle(c)
			}
			seen := make(map[string]int)
			for i, d := range c.Sub("1").Data {
				seen[c.Sub("1").Streams[i]+string(d)]++
			}
			if len(seen) != 450+400 || len(c.Sub("1").Data) != len(seen) {
				t.Errorf("seed %d: %d records of %d identities, want 850 of each", seed, len(c.Sub("1").Data), len(seen))
			}
			session.Hangup()
		})
	}
}

// TestUniqueLosesNothingThatWasHeld: what conflate or sample held, or had queued, when the node fell
// behind was not delivered, and comes all the same.
func TestUniqueLosesNothingThatWasHeld(t *testing.T) {
	for _, kind := range []string{command.PolicyConflate, command.PolicySample} {
		t.Run(kind, func(t *testing.T) {
			in(t, hub.Config{QueueBytes: 100, Loops: 1}, func(t *testing.T, p *place) {
				s := thrifty(kind, time.Second, command.Start{})
				s.Unique = true
				c, session := p.Subscribe(s)
				settle(c)
				p.live("s.a k held")
				synctest.Wait()
				p.Store(true, p.a.Next(t, big("s.b", 90)), p.a.Next(t, big("s.c", 91)), p.a.Next(t, big("s.d", 92)))
				time.Sleep(2 * time.Second)
				settle(c)
				r := c.Sub("1")
				if len(r.IDs) != 4 || r.IDs[0] != "a-1-1-0" {
					t.Errorf("got %v, want all four", r.IDs)
				}
				session.Hangup()
			})
		})
	}
}

// TestWhatWasFlushedInTheMiddleOfABatchComesOnce: the rest of the batch, taken back, begins behind it.
func TestWhatWasFlushedInTheMiddleOfABatchComesOnce(t *testing.T) {
	in(t, hub.Config{QueueBytes: 100, Loops: 1}, func(t *testing.T, p *place) {
		c, session := p.Subscribe(thrifty(command.PolicyConflate, time.Minute, command.Start{}))
		settle(c)
		p.Store(true, p.a.Next(t, big("s.a", 1<<20-10), big("s.b", 10))) // the first is as much as is held
		settle(c)
		if n := len(c.Sub("1").IDs); n != 1 {
			t.Fatalf("%d records came at once, want that of s.a", n)
		}
		p.Store(true, p.a.Next(t, big("s.c", 90)), p.a.Next(t, big("s.d", 91)), p.a.Next(t, big("s.e", 92)))
		time.Sleep(2 * time.Minute)
		settle(c) // the client checks that positions grow
		wants(t, "records", strings.Join(c.Sub("1").IDs, " "), "a-1-1-0 a-1-1-1 a-1-2-0 a-1-3-0 a-1-4-0")
		session.Hangup()
	})
}

// TestSlowReader: it waits in bounded memory, holds nobody up, and gets all in the end.
func TestSlowReader(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		c, session := p.Subscribe(all(command.Start{}))
		quick, s2 := p.Subscribe(all(command.Start{}))
		settle(c, quick)
		c.Out.Take(1000)
		const batches = 2000
		for range batches {
			p.Store(true, p.a.Next(t, big("s.a", 4000)))
			time.Sleep(time.Millisecond)
		}
		quick.Read(64 << 20)
		if got := len(quick.Sub("1").IDs); got != batches {
			t.Errorf("the quick one got %d, want %d", got, batches)
		}
		answer, err := command.Ask(t.Context(), p.Actor, command.Subscribers{})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range answer {
			if v.Queued > 160<<10 {
				t.Errorf("%d bytes wait for %s", v.Queued, v.ID)
			}
		}
		for range 60 { // 4 KB a millisecond at most: no quicker than it comes
			c.Read(200_000)
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		settle(c)
		if got := len(c.Sub("1").IDs); got != batches {
			t.Errorf("the slow one got %d, want %d", got, batches)
		}
		if got := c.Sub("1").Lives; got < 2 {
			t.Errorf("it heard %d times that it is live, want another time", got)
		}
		session.Hangup()
		s2.Hangup()
	})
}

// TestPatience closes a connection that takes nothing for two minutes.
func TestPatience(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		c, session := p.Subscribe(all(command.Start{}))
		settle(c)
		c.Out.Take(10)
		p.live("s.a k 1")
		time.Sleep(119 * time.Second)
		if c.Out.Closed() {
			t.Error("it was closed before two minutes were over")
		}
		time.Sleep(2 * time.Second)
		if !c.Out.Closed() {
			t.Error("it is still open after two minutes")
		}
		session.Hangup()
	})
}

// TestMetricsOfOneNode: hub and actors count queues under one name in one registry.
func TestMetricsOfOneNode(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler), Registerer: reg}); err != nil {
		t.Fatal(err)
	}
	cfg := hub.Config{
		Journal: memory.NewJournal(memory.Config{}), Logger: slog.New(slog.DiscardHandler), Clock: time.Now,
		Nodes: func() []string { return nil }, Registerer: reg,
	}
	if _, err := hub.New(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
}
