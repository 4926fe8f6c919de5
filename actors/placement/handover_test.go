package placement

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/messages"
	"anode/messages/command"
)

// How a source is on a member of a mesh.
const (
	absent = iota
	starting
	running
	stopping
)

// member is a node of a simulated mesh, which does what its plans say.
type member struct {
	id      messages.NodeID
	seen    int // how many changes of the mesh it has seen
	plan    *Plan
	sources map[string]int
	// numbers are the sources of which it numbers at once what it collects.
	numbers map[string]bool
	// held are the values that it collected and holds back.
	held    map[string][]int
	reports Reports
	// inbox are answers under way to it.
	inbox   []answer
	crashed bool
}

type answer struct {
	about  About
	report Report
}

// mesh are members that see the same changes in the same order, each when it does.
type mesh struct {
	now     time.Duration
	history [][]Node
	members []*member
	sources *Sources
	// value is the last that the feeds gave; numbered are those of a source that somebody numbered.
	value    int
	numbered map[string]map[int]bool
	// view is what a member knows of nodes and sources, where not all see the same in the same order; nil is the history up to what it
	// has seen, and all sources.
	view func(x *member) ([]Node, *Sources)
}

func newMesh(nodes int, sources []Source) *mesh {
	m := &mesh{now: time.Hour, sources: NewSources(sources), history: [][]Node{manyNodes(nodes)}, numbered: make(map[string]map[int]bool)}
	for _, n := range m.history[0] {
		m.members = append(m.members, &member{id: n.ID, sources: make(map[string]int), numbers: make(map[string]bool), held: make(map[string][]int), reports: make(Reports)})
	}
	for _, x := range m.members {
		m.replan(x)
		for name := range x.sources {
			x.sources[name] = running
		}
	}
	return m
}

// replan makes a member's plan of what it has seen, and does it.
func (m *mesh) replan(x *member) {
	if x.crashed {
		return
	}
	nodes, known := m.history[x.seen], m.sources
	if m.view != nil {
		nodes, known = m.view(x)
	}
	x.plan = Next(x.plan, View{Now: m.now, Self: x.id, Nodes: nodes, Sources: known, Reports: x.reports})
	for i := range m.sources.list {
		name := m.sources.list[i].Name
		task := x.plan.Task(name)
		if task.Do.Runs() {
			if x.numbers[name] = task.Ahead == 0; x.numbers[name] {
				m.number(x, name)
			}
		}
		switch runs := task.Do.Runs(); {
		case runs && (x.sources[name] == absent || x.sources[name] == stopping):
			x.sources[name] = starting
		case !runs && x.sources[name] != absent:
			x.sources[name] = stopping
		}
	}
}

// change says that the mesh is otherwise from now on. Who sees it is another matter.
func (m *mesh) change(edit func([]Node)) {
	nodes := slices.Clone(m.history[len(m.history)-1])
	edit(nodes)
	m.history = append(m.history, nodes)
}

// see shows a member one more change.
func (m *mesh) see(x *member) {
	if x.seen < len(m.history)-1 {
		x.seen++
	}
	m.replan(x)
}

// ask asks all that a member wants to know; the answers are under way.
func (m *mesh) ask(x *member) {
	if x.crashed {
		return
	}
	for _, q := range x.plan.Questions() {
		to := m.member(q.Node)
		if to.crashed {
			continue
		}
		state := map[int]*command.SourceStatus{starting: {State: "connecting"}, running: {State: "running"}, stopping: {State: "connecting"}}[to.sources[q.Source]]
		x.inbox = append(x.inbox, answer{q, Report{to.plan.Say(q.Source, state, x.id), m.now}})
		if m.sources.list[m.sources.find(q.Source)].Exclusive {
			to.reports.Hear(About{q.Source, x.id}, Report{SaidStarting, m.now})
		}
	}
}

// hear brings a member the first answer that is under way.
func (m *mesh) hear(x *member) {
	if len(x.inbox) > 0 {
		x.reports.Hear(x.inbox[0].about, x.inbox[0].report)
		x.inbox = x.inbox[1:]
	}
	m.replan(x)
}

// settle ends what a member is beginning or ending.
func (x *member) settle() {
	for name, state := range x.sources {
		switch state {
		case starting:
			x.sources[name] = running
		case stopping:
			x.sources[name] = absent
		}
	}
}

