package core_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// lab is a few cores and what is between them: each step does everything, in order of time.
type lab struct {
	t     testing.TB
	rand  *rand.Rand
	now   time.Duration
	nodes []*labNode
	queue []letter
	seq   int
	gaps  int
	delay func(from, to int) time.Duration
	lose  func(from, to int, f frame.Frame) bool
}

type labNode struct {
	*core.Core
	id     messages.NodeID
	epoch  uint64
	seq    uint64
	prior  messages.Position
	hlc    messages.HLC
	store  map[messages.BatchID]*wire.Sealed
	dead   bool
	links  map[int]bool
	wanted map[int]bool
	order  []messages.BatchID
	cursor map[messages.NodeID]messages.Position
}

type letter struct {
	at       time.Duration
	seq      int
	from, to int
	f        frame.Frame
	do       func()
}

func id(n int) messages.NodeID { return messages.NodeID(fmt.Sprintf("n%02d", n)) }

func newLab(t testing.TB, n int, seed uint64) *lab {
	l := &lab{t: t, rand: rand.New(rand.NewPCG(seed, 1)), delay: func(int, int) time.Duration { return 5 * time.Millisecond }}
	for i := range n {
		l.nodes = append(l.nodes, &labNode{id: id(i), epoch: uint64(i + 1), store: map[messages.BatchID]*wire.Sealed{}, links: map[int]bool{}})
		l.start(i)
	}
	l.members()
	return l
}

func (l *lab) start(i int) {
	n := l.nodes[i]
	lines := messages.Lines{}
	for _, id := range n.order {
		lines.Open(id.Origin).Hold(&n.store[id].Header)
	}
	c, err := core.New(core.Config{Node: n.id, Epoch: n.epoch, Seed: uint64(i), Lines: lines, Expect: true})
	if err != nil {
		l.t.Fatal(err)
	}
	n.Core, n.dead, n.wanted = c, false, map[int]bool{}
}

func (l *lab) wall() core.Now {
	return core.Now{Mono: l.now, Wall: 1_700_000_000_000 + l.now.Milliseconds()}
}

func (l *lab) members() {
	var ids []messages.NodeID
	for _, n := range l.nodes {
		if !n.dead {
			ids = append(ids, n.id)
		}
	}
	m := core.NewMembers(ids)
	for i, n := range l.nodes {
		if !n.dead {
			n.Members(l.wall(), m)
			l.take(i)
		}
	}
}

func (l *lab) after(d time.Duration, do func()) {
	l.seq++
	l.queue = append(l.queue, letter{at: l.now + d, seq: l.seq, do: do})
}

func (l *lab) index(id messages.NodeID) int {
	for i, n := range l.nodes {
		if n.id == id {
			return i
		}
	}
	return -1
}

func (l *lab) take(i int) {
	n := l.nodes[i]
	for _, o := range n.Take(nil) {
		switch o.Kind {
		case core.Send:
			to := l.index(o.Peer)
			if l.lose != nil && l.lose(i, to, o.Frame) {
				continue
			}
			f := o.Frame
			if err := frame.Check(f); err != nil {
				l.t.Fatalf("%s sends %+v: %v", n.id, f, err)
			}
			l.after(l.delay(i, to), func() {
				if m := l.nodes[to]; !m.dead && m.links[i] {
					m.Receive(l.wall(), n.id, f)
					l.take(to)
				}
			})
		case core.Append:
			b := o.Batch
			l.after(time.Millisecond, func() {
				if n.dead {
					return
				}
				if _, ok := n.store[b.ID()]; ok {
					l.t.Errorf("%s appends %s again", n.id, b.ID())
				}
				n.store[b.ID()] = b
				n.order = append(n.order, b.ID())
				n.Appended(l.wall(), b, core.Stored)
				l.take(i)
			})
		case core.Serve:
			p := o.Pull
			size := 0
			for _, r := range p.Ranges {
				for s := r.From; s <= r.To && size < int(p.Bytes); s++ {
					b := n.store[messages.BatchID{Origin: p.Origin, Epoch: p.Epoch, Sequence: s}]
					if b == nil {
						l.t.Errorf("%s serves what it does not hold: %d of %s", n.id, s, p.Origin)
						continue
					}
					size += len(b.Bytes())
					to := l.index(o.Peer)
					l.after(l.delay(i, to), func() {
						if m := l.nodes[to]; !m.dead && m.links[i] {
							m.Receive(l.wall(), n.id, &frame.Push{Repair: true, Hop: 1, Batch: b})
							l.take(to)
						}
					})
				}
			}
			n.Served(l.wall(), o.Peer, p.ID, nil)
			l.take(i)
		case core.Dial:
			to := l.index(o.Peer)
			n.wanted[to] = true
			l.dial(i, to, n.Core)
		case core.Undial:
			delete(n.wanted, l.index(o.Peer))
		case core.Close:
			to := l.index(o.Peer)
			l.cut(i, to)
		case core.GiveUp, core.Stop:
			l.t.Logf("%s: %s %+v", l.now, n.id, o)
		}
	}
}

