package status

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/units"
)

// The times of which the mesh is judged.
const (
	// silentFor is how old the last status of a node may be: it comes each two seconds.
	silentFor = 10 * time.Second
	// skewMost is how far two nodes' clocks may be apart.
	skewMost = 10 * time.Second
	// mournedFor is how long a dead node is an alarm.
	mournedFor = 24 * time.Hour
)

// shutOut tells that this node itself is banned.
func shutOut(b *command.BanView) command.AlarmView {
	return command.AlarmView{
		Severity: command.SeverityCritical, Node: b.Node, Since: b.At.UTC(), Reason: "this node is " + b.Told(),
		Hint: "what it takes in stays here until the ban is lifted, on another node: anode ban --lift " + string(b.Node) + "; it joins again by itself",
	}
}

// mesh is what is known of all nodes: what gossip tells of them, and what they tell of themselves. Its zero value knows nobody.
type mesh struct {
	// at is when view was taken; zero where there is none.
	at    time.Time
	view  command.PeersView
	peers map[messages.NodeID]*peer
	// states counts the other nodes.
	states map[string]int
}

// peer is what another node told of itself. What it told is read once.
type peer struct {
	statusText, alarmsText command.Raw
	// heard is when statusText came.
	heard time.Time
	// status is the last that could be read, and statusAt when it came; nil where none was.
	status   *command.ToldStatus
	statusAt time.Time
	alarms   []command.AlarmView
	// off is how far the times of the last two statuses are from when they came.
	off [2]time.Duration
	// blamed tells of which kinds a refusal was told already.
	blamed map[string]bool
}

// kinds are what nodes tell of themselves.
var kinds = [2]string{"status", "alarms"}

// refusal is what a node told and is not shown.
type refusal struct {
	node messages.NodeID
	kind string // of kinds
	err  error
	// first tells that nothing of this kind of this node was refused before.
	first bool
}

// apply takes in what gossip tells at a time, and gives what was refused.
func (m *mesh) apply(view command.PeersView, at time.Time, self messages.NodeID) (refused []refusal) {
	before := m.peers
	m.at, m.view, m.peers, m.states = at, view, make(map[messages.NodeID]*peer, len(view.Nodes)), make(map[string]int)
	for i := range view.Nodes {
		v := &view.Nodes[i]
		if v.ID == self {
			continue
		}
		m.states[v.State]++
		p := before[v.ID]
		if p == nil {
			p = &peer{blamed: make(map[string]bool)}
		}
		m.peers[v.ID] = p
		for i, err := range []error{p.readStatus(v), p.readAlarms(v)} {
			if kind := kinds[i]; err != nil {
				refused = append(refused, refusal{v.ID, kind, err, !p.blamed[kind]})
				p.blamed[kind] = true
			}
		}
	}
	return refused
}

// readStatus reads the status that a node told, if it is another one than before.
func (p *peer) readStatus(v *command.PeerView) error {
	if v.Status == nil || v.StatusAt.Equal(p.heard) && bytes.Equal(v.Status, p.statusText) {
		return nil
	}
	p.statusText, p.heard = v.Status, v.StatusAt
	status, err := command.ReadStatus(v.ID, v.Status)
	if err != nil {
		return err
	}
	p.status, p.statusAt, p.off = &status, v.StatusAt, [2]time.Duration{p.off[1], status.Time.Sub(v.StatusAt)}
	return nil
}

// readAlarms reads the alarms that a node told, if they are others than before.
func (p *peer) readAlarms(v *command.PeerView) error {
	if bytes.Equal(v.Alarms, p.alarmsText) {
		return nil
	}
	p.alarmsText, p.alarms = v.Alarms, nil
	if v.Alarms == nil {
		return nil
	}
	alarms, err := command.ReadAlarms(v.ID, v.Alarms)
	p.alarms = alarms
	return err
}

