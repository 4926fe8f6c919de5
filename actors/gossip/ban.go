package gossip

import (
	"maps"
	"time"

	"anode/actors/gossip/link"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// banned is what a node is told that is shut out.
const banned = "this node is banned"

// Ban says who is shut out, all of them: no link to them, and none of them counts as a member. It does not block; the map must
// not be changed any more.
func (g *Gossip) Ban(all map[messages.NodeID]command.BanView) {
	g.bans.Store(&all)
	if l := g.loop.Load(); l != nil {
		l.mail.wake()
	}
}

// shutOut are those that are.
func (g *Gossip) shutOut() map[messages.NodeID]command.BanView {
	if all := g.bans.Load(); all != nil {
		return *all
	}
	return nil
}

func (l *loop) banned(id messages.NodeID) bool {
	_, is := l.bans[id]
	return is && id != l.cfg.Node
}

// heedBans takes in who is shut out. A link to one is closed behind what waits: the ban itself is on its way to it.
func (l *loop) heedBans(bans map[messages.NodeID]command.BanView) {
	if maps.Equal(bans, l.bans) {
		return
	}
	l.bans = bans
	for id := range l.dials {
		if l.banned(id) {
			delete(l.wished, id)
			l.hangUp(id)
			l.unanswered(id)
		}
	}
	l.heedMembers()
	for id, p := range l.links {
		if l.banned(id) && p.closing == "" {
			p.closing = banned
			p.link.Send(&frame.Bye{Reason: banned}, link.Repair)
			p.link.Close(banned)
		}
	}
}

// shut is who told this node that it is banned: it may not know of the event, as no node gives it any.
type shut struct {
	by messages.NodeID
	at time.Time
	// last is when it was told last.
	last time.Time
}

// heardBanned notes that a peer told this node that it is banned.
func (l *loop) heardBanned(p *peer) {
	if l.shut.by == "" {
		l.shut.by, l.shut.at = p.id, l.cfg.Clock()
		l.log.Error("this node is banned from the mesh: no node links with it", "told_by", p.id)
		l.tellMembers()
	}
	l.shut.last = time.Now()
}

// heldUp is how long a link must last for the node to be banned no more.
const heldUp = 3 * time.Second

// watchShut notes that a link lasts: who is banned gets none.
func (l *loop) watchShut() {
	for _, p := range l.links {
		if l.shut.by != "" && p.closing == "" && p.upAt.After(l.shut.last) && time.Since(p.upAt) > heldUp {
			l.log.Info("this node is banned no more")
			l.shut = shut{}
			l.tellMembers()
		}
	}
}

// ownBan tells that this node is shut out, as it knows by the registry or was told by a peer; nil is that it is not.
func (l *loop) ownBan() *command.BanView {
	if b, is := l.bans[l.cfg.Node]; is {
		return &b
	}
	if l.shut.by != "" {
		return &command.BanView{Node: l.cfg.Node, By: l.shut.by, At: l.shut.at}
	}
	return nil
}
