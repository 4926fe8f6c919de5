package core_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
)

// chooser chooses what an action leaves open: rapid, or a seed.
type chooser interface {
	// choose gives a number from 0 to n-1; what says for what.
	choose(n int, what string) int
}

// seeded is the chooser of a seed.
type seeded struct{ *rand.Rand }

func (s seeded) choose(n int, _ string) int { return s.IntN(n) }

// action is something that happens in a lab.
type action struct {
	name string
	do   func(l *lab, c chooser)
}

// actions are all that can happen; those that are there twice happen more often.
var actions = []action{
	{"publish", publish},
	{"publish more", publish},
	{"wait", func(l *lab, c chooser) { l.run(between(c, 100*time.Millisecond, 3*time.Second, "wait")) }},
	{"crash", crash},
	{"restart", func(l *lab, c chooser) { restart(l, c, false) }},
	{"restart without the last", func(l *lab, c chooser) { restart(l, c, true) }},
	{"restart wiped", wiped},
	{"partition", partition},
	{"one way", oneWay},
	{"heal", func(l *lab, _ chooser) { l.heal() }},
	{"lose frames", func(l *lab, c chooser) { l.net.loss = 10 * c.choose(20, "percent") }},
	{"double frames", func(l *lab, c chooser) { l.net.twice = 10 * c.choose(30, "percent") }},
	{"overtake frames", func(l *lab, c chooser) { l.net.reorder = 10 * c.choose(50, "percent") }},
	{"pause", pause},
	{"slow appends", func(l *lab, c chooser) {
		l.any(c).appends.lag = between(c, time.Millisecond, 300*time.Millisecond, "lag")
	}},
	{"stuck appends", func(l *lab, c chooser) { ail(l, c, true) }},
	{"failing appends", func(l *lab, c chooser) { ail(l, c, false) }},
	{"drop", drop},
	{"forget", forget},
	{"damage", damage},
	{"narrow links", func(l *lab, c chooser) { l.net.rates[l.any(c).index] = 1000 << c.choose(8, "KB/s") }},
	{"register", func(l *lab, c chooser) {
		l.any(c).register(fmt.Sprint("source/", c.choose(4, "register")))
	}},
	{"report", func(l *lab, c chooser) { l.any(c).report() }},
	{"clock", func(l *lab, c chooser) {
		l.any(c).skew = time.Duration(c.choose(5, "skew")-2) * time.Hour
	}},
	{"room", room},
	{"swap readers", func(l *lab, c chooser) {
		a, b := l.any(c), l.any(c)
		a.cursors, b.cursors = b.cursors, a.cursors
	}},
}

func (l *lab) any(c chooser) *node { return l.nodes[c.choose(len(l.nodes), "node")] }

func between(c chooser, least, most time.Duration, what string) time.Duration {
	return least + time.Duration(c.choose(int((most-least)/time.Millisecond)+1, what))*time.Millisecond
}

// perform lets one thing happen, and a moment pass.
func (l *lab) perform(a action, c chooser) {
	if l.trace {
		l.Logf("%12s ACTION %s", l.now, a.name)
	}
	a.do(l, c)
	l.run(between(c, 0, 200*time.Millisecond, "pause"))
	l.check()
}

// publish has a node seal some batches, one after the other.
func publish(l *lab, c chooser) {
	n, size := l.any(c), 100<<c.choose(5, "size")
	for range 1 + c.choose(8, "batches") {
		n.publish(size)
		l.run(time.Duration(c.choose(40, "ms")) * time.Millisecond)
	}
}

// crash ends a node, unless it is the last but one.
func crash(l *lab, c chooser) {
	up := 0
	for _, n := range l.nodes {
		if n.core != nil {
			up++
		}
	}
	if n := l.any(c); n.core != nil && up > 2 {
		n.crash(c.choose(2, "machine") == 1)
	}
}

// down gives a node that is down, and ends one where none is.
func down(l *lab, c chooser) *node {
	n := l.any(c)
	if n.core != nil {
		n.crash(c.choose(2, "machine") == 1)
		l.run(between(c, 0, 4*time.Second, "downtime"))
	}
	return n
}

func restart(l *lab, c chooser, power bool) {
	n := down(l, c)
	if power {
		n.disk.cut(c.choose(mostRecent, "unsynced"))
	}
	n.start()
}

