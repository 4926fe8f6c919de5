package core

import "time"

// refresh says when the trees of the node's own flow are to be chosen anew: links and loads change, and a tree
// that was the fastest is not so for ever. It costs one flood, so it is seldom: after RefreshEvery and
// RefreshBatches, both, which is at most 1 % of the batches; and once the members have settled after a change,
// but no more often than that: where they change all the time the trees heal by what is missed.
type refresh struct {
	at      time.Duration // when it was last
	batches int           // since then
	settled time.Duration // when the members have settled; 0 is that they did not change
}

// due counts a batch, and tells whether it is to choose the tree anew.
func (r *refresh) due(c *Core) bool {
	r.batches++
	now := c.now.Mono
	often := r.batches >= c.cfg.RefreshBatches && now-r.at >= c.cfg.RefreshEvery
	moved := r.settled != 0 && now >= r.settled
	if !often && !moved {
		return false
	}
	r.at, r.batches, r.settled = now, 0, 0
	return true
}

// settle notes that the members changed.
func (r *refresh) settle(c *Core, old, now *Members) {
	if old.Len() > 1 || now.Len() > 1 {
		r.settled = max(c.now.Mono+c.cfg.Settle, r.at+c.cfg.RefreshEvery)
	}
}
