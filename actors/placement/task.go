package placement

import (
	"fmt"
	"iter"

	"anode/messages"
	"anode/messages/command"
)

// Task is what this node has to do with one source.
type Task struct {
	Source string
	Decision
	// Rank is which owner this node is, from 0; -1 is none.
	Rank int
	// Ahead is how many nodes number what they collect before this one does. Where none does, this one numbers it at once; else
	// it holds it back. While no owners change it is the rank.
	Ahead int
	// Owners is how many there are.
	Owners int
	// Everywhere is as in Source.
	Everywhere bool
}

// task is the task of a source.
func (p *Plan) task(i int) Task {
	s := &p.sources.list[i]
	t := Task{Source: s.Name, Decision: Decision{Do: p.do[i]}, Rank: -1, Owners: filled(p.row(i)), Everywhere: s.Everywhere}
	if p.at >= 0 {
		t.Rank = p.rank(i, p.at)
	}
	if d, more := p.decisions[int32(i)]; more {
		t.Decision = d
	}
	if t.Do.Runs() {
		t.Ahead = p.ahead(i)
	}
	if t.Do == Run {
		t.Reason = t.why()
	}
	return t
}

// why says why the source runs here.
func (t *Task) why() string {
	switch {
	case t.Everywhere:
		return "runs on every node"
	case t.Owners == 1:
		return "owned by this node"
	}
	return fmt.Sprintf("owned by this node, %d of %d by rank", t.Rank+1, t.Owners)
}

// Say is what this node is to answer when it is asked about a source. Here is how the source is on this node; nil says that nothing of it
// is left. Who hands it over, or ends it, does not say that it runs it: of two that hand over to each other, by views that
// differ, both would stop. Who waits for it itself has who asks wait too; after HandOver it
// gives way to one that weighs more, should both own it by views that stay different: Reports.Hear has it ask that one anew.
func (p *Plan) Say(source string, here *command.SourceStatus, to messages.NodeID) Said {
	i := p.sources.find(source)
	switch {
	case here != nil && i >= 0 && p.do[i] == Run:
		return SaidOf(here)
	case here != nil:
		return SaidStarting
	case i < 0 || p.do[i] != Standby && !p.do[i].Runs():
		return SaidStopped
	case p.do[i] == Standby && p.now >= p.waits[int32(i)]+HandOver && p.sources.outweighs(i, to, p.self):
		return SaidStopped
	}
	return SaidStarting
}

// Tasks are the sources with which this node has to do, in order of their names: all that it is to Run, HandsOver or
// Stop, and those for which it is on Standby. What is not among them is not to run here.
func (p *Plan) Tasks() iter.Seq[Task] {
	return func(yield func(Task) bool) {
		for i := range p.do {
			if p.do[i] != Nothing && !yield(p.task(i)) {
				return
			}
		}
	}
}

// Task is what this node has to do with one source; Nothing where that is not known.
func (p *Plan) Task(source string) Task {
	if i := p.sources.find(source); i >= 0 {
		return p.task(i)
	}
	return Task{Source: source, Rank: -1}
}

// Held is how many sources this node still runs for the mesh, those that run everywhere left out: a node that
// drains may leave at 0.
func (p *Plan) Held() int {
	n := 0
	for i, do := range p.do {
		if do.Runs() && !p.sources.list[i].Everywhere {
			n++
		}
	}
	return n
}

// Owed are the sources that this node still runs and another one is to take over, by name: of those that no other may own nobody
// is waited for.
func (p *Plan) Owed() (names []string) {
	for i, do := range p.do {
		if do.Runs() && !p.sources.list[i].Everywhere && filled(p.row(i)) > 0 {
			names = append(names, p.sources.list[i].Name)
		}
	}
	return names
}

// Stays are the sources that this node runs and that no other can take over as it drains, by name; paused ones are not among them.
func (p *Plan) Stays() (names []string) {
	for i, do := range p.do {
		s := &p.sources.list[i]
		switch {
		case !do.Runs() || s.Paused:
		case s.Everywhere && len(p.hosts(i)) == 1, !s.Everywhere && filled(p.row(i)) == 0:
			names = append(names, s.Name)
		}
	}
	return names
}

// Questions are what this node wants to know of others before it can go on: whether the owners run what it hands over, and
// whether those before it have stopped. They are to be asked as soon as the plan stands, and each second
// again while they stand. The list is not to be changed.
func (p *Plan) Questions() []About { return p.questions }
