package placement

import (
	"slices"
	"time"

	"anode/messages"
)

// View is what a node knows at one moment. Plans keep the Labels and Yields of nodes, which are not to be changed
// afterwards, and nothing else of it that may be.
type View struct {
	// Now is a reading of a clock that never goes back, from any beginning; so are all times of this package
	// but those of a Register.
	Now  time.Duration
	Self messages.NodeID
	// Nodes are all that are known and have not left, in any order, this one too.
	Nodes []Node
	// Sources may be nil: none.
	Sources *Sources
	Reports Reports
}

// dead tells that membership lost a node.
func (v *View) dead(id messages.NodeID) bool {
	return slices.ContainsFunc(v.Nodes, func(n Node) bool { return n.ID == id && n.Dead })
}

// Plan is what follows from a View, and from the plan before: who owns what, and what this node is to do. It is
// immutable and may be shared.
type Plan struct {
	now     time.Duration
	self    messages.NodeID
	at      int32 // of self in the roster, or -1
	sources *Sources
	roster  *roster
	// seats are the owners of all sources, by rank, where Sources.seat says; -1 is none.
	seats []int32
	// pairs are the places that the sources had in the plan before; nil is the same ones.
	pairs []int32
	do    []Do
	// decisions are of sources with more to say than Nothing or Run.
	decisions map[int32]Decision
	// moves are of sources whose owners of before may run them still.
	moves   map[int32]move
	leavers []Leaver          // room for those of moves
	orders  []messages.NodeID // as leavers
	// waits are the exclusive sources on Standby, each since when.
	waits     map[int32]time.Duration
	questions []About
	shares    []Share // by host
}

// Next makes the plan of a view. The plan before is nil at first; it is what tells who owned a source until now, and
// saves nearly all work where few nodes changed.
func Next(before *Plan, v View) *Plan {
	if v.Sources == nil {
		v.Sources = NewSources(nil)
	}
	p := &Plan{
		now: v.Now, self: v.Self, sources: v.Sources, roster: newRoster(&v),
		do: make([]Do, v.Sources.Len()), decisions: make(map[int32]Decision), moves: make(map[int32]move), waits: make(map[int32]time.Duration),
	}
	p.at = p.roster.find(v.Self)
	p.pair(before)
	p.place(before)
	p.follow(before)
	p.settle(&v)
	p.decide(before, v.Reports)
	p.leave()
	p.share()
	return p
}

// pair finds the sources of the plan before.
func (p *Plan) pair(before *Plan) {
	if before == nil || before.sources == p.sources {
		return
	}
	p.pairs = make([]int32, p.sources.Len())
	old, j := before.sources.list, 0
	for i := range p.sources.list {
		for j < len(old) && old[j].Name < p.sources.list[i].Name {
			j++
		}
		if p.pairs[i] = -1; j < len(old) && old[j].Name == p.sources.list[i].Name {
			p.pairs[i] = int32(j)
		}
	}
}

// was is the place of a source in the plan before, or -1.
func (p *Plan) was(before *Plan, i int) int {
	switch {
	case before == nil:
		return -1
	case p.pairs == nil:
		return i
	}
	return int(p.pairs[i])
}

// row are the seats of a source.
func (p *Plan) row(i int) []int32 { return p.seats[p.sources.seat[i]:p.sources.seat[i+1]] }

// rank is which owner of a source a node is, from 0, or -1.
func (p *Plan) rank(i int, node int32) int {
	for rank, at := range p.row(i) {
		if at == node && at >= 0 {
			return rank
		}
	}
	return -1
}

// owners are the owners of a source, by rank.
func (p *Plan) owners(i int) []messages.NodeID {
	var list []messages.NodeID
	for _, at := range p.row(i) {
		if at >= 0 {
			list = append(list, p.roster.nodes[at].ID)
		}
	}
	return list
}
