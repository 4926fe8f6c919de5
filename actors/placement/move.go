package placement

import (
	"slices"
	"time"
)

// move is a source whose owners changed, for as long as those of before may run it.
type move struct {
	changed time.Duration
	leavers []Leaver
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
	if mine := p.leavers[begin:len(p.leavers):len(p.leavers)]; len(mine) > 0 {
		p.moves[int32(i)] = move{p.now, mine}
	}
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

// settle forgets who can't run a source any more: those that are gone or said that they stopped, and after the
// time of handing over all, where the source is not exclusive.
func (p *Plan) settle(reports Reports) {
	for i, m := range p.moves {
		gone := func(l Leaver) bool {
			if l.Node == p.self {
				return !p.do[i].Runs()
			}
			return p.gone(&p.sources.list[i], l, m.changed, reports)
		}
		if !slices.ContainsFunc(m.leavers, gone) {
			continue
		}
		if left := slices.DeleteFunc(slices.Clone(m.leavers), gone); len(left) > 0 {
			p.moves[i] = move{m.changed, left}
		} else {
			delete(p.moves, i)
		}
	}
}

// gone tells that a leaver does not run the source any more, as far as can be known.
func (p *Plan) gone(s *Source, l Leaver, changed time.Duration, reports Reports) bool {
	return p.roster.find(l.Node) < 0 || reports.said(SaidStopped, s.Name, l.Node, l.Since) ||
		!s.Exclusive && p.now >= changed+HandOver
}
