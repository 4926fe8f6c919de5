package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"anode/client"
	"anode/messages/command"
)

// life is how a node is, as the demo knows it.
type life int

const (
	starting life = iota
	alive
	paused
	down
)

func (l life) String() string { return [...]string{"starting", "alive", "paused", "killed"}[l] }

// nodeState is what is known of one node.
type nodeState struct {
	name, url, id string
	pid           int
	life          life
	since         time.Time
	// mesh is what another node says of it, where that is not "alive".
	mesh string
	held uint64
	// past are how many records it held, of the last seconds.
	past []heldAt
	// links are those that it said it has.
	links []link
}

type heldAt struct {
	at   time.Time
	held uint64
}

// link is one to another node.
type link struct {
	to    int
	up    bool
	rttMS float64
}

// model is all that the view shows. It is pure and belongs to one goroutine: what happens goes in with its time.
type model struct {
	began  time.Time
	nodes  []nodeState
	tally  *tally
	count  *count
	delays delays
	story  story
	// reader is the node that the subscription is at; -1 is none yet.
	reader int
	// asked is the key that waits for a node's number; 0 is none.
	asked byte
	// called is how this program is run, dir where data and logs are.
	called, dir string
	// keys tells that somebody can press keys.
	keys bool
	// up: all nodes have served once.
	up bool
}

func newModel(began time.Time, count int, called, dir string) *model {
	m := &model{began: began, tally: newTally(began), count: newCount(), reader: -1, called: called, dir: dir}
	for i := range count {
		m.nodes = append(m.nodes, nodeState{name: fmt.Sprintf("node-%d", i+1), since: began})
	}
	return m
}

// whole tells whether all nodes live.
func (m *model) whole() bool {
	return !slices.ContainsFunc(m.nodes, func(n nodeState) bool { return n.life != alive })
}

// serving is that a node serves.
func (m *model) serving(i int, at time.Time, s served, pid int) {
	n := &m.nodes[i]
	n.url, n.id, n.pid, n.life, n.since, n.past = s.http, s.id, pid, alive, at, nil
	m.story.came(i, untilServing, at, "serves after %s")
	if !m.up && m.whole() {
		m.up = true
		m.story.say(at, fmt.Sprintf("%s up after %s", plural(len(m.nodes), "node is", "nodes are"), span(at.Sub(m.began))))
	}
}

// ended is that a node's process is gone; why is empty where it was killed from here.
func (m *model) ended(i int, at time.Time, why string) {
	n := &m.nodes[i]
	if n.life == down {
		return
	}
	n.life, n.since, n.past, n.links = down, at, nil, nil
	verb := n.name + " killed"
	if why != "" {
		verb = n.name + " ended by itself: " + why
	}
	m.story.begin(&episode{at: at, node: i, verb: verb, awaited: m.withoutNode(i), counted: true})
}

// stopped is that a node was paused.
func (m *model) stopped(i int, at time.Time) {
	n := &m.nodes[i]
	n.life, n.since = paused, at
	m.story.begin(&episode{at: at, node: i, verb: n.name + " paused", awaited: m.withoutNode(i), counted: true})
}

// withoutNode is what comes of a node's silence.
func (m *model) withoutNode(i int) map[awaited]string {
	await := make(map[awaited]string)
	if m.living(i) {
		await[untilDead] = "not seen dead"
		if m.reader == i {
			await[untilMoved] = "subscriber not moved"
		}
	}
	return await
}

// living tells whether another node than one lives.
func (m *model) living(than int) bool {
	for i := range m.nodes {
		if i != than && m.nodes[i].life == alive {
			return true
		}
	}
	return false
}

// resumed is that a node that was paused goes on.
func (m *model) resumed(i int, at time.Time) {
	n := &m.nodes[i]
	n.life, n.since, n.past = alive, at, nil
	m.story.begin(&episode{at: at, node: i, verb: n.name + " resumed", awaited: m.backAgain(i, n), counted: true, target: m.mostHeld(i)})
}

// revived is that a node that was down is started again.
func (m *model) revived(i int, at time.Time, pid int) {
	n := &m.nodes[i]
	n.life, n.since, n.pid = starting, at, pid
	await := m.backAgain(i, n)
	await[untilServing] = "does not serve"
	m.story.begin(&episode{at: at, node: i, verb: n.name + " revived", awaited: await, counted: true, target: m.mostHeld(i)})
}

func (m *model) backAgain(i int, n *nodeState) map[awaited]string {
	await := make(map[awaited]string)
	if m.living(i) {
		await[untilCaughtUp] = "not caught up"
		if n.mesh == command.NodeDead {
			await[untilAlive] = "not seen alive"
		}
	}
	return await
}

// mostHeld is how many records a node is to hold to have all that others have.
func (m *model) mostHeld(than int) (most uint64) {
	for i := range m.nodes {
		if i != than && m.nodes[i].life == alive {
			most = max(most, m.nodes[i].held)
		}
	}
	return most
}

// heard takes what a node says of the mesh.
func (m *model) heard(t told) {
	if m.nodes[t.node].life != alive {
		return // it was asked before
	}
	for i := range t.cluster.Nodes {
		v := &t.cluster.Nodes[i]
		at := m.byID(string(v.ID))
		switch {
		case at < 0:
		case v.Self:
			m.heardOfItself(t, v)
		default:
			m.heardOfOther(at, t, v)
		}
	}
}

