package core_test

import (
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// crash ends a node; its links fall silent.
func (l *lab) crash(i int) {
	n := l.nodes[i]
	n.dead = true
	for j := range l.nodes {
		if n.links[j] {
			delete(n.links, j)
		}
	}
	l.after(2500*time.Millisecond, l.members)
}

// restart begins a node again, with what it stored, or nothing.
func (l *lab) restart(i int, wiped bool) {
	n := l.nodes[i]
	if !n.dead {
		return
	}
	n.prior = messages.Position{}
	if wiped {
		clear(n.store)
		n.order = nil
	}
	for _, id := range n.order {
		if id.Origin == n.id && (id.Epoch > n.prior.Epoch || id.Epoch == n.prior.Epoch && id.Sequence > n.prior.Sequence) {
			n.prior = messages.Position{Origin: n.id, Epoch: id.Epoch, Sequence: id.Sequence}
		}
	}
	n.epoch, n.seq = uint64(l.now/time.Millisecond)+100, 0
	l.start(i)
	for j, m := range l.nodes { // what is left of old links ends
		if m.links[i] {
			delete(m.links, i)
			if !m.dead {
				m.LinkDown(l.wall(), n.id)
				l.take(j)
				if m.wanted[i] {
					l.dial(j, i, m.Core)
				}
			}
		}
	}
	l.members()
}

func TestChaosSmoke(t *testing.T) {
	for seed := range uint64(150) {
		l := newLab(t, 6+int(seed%8), seed)
		l.delay = func(i, j int) time.Duration {
			return time.Duration(1+(i*7+j*13)%50+l.rand.IntN(1+int(seed%3)*20)) * time.Millisecond
		}
		side := map[int]int{}
		loss := 0
		l.lose = func(i, j int, _ frame.Frame) bool {
			return side[i] != side[j] || loss > 0 && l.rand.IntN(100) < loss
		}
		l.run(time.Second)
		for range 40 {
			switch l.rand.IntN(12) {
			case 0:
				i := l.rand.IntN(len(l.nodes))
				dead := 0
				for _, n := range l.nodes {
					if n.dead {
						dead++
					}
				}
				if !l.nodes[i].dead && dead < 2 {
					l.crash(i)
				}
			case 1:
				for i, n := range l.nodes {
					if n.dead {
						l.restart(i, l.rand.IntN(3) == 0)
						break
					}
				}
			case 2:
				clear(side)
				for i := range l.nodes {
					side[i] = l.rand.IntN(2)
				}
			case 3:
				clear(side)
			case 4:
				loss = l.rand.IntN(3) * 5
			}
			for range 10 {
				if i := l.rand.IntN(3); !l.nodes[i].dead {
					l.publish(i)
				}
				l.run(time.Duration(l.rand.IntN(100)) * time.Millisecond)
				l.read(seed)
			}
		}
		clear(side)
		loss = 0
		for i := range l.nodes {
			l.restart(i, false)
		}
		for range 750 {
			l.run(100 * time.Millisecond)
			l.read(seed)
		}
		all := map[messages.BatchID]bool{}
		for _, n := range l.nodes {
			for id := range n.store {
				all[id] = true
			}
		}
		for _, n := range l.nodes {
			var missing []string
			for id := range all {
				if n.store[id] == nil {
					missing = append(missing, id.String())
				}
			}
			if slices.Sort(missing); len(missing) > 0 {
				t.Errorf("seed %d: %s misses %d of %d: %v", seed, n.id, len(missing), len(all), missing[:min(8, len(missing))])
			}
			if s := n.Stats(); s.Missing > 0 || s.Pulling > 0 {
				t.Logf("seed %d: %s: %+v", seed, n.id, s)
			}
		}
		for _, n := range l.nodes {
			for origin, at := range n.cursor {
				if step := n.Lines().Next(at); step.Kind != messages.StepHead {
					t.Errorf("seed %d: the reader of %s at %s on %s stands: %+v\n%s", seed, origin, at, n.id, step, n.Dump(origin, step.Batch.Epoch))
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

// read lets a reader on each node go on. It keeps its place when the node loses its disk.
func (l *lab) read(seed uint64) {
	for _, n := range l.nodes {
		if n.dead {
			continue
		}
		for _, origin := range n.Lines().Origins() {
			if n.cursor == nil {
				n.cursor = map[messages.NodeID]messages.Position{}
			}
			at, ok := n.cursor[origin]
			if !ok {
				at = messages.Position{Origin: origin}
			}
			for {
				step := n.Lines().Next(at)
				if step.Kind == messages.StepGap {
					l.gaps++
					l.t.Logf("seed %d %s: gap on %s: %+v", seed, l.now, n.id, step.Gap)
					at = step.Gap.To
					continue
				}
				if step.Kind != messages.StepBatch {
					break
				}
				b := n.store[step.Batch]
				if b == nil {
					l.t.Fatalf("seed %d: %s reads %s, which is not stored", seed, n.id, step.Batch)
				}
				if p := b.ID().End(); p.Compare(at) <= 0 {
					l.t.Fatalf("seed %d: %s reads %s after %s", seed, n.id, p, at)
				} else {
					at = p
				}
			}
			n.cursor[origin] = at
		}
	}
}
