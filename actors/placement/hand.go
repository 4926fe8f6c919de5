package placement

import "slices"

// decide says what this node is to do with each source.
func (p *Plan) decide(before *Plan, reports Reports) {
	for i := range p.sources.list {
		runs := false
		if j := p.was(before, i); j >= 0 {
			runs = before.do[j].Runs()
		}
		s := &p.sources.list[i]
		mine := p.at >= 0 && p.rank(i, p.at) >= 0
		switch {
		case s.Everywhere:
			p.everywhere(i, s, runs)
		case mine && (runs || !s.Exclusive):
			p.do[i] = Run
		case mine || runs:
			p.hand(i, s, runs, reports)
		}
	}
}

// everywhere decides on a source that runs on every node which it allows, whatever their state.
func (p *Plan) everywhere(i int, s *Source, runs bool) {
	if p.at >= 0 {
		if n := &p.roster.nodes[p.at]; n.owns(s) && n.wears(s.Nodes) {
			p.do[i] = Run
			return
		}
	}
	if runs {
		p.do[i], p.decisions[int32(i)] = Stop, Decision{Do: Stop, Reason: "this node has not its labels, or may not own it"}
	}
}

// hand decides on a source that comes or goes.
func (p *Plan) hand(i int, s *Source, runs bool, reports Reports) {
	m, moving := p.moves[int32(i)]
	if !moving && runs { // it was run everywhere, until now
		m = move{changed: p.now, leavers: []Leaver{{p.self, p.now}}}
		p.moves[int32(i)] = m
	}
	c := Case{
		Now: p.now, Self: p.self, Source: s.Name, Exclusive: s.Exclusive, Runs: runs,
		Owners: p.owners(i), Leavers: p.occupants(s, m, reports), Changed: m.changed, Reports: reports,
	}
	d := c.Decide()
	p.do[i] = d.Do
	if d.Do != Run && d.Do != Nothing {
		p.decisions[int32(i)] = d
	}
	p.ask(&c, d.Do)
}

// ask notes whom a decision waits for.
func (p *Plan) ask(c *Case, do Do) {
	switch do {
	case HandsOver:
		for _, id := range c.Owners {
			if !c.Reports.said(SaidRunning, c.Source, id, c.Changed) {
				p.questions = append(p.questions, About{c.Source, id})
			}
		}
	case Standby:
		for _, l := range c.Leavers {
			if !c.Reports.said(SaidStopped, c.Source, l.Node, l.Since) {
				p.questions = append(p.questions, About{c.Source, l.Node})
			}
		}
	}
}

// occupants are the other nodes that may run a source which this one wants to start: those that owned it before and
// are there, and those that said they run it or want to, as their view was another.
func (p *Plan) occupants(s *Source, m move, reports Reports) []Leaver {
	list := slices.DeleteFunc(slices.Clone(m.leavers), func(l Leaver) bool { return l.Node == p.self || p.roster.find(l.Node) < 0 })
	if !s.Exclusive || len(reports) == 0 {
		return list
	}
	for i := range p.roster.nodes {
		id := p.roster.nodes[i].ID
		known := slices.ContainsFunc(list, func(l Leaver) bool { return l.Node == id })
		if said := reports[About{s.Name, id}].Said; id != p.self && !known && (said == SaidRunning || said == SaidStarting) {
			list = append(list, Leaver{Node: id})
		}
	}
	return list
}
