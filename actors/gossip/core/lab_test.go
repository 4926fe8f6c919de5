package core_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// lab is a few nodes in a time of their own, and what is between them. It is harsher than a network: frames get
// lost, come twice, and overtake each other. What is promised is checked at each step. The same seed and the same
// calls give the same run; ANODE_TRACE=1 shows it.
type lab struct {
	tester
	rand  *rand.Rand
	now   time.Duration
	todo  todo
	count uint64
	nodes []*node
	net   network
	tune  func(*core.Config)
	// sealed is every batch that there ever was.
	sealed map[messages.BatchID]*wire.Sealed
	sets   []*core.Members
	trace  bool
	// seen, where it is set, gets all that nodes put out, in words, and the frame in it.
	seen func(n *node, o string, f frame.Frame)
}

// tester is what a lab needs of a *testing.T, or of a *rapid.T.
type tester interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// begin is the wall clock at the beginning of a lab, in Unix ms.
const begin = 1_767_225_600_000

// newLab makes a lab whose nodes start at once, and know of each other.
func newLab(t tester, nodes int, seed uint64, tune func(*core.Config)) *lab {
	l := &lab{
		tester: t, rand: rand.New(rand.NewPCG(seed, 1)), tune: tune, sealed: make(map[messages.BatchID]*wire.Sealed),
		net: newNetwork(seed), trace: os.Getenv("ANODE_TRACE") != "",
	}
	for i := range nodes {
		l.nodes = append(l.nodes, &node{lab: l, index: i, id: nodeID(i), disk: newDisk()})
	}
	for _, n := range l.nodes {
		n.start()
	}
	return l
}

func nodeID(i int) messages.NodeID { return messages.NodeID(fmt.Sprintf("n%02d", i)) }

// find gives the node of an identity.
func (l *lab) find(id messages.NodeID) *node {
	for _, n := range l.nodes {
		if n.id == id {
			return n
		}
	}
	l.Fatalf("there is no node %s", id)
	return nil
}

// tracef writes a line of the trace.
func (l *lab) tracef(n *node, format string, args ...any) {
	if l.trace {
		l.Logf("%12s %s "+format, append([]any{l.now, n.id}, args...)...)
	}
}

// task is something that is done at a time.
type task struct {
	at    time.Duration
	count uint64
	do    func()
}

// todo is what is to be done, the soonest first; of one time in the order in which it was put in.
type todo []task

// Len implements heap.Interface.
func (q todo) Len() int { return len(q) }

// Less implements heap.Interface.
func (q todo) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].count < q[j].count
}

// Swap implements heap.Interface.
func (q todo) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *todo) Push(x any) { *q = append(*q, x.(task)) }

// Pop implements heap.Interface.
func (q *todo) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = task{}
	*q = (*q)[:last]
	return x
}

// at has something done at a time.
func (l *lab) at(at time.Duration, do func()) {
	l.count++
	heap.Push(&l.todo, task{max(at, l.now), l.count, do})
}

// in has something done after a while.
func (l *lab) in(d time.Duration, do func()) { l.at(l.now+d, do) }

// run lets time pass.
func (l *lab) run(d time.Duration) {
	for end := l.now + d; l.step(end); {
	}
}

// mostTicks is how often a core may want to be called without the time going on.
const mostTicks = 1000

// step does what comes next, and tells whether something did before the end.
func (l *lab) step(end time.Duration) bool {
	at, next := end, (*node)(nil)
	if len(l.todo) > 0 {
		at = min(at, l.todo[0].at)
	}
	for _, n := range l.nodes {
		if due := n.due(); due < at {
			at, next = due, n
		}
	}
	if at > l.now {
		l.now = at
		for _, n := range l.nodes {
			n.ticks = 0
		}
	}
	switch {
	case next != nil:
		if next.ticks++; next.ticks == mostTicks {
			l.Fatalf("%s: %s wants to be called at once, %d times in a row", l.now, next.id, mostTicks)
		}
		next.tick()
	case len(l.todo) > 0 && l.todo[0].at <= end:
		heap.Pop(&l.todo).(task).do()
	default:
		return false
	}
	return true
}

// members tells all nodes who is alive, as far as they can know.
func (l *lab) members() {
	for _, n := range l.nodes {
		if n.core == nil {
			continue
		}
		var ids []messages.NodeID
		for _, m := range l.nodes {
			if m.listed() && l.net.sides[n.index] == l.net.sides[m.index] {
				ids = append(ids, m.id)
			}
		}
		set := l.set(ids)
		n.input(func(c *core.Core, now core.Now) { c.Members(now, set) })
	}
}

// set is a set of members; those that are alike are one, as in a process.
func (l *lab) set(ids []messages.NodeID) *core.Members {
	made := core.NewMembers(ids)
	for _, m := range l.sets {
		if fmt.Sprint(m.All()) == fmt.Sprint(made.All()) {
			return m
		}
	}
	l.sets = append(l.sets, made)
	return made
}