// crash ends a member, and lets all see it and its grace pass, before anything else changes.
func (m *mesh) crash(x *member) {
	x.crashed, x.inbox = true, nil
	clear(x.sources)
	m.change(func(nodes []Node) {
		for i := range nodes {
			if nodes[i].ID == x.id {
				nodes[i].Dead, nodes[i].DeadAt = true, m.now
			}
		}
	})
	m.now += Grace
	for _, other := range m.members {
		for other.seen < len(m.history)-1 {
			m.see(other)
		}
	}
}

func (m *mesh) member(id messages.NodeID) *member {
	return m.members[slices.IndexFunc(m.members, func(x *member) bool { return x.id == id })]
}

// numbering are the members that number at once what they collect of a source.
func (m *mesh) numbering(source string) (list []messages.NodeID) {
	for _, x := range m.members {
		if x.sources[source] != absent && x.numbers[source] {
			list = append(list, x.id)
		}
	}
	return list
}

// on counts the members on which a source is so.
func (m *mesh) on(source string, states ...int) []messages.NodeID {
	var list []messages.NodeID
	for _, x := range m.members {
		if slices.Contains(states, x.sources[source]) {
			list = append(list, x.id)
		}
	}
	return list
}

// anyChange draws a change of one node that lives.
func (m *mesh) anyChange(t *rapid.T, sources []Source) {
	at := rapid.IntRange(0, len(m.members)-1).Draw(t, "changes")
	state := rapid.SampledFrom([]State{StateActive, StateActive, StateDraining, StateJoining}).Draw(t, "to")
	yields := make(Yields)
	if rapid.Bool().Draw(t, "yields") {
		yields[rapid.SampledFrom(sources).Draw(t, "yielded").Name] = Yielded{Ends: m.now + MaxYield, Reason: "no secret"}
	}
	m.change(func(nodes []Node) { nodes[at].State, nodes[at].Yields = state, yields })
}

// converge lets all members see and learn everything, and checks what comes of it.
func (m *mesh) converge(t *rapid.T) {
	for range 8 { // a chain of hand-overs takes one or two each
		for _, x := range m.members {
			for x.seen < len(m.history)-1 {
				m.see(x)
			}
			x.settle()
		}
		m.now += HandOver / 2
		for _, x := range m.members {
			m.ask(x)
			for len(x.inbox) > 0 {
				m.hear(x)
			}
			m.replan(x)
			x.settle()
		}
	}
	for i := range m.sources.list {
		s := &m.sources.list[i]
		want := wanted(m.history[len(m.history)-1], s, m.now)
		got := m.on(s.Name, starting, running, stopping)
		slices.Sort(want)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("in the end %s runs on %v, want %v", s.Name, got, want)
		}
		if numbering := m.numbering(s.Name); len(want) > 0 && !slices.Equal(numbering, wanted(m.history[len(m.history)-1], s, m.now)[:1]) {
			t.Fatalf("in the end %s is numbered at once by %v, of %v", s.Name, numbering, want)
		}
	}
}

// TestTwoNodesNeverRunAnExclusiveSource, however late they see what changes, and however late answers are. Nobody dies
// while they disagree: then there is nobody to ask, and two may start it until they agree.
func TestTwoNodesNeverRunAnExclusiveSource(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := []Source{{Name: "s0", Exclusive: true}, {Name: "s1", Exclusive: true}}
		m := newMesh(rapid.IntRange(2, 5).Draw(t, "nodes"), sources)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m.anyStep(t, sources)
			for _, s := range sources {
				if on := m.on(s.Name, starting, running, stopping); len(on) > 1 {
					t.Fatalf("%s runs on %v", s.Name, on)
				}
			}
		}
		m.converge(t)
	})
}

// anyStep does one thing, anywhere.
func (m *mesh) anyStep(t *rapid.T, sources []Source) {
	x := rapid.SampledFrom(m.members).Draw(t, "member")
	switch rapid.SampledFrom([]string{"change", "see", "see", "ask", "hear", "hear", "settle", "wait", "crash"}).Draw(t, "step") {
	case "change":
		m.anyChange(t, sources)
	case "see":
		m.see(x)
	case "ask":
		m.ask(x)
	case "hear":
		m.hear(x)
	case "settle":
		x.settle()
		m.replan(x)
	case "wait":
		m.now += time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "for"))
		m.replan(x)
	case "crash":
		if !x.crashed && rapid.IntRange(0, 3).Draw(t, "really") == 0 {
			m.crash(x)
		}
	}
}

