package member

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"anode/messages"
)

// Conflict is another node that has a member's id: a copy of a data directory, or, for some seconds, a node that came
// back at another address before its death was seen. The mesh keeps to the address that it knows.
type Conflict struct {
	ID messages.NodeID
	// Addr is where the other one is, Known the address that the mesh keeps to.
	Addr, Known netip.AddrPort
	// Since is when it was seen first, Last when last; after a minute it is forgotten.
	Since, Last time.Time
}

// Problem is the conflict in words.
func (c *Conflict) Problem() Problem {
	return Problem{
		About: string(c.ID), Since: c.Since, Reason: fmt.Sprintf("two nodes say to be %s, one of them at %s", c.ID, c.Addr),
		Hint: "a copy of a data directory can't be a second node: stop one, and start it with an empty data directory",
	}
}

// double watches whether another node lives with this one's id. It is logged once in each conflict.
type double struct{ logged bool }

// watch gives the conflict that is to be logged now, or nil: one that lasts is no restart at another address.
func (d *double) watch(self messages.NodeID, conflicts []Conflict) *Conflict {
	i := slices.IndexFunc(conflicts, func(c Conflict) bool { return c.ID == self })
	if i < 0 {
		d.logged = false
		return nil
	}
	if c := &conflicts[i]; !d.logged && c.Last.Sub(c.Since) > doublePatience {
		d.logged = true
		return c
	}
	return nil
}

// mailbox is what memberlist's callbacks post to: they hold its lock, so they copy, and never block. Of what
// changed they post only that something did; the survey finds out what.
type mailbox struct {
	self  messages.NodeID
	at    netip.AddrPort
	clock func() time.Time
	meta  atomic.Pointer[[]byte]
	// stir has one wake-up at most.
	stir chan struct{}

	mu        sync.Mutex // guards what follows, and is a leaf
	conflicts map[messages.NodeID]*Conflict
	misplaced bool
}

var (
	_ memberlist.Delegate         = (*mailbox)(nil)
	_ memberlist.EventDelegate    = (*mailbox)(nil)
	_ memberlist.ConflictDelegate = (*mailbox)(nil)
	_ memberlist.MergeDelegate    = (*mailbox)(nil)
)

func newMailbox(self messages.NodeID, at netip.AddrPort, clock func() time.Time) *mailbox {
	return &mailbox{self: self, at: at, clock: clock, stir: make(chan struct{}, 1), conflicts: make(map[messages.NodeID]*Conflict)}
}

func (m *mailbox) wake() {
	select {
	case m.stir <- struct{}{}:
	default: // it is awake
	}
}

// NotifyJoin implements memberlist.EventDelegate.
func (m *mailbox) NotifyJoin(*memberlist.Node) { m.wake() }

// NotifyLeave implements memberlist.EventDelegate.
func (m *mailbox) NotifyLeave(*memberlist.Node) { m.wake() }

// NotifyUpdate implements memberlist.EventDelegate.
func (m *mailbox) NotifyUpdate(*memberlist.Node) { m.wake() }

// NodeMeta implements memberlist.Delegate.
func (m *mailbox) NodeMeta(int) []byte { return *m.meta.Load() }

// NotifyMsg implements memberlist.Delegate: no node sends any.
func (m *mailbox) NotifyMsg([]byte) {}

// GetBroadcasts implements memberlist.Delegate: no user data goes over memberlist.
func (m *mailbox) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState implements memberlist.Delegate: no user data goes over memberlist.
func (m *mailbox) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate: no node sends any.
func (m *mailbox) MergeRemoteState([]byte, bool) {}

// NotifyConflict implements memberlist.ConflictDelegate.
func (m *mailbox) NotifyConflict(known, other *memberlist.Node) {
	id, err := messages.ParseNodeID(known.Name)
	if err != nil {
		return
	}
	now := m.clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.conflicts[id]
	if c == nil {
		if len(m.conflicts) >= maxConflicts {
			return
		}
		c = &Conflict{ID: id, Since: now}
		m.conflicts[id] = c
	}
	c.Addr, c.Known, c.Last = address(other), address(known), now
	m.misplaced = m.misplaced || id == m.self
	m.wake()
}

// NotifyMerge implements memberlist.MergeDelegate. It is called with the list of a peer that was joined, or joined: that
// shows where the peer thinks that this node is.
func (m *mailbox) NotifyMerge(list []*memberlist.Node) error {
	for _, n := range list {
		if n.Name == string(m.self) {
			m.place(address(n) != m.at)
		}
	}
	return nil
}

// place posts whether a peer knows this node at another address.
func (m *mailbox) place(misplaced bool) {
	m.mu.Lock()
	m.misplaced = misplaced
	m.mu.Unlock()
	m.wake()
}

// say changes what the node says of itself, with so many bytes behind it that nobody reads; memberlist asks for it when it is to
// spread it.
func (m *mailbox) say(meta Meta, behind int) {
	b := append(meta.Append(nil), make([]byte, behind)...)
	m.meta.Store(&b)
}

// known gives the conflicts there are by id, and whether the mesh has this node at another address.
func (m *mailbox) known() (conflicts []Conflict, misplaced bool) {
	now := m.clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, c := range m.conflicts {
		if now.Sub(c.Last).Abs() > conflictAge {
			delete(m.conflicts, id)
			continue
		}
		conflicts = append(conflicts, *c)
	}
	slices.SortFunc(conflicts, func(a, b Conflict) int { return cmp.Compare(a.ID, b.ID) })
	return conflicts, m.misplaced
}

func address(n *memberlist.Node) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(n.Addr)
	return netip.AddrPortFrom(ip.Unmap(), n.Port)
}
