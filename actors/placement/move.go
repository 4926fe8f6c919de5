package placement

import (
	"slices"
	"time"

	"anode/messages"
)

// LastWords is for how long a node that stopped a source counts as one that numbers before others: the last that it numbered may be
// on its way.
const LastWords = time.Second

// move is a source whose owners changed, for as long as those of before may run it, and LastWords.
type move struct {
	changed time.Duration
	leavers []Leaver
	// silent are leavers that stopped, with when.
	silent []Leaver
	// before are those who owned it before, in the order in which they number: the longest first, then by rank.
	before []messages.NodeID
}

// has tells whether a node is among some.
func has(list []Leaver, id messages.NodeID) bool {
	return slices.ContainsFunc(list, func(l Leaver) bool { return l.Node == id })
}

// follow finds the sources whose owners changed, and carries on those that changed before.
func (p *Plan) follow(before *Plan) {
	if before == nil {
		return
	}
	if len(p.seats) > 0 && len(before.seats) > 0 && &p.seats[0] == &before.seats[0] {
		for i, m := range before.moves { // the same owners of the same sources
			p.moves[i] = m
		}
		return
	}
	to := make([]int32, len(before.roster.nodes))
	for i := range to {
		to[i] = p.roster.find(before.roster.nodes[i].ID)
	}
	for i := range p.sources.list {
		if j := p.was(before, i); j >= 0 {
			p.compare(before, i, j, to)
		}
	}
}

// compare makes the move of a source, if there is one.
func (p *Plan) compare(before *Plan, i, j int, to []int32) {
	m, moving := before.moves[int32(j)]
	old := before.row(j)
	if p.sameSeats(i, old, to) {
		if moving {
			p.moves[int32(i)] = m
		}
		return
	}
	begin := len(p.leavers)
	for _, l := range m.leavers {
		if p.rank(i, p.roster.find(l.Node)) < 0 {
			p.leavers = append(p.leavers, l)
		}
	}
	for _, at := range old {
		if at >= 0 && to[at] >= 0 && p.rank(i, to[at]) < 0 {
			p.leavers = append(p.leavers, Leaver{before.roster.nodes[at].ID, p.now})
		}
	}
	if mine := p.leavers[begin:len(p.leavers):len(p.leavers)]; len(mine)+len(m.silent) > 0 {
		p.moves[int32(i)] = move{changed: p.now, leavers: mine, silent: m.silent, before: p.order(before, i, j, &m)}
	}
}

// order are those who owned a source before a change, in the order in which they number: who did before an earlier change that still goes
// on comes first. Who stopped and owns it again begins anew.
func (p *Plan) order(before *Plan, i, j int, m *move) []messages.NodeID {
	begin := len(p.orders)
	for _, id := range m.before {
		stopped := has(m.silent, id) || id == p.self && !before.do[j].Runs()
		if !stopped || p.rank(i, p.roster.find(id)) < 0 {
			p.orders = append(p.orders, id)
		}
	}
	for _, at := range before.row(j) {
		if at >= 0 && !slices.Contains(p.orders[begin:], before.roster.nodes[at].ID) {
			p.orders = append(p.orders, before.roster.nodes[at].ID)
		}
	}
	return p.orders[begin:len(p.orders):len(p.orders)]
}

// ahead is how many nodes number what a source brings before this one does: while owners change those that were before it, until they
// have stopped, and of those that begin who has a lower rank.
func (p *Plan) ahead(i int) (n int) {
	m, moving := p.moves[int32(i)]
	if s := &p.sources.list[i]; !moving || s.Exclusive || s.Everywhere {
		if p.at < 0 {
			return 0
		}
		return max(0, p.rank(i, p.at))
	}
	for _, id := range m.before {
		if id == p.self {
			return n
		}
		if has(m.leavers, id) || has(m.silent, id) || p.rank(i, p.roster.find(id)) >= 0 {
			n++
		}
	}
	if p.do[i] != Run { // it ran everywhere
		return 0
	}
	for _, at := range p.row(i) {
		if at == p.at {
			break
		}
		if at >= 0 && !slices.Contains(m.before, p.roster.nodes[at].ID) {
			n++
		}
	}
	return n
}

func (p *Plan) sameSeats(i int, old, to []int32) bool {
	row := p.row(i)
	return len(old) == len(row) && !slices.ContainsFunc(old, func(at int32) bool { return at >= 0 && p.rank(i, to[at]) < 0 }) &&
		filled(old) == filled(row)
}

func filled(seats []int32) int {
	if n := slices.Index(seats, -1); n >= 0 {
		return n
	}
	return len(seats)
}

// behind is the first node that runs a source only until it may stop, or has just stopped, and numbers before this one; empty is none.
func (p *Plan) behind(i int) messages.NodeID {
	m := p.moves[int32(i)]
	for _, id := range m.before {
		switch {
		case id == p.self:
			return ""
		case has(m.leavers, id) || has(m.silent, id):
			return id
		}
	}
	return ""
}

// settle forgets which other nodes can't run a source any more: those that are gone or said that they stopped, and after the
// time of handing over all, where the source is not exclusive. Who may live and stopped is listened to for LastWords.
func (p *Plan) settle(v *View) {
	for i, m := range p.moves {
		s := &p.sources.list[i]
		gone := func(l Leaver) bool { return l.Node != p.self && p.gone(s, l, m.changed, v.Reports) }
		over := func(l Leaver) bool { return p.now >= l.Since+LastWords }
		if !slices.ContainsFunc(m.leavers, gone) && !slices.ContainsFunc(m.silent, over) {
			continue
		}
		next := move{changed: m.changed, silent: slices.DeleteFunc(slices.Clone(m.silent), over), before: m.before}
		for _, l := range m.leavers {
			switch {
			case !gone(l):
				next.leavers = append(next.leavers, l)
			case !s.Exclusive && !v.dead(l.Node):
				next.silent = append(next.silent, Leaver{l.Node, p.now})
			}
		}
		p.keep(i, next)
	}
}

// keep carries a move on, or ends it where nobody is left of it.
func (p *Plan) keep(i int32, m move) {
	if p.moves[i] = m; len(m.leavers)+len(m.silent) == 0 {
		delete(p.moves, i)
	}
}

// leave forgets of this node what it does not run any more.
func (p *Plan) leave() {
	for i, m := range p.moves {
		if p.do[i].Runs() || !has(m.leavers, p.self) {
			continue
		}
		m.leavers = slices.DeleteFunc(slices.Clone(m.leavers), func(l Leaver) bool { return l.Node == p.self })
		p.keep(i, m)
	}
}

// gone tells that a leaver does not run the source any more, as far as can be known.
func (p *Plan) gone(s *Source, l Leaver, changed time.Duration, reports Reports) bool {
	return p.roster.find(l.Node) < 0 || reports.said(SaidStopped, s.Name, l.Node, l.Since) ||
		!s.Exclusive && p.now >= p.ends(s, l, changed)
}

// ends is when a leaver runs a source no more, whose owners changed at a time.
func (p *Plan) ends(s *Source, l Leaver, changed time.Duration) time.Duration {
	return changed + patience(p.stays(s, p.roster.find(l.Node)))
}

// stays tells that a node which is none of a source's owners can run it on for as long as no owner does: it is active, and works.
func (p *Plan) stays(s *Source, at int32) bool {
	if at < 0 || p.roster.nodes[at].State != StateActive {
		return false
	}
	y, yields := p.roster.nodes[at].Yields[s.Name]
	return !yields || y.Level || p.now >= y.Ends
}
