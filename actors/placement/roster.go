package placement

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"anode/messages"
)

// elector is a node that may own a source, as an index of a roster.
type elector struct {
	key uint64
	at  int32
}

// roster are the nodes of one View, and who may own what. It is immutable.
type roster struct {
	now   time.Duration
	nodes []Node // those that are there, by id
	keys  []uint64
	// electors are the candidates with OwnAll, by class of Sources and then by id; is tells for each class and
	// node whether it is one.
	electors [][]elector
	is       [][]bool
	// locals are the candidates with OwnLocal, whatever their labels.
	locals map[messages.NodeID]elector
	// yields are who yields a source now, by its place in Sources.
	yields map[int32][]yielder
}

type yielder struct {
	at    int32
	level bool
}

func newRoster(v *View) *roster {
	r := &roster{now: v.Now, locals: make(map[messages.NodeID]elector), yields: make(map[int32][]yielder)}
	r.nodes = slices.DeleteFunc(slices.Clone(v.Nodes), func(n Node) bool { return !n.there(v.Now) })
	slices.SortStableFunc(r.nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	r.nodes = slices.CompactFunc(r.nodes, func(a, b Node) bool { return a.ID == b.ID })
	r.keys = make([]uint64, len(r.nodes))
	for i := range r.nodes {
		n := &r.nodes[i]
		r.keys[i] = nodeKey(n.ID)
		if !n.candidate(v.Now) {
			continue
		}
		if n.Own == OwnLocal {
			r.locals[n.ID] = elector{r.keys[i], int32(i)}
		}
		r.addYields(v, n, int32(i))
	}
	for _, labels := range v.Sources.labels {
		list := r.electorsOf(labels)
		is := make([]bool, len(r.nodes))
		for _, e := range list {
			is[e.at] = true
		}
		r.electors, r.is = append(r.electors, list), append(r.is, is)
	}
	return r
}

func (r *roster) addYields(v *View, n *Node, at int32) {
	for name, y := range n.Yields {
		if i := v.Sources.find(name); i >= 0 && v.Now < y.Ends {
			r.yields[int32(i)] = append(r.yields[int32(i)], yielder{at, y.Level})
		}
	}
}

// electorsOf are the candidates with OwnAll that have labels.
func (r *roster) electorsOf(labels map[string]string) []elector {
	var list []elector
	for i := range r.nodes {
		if n := &r.nodes[i]; n.Own == OwnAll && n.candidate(r.now) && n.wears(labels) {
			list = append(list, elector{r.keys[i], int32(i)})
		}
	}
	return list
}

// local is the candidate that may own a source only because it was registered there.
func (r *roster) local(s *Sources, i int) (elector, bool) {
	if len(r.locals) == 0 {
		return elector{}, false
	}
	e, ok := r.locals[s.list[i].Registered]
	return e, ok && r.nodes[e.at].wears(s.list[i].Nodes)
}

// find is the place of a node, or -1.
func (r *roster) find(id messages.NodeID) int32 {
	at, ok := slices.BinarySearchFunc(r.nodes, id, func(n Node, id messages.NodeID) int { return cmp.Compare(n.ID, id) })
	if !ok {
		return -1
	}
	return int32(at)
}

// choose fills the seats of a source: its candidates with the highest weights, in that order, and -1
// where there are no more. Who yields it is passed over, unless all do; levelling tells whether yields that are only
// for levelling count.
func (r *roster) choose(s *Sources, i int, seats []int32, levelling bool) {
	b := ballot{source: s.keys[i], most: len(seats)}
	yields := r.yields[int32(i)]
	r.offer(s, i, &b, yields, levelling)
	if b.n == 0 && len(yields) > 0 {
		r.offer(s, i, &b, nil, levelling)
	}
	b.read(seats)
}

// offer puts a source's candidates to the vote, save those who yield it.
func (r *roster) offer(s *Sources, i int, b *ballot, yields []yielder, levelling bool) {
	list := r.electors[s.class[i]]
	local, has := r.local(s, i)
	if len(yields) > 0 {
		yielded := func(e elector) bool {
			return slices.ContainsFunc(yields, func(y yielder) bool { return y.at == e.at && (levelling || !y.level) })
		}
		list = slices.DeleteFunc(slices.Clone(list), yielded)
		has = has && !yielded(local)
	}
	b.offer(list...)
	if has {
		b.offer(local)
	}
}

// equal tells that both give every source of the same Sources the same owners, with the same numbers.
func (r *roster) equal(o *roster) bool {
	sameNode := func(a, b Node) bool { return a.ID == b.ID }
	sameLocal := func(a, b elector) bool { return a == b && maps.Equal(r.nodes[a.at].Labels, o.nodes[b.at].Labels) }
	return slices.EqualFunc(r.nodes, o.nodes, sameNode) && maps.EqualFunc(r.locals, o.locals, sameLocal) &&
		slices.EqualFunc(r.electors, o.electors, slices.Equal[[]elector]) && maps.EqualFunc(r.yields, o.yields, slices.Equal[[]yielder])
}
