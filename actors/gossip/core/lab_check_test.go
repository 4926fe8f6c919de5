package core_test

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// checkSend: frames keep the rules of their type, and go over links that are up.
func (n *node) checkSend(peer messages.NodeID, f frame.Frame) {
	if !n.told[peer] {
		n.lab.Fatalf("%s: %s sends %s to %s, to which it has no link", n.lab.now, n.id, describe(f), peer)
	}
	if err := frame.Check(f); err != nil {
		n.lab.Fatalf("%s: %s sends %s: %v", n.lab.now, n.id, describe(f), err)
	}
}

// openPull is a pull that was sent and not answered.
type openPull struct {
	pull *frame.Pull
	at   time.Duration
}

func (e *end) answered(id uint64) {
	e.pulls = slices.DeleteFunc(e.pulls, func(p openPull) bool { return p.pull.ID == id })
}

// checkPull: nothing is asked for that is held, and no more over a link at a time than MaxPull. A pull counts until
// its answer ends, or for Retry: after that it may have been given up.
func (n *node) checkPull(k *socket, p *frame.Pull) {
	at := k.mine()
	at.pulls = slices.DeleteFunc(at.pulls, func(o openPull) bool { return n.lab.now-o.at >= or(n.cfg.Retry, 180*time.Millisecond) })
	at.pulls = append(at.pulls, openPull{p, n.lab.now})
	sum := 0
	for _, o := range at.pulls {
		sum += min(int(o.pull.Bytes), pulled(n.lab, o.pull))
	}
	if most := or(n.cfg.MaxPull, 1<<20); sum > 2*most {
		n.lab.Fatalf("%s: %s asks %s for %d bytes at a time, at most %d are to be", n.lab.now, n.id, k.theirs().node.id, sum, most)
	}
	each(p, func(id messages.BatchID) bool {
		if n.disk.at(id) != nil || n.appends.has(id) {
			n.lab.Fatalf("%s: %s asks for %s, which it has", n.lab.now, n.id, id)
		}
		return true
	})
}

// pulled is how many bytes a pull asks for.
func pulled(l *lab, p *frame.Pull) (sum int) {
	each(p, func(id messages.BatchID) bool {
		if b := l.sealed[id]; b != nil {
			sum += len(b.Bytes())
		}
		return true
	})
	return sum
}

func or[T comparable](value, other T) T { return cmp.Or(value, other) }

// checkAppend: a batch is appended once, and what waits for it is bounded.
func (n *node) checkAppend(b *wire.Sealed) {
	id := b.ID()
	switch most := or(n.cfg.MaxAppending, 16<<20); {
	case n.lab.sealed[id] != b:
		n.lab.Fatalf("%s: %s appends %s, which nobody sealed so", n.lab.now, n.id, id)
	case n.disk.at(id) != nil:
		n.lab.Fatalf("%s: %s appends %s, which it holds", n.lab.now, n.id, id)
	case n.appends.has(id):
		n.lab.Fatalf("%s: %s appends %s, which it is just appending", n.lab.now, n.id, id)
	case n.appends.bytes+len(b.Bytes()) > most:
		n.lab.Fatalf("%s: %s has %d bytes waiting to be appended with %s, at most %d are to", n.lab.now, n.id, n.appends.bytes+len(b.Bytes()), id, most)
	}
}

// checkQueue: what waits in a link's queue is bounded: by MaxQueue for live batches, as much again before a link
// that takes nothing is closed, MaxPull for what was read for the peer, and what is said between two looks.
func (n *node) checkQueue(k socket, p parcel) {
	if most := 2*or(n.cfg.MaxQueue, 4<<20) + or(n.cfg.MaxPull, 1<<20) + 64<<10; k.mine().queue.bytes > most {
		n.lab.Fatalf("%s: %s has %d bytes in the queue to %s with %s, at most %d are to be", n.lab.now, n.id, k.mine().queue.bytes, k.theirs().node.id, describe(p.frame), most)
	}
}

// checkCover: who is said to hold a batch does, or has lost it since.
func (n *node) checkCover(o *core.Output) {
	peer := n.lab.find(o.Peer)
	if _, sealed := n.lab.sealed[messages.BatchID{Origin: n.id, Epoch: o.Epoch, Sequence: o.Range.To}]; !sealed || o.Range.From == 0 || o.Range.From > o.Range.To {
		n.lab.Fatalf("%s: %s takes %s of its epoch %d to be held by %s: it was not sealed", n.lab.now, n.id, o.Range, o.Epoch, peer.id)
	}
}

