package journal

import (
	"slices"
	"sync"

	"anode/messages"
)

// Ack is where an answered record is.
type Ack string

const (
	// AckLocal answers what this node has, as the durability says.
	AckLocal Ack = "local"
	// AckPeer answers, besides, only what one other node is known to hold.
	AckPeer Ack = "peer"
)

// covers are this node's batches that no other is known to hold, as far as anybody may ask for them. They outlive the
// actor: a peer tells once what it holds. The mutex guards all of it; it is a leaf.
type covers struct {
	// ready wakes who waits for them.
	ready chan struct{}

	mu sync.Mutex
	// begun is whether they are kept: with AckPeer, from the first incarnation.
	begun bool
	// open are in order of epoch and sequence, and no two overlap.
	open []stretch
	// failing is whether the last that waited did so in vain, and nothing was covered since.
	failing bool
}

// stretch is a run of batches of one epoch.
type stretch struct {
	epoch uint64
	messages.Range
	// from and to bound when they were numbered, in Unix ms.
	from, to int64
}

// need is a run of batches of one epoch that is to be covered.
type need struct {
	epoch uint64
	messages.Range
}

// mostStretches bounds what is kept: where there are more, neighbours are joined, with what is covered between them.
const mostStretches = 8192

// Covered tells that a peer holds a range of this node's own batches. It never blocks.
func (b *Inbox) Covered(epoch uint64, held messages.Range) {
	if b.covers.cut(epoch, held) {
		b.covers.wake()
	}
}

func (c *covers) wake() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// begin keeps from now on what is not covered, first of all what was numbered before. Only the first call counts.
func (c *covers) begin(before []stretch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		c.begun, c.open = true, before
	}
}

// number notes new batches, and forgets those from before a horizon (Unix ms). It comes before anybody hears of them.
func (c *covers) number(s stretch, horizon int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		return
	}
	old := 0
	for old < len(c.open) && c.open[old].to < horizon {
		old++
	}
	if c.open = append(c.open[old:], s); len(c.open) > mostStretches {
		c.join()
	}
}

// join makes one of each two stretches in the older half. What it covers falsely is not covered: that is safe.
func (c *covers) join() {
	half := len(c.open) / 2
	joined := c.open[:0:0]
	for i := 0; i < len(c.open); i++ {
		s := c.open[i]
		if next := i + 1; next < half && c.open[next].epoch == s.epoch {
			s.To, s.from, s.to = c.open[next].To, min(s.from, c.open[next].from), max(s.to, c.open[next].to)
			i = next
		}
		joined = append(joined, s)
	}
	c.open = joined
}

// cut takes out what is covered, and tells whether anything was.
func (c *covers) cut(epoch uint64, held messages.Range) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first, end := c.within(need{epoch, held})
	if first == end {
		return false
	}
	var rest []stretch
	for _, s := range c.open[first:end] {
		for _, left := range (messages.Ranges{s.Range}).Minus(messages.Ranges{held}) {
			s.Range = left
			rest = append(rest, s)
		}
	}
	c.open, c.failing = slices.Replace(c.open, first, end, rest...), false
	return true
}

// within tells which of the open ones have part of what is needed. The mutex is held.
func (c *covers) within(n need) (first, end int) {
	first, _ = slices.BinarySearchFunc(c.open, n, func(s stretch, n need) int {
		if s.epoch < n.epoch || s.epoch == n.epoch && s.To < n.From {
			return -1
		}
		return 1
	})
	for end = first; end < len(c.open) && c.open[end].epoch == n.epoch && c.open[end].From <= n.To; {
		end++
	}
	return first, end
}

// lacks tells whether any of what is needed is not covered.
func (c *covers) lacks(needs []need) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(needs, func(n need) bool {
		first, end := c.within(n)
		return first < end
	})
}

// numbered is what is open of what was numbered at a Unix ms.
func (c *covers) numbered(ms int64) (needs []need) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.open {
		if s := &c.open[i]; s.from <= ms && ms <= s.to {
			needs = append(needs, need{s.epoch, s.Range})
		}
	}
	return needs
}

// fail notes that something waited in vain.
func (c *covers) fail() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failing = true
}

func (c *covers) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failing
}

// recent are this node's batches of the window: of which duplicates may come.
func recent(cfg Config) (list []stretch) {
	since := cfg.Clock().Add(-cfg.Window).UnixMilli()
	first := cfg.Journal.Seek(cfg.Self, since)
	for _, e := range cfg.Journal.Digest()[cfg.Self] {
		all := messages.Range{From: max(e.Floor, 1), To: e.Head}
		if e.Epoch == first.Epoch {
			all.From = max(all.From, first.Sequence+1)
		}
		if e.Epoch < first.Epoch || all.From > all.To || e.HeadHLC.Millis() < since {
			continue
		}
		for _, held := range (messages.Ranges{all}).Minus(e.Holes) {
			list = append(list, stretch{epoch: e.Epoch, Range: held, to: e.HeadHLC.Millis()})
		}
	}
	return list
}
