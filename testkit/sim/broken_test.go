package sim_test

import (
	"strings"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
	"anode/testkit/sim"
)

// flooding is a mesh of flooders; change makes some of them wrong.
func flooding(change func(n sim.Node, f *flooder)) sim.Config {
	cfg := sim.Config{Nodes: 5, Seed: 1, Duration: 10 * time.Second, Converge: 5 * time.Second}
	made := 0
	cfg.New = func(c core.Config) (sim.Core, error) {
		f := newFlooder(c)
		if f.cfg.Lines == nil {
			f.cfg.Lines = messages.Lines{}
		}
		if change != nil {
			change(sim.Node(made), f)
		}
		made++
		return f, nil
	}
	return cfg
}

// A core that is right passes, also through faults.
func TestFloodingKeepsThePromises(t *testing.T) {
	r := sim.Try(t, flooding(nil), "1s load at=0-1 rate=10\n3s crash 1-2 back=2s\n5s partition 0-1\n6s heal")
	if r.Figures.Sealed < 100 || r.Figures.Deliveries < 4*r.Figures.Sealed*9/10 {
		t.Errorf("%d batches were delivered %d times", r.Figures.Sealed, r.Figures.Deliveries)
	}
}

// A promise that is broken is seen, at the node that breaks it.
func TestBrokenPromisesAreSeen(t *testing.T) {
	const load = "1s load at=0 rate=10"
	for _, test := range []struct {
		name   string
		script string
		change func(*sim.Config)
		fault  func(f *flooder) // at node 3
		want   string
	}{
		{name: "appends twice", fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				f.put(core.Output{Kind: core.Append, Batch: p.Batch, Peer: peer})
			}
		}, want: "which it holds"},
		{name: "appends twice at once", fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				f.take(peer, p)
				f.put(core.Output{Kind: core.Append, Batch: p.Batch, Peer: peer})
			}
		}, want: "which it is just appending"},
		{name: "loses a batch", fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				if p.Batch.Sequence != 7 {
					f.take(peer, p)
				}
			}
		}, want: "does not hold n00000-1767225600000-7,"},
		{name: "holds what is not there", fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				if f.take(peer, p); p.Batch.Sequence == 7 {
					h := p.Batch.Header
					h.Sequence = 8
					f.cfg.Lines.Open(h.Origin).Hold(&h)
				}
			}
		}, want: "n00000-1767225600000-8, which nobody sealed"},
		{name: "holds what is not there, and nobody reads", change: func(c *sim.Config) { c.Readers = -1 }, fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				if p.Batch.Sequence != 7 {
					f.take(peer, p)
				} else {
					f.cfg.Lines.Open(p.Batch.Origin).Hold(&p.Batch.Header)
				}
			}
		}, want: "says that it holds n00000-1767225600000-7: true"},
		{name: "says that retention took what it did not", fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				if f.take(peer, p); p.Batch.Sequence == 7 {
					f.cfg.Lines.Open(p.Batch.Origin).Raise(p.Batch.Epoch, 9)
				}
			}
		}, want: "is told that retention took"},
		{name: "gives up what others hold", script: "1s load at=0 rate=2", change: func(c *sim.Config) { c.Duration = 40 * time.Second }, fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				if b := p.Batch; b.Sequence != 79 {
					f.take(peer, p)
				} else {
					f.cfg.Lines.Open(b.Origin).Lose(b.Epoch, messages.Range{From: b.Sequence, To: b.Sequence})
					f.cfg.Lines.Open(b.Origin).GiveUp(b.Epoch, messages.Range{From: b.Sequence, To: b.Sequence})
					f.put(core.Output{Kind: core.GiveUp, Origin: b.Origin, Epoch: b.Epoch, Range: messages.Range{From: b.Sequence, To: b.Sequence}})
				}
			}
		}, want: "gives up n00000-1767225600000-79, which node"},
		{name: "tells of a hole that was not given up", fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				if b := p.Batch; b.Sequence != 7 {
					f.take(peer, p)
				} else {
					f.cfg.Lines.Open(b.Origin).Lose(b.Epoch, messages.Range{From: 7, To: 7})
					f.cfg.Lines.Open(b.Origin).GiveUp(b.Epoch, messages.Range{From: 7, To: 7})
				}
			}
		}, want: "is missing, which was not given up"},
		{name: "queues without bound", script: "1s load at=0 rate=50 size=256KiB", change: func(c *sim.Config) { c.Bandwidth = 1000 }, want: "bytes in a link's queue"},
		{name: "appends without bound", script: "1s load at=0 rate=50 size=1MiB\n1s journal stall 3", want: "bytes waiting to be appended"},
		{name: "asks without bound", fault: func(f *flooder) {
			f.met = func(f *flooder, peer messages.NodeID) {
				for id := range uint64(4) {
					f.send(peer, &frame.Pull{ID: id, Origin: "n00000", Epoch: 1, Ranges: []messages.Range{{From: 1, To: 9}}, Bytes: 1 << 20}, core.Control)
				}
			}
		}, want: "bytes at a time"},
		{name: "takes for held what is not", fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				f.take(peer, p)
				f.put(core.Output{Kind: core.Cover, Peer: peer, Epoch: p.Batch.Epoch, Range: messages.Range{From: 1, To: 1}})
			}
		}, want: "nothing was sealed"},
		{name: "knows less than before", fault: func(f *flooder) {
			f.push = func(f *flooder, peer messages.NodeID, p *frame.Push) {
				if p.Batch.Sequence < 60 {
					f.take(peer, p)
				} else {
					f.cfg.Lines[p.Batch.Origin] = messages.NewLine(p.Batch.Origin)
				}
			}
		}, want: "knew of n00000-1767225600000-"},
		{name: "learns nothing", script: "1s register 0 5", want: "20 events of the registry are not known everywhere"},
		{name: "wants to be called at once for ever", fault: func(f *flooder) {
			f.due = func(f *flooder) time.Duration { return f.now.Mono }
		}, want: "wants a tick at once"},
		{name: "puts out nonsense", fault: func(f *flooder) {
			f.put(core.Output{Kind: 99})
		}, want: "puts out kind 99"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := flooding(func(n sim.Node, f *flooder) {
				if n == 3 && test.fault != nil {
					test.fault(f)
				}
			})
			if test.change != nil {
				test.change(&cfg)
			}
			s, err := sim.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if test.script == "" {
				test.script = load
			}
			if err := s.Play(test.script); err != nil {
				t.Fatal(err)
			}
			r, err := s.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.OK() || !strings.Contains(r.Err().Error(), test.want) {
				t.Fatalf("violations are %v, want %q", r.Violations, test.want)
			}
			if v := r.Violations[0]; test.fault != nil && v.Node != 3 {
				t.Errorf("it is said of node %d: %s", v.Node, v)
			}
		})
	}
}
