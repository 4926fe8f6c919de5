package placement

import (
	"maps"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// nodeHeard is what a node declared.
type nodeHeard struct {
	version string
	own     Own
	labels  map[string]string
	yields  Yields
}

func (a *officeActor) membersNow() []command.Member {
	if list := a.members.Load(); list != nil {
		return *list
	}
	return nil
}

// stage finds what this node is, and tells the mesh when that changes.
func (a *officeActor) stage(now time.Duration) {
	linked, active, banned, usurped := false, false, false, false
	for _, m := range a.membersNow() {
		banned = banned || m.ID == a.cfg.Node && m.Banned
		usurped = usurped || m.ID == a.cfg.Node && m.Usurped
		if m.ID != a.cfg.Node && m.There {
			linked = linked || m.Linked
			active = active || m.Stage == command.StageActive
		}
	}
	if banned != a.banned {
		a.banned = banned
		a.cfg.Logger.Warn("the mesh shuts this node out, or lets it in again: banned, it runs no sources", "banned", banned)
	}
	if usurped != a.usurped {
		a.usurped = usurped
		a.cfg.Logger.Warn("peers say that another node with this one's identity lives, or say it no more: meanwhile it runs no sources", "usurped", usurped)
	}
	a.joining = a.joining.Step(now, linked, active)
	if state := a.joining.State(a.drains); state != a.state || !a.told {
		a.state, a.told = state, true
		a.cfg.Stage(state)
	}
}

// nodeList are all nodes as they are now.
func (a *officeActor) nodeList(now time.Duration) []Node {
	a.heed(now)
	self := Node{ID: a.cfg.Node, Name: a.cfg.Name, State: a.state, Own: a.cfg.Own, Labels: a.cfg.Labels, Yields: a.ownYields()}
	switch {
	case a.banned:
		self.State = StateBanned
	case a.usurped:
		self.State = StateUsurped
	}
	list := []Node{self}
	dead := make(map[messages.NodeID]time.Duration)
	for _, m := range a.membersNow() {
		if m.ID == a.cfg.Node || m.Left {
			continue
		}
		n := Node{ID: m.ID, Name: m.Name, State: stateOf(m.Stage)}
		if h := a.nodes[m.ID]; h != nil {
			n.Own, n.Labels, n.Yields = h.own, h.labels, h.yields
		}
		if !m.There {
			at, was := a.deadAt[m.ID]
			if !was {
				at = now
			}
			dead[m.ID] = at
			n.Dead, n.DeadAt = true, at
		}
		list = append(list, n)
	}
	a.deadAt = dead
	return list
}

// stateOf reads a stage; what is not known owns nothing.
func stateOf(stage string) State {
	switch stage {
	case command.StageActive:
		return StateActive
	case command.StageDraining:
		return StateDraining
	}
	return StateJoining
}

// heed reads what nodes declared anew.
func (a *officeActor) heed(now time.Duration) {
	all := a.Office.declared.Load()
	if all == nil {
		return
	}
	for id, d := range *all {
		if a.nodes[id] != nil && a.nodes[id].version == d.Version {
			continue
		}
		own, err := ParseOwn(d.Own)
		if err != nil { // of a later version: it gets nothing
			own = OwnNone
			a.cfg.Logger.Warn("what a node takes can't be read: it is given nothing", "peer", id, "error", err)
		}
		a.nodes[id] = &nodeHeard{version: d.Version, own: own, labels: d.Labels, yields: registerOf(&d.NodeRegister).Heard(now)}
	}
	maps.DeleteFunc(a.nodes, func(id messages.NodeID, _ *nodeHeard) bool { _, is := (*all)[id]; return !is })
}
