package placement

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/messages"
)

// give has the feed of a source give a value to all whose connection stands: who is the first numbers it, the others hold it back.
func (m *mesh) give(source string) {
	m.value++
	for _, x := range m.members {
		if x.sources[source] == running {
			x.held[source] = append(x.held[source], m.value)
		}
	}
	for _, x := range m.members {
		if x.sources[source] == running && x.numbers[source] {
			m.number(x, source)
		}
	}
}

// number has a member number all that it holds back; the others hear of it at once.
func (m *mesh) number(x *member, source string) {
	if len(x.held[source]) == 0 {
		return
	}
	if m.numbered[source] == nil {
		m.numbered[source] = make(map[int]bool)
	}
	for _, v := range x.held[source] {
		m.numbered[source][v] = true
	}
	x.held[source] = nil
}

// lost are the values of a source that nobody numbered, and nobody who runs it holds. What one held that stops it numbers where no copy
// comes in time, if late says so: else it is gone.
func (m *mesh) lost(source string, late bool) (list []int) {
	kept := make(map[int]bool)
	for _, x := range m.members {
		switch runs := x.sources[source] == starting || x.sources[source] == running; {
		case runs:
			for _, v := range x.held[source] {
				kept[v] = true
			}
		case late:
			m.number(x, source)
		default:
			x.held[source] = nil
		}
	}
	for v := range m.value {
		if !m.numbered[source][v+1] && !kept[v+1] {
			list = append(list, v+1)
		}
	}
	return list
}

// numberedByOne checks one more value: of what one node owns, none is numbered by two, and none by nobody.
func (m *mesh) numberedByOne(t *rapid.T, late bool) {
	m.give("s")
	if on := m.numbering("s"); len(on) > 1 {
		t.Fatalf("it is numbered by %v", on)
	}
	if lost := m.lost("s", late); len(lost) > 0 {
		t.Fatalf("of %d values nobody has %v", m.value, lost)
	}
}

// steps does some things, in less than the time of handing over.
func (m *mesh) steps(t *rapid.T, see func(x *member), check func()) {
	deadline := m.now + HandOver
	for range rapid.IntRange(0, 60).Draw(t, "steps") {
		x := rapid.SampledFrom(m.members).Draw(t, "member")
		switch rapid.SampledFrom([]string{"see", "ask", "hear", "settle", "wait"}).Draw(t, "step") {
		case "see":
			see(x)
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
}

// TestWhatOneOwnsIsNumberedByOne while one change after another goes through the mesh, and who stops numbers what no other had.
func TestWhatOneOwnsIsNumberedByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := []Source{{Name: "s"}}
		m := newMesh(rapid.IntRange(2, 5).Draw(t, "nodes"), sources)
		check := func() { m.numberedByOne(t, true) }
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			m.anyChange(t, sources)
			if rapid.IntRange(0, 2).Draw(t, "another") == 0 {
				m.anyChange(t, sources)
			}
			if !slices.ContainsFunc(m.history[len(m.history)-1], func(n Node) bool { return n.State == StateActive }) {
				m.change(func(nodes []Node) { nodes[0].State = StateActive })
			}
			m.steps(t, m.see, check)
			m.converge(t)
			check()
		}
	})
}

// TestWhoStopsHasNumberedAllThatItHeld while nodes drain one after another, however soon, and all see it at once.
func TestWhoStopsHasNumberedAllThatItHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMesh(rapid.IntRange(3, 5).Draw(t, "nodes"), []Source{{Name: "s"}})
		check := func() { m.numberedByOne(t, false) }
		left := rapid.Permutation(m.members).Draw(t, "order")[1:]
		m.steps(t, func(*member) {
			if len(left) == 0 {
				return
			}
			m.change(func(nodes []Node) {
				nodes[slices.IndexFunc(nodes, func(n Node) bool { return n.ID == left[0].id })].State = StateDraining
			})
			left = left[1:]
			for _, x := range m.members {
				m.see(x)
			}
		}, check)
		for range 2 * HandOver / LastWords {
			m.now += LastWords / 2
			for _, x := range m.members {
				x.settle()
				m.replan(x)
				for m.ask(x); len(x.inbox) > 0; {
					m.hear(x)
				}
			}
			check()
		}
		if on := m.on("s", starting, running, stopping); len(on) != 1 || !slices.Equal(m.numbering("s"), on) {
			t.Fatalf("in the end it runs on %v, and is numbered by %v", on, m.numbering("s"))
		}
	})
}

