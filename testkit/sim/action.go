package sim

import (
	"cmp"
	"errors"
	"time"

	"anode/messages/units"
)

// Action is something that is done to the mesh: a load begins, nodes die, the network parts. Its text is how a
// script has it. The zero Action does nothing.
type Action struct {
	text  string
	fault bool
	// check tells what of it can't be, before the run.
	check func(*forecast) error
	run   func(*Sim) error
}

// String is the action as a script has it, without its time.
func (a Action) String() string { return a.text }

// short is its text where that is not long.
func (a Action) short() string { return clip(a.text) }

func (a Action) do(s *Sim) error {
	if a.run == nil {
		return nil
	}
	return a.run(s)
}

// errNobody is that no node fits what an action is about.
var errNobody = errors.New("no node is meant")

// on makes an action that is done to nodes. Numbers that no node has are an error; that none is left of a share
// is not.
func on(p Pick, fit func(*Sim, Pick) []*node, do func(*Sim, *node)) func(*Sim) error {
	return func(s *Sim) error {
		if err := s.knows(p); err != nil {
			return err
		}
		for _, n := range fit(s, p) {
			do(s, n)
		}
		return nil
	}
}

// knows tells whether there are the nodes that a pick names.
func (s *Sim) knows(picks ...Pick) error { return (&forecast{nodes: len(s.nodes)}).knows(picks...) }

// anyNodes is the check of what can be done to nodes at any time.
func anyNodes(picks ...Pick) func(*forecast) error {
	return func(f *forecast) error { return f.knows(picks...) }
}

// nodesUp is the check of what can only be done to nodes that run, and of a time that it takes.
func nodesUp(p Pick, d time.Duration) func(*forecast) error {
	return func(f *forecast) error {
		return cmp.Or(f.runs(), f.knows(p), fault(d < 0 || d > MaxDuration, "%s: want a time up to %s", durationText(d), durationText(MaxDuration)))
	}
}

// durationText is a duration as scripts have it.
func durationText(d time.Duration) string {
	if d < 0 {
		return d.String()
	}
	return units.FormatDuration(d)
}
