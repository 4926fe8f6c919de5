package placement

import "slices"

// place fills the seats of all sources. What the plan before found is used: a source whose owners are all still
// candidates is only weighed against the candidates that came.
func (p *Plan) place(before *Plan) {
	if before != nil && before.sources == p.sources && before.roster.equal(p.roster) {
		p.seats = before.seats
		return
	}
	p.seats = make([]int32, p.sources.seat[p.sources.Len()])
	t := newTurn(before, p)
	for i := range p.sources.list {
		if !t.adjust(i, p.row(i)) {
			p.roster.choose(p.sources, i, p.row(i), true)
		}
	}
	for i := range p.roster.yields {
		p.roster.choose(p.sources, int(i), p.row(int(i)), true)
	}
}

// turn is the way from one plan to the next.
type turn struct {
	before, after *Plan
	// to is where the nodes of before are now; -1 is nowhere.
	to []int32
	// came are the electors that were none before, by class.
	came [][]elector
}

func newTurn(before, after *Plan) *turn {
	t := &turn{before: before, after: after}
	if before == nil {
		return t
	}
	for i := range before.roster.nodes {
		t.to = append(t.to, after.roster.find(before.roster.nodes[i].ID))
	}
	for class, labels := range after.sources.labels {
		was := make([]bool, len(after.roster.nodes))
		for _, e := range before.roster.electorsOf(labels) {
			if to := t.to[e.at]; to >= 0 {
				was[to] = true
			}
		}
		came := slices.DeleteFunc(slices.Clone(after.roster.electors[class]), func(e elector) bool { return was[e.at] })
		t.came = append(t.came, came)
	}
	return t
}

// adjust fills the seats of a source from those before, and tells whether that could be done. The seats of a source that
// anybody yields are filled again by place.
func (t *turn) adjust(i int, seats []int32) bool {
	j := t.after.was(t.before, i)
	if j < 0 || !t.comparable(i, j) {
		return false
	}
	class := t.after.sources.class[i]
	filled := 0
	for place, at := range t.before.row(j) {
		if seats[place] = at; at < 0 {
			continue
		}
		to := t.to[at]
		if to < 0 || !t.after.roster.is[class][to] {
			return false
		}
		seats[place] = to
		filled++
	}
	if len(t.came[class]) > 0 {
		t.weigh(i, seats, filled, t.came[class])
	}
	return true
}

// comparable tells that nothing but nodes that came and went can have changed the owners.
func (t *turn) comparable(i, j int) bool {
	s, o := t.after.sources, t.before.sources
	now, before := &s.list[i], &o.list[j]
	if _, local := t.after.roster.locals[now.Registered]; local {
		return false
	}
	if _, local := t.before.roster.locals[before.Registered]; local {
		return false
	}
	_, yielded := t.before.roster.yields[int32(j)]
	return !yielded && now.owners() == before.owners() && s.words[s.class[i]] == o.words[o.class[j]]
}

// weigh lets electors that came compete with those who have seats.
func (t *turn) weigh(i int, seats []int32, filled int, came []elector) {
	b := ballot{source: t.after.sources.keys[i], most: len(seats)}
	for _, at := range seats[:filled] {
		b.offer(elector{t.after.roster.keys[at], at})
	}
	b.offer(came...)
	b.read(seats)
}
