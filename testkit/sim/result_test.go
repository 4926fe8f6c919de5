package sim_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
	"anode/testkit/sim"
)

// A run says in words what came of it, and does not call fine what shows nothing.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		name, script string
		change       func(*sim.Config)
		want         string
		unstored     bool
	}{
		{name: "whole", script: "1s load at=0 rate=10", want: "ok: everything is everywhere"},
		{name: "nothing published", script: "9s load at=0 rate=10", want: "nothing was published"},
		{name: "all dead", script: "1s load at=0 rate=10\n4s crash all", want: "no node runs at the end"},
		{name: "all wiped", script: "1s load at=0 rate=10 for=1s\n4s crash all wipe back=1s", want: "some batches are on no node that runs"},
		{name: "parted to the end", script: "1s load at=0 rate=10\n2s partition 0-1", want: "not promised as long as the mesh is parted"},
		{name: "ill to the end", script: "1s load at=0 rate=10\n2s journal fail 1,3\n2s block 1 2", want: "as long as some nodes are kept from others, 2 journals are ill"},
		{name: "paused to the end", script: "1s load at=0 rate=10\n2s pause 1 for=1h", want: "as long as 1 node is paused"},
		{name: "slow journals", script: "1s load at=0 rate=10", change: func(c *sim.Config) { c.Append = time.Hour }, want: "no journal took a batch", unstored: true},
		{name: "no journal at all", script: "1s load at=0 rate=10\n1ms journal stall all", want: "no journal took a batch"},
		{name: "broken", script: "1s load at=0 rate=10", change: func(c *sim.Config) { c.Loss = 0.9 }, want: "BROKEN: promises were broken "},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := flooding(nil)
			cfg.Duration = 5 * time.Second
			if test.change != nil {
				test.change(&cfg)
			}
			s, err := sim.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Play(test.script); err != nil {
				t.Fatal(err)
			}
			r, err := s.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(r.Verdict(), test.want) {
				t.Errorf("it says %q, want %q", r.Verdict(), test.want)
			}
			if f := &r.Figures; test.unstored != (f.Unstored > 0) || test.unstored && f.Unstored != f.Sealed {
				t.Errorf("%d of %d batches were never stored", f.Unstored, f.Sealed)
			}
		})
	}
}

// Who has ended a context before the run sees none of it.
func TestAContextThatHasEndedEndsTheRunAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("mine")
	cancel(mine)
	s, err := sim.New(flooding(nil))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(ctx)
	if !errors.Is(err, mine) || !r.Partial || r.Cost.Events > 0 || !strings.HasPrefix(r.Verdict(), "interrupted") {
		t.Errorf("%v after %d events, partial %t: %s", err, r.Cost.Events, r.Partial, r.Verdict())
	}
}

// What a core says of old batches is compared with its journal too, only less often.
func TestOldBatchesAreCompared(t *testing.T) {
	cfg := flooding(func(n sim.Node, f *flooder) {
		f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
			if f.take(peer, p); n == 3 && p.Batch.Sequence == 4500 {
				f.cfg.Lines.Open(p.Batch.Origin).Lose(p.Batch.Epoch, messages.Range{From: 1700, To: 1700})
			}
		}
	})
	cfg.Duration, cfg.Readers = 60*time.Second, -1
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.At(time.Second, sim.Publish(sim.Load{At: sim.These(0), Rate: 500, Even: true, For: 10 * time.Second}))
	s.At(59*time.Second, sim.Restart(sim.Down()))
	r, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || !strings.Contains(r.Err().Error(), "node 3: says that it holds n00000-1767225600000-1700: false, but its journal: true") {
		t.Errorf("%v", r.Err())
	}
}

// A batch that a fault meets on its way is not calm, though nothing was wrong when it was sealed.
func TestCalmFiguresAreWithoutFaults(t *testing.T) {
	cfg := sim.Config{Nodes: 5, Seed: 1, Duration: 30 * time.Second, Baseline: true}
	r := sim.Try(t, cfg, "1s load at=0 rate=100\n20s partition 0-1\n28s heal")
	f := &r.Figures
	if f.CalmLast.Count < 1000 || f.CalmLast.Max > 200*time.Millisecond || f.Last.Max < time.Second {
		t.Errorf("of %d calm batches the last node had the latest after %s, of all after %s", f.CalmLast.Count, f.CalmLast.Max, f.Last.Max)
	}
	if fl := f.Flooding; fl == nil || fl.Batches < 50 || fl.Ratio > 1.5 || fl.Last.Count != fl.Ours.Count {
		t.Errorf("compared with flooding: %+v", fl)
	}
}
