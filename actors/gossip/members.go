package gossip

import (
	"net/netip"
	"slices"
	"time"

	"anode/actors/gossip/core"
	"anode/actors/gossip/member"
	"anode/messages"
	"anode/messages/command"
)

// heedMembers takes in who is in the mesh.
func (l *loop) heedMembers() {
	was := *l.places.Load()
	l.members = l.list.Members()
	places := make(map[messages.NodeID]netip.AddrPort, len(l.members))
	var there []messages.NodeID
	for i := range l.members {
		m := &l.members[i]
		places[m.ID] = m.Addr
		if m.State.There() && !l.banned(m.ID) {
			there = append(there, m.ID)
		}
	}
	l.places.Store(&places)
	for id, d := range l.dials {
		if places[id] != was[id] { // it is somewhere else now
			d.hurry()
		}
	}
	l.act(func(now core.Now) { l.core.Members(now, l.overlay(there)) })
	l.forgetStatuses(places)
	l.renode()
	l.tellMembers()
}

// rebornPatience is for how long a loop that began after another one of this process keeps to itself that it has met nobody.
const rebornPatience = 5 * time.Second

// tellMembers tells who is there, and to whom a link is up.
func (l *loop) tellMembers() {
	if l.cfg.Members == nil || len(l.members) == 0 { // nobody was looked for yet
		return
	}
	if l.reborn && len(l.links) == 0 && time.Since(l.start) < rebornPatience {
		return // who was there before is there most likely, and is just being found again
	}
	list := make([]command.Member, len(l.members))
	for i := range l.members {
		m := &l.members[i]
		list[i] = command.Member{ID: m.ID, Name: m.Meta.Name, There: m.State.There() && !l.banned(m.ID), Left: m.State == member.Left, Stage: m.Meta.Stage.String(), Linked: l.links[m.ID] != nil, Banned: l.banned(m.ID) || m.ID == l.cfg.Node && l.ownBan() != nil, Usurped: m.ID == l.cfg.Node && l.gossip.usurped.Load()}
	}
	l.cfg.Members(list)
}

// overlay is the core's view of the members: the same one as long as they are the same.
func (l *loop) overlay(there []messages.NodeID) *core.Members {
	if !slices.Contains(there, l.cfg.Node) {
		there = append(there, l.cfg.Node)
	}
	slices.Sort(there)
	if l.present == nil || !slices.Equal(l.present.All(), there) {
		l.present = core.NewMembers(there)
	}
	return l.present
}

// others are the other members that are there, and not shut out.
func (l *loop) others() []*member.Member {
	var list []*member.Member
	for i := range l.members {
		if m := &l.members[i]; m.ID != l.cfg.Node && m.State.There() && !l.banned(m.ID) {
			list = append(list, m)
		}
	}
	return list
}

// state is a member's in words of the API.
func state(m *member.Member) string {
	switch m.State {
	case member.Suspect:
		return command.NodeSuspect
	case member.Left:
		return command.NodeLeft
	case member.Alive:
		if m.Meta.Stage == member.Draining {
			return command.NodeDraining
		}
		return command.NodeAlive
	default:
		return command.NodeDead
	}
}
