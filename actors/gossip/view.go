package gossip

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"anode/actors/gossip/member"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/units"
)

// peers is who is in the mesh, as this node knows.
func (l *loop) peers() command.PeersView {
	v := command.PeersView{Nodes: make([]command.PeerView, 0, len(l.members)), Links: l.linkViews(), Banned: l.ownBan()}
	for i := range l.members {
		v.Nodes = append(v.Nodes, l.peerView(&l.members[i]))
	}
	problems := l.list.Problems()
	for _, c := range l.list.Conflicts() {
		problems = append(problems, c.Problem())
	}
	for _, p := range problems {
		v.Problems = append(v.Problems, command.ProblemView{About: p.About, Reason: p.Reason, Hint: p.Hint, Since: p.Since})
	}
	return v
}

func (l *loop) peerView(m *member.Member) command.PeerView {
	v := command.PeerView{ID: m.ID, Name: m.Meta.Name, State: state(m), Since: m.Since, Epoch: m.Meta.Epoch, Banned: l.banned(m.ID)}
	if m.Addr.IsValid() {
		v.Mesh = m.Addr.String()
	}
	if m.ID == l.cfg.Node {
		v.HTTP = l.cfg.HTTP
		return v
	}
	if h := l.statuses[m.ID]; h != nil {
		v.Status, v.Alarms, v.StatusAt, v.HTTP = h.status, h.alarms, h.at, h.http
	}
	return v
}

// linkViews are the links, and those that are wanted.
func (l *loop) linkViews() []command.LinkView {
	list := make([]command.LinkView, 0, len(l.links)+len(l.dials))
	for _, s := range l.core.Look() {
		v := command.LinkView{Peer: s.Peer, State: command.LinkUp, RTT: float64(s.RTT.Microseconds()) / 1000, Lag: float64(s.Lag)}
		switch {
		case s.Silent:
			v.State = command.LinkSilent
		case s.Slow:
			v.State = command.LinkSlow
		}
		if p := l.links[s.Peer]; p != nil {
			v.QueuedBytes = int64(p.link.Waiting())
			v.SentBytes = p.link.Sent()
		}
		list = append(list, v)
	}
	for id := range l.dials {
		list = append(list, command.LinkView{Peer: id, State: command.LinkDialing})
	}
	slices.SortFunc(list, func(a, b command.LinkView) int { return cmp.Compare(a.Peer, b.Peer) })
	return list
}

// component is how the node's part in the mesh is.
func (l *loop) component() command.ComponentView {
	s := l.core.Stats()
	peers := l.others()
	v := command.ComponentView{Name: Name, State: command.StateOK, Figures: map[string]float64{
		"peers": float64(len(peers)), "links": float64(len(l.links)), "missing": float64(s.Missing), "backfill": float64(s.Old),
		"pushed": float64(s.Pushed), "repaired": float64(s.Repaired), "backfilled": float64(s.Backfilled), "redundant": float64(s.Redundant),
		"gave_up": float64(s.GaveUp), "forks": float64(s.Forks), "appending_bytes": float64(s.Appending), "pulling_bytes": float64(s.Pulling),
		"control_bytes": float64(s.Control), "refused": float64(s.Refused),
	}}
	l.latency.Add(v.Figures, "mesh_delivery", l.gossip.metrics.delivery, l.cfg.Clock())
	v.Detail = fmt.Sprintf("%s, %s", units.Count(len(peers), "peer"), units.Count(len(l.links), "link"))
	switch own := l.ownBan(); {
	case l.gossip.Usurped():
		v.State = command.StateFailed
		v.Detail = "another node with this one's identity lives, as peers say: it takes no records, and stops when that goes on"
	case own != nil:
		v.State = command.StateDegraded
		v.Detail = own.Told()
	case len(peers) == 0 && l.expects():
		v.State = command.StateDegraded
		v.Detail = "alone: no peer answers of those that it was told to join or knew before"
	case len(peers) == 0 && len(l.cfg.Seeds) > 0:
		v.Detail = "alone: it has met nobody yet of those that it was told to join, besides itself"
	case len(peers) == 0:
		v.Detail = "alone: it was not told to join others, and nobody has joined it"
	case len(l.links) == 0 && l.apart() >= apartFor:
		v.State = command.StateDegraded
		v.Detail = fmt.Sprintf("%s known, and none linked: nothing comes and nothing goes", units.Count(len(peers), "peer"))
	case s.Old > 0:
		v.Detail += fmt.Sprintf(", fetching %s of what was before", units.Count(s.Old, "batch"))
	case s.Missing > 0:
		v.Detail += fmt.Sprintf(", %s on the way", units.Count(s.Missing, "batch"))
	}
	return v
}

// apartFor is how long a node may know peers without a link to any before that is worth a word.
const apartFor = 5 * time.Second

// watchApart notes since when there are peers and no link.
func (l *loop) watchApart() {
	switch apart := len(l.links) == 0 && len(l.others()) > 0; {
	case !apart:
		l.apartAt = time.Time{}
	case l.apartAt.IsZero():
		l.apartAt = time.Now()
	}
}

// apart is for how long there have been peers and no link.
func (l *loop) apart() time.Duration {
	if l.apartAt.IsZero() {
		return 0
	}
	return time.Since(l.apartAt)
}

// expects tells whether the node should have peers: it knew some that did not leave, or can't join one that it was told of.
func (l *loop) expects() bool {
	if time.Since(l.start) < apartFor {
		return false
	}
	return missesPeers(l.cfg.Node, l.members, l.list.Problems())
}

// missesPeers tells whether one of the others has died, or a seed is a problem. A node that is its own seed, by whatever name, has none.
func missesPeers(self messages.NodeID, members []member.Member, problems []member.Problem) bool {
	return slices.ContainsFunc(members, func(m member.Member) bool { return m.ID != self && m.State == member.Dead }) ||
		slices.ContainsFunc(problems, func(p member.Problem) bool { return strings.HasPrefix(p.About, member.AboutSeed) })
}
