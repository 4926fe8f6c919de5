package cassandra

import "time"

// pace decides how many requests may be under way: one more for each round without trouble, as long as all that are allowed are
// used; half when the database says that it is too much or says nothing; a little less when answers take long. This is the additive increase
// and multiplicative decrease of TCP (Chiu and Jain, 1989). It has no clock; it is told the time.
type pace struct {
	limit, most float64
	// best is the shortest that an answer took lately, slowly forgotten; usual is what they take.
	best, usual time.Duration
	// cut is when it was last made less: what was sent before that says nothing new.
	cut time.Time
}

const (
	firstFlight = 8
	// longAnswer is not too long yet, slow is how many times the best is: a queue has formed then that helps nobody.
	longAnswer = 80 * time.Millisecond
	slow       = 16
)

func newPace(most int) pace { return pace{limit: float64(min(firstFlight, most)), most: float64(most)} }

// answered takes an answer: when it was asked for, how long it took, whether as many were under way as are allowed, and
// whether the database was in trouble.
func (p *pace) answered(asked time.Time, took time.Duration, full, trouble bool) {
	now := asked.Add(took)
	switch {
	case trouble:
		if asked.After(p.cut) {
			p.limit, p.cut = max(1, p.limit/2), now
		}
		return
	case p.best == 0 || took < p.best:
		p.best = took
	default:
		p.best += (took - p.best) / 1024
	}
	if p.usual == 0 {
		p.usual = took
	}
	p.usual += (took - p.usual) / 8
	switch {
	case p.usual > max(longAnswer, slow*p.best):
		if asked.After(p.cut) {
			p.limit, p.cut = max(1, p.limit*0.8), now
		}
	case full:
		p.limit = min(p.most, p.limit+1/p.limit)
	}
}

// allowed is how many may be under way.
func (p *pace) allowed() int { return int(p.limit) }