// dial tries until a link is up or not wanted.
func (l *lab) dial(i, to int, of *core.Core) {
	n, m := l.nodes[i], l.nodes[to]
	l.after(20*time.Millisecond, func() {
		switch {
		case n.dead || n.Core != of || n.links[to] || !n.wanted[to]:
		case m.dead || l.lose != nil && l.lose(i, to, nil):
			n.LinkDown(l.wall(), m.id)
			l.take(i)
			l.after(500*time.Millisecond, func() { l.dial(i, to, of) })
		default:
			n.links[to], m.links[i] = true, true
			a, b := n.Hello(m.id), m.Hello(n.id)
			n.LinkUp(l.wall(), m.id, &b)
			l.take(i)
			m.LinkUp(l.wall(), n.id, &a)
			l.take(to)
		}
	})
}

func (l *lab) cut(i, j int) {
	for _, pair := range [][2]int{{i, j}, {j, i}} {
		a, b := l.nodes[pair[0]], l.nodes[pair[1]]
		if a.links[pair[1]] {
			delete(a.links, pair[1])
			if !a.dead {
				a.LinkDown(l.wall(), b.id)
				l.take(pair[0])
				if a.wanted[pair[1]] {
					l.dial(pair[0], pair[1], a.Core)
				}
			}
		}
	}
}

func (l *lab) publish(i int) {
	n := l.nodes[i]
	n.seq++
	n.hlc = n.hlc.Next(time.UnixMilli(l.wall().Wall))
	h := messages.Header{Origin: n.id, Epoch: n.epoch, Sequence: n.seq, First: n.hlc, Last: n.hlc, Count: 1}
	if n.seq == 1 {
		h.Prior = n.prior
	}
	b := wire.StandIn(h, make([]byte, 300))
	n.store[b.ID()] = b
	n.order = append(n.order, b.ID())
	n.Local(l.wall(), b)
	l.take(i)
}

// run lets time pass.
func (l *lab) run(d time.Duration) {
	end := l.now + d
	for {
		next, at := -1, end
		for i := range l.queue {
			if q := &l.queue[i]; q.at < at || q.at == at && next >= 0 && q.seq < l.queue[next].seq {
				next, at = i, q.at
			}
		}
		ticks := -1
		for i, n := range l.nodes {
			if due := n.Due(); !n.dead && due < at {
				ticks, at = i, due
			}
		}
		l.now = max(l.now, at)
		switch {
		case ticks >= 0:
			l.nodes[ticks].Tick(l.wall())
			l.take(ticks)
		case next >= 0:
			do := l.queue[next].do
			l.queue = append(l.queue[:next], l.queue[next+1:]...)
			do()
		default:
			l.now = end
			return
		}
	}
}

func (l *lab) same() {
	l.t.Helper()
	for _, n := range l.nodes {
		if n.dead {
			continue
		}
		for _, m := range l.nodes {
			if m.dead {
				continue
			}
			if len(n.store) != len(m.store) {
				l.t.Errorf("%s holds %d, %s %d", n.id, len(n.store), m.id, len(m.store))
				return
			}
		}
	}
}

func TestSmoke(t *testing.T) {
	for _, n := range []int{3, 20} {
		l := newLab(t, n, 1)
		l.run(2 * time.Second)
		for range 200 {
			l.publish(l.rand.IntN(3))
			l.run(20 * time.Millisecond)
		}
		l.run(3 * time.Second)
		l.same()
		s := l.nodes[1].Stats()
		t.Logf("%+v", s)
	}
}

func TestLossSmoke(t *testing.T) {
	l := newLab(t, 20, 1)
	l.delay = func(i, j int) time.Duration { return time.Duration(1+(i*7+j*13)%50) * time.Millisecond }
	l.run(2 * time.Second)
	l.lose = func(int, int, frame.Frame) bool { return l.rand.IntN(20) == 0 }
	for range 200 {
		l.publish(l.rand.IntN(3))
		l.run(20 * time.Millisecond)
	}
	l.run(5 * time.Second)
	l.same()
	t.Logf("%+v", l.nodes[1].Stats())
}
