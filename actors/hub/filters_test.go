package hub_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/hub"
	"anode/actors/internal/sessiontest"
	"anode/actors/subscriber"
	"anode/messages"
	"anode/messages/command"
	"anode/testkit/storagetest"
)

// slowFilter matches all records, and takes its time for each.
type slowFilter string

func (slowFilter) Match(*messages.Record) bool { time.Sleep(40 * time.Millisecond); return true }
func (f slowFilter) String() string            { return string(f) }

// TestSlowFiltersHoldUpNobody: a subscription whose filter takes too much of its loop's time is read for, and gets
// every record once; the others of its loop get theirs in time.
func TestSlowFiltersHoldUpNobody(t *testing.T) {
	for _, policy := range []command.Policy{{}, {Kind: command.PolicyConflate, Every: 10 * time.Millisecond}} {
		t.Run(policy.Name(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &place{t: t, a: storagetest.NewOrigin("a", 1, time.Now().UnixMilli()), World: sessiontest.NewWorld(t, sessiontest.Config{
					Hub:     hub.Config{Loops: 1},
					Session: subscriber.Config{Compile: func(text string) (command.Filter, error) { return slowFilter(text), nil }},
				})}
				defer p.Stop()
				var slow []*sessiontest.Client
				for n := range 40 {
					ask := all(command.Start{})
					ask.Where, ask.Policy, ask.Unique = fmt.Sprint("slow ", n), policy, n%2 == 1
					c, _ := p.Subscribe(ask)
					slow = append(slow, c)
				}
				good, _ := p.Subscribe(all(command.Start{}))
				settle(good)
				for n := range 5 {
					start := time.Now()
					var records []string
					for _, stream := range []string{"s.a", "s.b", "s.c"} {
						records = append(records, fmt.Sprintf("%s k%d %s%d", stream, n, stream, n))
					}
					p.live(records...)
					for len(good.Sub("1").IDs) < 3*(n+1) {
						time.Sleep(10 * time.Millisecond)
						synctest.Wait()
						good.Read(64 << 20)
					}
					// A quarter of a second, and what begins within it: a filter for one group.
					if took := time.Since(start); took > 600*time.Millisecond {
						t.Errorf("batch %d: the one without a filter waited %s", n, took)
					}
				}
				time.Sleep(30 * time.Second)
				for range 3 {
					settle(slow...)
				}
				for n, c := range slow {
					if got := len(c.Sub("1").IDs); got != 15 {
						t.Errorf("slow %d got %d records, want 15", n, got)
					}
				}
			})
		})
	}
}

// second matches every other batch.
type second struct{}

func (second) Match(r *messages.Record) bool { return r.Position.Sequence%2 == 0 }
func (second) String() string                { return "second" }

// TestDropCountsWhatItsFilterWanted: what a subscription would not have got is not counted as left out.
func TestDropCountsWhatItsFilterWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		p := &place{t: t, a: storagetest.NewOrigin("a", 1, time.Now().UnixMilli()), World: sessiontest.NewWorld(t, sessiontest.Config{
			Hub:     hub.Config{Slack: 1000, Registerer: reg},
			Session: subscriber.Config{Compile: func(string) (command.Filter, error) { return second{}, nil }},
		})}
		defer p.Stop()
		ask := all(command.Start{})
		ask.Where, ask.Policy.Kind = "second", command.PolicyDrop
		c, _ := p.Subscribe(ask)
		settle(c)
		c.Out.Take(500) // it takes no more
		for n := range 200 {
			p.live(fmt.Sprint("s.a k ", n))
			time.Sleep(time.Millisecond)
		}
		settle(c)
		want := float64(100 - len(c.Sub("1").IDs))
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() != "anode_subscriber_dropped_total" || m.GetLabel()[0].GetValue() != command.PolicyDrop {
					continue
				}
				if got := m.GetCounter().GetValue(); got != want || want == 0 {
					t.Errorf("%v records count as left out, want %v", got, want)
				}
			}
		}
	})
}
