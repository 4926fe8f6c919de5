package demo

import (
	"time"

	"anode/messages"
)

// count is what became of the numbered records. It is pure.
//
// A record that a node has acknowledged has a place; a subscription's cursor says which places it has left behind. A
// record is missed when the cursor has left its place behind and the subscription has not given it. Until then it is to
// come: on its way, or on the disk of a node that is down. Where a node acknowledged a record as a duplicate no place is
// known: such a one is missed when it has not come for lateAfter while no node was down.
type count struct {
	// published are the records that were acknowledged, retried the attempts that were not answered.
	published, retried uint64
	seen               numbers
	// doubled are records that came again.
	doubled uint64
	waiting map[uint64]acknowledged
	missed  map[uint64]struct{}
	gaps    int
}

// acknowledged is a record that a node has stored.
type acknowledged struct {
	number uint64
	// place is zero where the node had the record already.
	place messages.Position
	node  int
	at    time.Time
	// tries is how many times it was sent.
	tries int
}

// lateAfter is when a record without a known place is given up.
const lateAfter = 30 * time.Second

func newCount() *count {
	return &count{waiting: make(map[uint64]acknowledged), missed: make(map[uint64]struct{})}
}

// acknowledge takes the answer of a node.
func (c *count) acknowledge(a acknowledged) {
	c.published++
	c.retried += uint64(a.tries - 1)
	if !c.seen.has(a.number) {
		c.waiting[a.number] = a
	}
}

// saw takes a record of the subscription.
func (c *count) saw(number uint64) {
	if !c.seen.add(number) {
		c.doubled++
	}
	delete(c.waiting, number)
	delete(c.missed, number)
}

// passed takes where the subscription is: all that it has given was taken before. whole says that no node is down.
func (c *count) passed(cursor messages.Cursor, now time.Time, whole bool) {
	for number, a := range c.waiting {
		unplaced := a.place.IsZero()
		if !unplaced && cursor.Covers(a.place) || unplaced && whole && now.Sub(a.at) > lateAfter {
			c.missed[number] = struct{}{}
			delete(c.waiting, number)
		}
	}
}

// delivered is how many of those that were published the subscription has given.
func (c *count) delivered() uint64 {
	return c.published - uint64(len(c.waiting)+len(c.missed))
}

// waitingAt is how many records to come a node has acknowledged.
func (c *count) waitingAt(node int) (n int) {
	for _, a := range c.waiting {
		if a.node == node {
			n++
		}
	}
	return n
}

// numbers is a set of numbers from 1 that is nearly without holes.
type numbers struct {
	// upTo: it and all below are in the set; above has the others.
	upTo  uint64
	above map[uint64]struct{}
}

// add puts a number in and tells whether it is new.
func (s *numbers) add(n uint64) bool {
	if s.has(n) {
		return false
	}
	if s.above == nil {
		s.above = make(map[uint64]struct{})
	}
	s.above[n] = struct{}{}
	for {
		if _, next := s.above[s.upTo+1]; !next {
			return true
		}
		s.upTo++
		delete(s.above, s.upTo)
	}
}

func (s *numbers) has(n uint64) bool {
	_, has := s.above[n]
	return has || n <= s.upTo
}
