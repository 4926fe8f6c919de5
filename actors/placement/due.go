package placement

import "time"

// Due is when a plan may differ although nothing else happened: the end of a grace, of a yield, or of handing over. False is
// that time changes nothing.
func (p *Plan) Due() (time.Duration, bool) {
	soonest, due := time.Duration(0), false
	at := func(when time.Duration) {
		if when > p.now && (!due || when < soonest) {
			soonest, due = when, true
		}
	}
	for i := range p.roster.nodes {
		n := &p.roster.nodes[i]
		if n.Dead {
			at(n.DeadAt + Grace)
		}
		for _, y := range n.Yields {
			at(y.Ends)
		}
	}
	for _, m := range p.moves {
		at(m.changed + HandOver)
	}
	return soonest, due
}
