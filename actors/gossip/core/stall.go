package core

import "time"

// stall is whether the journal takes batches. A node that can't append for a second is of no use to its peers: it
// says so and leaves their trees, until it can.
type stall struct {
	// since is when the oldest append began that was not answered; waiting: there is one.
	since   time.Duration
	waiting bool
	// failures is how many appends failed in a row, failedAt when the first of them did.
	failures int
	failedAt time.Duration
	stalled  bool
	reason   string
	until    time.Duration
}

// stallFor is how long a stalled node stays away before it tries again, if nothing is appended meanwhile: as long
// as its peers take to close a dead link.
const stallFor = 5 * time.Second

// begin notes that an append was asked for.
func (s *stall) begin(c *Core) {
	if !s.waiting {
		s.waiting, s.since = true, c.now.Mono
	}
}

// landed notes an answer.
func (s *stall) landed(c *Core, result Result) {
	s.since, s.waiting = c.now.Mono, c.appending > 0
	if result != Failed {
		s.failures, s.stalled = 0, false
		return
	}
	if s.failures++; s.failures == 1 {
		s.failedAt = c.now.Mono
	}
}

// silence is how long the journal took nothing.
func (s *stall) silence(c *Core) (took time.Duration) {
	if s.waiting {
		took = c.now.Mono - s.since
	}
	if s.failures > 1 {
		took = max(took, c.now.Mono-s.failedAt)
	}
	return took
}

// watch leaves the peers when the journal takes nothing for too long.
func (c *Core) watch() {
	s := &c.stall
	switch {
	case s.stalled && c.now.Mono >= s.until:
		*s = stall{}
	case !s.stalled && s.silence(c) >= c.cfg.Stall:
		s.stalled, s.until = true, c.now.Mono+stallFor
		s.reason = "the journal took nothing for " + s.silence(c).Round(time.Millisecond).String()
		for slot := range c.up.each {
			c.bye(c.slots[slot], s.reason)
		}
	}
}
