package placement

import "time"

// Due is when a plan may differ although nothing else happened: the end of a grace, of a yield, of handing over, or of last words. False is
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
	for i, m := range p.moves {
		if d := p.decisions[i]; d.Do == HandsOver && d.Until > 0 {
			at(d.Until)
		}
		for _, l := range m.leavers {
			at(p.ends(&p.sources.list[i], l, m.changed))
		}
		for _, l := range m.silent {
			at(l.Since + LastWords)
		}
	}
	return soonest, due
}