// TestAHandOverThatOvertakesAnotherLosesNothing: b has what a did not number any more, and c begins after that.
func TestAHandOverThatOvertakesAnotherLosesNothing(t *testing.T) {
	nodes, name := three()
	m := newMesh(3, []Source{{Name: name}})
	m.history = [][]Node{nodes}
	m.members = nil
	for _, n := range nodes {
		m.members = append(m.members, &member{id: n.ID, sources: make(map[string]int), numbers: make(map[string]bool), held: make(map[string][]int), reports: make(Reports)})
	}
	all := func(do func(x *member)) {
		for _, x := range m.members {
			do(x)
		}
	}
	settle := func(x *member) { x.settle(); m.replan(x) }
	all(m.replan)
	all(settle)
	a, b, c := m.member("a"), m.member("b"), m.member("c")
	drain := func(id messages.NodeID) {
		m.change(func(nodes []Node) {
			nodes[slices.IndexFunc(nodes, func(n Node) bool { return n.ID == id })].State = StateDraining
		})
		all(m.see)
	}
	heard := func(x *member) {
		for m.ask(x); len(x.inbox) > 0; {
			m.hear(x)
		}
	}
	give := func() {
		t.Helper()
		m.give(name)
		if lost := m.lost(name, false); len(lost) > 0 {
			t.Fatalf("%v are lost", lost)
		}
	}
	drain("a")
	settle(b)
	heard(a) // b runs it: a stops
	settle(a)
	give() // b has it, and holds it back
	drain("b")
	settle(c)
	heard(b)
	give()
	for range 6 {
		m.now += LastWords
		all(heard)
		all(settle)
		give()
	}
	if on := m.on(name, starting, running, stopping); !slices.Equal(on, []messages.NodeID{"c"}) {
		t.Errorf("it runs on %v", on)
	}
	if numbering := m.numbering(name); !slices.Equal(numbering, []messages.NodeID{"c"}) {
		t.Errorf("%v number it", numbering)
	}
}

// Who stopped has last words also where another owner goes meanwhile.
func TestAChangeWithoutLeaversKeepsLastWords(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "b", nodes, Source{Name: name, Redundancy: 2}).ahead(name, 1).after(0, draining)
	s.says("a", name, SaidStopped).ahead(name, 1)
	s.after(LastWords/2, func(n []Node) { n[2] = Node{ID: "left"} }).ahead(name, 1)
	s.after(LastWords/2-1, nil).ahead(name, 1).after(1, nil).ahead(name, 0)
}

// The owner that a source is taken from, and that stays, runs it for as long as nobody else does: until it is yielded again.
func TestAnOwnerThatStaysRunsItOnWhereItsSuccessorFails(t *testing.T) {
	nodes, name := three()
	nodes[0].State = StateJoining
	s := newScene(t, "b", nodes, Source{Name: name}).after(0, active)
	s.want(name, HandsOver, "runs on until a runs it, for 1m0s at most")
	s.after(Patience/2, nil).says("a", name, SaidStarting).want(name, HandsOver, "runs on until a runs it, for 1m0s at most")
	s.after(0, func(n []Node) { n[0].Yields = Yields{name: {Ends: s.view.Now + MaxYield}} }).want(name, Run, "owned by this node")
	s.after(0, func(n []Node) { n[0].Yields = nil }).after(Patience, nil).want(name, Stop, "a took over, and did not say within 1m0s that it runs it")

	s = newScene(t, "a", nodes, Source{Name: name}).after(0, active) // and who takes it over waits for that
	s.after(Patience-1, nil).ahead(name, 1).after(1, nil).ahead(name, 1).after(LastWords, nil).ahead(name, 0)
}
