package replay

import (
	"slices"
	"sync"

	"anode/messages"
)

// overhead is what a record takes beside its content, in bytes, about.
const overhead = 256

// collector takes the records of many scans, and keeps the lowest positions within a budget. It is safe for concurrent use; mu
// guards all that changes.
type collector struct {
	// after and last are the place and the sequence between which records are taken.
	after  messages.Position
	last   uint64
	budget int64

	mu      sync.Mutex
	records []*messages.Record
	size    int64
	// limit is the lowest record that was let go of: what is below it is all kept.
	limit *messages.Record
	// beyond: something behind last was met.
	beyond bool
}

// take takes a record; false where no later one of its scan is wanted.
func (c *collector) take(r *messages.Record) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.Position.Compare(c.after) <= 0:
		return true
	case r.Position.Sequence > c.last:
		c.beyond = true
		return false
	case c.limit != nil && r.Position.Compare(c.limit.Position) >= 0:
		return false
	}
	c.records = append(c.records, r)
	if c.size += int64(r.Size()) + overhead; c.size > 2*c.budget {
		c.trim()
	}
	return true
}

// trim lets go of what is above the budget, but for one record.
func (c *collector) trim() {
	slices.SortFunc(c.records, func(a, b *messages.Record) int { return a.Position.Compare(b.Position) })
	if c.size <= c.budget {
		return
	}
	c.size = 0
	for i, r := range c.records {
		size := int64(r.Size()) + overhead
		if i > 0 && c.size+size > c.budget {
			c.limit = r
			clear(c.records[i:])
			c.records = c.records[:i]
			return
		}
		c.size += size
	}
}

// toMs is when what is still wanted was received before, as far as is known; otherwise is a bound that holds anyway, or 0.
func (c *collector) toMs(otherwise int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit == nil {
		return otherwise
	}
	limit := c.limit.HLC.Millis() + 1
	if otherwise > 0 {
		return min(limit, otherwise)
	}
	return limit
}

// batches are the records as the batches that they stand in, without what else stands there.
func batches(records []*messages.Record) []*messages.Batch {
	var list []*messages.Batch
	for len(records) > 0 {
		n := 1
		for n < len(records) && records[n].Position.Sequence == records[0].Position.Sequence {
			n++
		}
		list = append(list, batch(records[:n]))
		records = records[n:]
	}
	return list
}

func batch(records []*messages.Record) *messages.Batch {
	first, last := records[0], records[len(records)-1]
	b := &messages.Batch{Header: messages.Header{
		Origin: first.Position.Origin, Epoch: first.Position.Epoch, Sequence: first.Position.Sequence,
		First: first.HLC, Last: last.HLC, Count: last.Position.Index + 1,
	}}
	for _, r := range records {
		if g := len(b.Groups) - 1; g >= 0 && b.Groups[g].Stream == r.Stream {
			b.Groups[g].Records = append(b.Groups[g].Records, *r)
			continue
		}
		b.Groups = append(b.Groups, messages.Group{Stream: r.Stream, Records: []messages.Record{*r}})
	}
	return b
}

// before is the place just before a record.
func before(p messages.Position) messages.Position {
	switch {
	case p.Index > 0:
		p.Index--
	case p.Sequence > 1:
		p.Sequence, p.Index = p.Sequence-1, messages.IndexEnd
	default:
		p.Sequence = 0
	}
	return p
}
