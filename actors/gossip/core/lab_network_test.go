package core_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"anode/actors/gossip/core"
	"anode/messages/wire/frame"
)

// network is what lies between the nodes of a lab.
type network struct {
	seed uint64
	// loss, twice and reorder are how many frames of a thousand get lost, come twice, are overtaken.
	loss, twice, reorder int
	// sides are the parts of a partition, by node. walls are directions in which nothing gets through.
	sides map[int]int
	walls map[[2]int]bool
	// rates are the bytes a second of the nodes whose links are narrow.
	rates map[int]int
}

func newNetwork(seed uint64) network {
	return network{seed: seed, sides: make(map[int]int), walls: make(map[[2]int]bool), rates: make(map[int]int)}
}

// lag is how long a frame is on its way: 1 to 50 ms, the same for each pair in both directions.
func (w *network) lag(a, b *node) time.Duration {
	low, high := uint64(min(a.index, b.index)), uint64(max(a.index, b.index))
	return time.Millisecond + time.Duration(rand.New(rand.NewPCG(w.seed, low<<32|high)).Int64N(int64(49*time.Millisecond)))
}

// blocked tells whether nothing gets from one node to another, severed whether that is so in one of the directions.
func (w *network) blocked(from, to *node) bool {
	return w.sides[from.index] != w.sides[to.index] || w.walls[[2]int{from.index, to.index}]
}

func (w *network) severed(a, b *node) bool { return w.blocked(a, b) || w.blocked(b, a) }

// rate is the bandwidth between two nodes; 0 has no bound.
func (w *network) rate(a, b *node) int {
	ra, rb := w.rates[a.index], w.rates[b.index]
	if ra == 0 || rb == 0 {
		return ra + rb
	}
	return min(ra, rb)
}

// chance draws something that happens so many times of a thousand.
func (l *lab) chance(share int) bool { return share > 0 && l.rand.IntN(1000) < share }

// parcel is a frame that waits to go out.
type parcel struct {
	frame frame.Frame
	size  int
	class core.Class
}

// queue is what waits to go out of one end of a narrow link: by class, then in order. bytes has what is just going
// out too.
type queue struct {
	classes [core.Repair + 1][]parcel
	bytes   int
	busy    bool
}

// enqueue lets a frame wait for its turn.
func (n *node) enqueue(k socket, p parcel) {
	q := &k.mine().queue
	q.classes[p.class] = append(q.classes[p.class], p)
	q.bytes += p.size
	n.checkQueue(k, p)
	if !q.busy {
		n.pump(k)
	}
}

// pump sends the next frame off.
func (n *node) pump(k socket) {
	q, peer := &k.mine().queue, k.theirs().node
	for class := range q.classes {
		if len(q.classes[class]) == 0 {
			continue
		}
		p := q.classes[class][0]
		q.classes[class] = q.classes[class][1:]
		q.busy = true
		takes := time.Duration(0)
		if rate := n.lab.net.rate(n, peer); rate > 0 {
			takes = time.Second * time.Duration(p.size) / time.Duration(rate)
		}
		n.lab.in(takes, n.inLife(func() {
			if k.mine().up {
				n.pumped(k, p)
			}
		}))
		return
	}
}

// pumped puts a frame on its way that has left the queue.
func (n *node) pumped(k socket, p parcel) {
	q, peer := &k.mine().queue, k.theirs().node.id
	q.busy = false
	q.bytes -= p.size
	n.launch(k, p.frame)
	n.pump(k)
	left := q.bytes
	n.input(func(c *core.Core, now core.Now) { c.Queued(now, peer, left) })
}

// describe tells what a frame is, for the trace.
func describe(f frame.Frame) string {
	switch f := f.(type) {
	case *frame.Push:
		return fmt.Sprintf("push %s hop %d refresh %t repair %t", f.Batch.ID(), f.Hop, f.Refresh, f.Repair)
	default:
		return fmt.Sprintf("%s %+v", f.Type(), f)
	}
}
