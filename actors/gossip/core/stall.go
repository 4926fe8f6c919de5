package core

import "time"

// stall is whether the journal takes batches. A node that can't append for a second is of no use to its peers: it
// says so and leaves their trees, until it can.
type stall struct {
	since   time.Duration // when the oldest append began that was not answered, or the first of those that failed
	waiting bool
	stalled bool
	reason  string
	until   time.Duration
}

// stallFor is how long a stalled node stays away before it tries again, if nothing is appended meanwhile.
const stallFor = 5 * time.Second

// begin notes that an append was asked for.
func (s *stall) begin(c *Core) {
	if !s.waiting {
		s.waiting, s.since = true, c.now.Mono
	}
}

// landed notes an answer.
func (s *stall) landed(c *Core, result Result) {
	if result == Failed {
		return
	}
	s.since, s.waiting = c.now.Mono, c.appending > 0
	s.stalled = false
}

// watch leaves the peers when the journal takes nothing for too long.
func (c *Core) watch() {
	s := &c.stall
	switch {
	case s.stalled && c.now.Mono >= s.until:
		*s = stall{}
	case !s.stalled && s.waiting && c.now.Mono-s.since >= c.cfg.Stall:
		s.stalled, s.until = true, c.now.Mono+stallFor
		s.reason = "the journal took nothing for " + (c.now.Mono - s.since).Round(time.Millisecond).String()
		for slot := range c.up.each {
			c.bye(c.slots[slot], s.reason)
		}
	}
}
