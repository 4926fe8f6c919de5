package placement

import (
	"anode/messages"
	"anode/messages/spec"
)

// MaxRedundancy is the most owners of a source, as in the language of specs.
const MaxRedundancy = 16

// Source is what placement needs to know of a source.
type Source struct {
	// Name is all that weights depend on: a replaced spec moves nothing that it need not.
	Name string
	// Redundancy is how many owners it has at once, at most MaxRedundancy; 0 means 1.
	Redundancy int
	// Exclusive forbids two connections at once, and so more than one owner: Redundancy does not count.
	Exclusive bool
	// Everywhere runs it on every node with its labels, in whichever state, whatever it owns: senders may push to any.
	Everywhere bool
	// Nodes are the labels that an owner must have; nil means any node.
	Nodes map[string]string
	// Registered is the node at which the source was registered first: OwnLocal asks for it.
	Registered messages.NodeID
	// Paused: it is placed all the same, as an owner keeps its state, but gets nothing of a budget.
	Paused bool
	// Host is the feed's host by which budgets count, where it is known before the source runs; empty means none.
	Host string
	// Budget is what the spec says of what the host may get; nil is nothing.
	Budget *spec.Budget
}

// SourceOf is the source of a spec. Registered, Paused and Host are not the spec's to say.
func SourceOf(s *spec.Spec) Source {
	return Source{
		Name: s.Name, Redundancy: s.Redundancy, Exclusive: s.Exclusive, Everywhere: s.Kind == spec.KindPush, Nodes: s.Nodes, Budget: s.Budget,
	}
}

// owners is how many it is to have.
func (s *Source) owners() int {
	switch {
	case s.Everywhere:
		return 0 // they are not chosen
	case s.Exclusive:
		return 1
	}
	return min(max(1, s.Redundancy), MaxRedundancy)
}
