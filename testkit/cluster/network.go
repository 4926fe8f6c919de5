package cluster

import (
	"time"
)

// Partition cuts the network into groups: who is in another hears nothing more, both ways. A node in no group is alone. It
// ends all cuts before it.
func (c *Cluster) Partition(groups ...[]*Node) {
	group := make(map[*Node]int)
	for i, list := range groups {
		for _, n := range list {
			group[n] = i + 1
		}
	}
	c.pairs(func(a, b *Node) {
		if group[a] == group[b] && group[a] != 0 {
			c.fabric.Heal(a.addr.Addr(), b.addr.Addr())
		} else {
			c.fabric.Cut(a.addr.Addr(), b.addr.Addr())
		}
	})
}

// Isolate cuts a node off from all others, besides what is cut already.
func (c *Cluster) Isolate(n *Node) {
	for _, o := range c.Nodes() {
		if o != n {
			c.Cut(n, o)
			c.Cut(o, n)
		}
	}
}

// Cut cuts one direction: what a sends b does not get.
func (c *Cluster) Cut(a, b *Node) { c.fabric.Cut(a.addr.Addr(), b.addr.Addr()) }

// Heal ends all cuts.
func (c *Cluster) Heal() {
	c.pairs(func(a, b *Node) { c.fabric.Heal(a.addr.Addr(), b.addr.Addr()) })
}

// Delay sets what the ways between two nodes take, both ways.
func (c *Cluster) Delay(a, b *Node, latency, jitter time.Duration) {
	c.fabric.Delay(a.addr.Addr(), b.addr.Addr(), latency, jitter)
	c.fabric.Delay(b.addr.Addr(), a.addr.Addr(), latency, jitter)
}

// Lose sets how much is lost of what goes between two nodes, both ways: 0 to below 1.
func (c *Cluster) Lose(a, b *Node, loss float64) {
	c.fabric.Lose(a.addr.Addr(), b.addr.Addr(), loss)
	c.fabric.Lose(b.addr.Addr(), a.addr.Addr(), loss)
}

// Skew sets how much a node's wall clock is ahead of the others'; it may be below 0.
func (c *Cluster) Skew(n *Node, ahead time.Duration) { n.skew.Store(int64(ahead)) }

// pairs calls for all pairs of two nodes, in both orders.
func (c *Cluster) pairs(do func(a, b *Node)) {
	nodes := c.Nodes()
	for _, a := range nodes {
		for _, b := range nodes {
			if a != b {
				do(a, b)
			}
		}
	}
}