// checkLines: what the core says is held is what the disk has.
func (n *node) checkLines() {
	if n.core == nil || n.paused {
		return
	}
	lines := n.core.Lines()
	for _, key := range n.disk.keys() {
		s, line := n.disk.shelves[key], lines[key.origin]
		for q := uint64(1); q <= s.head+1; q++ {
			id := messages.BatchID{Origin: key.origin, Epoch: key.epoch, Sequence: q}
			if says := line != nil && line.Holds(key.epoch, q); says != (s.held[q] != nil) && !n.appends.has(id) {
				n.lab.Fatalf("%s: %s says that it holds %s: %t, its disk: %t", n.lab.now, n.id, id, says, s.held[q] != nil)
			}
		}
	}
	if s := n.core.Stats(); s.Appending != n.appends.bytes {
		n.lab.Fatalf("%s: %s counts %d bytes that wait to be appended, its journal %d", n.lab.now, n.id, s.Appending, n.appends.bytes)
	}
}

// check checks what can be seen at any time.
func (l *lab) check() {
	for _, n := range l.nodes {
		n.checkLines()
	}
}

// converge lets time pass until everything is everywhere, and fails when that takes longer than it may.
func (l *lab) converge(within time.Duration) {
	l.Helper()
	var left []string
	for end := l.now + within; ; {
		l.run(250 * time.Millisecond)
		l.check()
		if left = l.differences(); len(left) == 0 {
			return
		}
		if l.now >= end {
			break
		}
	}
	for _, n := range l.nodes {
		if n.core != nil {
			l.tracef(n, "misses\n%s", n.core.Dump())
		}
	}
	l.Fatalf("%s: %d things are not as they should be %s after the last fault:\n%s", l.now, len(left), within, join(left, 10))
}

func join(lines []string, most int) (text string) {
	for _, line := range lines[:min(most, len(lines))] {
		text += "  " + line + "\n"
	}
	return text
}

// differences says what is not everywhere yet.
func (l *lab) differences() (list []string) {
	alive := make(map[messages.BatchID]messages.NodeID)
	events := make(map[string]frame.Event)
	for _, n := range l.nodes {
		if n.core == nil {
			continue
		}
		for key, s := range n.disk.shelves {
			for q := range s.held {
				alive[messages.BatchID{Origin: key.origin, Epoch: key.epoch, Sequence: q}] = n.id
			}
		}
		for key, e := range n.disk.registry {
			if old, ok := events[key]; !ok || e.Revision > old.Revision || e.Revision == old.Revision && (e.HLC > old.HLC || e.HLC == old.HLC && e.Node > old.Node) {
				events[key] = e
			}
		}
	}
	for _, n := range l.nodes {
		if n.core != nil {
			list = append(list, n.lacks(alive)...)
			list = append(list, n.waits()...)
			if !reflect.DeepEqual(n.disk.registry, events) || !reflect.DeepEqual(n.core.Events(), n.disk.events()) {
				list = append(list, fmt.Sprintf("%s knows %d events of the registry, there are %d", n.id, len(n.core.Events()), len(events)))
			}
		}
	}
	slices.Sort(list)
	return list
}

// lacks are the batches that somebody holds, and this node should.
func (n *node) lacks(alive map[messages.BatchID]messages.NodeID) (list []string) {
	for id, holder := range alive {
		if n.disk.lacks(id) {
			list = append(list, fmt.Sprintf("%s lacks %s, which %s holds", n.id, id, holder))
		}
	}
	return list
}

// waits says what a node is still waiting for.
func (n *node) waits() (list []string) {
	if s := n.core.Stats(); s.Missing > 0 || s.Pulling > 0 || s.Appending > 0 {
		list = append(list, fmt.Sprintf("%s misses %d batches, waits for %d bytes, appends %d", n.id, s.Missing, s.Pulling, s.Appending))
	}
	for _, m := range n.lab.nodes {
		if m == n || m.core == nil || m.version == 0 {
			continue
		}
		r := n.shown[recordKey{m.id, 1}]
		if behind := r.Epoch > m.epoch; r.Epoch != m.epoch && !behind || r.Epoch == m.epoch && r.Version != m.version {
			list = append(list, fmt.Sprintf("%s was shown the status %d-%d of %s, the last is %d-%d", n.id, r.Epoch, r.Version, m.id, m.epoch, m.version))
		}
	}
	for _, origin := range slices.Sorted(maps.Keys(n.cursors)) {
		if step := n.core.Lines().Next(n.cursors[origin]); step.Kind != messages.StepHead {
			list = append(list, fmt.Sprintf("the reader on %s stands at %s, next is %+v", n.id, n.cursors[origin], step))
		}
	}
	return list
}