func wiped(l *lab, c chooser) {
	n := down(l, c)
	n.disk = newDisk()
	n.start()
}

func partition(l *lab, c chooser) {
	for i := range l.nodes {
		l.net.sides[i] = c.choose(2, "side")
	}
	l.in(detect, l.members)
}

func oneWay(l *lab, c chooser) {
	l.net.walls[[2]int{l.any(c).index, l.any(c).index}] = true
}

// heal ends all that the network does.
func (l *lab) heal() {
	l.net.loss, l.net.twice, l.net.reorder = 0, 0, 0
	clear(l.net.sides)
	clear(l.net.walls)
	clear(l.net.rates)
	l.members()
}

func pause(l *lab, c chooser) {
	if n := l.any(c); n.core != nil && !n.paused {
		n.paused = true
		l.in(between(c, 100*time.Millisecond, 7*time.Second, "for"), n.inLife(n.resume))
	}
}

// ail makes the journal of a node stuck, or fail, for a time.
func ail(l *lab, c chooser, stuck bool) {
	n := l.any(c)
	d := between(c, 100*time.Millisecond, 4*time.Second, "for")
	if stuck {
		n.appends.stuck = true
		l.in(d, n.inLife(n.unstick))
	} else {
		n.appends.failing = true
		l.in(d, n.inLife(func() { n.appends.failing = false }))
	}
}

// flowOf chooses something of which a node that runs holds batches.
func flowOf(l *lab, c chooser) (*node, flowKey, *shelf) {
	n := l.any(c)
	keys := n.disk.keys()
	if n.core == nil || n.paused || len(keys) == 0 {
		return nil, flowKey{}, nil
	}
	key := keys[c.choose(len(keys), "flow")]
	return n, key, n.disk.shelves[key]
}

// change tells the core of something that its disk has done, after which the reader may go on.
func (n *node) change(tell func(*core.Core, core.Now)) {
	n.moved = true
	n.input(tell)
}

// drop has retention take the beginning of a flow, or all of it.
func drop(l *lab, c chooser) {
	n, key, s := flowOf(l, c)
	if n == nil || s.head < s.floor {
		return
	}
	floor := s.floor + 1 + uint64(c.choose(int(s.head+1-s.floor), "batches"))
	s.raise(floor)
	n.change(func(k *core.Core, now core.Now) { k.Dropped(now, key.origin, key.epoch, floor) })
}

// forget has a journal forget the oldest epoch of an origin, if it was emptied; the node's own newest it keeps.
func forget(l *lab, c chooser) {
	n, key, s := flowOf(l, c)
	if n == nil || s.head >= s.floor || key.origin == n.id && key.epoch == n.disk.last(n.id).Epoch {
		return
	}
	for _, other := range n.disk.keys() {
		if other.origin == key.origin && other.epoch < key.epoch {
			return
		}
	}
	n.disk.forget(key)
	n.change(func(k *core.Core, now core.Now) { k.Forgotten(now, key.origin, key.epoch) })
}

// damage loses some of what a node holds of a flow.
func damage(l *lab, c chooser) {
	n, key, s := flowOf(l, c)
	if n == nil || s.head < s.floor {
		return
	}
	from := s.floor + uint64(c.choose(int(s.head+1-s.floor), "from"))
	r := messages.Range{From: from, To: min(s.head, from+uint64(c.choose(5, "batches")))}
	s.lose(r)
	n.change(func(k *core.Core, now core.Now) { k.Lost(now, key.origin, key.epoch, r) })
}

// room tells a core that its journal has no room for what is old, or has again.
func room(l *lab, c chooser) {
	n, bytes := l.any(c), int64(c.choose(3, "KB"))<<10
	n.input(func(k *core.Core, now core.Now) { k.Room(now, bytes) })
}

// mend ends all troubles, and starts all nodes that are down.
func (l *lab) mend() {
	l.heal()
	for _, n := range l.nodes {
		n.appends.failing = false
		if n.appends.stuck {
			n.unstick()
		}
		n.appends.lag = time.Millisecond
		n.resume()
		if n.core == nil {
			n.start()
		}
		n.input(func(c *core.Core, now core.Now) { c.Room(now, 1<<40) })
	}
	for _, n := range l.nodes {
		n.publish(100)
		for again := range 3 { // as each node does every two seconds
			l.in(time.Duration(again)*2*time.Second, n.report)
		}
	}
}