func (m *model) heardOfItself(t told, v *command.NodeView) {
	n := &m.nodes[t.node]
	n.held = v.Journal.Records
	n.past = append(n.past, heldAt{t.at, n.held})
	for len(n.past) > 2 && t.at.Sub(n.past[1].at) > heldWindow {
		n.past = n.past[1:]
	}
	n.links = n.links[:0]
	for _, l := range v.Links {
		if to := m.byID(string(l.Peer)); to >= 0 {
			n.links = append(n.links, link{to: to, up: l.State == "up", rttMS: l.RTT})
		}
	}
	slices.SortFunc(n.links, func(a, b link) int { return cmp.Compare(a.to, b.to) })
	if target, waits := m.story.awaits(t.node, untilCaughtUp); waits && n.held >= target {
		m.story.came(t.node, untilCaughtUp, t.at, "has all records after %s")
	}
}

// heldWindow is the time over which it is told how many records a second come into a node.
const heldWindow = 5 * time.Second

func (m *model) heardOfOther(i int, t told, v *command.NodeView) {
	n := &m.nodes[i]
	switch v.State {
	case command.NodeDead, command.NodeLeft:
		if n.mesh = command.NodeDead; n.life != alive {
			m.story.came(i, untilDead, t.at, "seen dead after %s")
		}
	case command.NodeSuspect:
		n.mesh = v.State
	default:
		if n.mesh = ""; n.life == alive {
			m.story.came(i, untilAlive, t.at, "seen alive after %s")
		}
	}
}

func (m *model) byID(id string) int {
	return slices.IndexFunc(m.nodes, func(n nodeState) bool { return n.id == id })
}

// acknowledged is that a node has stored a numbered record.
func (m *model) acknowledged(a acknowledged) { m.count.acknowledge(a) }

// took is what the subscription gave. number tells numbered records from others.
func (m *model) took(f followed, number func(*client.Record) (uint64, bool)) {
	m.at(f)
	for _, event := range f.events {
		switch e := event.(type) {
		case *client.Record:
			m.record(f.at, e, number)
		case client.Gap:
			m.count.gaps++
			m.story.say(f.at, fmt.Sprintf("gap (%s): records of %s do not come", e.Reason, m.nameOf(string(e.Origin))))
		}
	}
	m.count.passed(f.cursor, f.at, m.whole())
}

// at takes where the subscription is.
func (m *model) at(f followed) {
	now := slices.IndexFunc(m.nodes, func(n nodeState) bool { return n.url == f.server && f.server != "" })
	if now < 0 || now == m.reader {
		return
	}
	before := m.reader
	m.reader = now
	if before < 0 {
		return
	}
	if !m.story.came(before, untilMoved, f.at, "subscriber on "+m.nodes[now].name+" after %s") {
		m.story.say(f.at, fmt.Sprintf("subscriber moved from %s to %s", m.nodes[before].name, m.nodes[now].name))
	}
}

func (m *model) nameOf(id string) string {
	if i := m.byID(id); i >= 0 {
		return m.nodes[i].name
	}
	return id
}

func (m *model) record(at time.Time, r *client.Record, number func(*client.Record) (uint64, bool)) {
	datum := "(" + r.ContentType + ")"
	if payload, err := r.Payload(); err == nil && r.Base64 == nil {
		datum = string(payload[:min(len(payload), 300)])
	}
	if m.tally.first.IsZero() {
		m.story.say(at, fmt.Sprintf("the first record is here after %s", span(at.Sub(m.began))))
	}
	m.tally.record(at, r.Stream, datum)
	if n, ours := number(r); ours {
		m.count.saw(n)
		if m.whole() { // what was asked twice, or waited on a disk, says nothing of delivery
			m.delays.add(max(at.Sub(r.Time), 0))
		}
	}
}

// tick lets time pass.
func (m *model) tick(now time.Time) { m.story.close(now, len(m.count.missed)) }

// rate is how many records a second come into a node; false where that is not known yet.
func (n *nodeState) rate() (float64, bool) {
	if n.life != alive || len(n.past) < 2 {
		return 0, false
	}
	first, last := n.past[0], n.past[len(n.past)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds < 0.5 {
		return 0, false
	}
	return max(0, float64(last.held)-float64(first.held)) / seconds, true
}

// state is how a node is, in words: as the demo knows it, and as another node sees it.
func (n *nodeState) state() string {
	switch {
	case n.mesh == "":
		return n.life.String()
	case n.life == alive || n.life == starting:
		return n.life.String() + ", " + n.mesh + "?"
	}
	return n.life.String() + ", " + n.mesh
}

// can are the nodes that a key is for: none before all have served once, as most have no process until then.
func (m *model) can(key byte) (list []int) {
	if !m.up {
		return nil
	}
	for i := range m.nodes {
		l := m.nodes[i].life
		if key == 'k' && l != down || key == 'p' && (l == alive || l == paused) || key == 'r' && (l == down || l == paused) {
			list = append(list, i)
		}
	}
	return list
}

// press takes a key, and gives what it says to do with a node: k, p or r; 0 is nothing.
func (m *model) press(key byte) (do byte, node int) {
	key = strings.ToLower(string(rune(key)))[0]
	switch {
	case key == 'k' || key == 'r' || key == 'p' && pausable:
		able := m.can(key)
		if m.asked = 0; len(able) == 1 {
			return key, able[0]
		}
		if len(able) > 1 {
			m.asked = key
		}
	case m.asked != 0 && key >= '1' && int(key-'1') < len(m.nodes):
		asked := m.asked
		if m.asked = 0; slices.Contains(m.can(asked), int(key-'1')) {
			return asked, int(key - '1')
		}
	default:
		m.asked = 0
	}
	return 0, 0
}

// plural is a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// onTheWay is how many records are to come that nodes have which live.
func (m *model) onTheWay() (n int) {
	for _, a := range m.count.waiting {
		if m.nodes[a.node].life == alive {
			n++
		}
	}
	return n
}
