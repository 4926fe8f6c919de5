package source

import (
	"time"

	"anode/actors/source/transform"
	"anode/messages"
)

type credit struct {
	n    int
	at   time.Time
	copy transform.Copy
}

// counts tells that the own feed may still bring it; a clock that was put back ends that.
func (c *credit) counts(now time.Time, most time.Duration) bool {
	passed := now.Sub(c.at)
	return passed >= 0 && passed < most
}

// credit remembers a copy of what the own feed did not bring yet.
func (s *standby) credit(c *transform.Copy, now time.Time) {
	if len(s.credits) >= mostCredits {
		for datum, c := range s.credits {
			if !c.counts(now, s.holdFor()) {
				delete(s.credits, datum)
			}
		}
		if len(s.credits) >= mostCredits {
			clear(s.credits)
		}
	}
	if s.credits == nil {
		s.credits = make(map[messages.Identity]credit)
	}
	of := s.credits[c.Datum()]
	s.credits[c.Datum()] = credit{of.n + 1, now, *c}
}

// redeem has deduplication learn of copies that the own feed did not bring yet, as they are looked for no more: of a change it is still to bring
// the value. The turn is taken.
func (s *standby) redeem(now time.Time) {
	if dedupe := s.job.pipeline.Dedupe(); dedupe.ByChange() {
		for _, c := range s.credits {
			dedupe.Learn(&c.copy, now)
		}
	}
	clear(s.credits)
}
