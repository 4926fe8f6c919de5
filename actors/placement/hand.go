package placement

import (
	"slices"
	"time"

	"anode/messages"
)

// decide says what this node is to do with each source.
func (p *Plan) decide(before *Plan, reports Reports) {
	shut := p.shut()
	for i := range p.sources.list {
		runs := false
		if j := p.was(before, i); j >= 0 {
			runs = before.do[j].Runs()
		}
		s := &p.sources.list[i]
		mine := p.at >= 0 && p.rank(i, p.at) >= 0
		switch {
		case shut != "":
			if runs {
				p.do[i], p.decisions[int32(i)] = Stop, Decision{Do: Stop, Reason: shut}
			}
		case s.Everywhere:
			p.everywhere(i, s, runs)
		case mine && (runs || !s.Exclusive):
			p.do[i] = Run
			p.listen(i, s)
		case mine || runs:
			p.hand(before, i, s, runs, reports)
		}
	}
}

// reasonBanned is why nothing runs on a node that is shut out: others run it already, and what it numbered would come a second time once the ban
// is lifted.
const reasonBanned = "this node is banned: it runs no sources until the ban is lifted"

// reasonUsurped is why nothing runs on a node whose identity another one has: that one runs it, and who takes records of this one would take them
// for that one's.
const reasonUsurped = "another node with this one's identity lives: this one runs no sources"

// banned tells that this node is shut out.
func (p *Plan) banned() bool { return p.shut() == reasonBanned }

// shut is why nothing may run on this node; empty where it may.
func (p *Plan) shut() string {
	switch {
	case p.at < 0:
	case p.roster.nodes[p.at].State == StateBanned:
		return reasonBanned
	case p.roster.nodes[p.at].State == StateUsurped:
		return reasonUsurped
	}
	return ""
}

// everywhere decides on a source that runs on every node with its labels, whatever their state, and whatever they own.
func (p *Plan) everywhere(i int, s *Source, runs bool) {
	if p.at >= 0 {
		if p.roster.nodes[p.at].wears(s.Nodes) {
			p.do[i] = Run
			return
		}
	}
	if runs {
		p.do[i], p.decisions[int32(i)] = Stop, Decision{Do: Stop, Reason: "this node has not its labels"}
	}
}

// hand decides on a source that comes or goes.
func (p *Plan) hand(before *Plan, i int, s *Source, runs bool, reports Reports) {
	m, moving := p.moves[int32(i)]
	if !moving && runs { // it was run everywhere, until now
		m = move{changed: p.now, leavers: []Leaver{{p.self, p.now}}}
		p.moves[int32(i)] = m
	}
	c := Case{
		Now: p.now, Self: p.self, Source: s.Name, Exclusive: s.Exclusive, Runs: runs,
		Owners: p.owners(i), Behind: p.behind(i), Stays: p.stays(s, p.at), Changed: m.changed, Reports: reports,
	}
	if j := p.was(before, i); j >= 0 && c.Behind == "" {
		c.First = before.do[j].Runs() && before.behind(j) != ""
	}
	if s.Exclusive && !runs {
		c.Since, c.Others = p.waitsSince(before, i), p.others(m)
	}
	d := c.Decide()
	if d.Do == Standby {
		p.waits[int32(i)] = c.Since
	}
	p.do[i] = d.Do
	if d.Do != Run && d.Do != Nothing {
		p.decisions[int32(i)] = d
	}
	p.ask(&c, d.Do)
	if d.Do == HandsOver {
		p.listen(i, s)
	}
}

// listen notes whom a node that runs a source asks whether they have stopped, as they may number before it.
func (p *Plan) listen(i int, s *Source) {
	if s.Exclusive {
		return
	}
	for _, l := range p.moves[int32(i)].leavers {
		if l.Node != p.self {
			p.questions = append(p.questions, About{s.Name, l.Node})
		}
	}
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
		for _, id := range c.Others {
			if !c.Reports.said(SaidStopped, c.Source, id, c.Since) {
				p.questions = append(p.questions, About{c.Source, id})
			}
		}
	}
}

// waitsSince is since when this node waits to start an exclusive source that it owns: what others said before that does not count.
func (p *Plan) waitsSince(before *Plan, i int) time.Duration {
	if j := p.was(before, i); j >= 0 {
		if since, waits := before.waits[int32(j)]; waits {
			return since
		}
	}
	return p.now
}

// others are all other nodes that are there, those that owned a source before first.
func (p *Plan) others(m move) []messages.NodeID {
	list := make([]messages.NodeID, 0, len(p.roster.nodes))
	for _, l := range m.leavers {
		if l.Node != p.self && p.roster.find(l.Node) >= 0 {
			list = append(list, l.Node)
		}
	}
	before := list
	for i := range p.roster.nodes {
		if id := p.roster.nodes[i].ID; id != p.self && !slices.Contains(before, id) {
			list = append(list, id)
		}
	}
	return list
}
