package placement

import (
	"fmt"
	"iter"
)

// Task is what this node has to do with one source.
type Task struct {
	Source string
	Decision
	// Rank is which owner this node is, from 0; -1 is none. Of several owners the one with rank 0 numbers
	// what it collects at once, and the others hold it back.
	Rank int
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

// Say is what this node is to answer when it is asked about a source. State is how the source is here, as in
// command.SourceStatus; empty says that nothing of it is left.
func (p *Plan) Say(source, state string) Said {
	if state != "" {
		return SaidOf(state)
	}
	if i := p.sources.find(source); i >= 0 && (p.do[i].Runs() || p.do[i] == Standby) {
		return SaidStarting
	}
	return SaidStopped
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

// Questions are what this node wants to know of others before it can go on: whether the owners run what it hands over, and
// whether those before it have stopped what is exclusive. They are to be asked as soon as the plan stands, and each second
// again while they stand. The list is not to be changed.
func (p *Plan) Questions() []About { return p.questions }