// TestASourceIsNeverWithoutAnOwnerThatRunsIt while one change after another goes through the mesh, each in less than
// the time of handing over, and at least one node stays active.
func TestASourceIsNeverWithoutAnOwnerThatRunsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := []Source{{Name: "s0"}, {Name: "s1"}, {Name: "s2", Redundancy: 2}}
		m := newMesh(rapid.IntRange(2, 5).Draw(t, "nodes"), sources)
		check := func() {
			for _, s := range sources {
				if len(m.on(s.Name, running)) == 0 {
					t.Fatalf("%s runs nowhere", s.Name)
				}
			}
		}
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			m.anyChange(t, sources)
			if !slices.ContainsFunc(m.history[len(m.history)-1], func(n Node) bool { return n.State == StateActive }) {
				m.change(func(nodes []Node) { nodes[0].State = StateActive })
			}
			deadline := m.now + HandOver
			for range rapid.IntRange(0, 30).Draw(t, "steps") {
				x := rapid.SampledFrom(m.members).Draw(t, "member")
				switch rapid.SampledFrom([]string{"see", "ask", "hear", "settle", "wait"}).Draw(t, "step") {
				case "see":
					m.see(x)
				case "ask":
					m.ask(x)
				case "hear":
					m.hear(x)
				case "settle":
					x.settle()
					m.replan(x)
				case "wait":
					m.now = min(deadline-1, m.now+time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "for")))
				}
				check()
			}
			for _, x := range m.members { // the rest of it, still in time
				for x.seen < len(m.history)-1 {
					m.see(x)
				}
				check()
			}
			for _, x := range m.members {
				x.settle()
			}
			check()
			m.converge(t)
			check()
		}
	})
}

func TestADrainOfAllButOneLeavesNothingAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sources []Source
		for i := range 8 {
			sources = append(sources, Source{Name: fmt.Sprint("s", i), Exclusive: i%2 == 1, Redundancy: i % 3})
		}
		m := newMesh(5, sources)
		stays := rapid.SampledFrom(m.members).Draw(t, "stays")
		m.change(func(nodes []Node) {
			for i := range nodes {
				if nodes[i].ID != stays.id {
					nodes[i].State = StateDraining
				}
			}
		})
		m.converge(t)
		for _, x := range m.members {
			want := 0
			if x == stays {
				want = len(sources)
			}
			if held := x.plan.Held(); held != want {
				t.Fatalf("%s holds %d sources, and %s stays", x.id, held, stays.id)
			}
		}
	})
}

// TestTheOwnerByALateViewWaitsForTheOneByANewerView, who asked it before it knew anything of both.
func TestTheOwnerByALateViewWaitsForTheOneByANewerView(t *testing.T) {
	m := newMesh(3, nil)
	by := wanted(m.history[0], &Source{Name: "s", Redundancy: 3}, 0)
	m.sources = NewSources([]Source{{Name: "s", Exclusive: true}})
	for _, x := range m.members {
		m.replan(x)
		x.settle()
	}
	a, b, c := m.member(by[0]), m.member(by[1]), m.member(by[2])
	drain := func(x *member) {
		m.change(func(nodes []Node) {
			nodes[slices.IndexFunc(nodes, func(n Node) bool { return n.ID == x.id })].State = StateDraining
		})
	}
	drain(a)
	drain(b)
	m.see(a)
	a.settle() // it has stopped
	m.see(c)
	m.see(c) // c owns it now
	m.ask(c) // b knows of nothing, and says that it runs nothing
	for len(c.inbox) > 0 {
		m.hear(c)
	}
	m.see(b) // b owns it, as far as it knows
	m.ask(b)
	for len(b.inbox) > 0 {
		m.hear(b)
	}
	if on := m.on("s", starting, running, stopping); !slices.Equal(on, []messages.NodeID{c.id}) {
		t.Fatalf("it runs on %v, want %s alone", on, c.id)
	}
	if task := b.plan.Task("s"); task.Do != Standby || task.For != c.id {
		t.Errorf("%+v", task)
	}
}
