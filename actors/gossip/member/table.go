package member

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"anode/messages"
)

// State is whether a node is there, as this node and its peers found out. Zero is Dead.
type State uint8

// The states of a member.
const (
	// Dead nodes don't answer, and a second node, or time, confirmed it.
	Dead State = iota
	// Alive nodes answer.
	Alive
	// Suspect nodes did not answer once, and may refute it for some seconds. They count as being there.
	Suspect
	// Left nodes said that they go.
	Left
)

var stateNames = [...]string{Dead: "dead", Alive: "alive", Suspect: "suspect", Left: "left"}

// String is the word for it.
func (s State) String() string { return stateNames[s] }

// There tells whether a node in this state takes part in the mesh.
func (s State) There() bool { return s == Alive || s == Suspect }

// Member is a node of the mesh, the own one too.
type Member struct {
	ID messages.NodeID
	// Addr is its mesh address, an IP and port.
	Addr netip.AddrPort
	// Meta is what it said last of itself; zero if nothing that can be read.
	Meta Meta
	// State is whether it is there, Since when that began, by this node's clock.
	State State
	Since time.Time
}

// Peer is another node that was met, to be remembered over a restart.
type Peer struct {
	ID   messages.NodeID
	Addr netip.AddrPort
	// Left tells that it left of its own will.
	Left bool
	// Seen is when it was known to be there for the last time.
	Seen time.Time
}

// table is who is known. It is a fold over surveys: no clock, no I/O. One goroutine uses it.
type table struct {
	self    messages.NodeID
	members map[messages.NodeID]*Member
}

// change is what a survey brought.
type change struct {
	// any is something at all; peers tells that what is to be remembered changed.
	any, peers            bool
	joins, deaths, leaves int
}

func newTable(self messages.NodeID, remembered []Peer) *table {
	t := &table{self: self, members: make(map[messages.NodeID]*Member)}
	for _, p := range remembered {
		if p.ID == self {
			continue
		}
		m := &Member{ID: p.ID, Addr: unmap(p.Addr), Since: p.Seen}
		if p.Left {
			m.State = Left
		}
		t.members[p.ID] = m
	}
	return t
}

// fold takes a survey in. Members that memberlist has forgotten, which it does with the dead, stay as they were.
func (t *table) fold(now time.Time, survey []seen) change {
	var c change
	met := make(map[messages.NodeID]bool, len(survey))
	for i := range survey {
		met[survey[i].id] = true
		t.take(now, &survey[i], &c)
	}
	for id, m := range t.members {
		if m.State.There() && !met[id] {
			t.move(now, m, Dead, &c)
		}
	}
	if t.forget(now) {
		c.any, c.peers = true, true
	}
	return c
}

// take folds one node in.
func (t *table) take(now time.Time, s *seen, c *change) {
	m := t.members[s.id]
	if m == nil {
		if !s.state.There() && s.id != t.self {
			return // it was dead before this node knew it
		}
		m = &Member{ID: s.id, Since: now}
		t.members[s.id] = m
		c.any, c.peers = true, true
	}
	if m.State != s.state {
		t.move(now, m, s.state, c)
	}
	if m.Addr != s.addr {
		m.Addr = s.addr
		c.any, c.peers = true, true
	}
	if meta, err := ParseMeta(s.meta); err == nil && meta != m.Meta {
		m.Meta = meta
		c.any = true
	}
}

// move changes a member's state.
func (t *table) move(now time.Time, m *Member, to State, c *change) {
	was := m.State
	m.State, m.Since = to, now
	c.any = true
	if m.ID == t.self || was.There() == to.There() && was != Left && to != Left {
		return
	}
	c.peers = true
	switch {
	case to.There() && !was.There():
		c.joins++
	case to == Left && was.There():
		c.leaves++
	case to == Dead && was.There():
		c.deaths++
	}
}

// forget drops those that are gone for too long, or that are too many. The newest stay whatever their age: a clock
// that jumps must not take all that a node knows of its mesh.
func (t *table) forget(now time.Time) bool {
	gone := t.gone()
	dropped := false
	for i, m := range gone {
		if i >= maxGone || i >= keepGone && now.Sub(m.Since) > goneAge {
			delete(t.members, m.ID)
			dropped = true
		}
	}
	return dropped
}

// gone are the peers that are not there, the newest first.
func (t *table) gone() []*Member {
	var gone []*Member
	for _, m := range t.members {
		if !m.State.There() && m.ID != t.self {
			gone = append(gone, m)
		}
	}
	slices.SortFunc(gone, func(a, b *Member) int { return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.ID, b.ID)) })
	return gone
}

// there are the peers that are, by id.
func (t *table) there() []Member {
	return slices.DeleteFunc(t.list(), func(m Member) bool { return !m.State.There() || m.ID == t.self })
}

// list are all, by id.
func (t *table) list() []Member {
	all := make([]Member, 0, len(t.members))
	for _, m := range t.members {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// peers are all others as they are to be remembered, those that are there first, then the newest.
func (t *table) peers(now time.Time) []Peer {
	var peers []Peer
	for _, m := range t.there() {
		peers = append(peers, Peer{ID: m.ID, Addr: m.Addr, Seen: now})
	}
	for _, m := range t.gone() {
		peers = append(peers, Peer{ID: m.ID, Addr: m.Addr, Left: m.State == Left, Seen: m.Since})
	}
	return peers
}