// skew is how far a node's clock is ahead of this one's, or behind where it is below zero; 0 where that is little. One
// status may have come late, two in a row tell of a clock.
func (p *peer) skew() time.Duration {
	a, b := p.off[0], p.off[1]
	if min(a, b) > skewMost {
		return min(a, b)
	}
	if max(a, b) < -skewMost {
		return max(a, b)
	}
	return 0
}

// self is what gossip tells of this node; nil where it tells nothing.
func (m *mesh) self(id messages.NodeID) *command.PeerView {
	if i := slices.IndexFunc(m.view.Nodes, func(v command.PeerView) bool { return v.ID == id }); i >= 0 {
		return &m.view.Nodes[i]
	}
	return nil
}

// nodes are all that are known, by name, then id; own is this one.
func (m *mesh) nodes(own command.NodeView) []command.NodeView {
	list := make([]command.NodeView, 0, 1+len(m.peers))
	for i := range m.view.Nodes {
		v := &m.view.Nodes[i]
		if v.ID == own.ID {
			own.Since, own.Seen, own.Banned = v.Since.UTC(), m.at.UTC(), m.view.Banned != nil
			continue
		}
		list = append(list, m.node(v))
	}
	list = append(list, own)
	slices.SortFunc(list, func(a, b command.NodeView) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// node is another node: as it told, where it told something, and as gossip knows better.
func (m *mesh) node(v *command.PeerView) command.NodeView {
	n, p := command.NodeView{}, m.peers[v.ID]
	draining := false
	if p.status != nil {
		n = p.status.Node
		draining = n.State == command.NodeDraining
	}
	n.ID, n.Self, n.State, n.Since, n.Seen, n.Banned = v.ID, false, v.State, v.Since.UTC(), p.statusAt.UTC(), v.Banned
	if v.State == command.NodeAlive && draining {
		n.State = command.NodeDraining
	}
	n.Name, n.Mesh = cmp.Or(v.Name, n.Name), cmp.Or(v.Mesh, n.Mesh)
	n.HTTP = cmp.Or(webAddress(v.HTTP), webAddress(n.HTTP))
	gone := v.State == command.NodeDead || v.State == command.NodeLeft
	if gone || n.Links == nil {
		n.Links = []command.LinkView{}
	}
	if gone { // what it said last
		n.Sources, n.Subscribers = 0, 0
	}
	if gone || m.at.Sub(p.statusAt) > silentFor {
		n.Rates = command.RatesView{}
	}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	return n
}

// webAddress is a URL that people may follow, or nothing.
func webAddress(text string) string {
	if strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://") {
		return text
	}
	return ""
}

// told are the alarms that other nodes have and told, of those that may still have them.
func (m *mesh) told() (list []command.AlarmView) {
	for i := range m.view.Nodes {
		v := &m.view.Nodes[i]
		p := m.peers[v.ID]
		if p == nil || v.State == command.NodeDead || v.State == command.NodeLeft {
			continue
		}
		if p.status != nil && p.status.Alarms == 0 {
			continue // that they ended may not have come
		}
		list = append(list, p.alarms...)
	}
	return list
}

// raise makes the alarms about other nodes that this node sees itself. All nodes see them, and tell nobody.
func (m *mesh) raise(self messages.NodeID, raise func(key string, a command.AlarmView)) {
	var ahead, behind []time.Duration
	alive := 0
	clocks := make(map[string]command.AlarmView)
	for i := range m.view.Nodes {
		v := &m.view.Nodes[i]
		p := m.peers[v.ID]
		switch {
		case p == nil, v.Banned, m.view.Banned != nil:
			continue // nobody who is shut out, or shuts this node out, is missed
		case v.State == command.NodeDead:
			if d := m.at.Sub(v.Since); d < mournedFor {
				raise("dead "+string(v.ID), dead(v, d))
			}
			continue
		case v.State != command.NodeAlive && v.State != command.NodeDraining:
			continue
		}
		alive++
		heard := v.Since
		if p.statusAt.After(heard) {
			heard = p.statusAt
		}
		if d := m.at.Sub(heard); d > silentFor && !heard.IsZero() {
			raise("silent "+string(v.ID), silent(v, d))
			continue
		}
		skew := p.skew()
		switch {
		case skew > 0:
			ahead = append(ahead, skew)
		case skew < 0:
			behind = append(behind, skew)
		default:
			continue
		}
		clocks["clock "+string(v.ID)] = clock(v, skew)
	}
	for _, off := range [][]time.Duration{ahead, behind} {
		if len(off) > 1 && 2*len(off) > alive {
			slices.Sort(off)
			raise("clock", ownClock(self, -off[len(off)/2], len(off)))
			return
		}
	}
	for key, a := range clocks {
		raise(key, a)
	}
}

func dead(v *command.PeerView, d time.Duration) command.AlarmView {
	return command.AlarmView{
		Severity: command.SeverityCritical, Node: v.ID, Since: v.Since.UTC(),
		Reason: fmt.Sprintf("node %s is dead for %s", called(v.ID, v.Name), long(d)),
		Hint: "look at its machine and its log, and whether its mesh port is reached from here, by TCP and UDP; it joins again by itself. " +
			"One that won't come back, as it lost its disk, is no alarm any more after a day, or once it is banned: anode ban " + string(v.ID),
	}
}

func silent(v *command.PeerView, d time.Duration) command.AlarmView {
	return command.AlarmView{
		Severity: command.SeverityWarning, Node: v.ID,
		Reason: fmt.Sprintf("node %s is alive, and has not told how it is for %s", called(v.ID, v.Name), long(d)),
		Hint: "look at its log, and at the links in `anode status`: datagrams come through, and the mesh port is not reached by TCP, or the node is stuck; " +
			"this node's log says where it can't read what came",
	}
}

func clock(v *command.PeerView, skew time.Duration) command.AlarmView {
	a := command.AlarmView{Severity: command.SeverityWarning, Node: v.ID, Hint: "set the clocks of both machines by NTP: times of records mislead, and retention by age goes by them"}
	if skew > 0 {
		a.Reason = fmt.Sprintf("the clock of node %s is %s ahead of this node's", called(v.ID, v.Name), long(skew))
	} else {
		a.Reason = fmt.Sprintf("the clock of node %s is %s behind this node's, or what it tells takes as long to come", called(v.ID, v.Name), long(-skew))
	}
	return a
}

// ownClock tells that most others agree with each other and not with this node.
func ownClock(self messages.NodeID, skew time.Duration, others int) command.AlarmView {
	way := "ahead of"
	if skew < 0 {
		way = "behind"
	}
	return command.AlarmView{
		Severity: command.SeverityWarning, Node: self,
		Reason: fmt.Sprintf("the clock of node %s is some %s %s those of %s", self, long(skew.Abs()), way, units.Count(others, "other node")),
		Hint:   "set it by NTP: times of records mislead, and retention by age goes by them",
	}
}

// long is a span in words, in one unit.
func long(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d h", d/time.Hour)
}

// alone says why a node that expects peers has none; it is empty where it has a link or expects nobody.
func alone(view command.PeersView, self messages.NodeID, at time.Time) string {
	if slices.ContainsFunc(view.Links, func(l command.LinkView) bool { return l.State != command.LinkDialing }) {
		return ""
	}
	known := 0
	for i := range view.Nodes {
		v := &view.Nodes[i]
		gone := v.State == command.NodeLeft || v.State == command.NodeDead && at.Sub(v.Since) >= mournedFor
		if v.ID != self && !gone {
			known++
		}
	}
	switch {
	case known == 1:
		return "1 peer is known and not linked"
	case known > 0:
		return fmt.Sprintf("%d peers are known and none is linked", known)
	case len(view.Problems) > 0:
		return problem(&view.Problems[0])
	}
	return ""
}

// problem is what keeps nodes apart, in a line.
func problem(p *command.ProblemView) string { return p.About + ": " + p.Reason }
