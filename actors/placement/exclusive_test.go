package placement

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/messages"
)

// rumours are what nodes said of themselves: their stages come by one way, their yields by another one, and the sources by a third, so that
// members of a mesh hear of them in any order.
type rumours struct {
	*mesh
	stages map[messages.NodeID][]State
	yields map[messages.NodeID][]Yields
	// heard is how many of each a member has heard; knows tells whether it has heard of the sources.
	stagesHeard, yieldsHeard map[[2]messages.NodeID]int
	knows                    map[messages.NodeID]bool
}

func newRumours(nodes int, sources []Source) *rumours {
	r := &rumours{
		stages: make(map[messages.NodeID][]State), yields: make(map[messages.NodeID][]Yields), knows: make(map[messages.NodeID]bool),
		stagesHeard: make(map[[2]messages.NodeID]int), yieldsHeard: make(map[[2]messages.NodeID]int),
	}
	r.mesh = &mesh{now: time.Hour, sources: NewSources(sources), history: [][]Node{manyNodes(nodes)}}
	for _, n := range r.history[0] {
		r.stages[n.ID], r.yields[n.ID] = []State{StateActive}, []Yields{nil}
		r.members = append(r.members, &member{id: n.ID, sources: make(map[string]int), numbers: make(map[string]bool), reports: make(Reports)})
	}
	r.view = r.known
	for _, x := range r.members {
		r.replan(x)
	}
	return r
}

// known is what a member has heard.
func (r *rumours) known(x *member) ([]Node, *Sources) {
	var nodes []Node
	for _, n := range r.history[0] {
		by := [2]messages.NodeID{x.id, n.ID}
		nodes = append(nodes, Node{ID: n.ID, State: r.stages[n.ID][r.stagesHeard[by]], Yields: r.yields[n.ID][r.yieldsHeard[by]]})
	}
	if !r.knows[x.id] {
		return nodes, nil
	}
	return nodes, r.sources
}

// change has a node say something of itself, which it knows at once, but may not have planned for yet.
func (r *rumours) change(t *rapid.T, x *member, sources []Source) {
	own := [2]messages.NodeID{x.id, x.id}
	if rapid.Bool().Draw(t, "stage") {
		r.stages[x.id] = append(r.stages[x.id], rapid.SampledFrom([]State{StateActive, StateActive, StateDraining, StateJoining}).Draw(t, "to"))
		r.stagesHeard[own]++
	} else {
		yields := make(Yields)
		if rapid.Bool().Draw(t, "yields") {
			yields[rapid.SampledFrom(sources).Draw(t, "yielded").Name] = Yielded{Ends: 1000 * time.Hour, Reason: "no secret"}
		}
		r.yields[x.id] = append(r.yields[x.id], yields)
		r.yieldsHeard[own]++
	}
}

// hears brings a member the next of one way from another; later ones overtake nothing of that way.
func (r *rumours) hears(t *rapid.T, x *member) {
	of := rapid.SampledFrom(r.members).Draw(t, "of").id
	by := [2]messages.NodeID{x.id, of}
	switch rapid.SampledFrom([]string{"stage", "yields", "sources"}).Draw(t, "what") {
	case "stage":
		r.stagesHeard[by] = rapid.IntRange(r.stagesHeard[by], len(r.stages[of])-1).Draw(t, "up to")
	case "yields":
		r.yieldsHeard[by] = rapid.IntRange(r.yieldsHeard[by], len(r.yields[of])-1).Draw(t, "up to")
	case "sources":
		r.knows[x.id] = true
	}
}

// settled lets all hear everything, and checks who runs what in the end.
func (r *rumours) settled(t *rapid.T) {
	final := make([]Node, 0, len(r.members))
	for _, n := range r.history[0] {
		stages, yields := r.stages[n.ID], r.yields[n.ID]
		final = append(final, Node{ID: n.ID, State: stages[len(stages)-1], Yields: yields[len(yields)-1]})
	}
	r.view, r.history = nil, [][]Node{final}
	for _, x := range r.members {
		x.seen = 0
	}
	r.converge(t)
}

// TestTwoNodesNeverRunAnExclusiveSourceWhateverTheOrder in which they hear of stages, yields and the source itself, and however late answers
// are. Nobody dies.
func TestTwoNodesNeverRunAnExclusiveSourceWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := []Source{{Name: "s0", Exclusive: true}, {Name: "s1", Exclusive: true}}
		r := newRumours(rapid.IntRange(2, 5).Draw(t, "nodes"), sources)
		for range rapid.IntRange(60, 150).Draw(t, "steps") {
			x := rapid.SampledFrom(r.members).Draw(t, "member")
			switch rapid.SampledFrom([]string{"change", "hears", "hears", "plan", "plan", "ask", "ask", "hear", "hear", "settle", "wait"}).Draw(t, "step") {
			case "change":
				r.change(t, x, sources)
			case "hears":
				r.hears(t, x)
			case "plan":
				r.replan(x)
			case "ask":
				r.ask(x)
			case "hear":
				r.mesh.hear(x)
			case "settle":
				x.settle()
				r.replan(x)
			case "wait":
				r.now += time.Duration(rapid.Int64Range(0, int64(2*HandOver)).Draw(t, "for"))
			}
			for _, s := range sources {
				if on := r.on(s.Name, starting, running, stopping); len(on) > 1 {
					t.Fatalf("%s runs on %v", s.Name, on)
				}
			}
		}
		r.settled(t)
	})
}

// TestNodesThatStayApartInWhatTheyKnowRunAnExclusiveSourceOnce where each owns it by what it knows.
func TestNodesThatStayApartInWhatTheyKnowRunAnExclusiveSourceOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRumours(rapid.IntRange(2, 5).Draw(t, "nodes"), []Source{{Name: "s0", Exclusive: true}})
		for _, x := range r.members {
			r.knows[x.id] = true
		}
		r.view = func(x *member) ([]Node, *Sources) { // all others are draining, as far as it knows
			nodes, sources := r.known(x)
			for i := range nodes {
				if nodes[i].ID != x.id {
					nodes[i].State = StateDraining
				}
			}
			return nodes, sources
		}
		for end := r.now + 3*HandOver; r.now < end; r.now += time.Second {
			for _, x := range rapid.Permutation(r.members).Draw(t, "order") {
				r.replan(x)
				r.ask(x)
				for len(x.inbox) > 0 {
					r.mesh.hear(x)
				}
				x.settle()
			}
			if on := r.on("s0", starting, running, stopping); len(on) > 1 {
				t.Fatalf("it runs on %v", on)
			}
		}
		if on := r.on("s0", running); len(on) != 1 {
			t.Fatalf("in the end it runs on %v", on)
		}
	})
}
