package placement

import (
	"time"

	"anode/messages"
)

// State is what a node says of itself; no other node says it. Zero is StateJoining, so that a node of
// which nothing is known gets nothing.
type State uint8

// The states of a node.
const (
	// StateJoining owns nothing yet: it learns what there is.
	StateJoining State = iota
	// StateActive owns what it wins.
	StateActive
	// StateDraining owns nothing any more, and hands over what it still runs.
	StateDraining
	// StateBanned runs nothing: others run what it ran, and don't hear of it. A node is told so, and does not say it of itself.
	StateBanned
	// StateUsurped runs nothing, as StateBanned: another node with its identity lives, and runs what this one would.
	StateUsurped
)

// shut tells that a node in that state is not to run anything, not even what runs everywhere.
func (s State) shut() bool { return s == StateBanned || s == StateUsurped }

var stateNames = [...]string{StateJoining: "joining", StateActive: "active", StateDraining: "draining", StateBanned: "banned", StateUsurped: "usurped"}

// String is the word for it.
func (s State) String() string { return stateNames[s] }

// Grace is how long a node that membership lost keeps its sources. Membership takes 2.3 to 3.1 s to lose
// one, and a false alarm is taken back within a probe or two, of 500 ms each: 1 s spares a mesh most of the
// moves that would be undone at once, and makes a real death a third longer.
const Grace = time.Second

// Node is what is known of one node. The zero value of a field is what a node without it has.
type Node struct {
	ID messages.NodeID
	// Name is how people call it; nothing goes by it.
	Name string
	// State, Own and Labels are what it says of itself.
	State  State
	Own    Own
	Labels map[string]string
	// Yields are the sources that it does not want now: Register.Heard makes them.
	Yields Yields
	// Dead tells that membership lost it, at DeadAt. One that left of its own will, or was forgotten, is
	// not in a View at all.
	Dead   bool
	DeadAt time.Duration
}

// there tells that the node counts: it lives, or has died only just now.
func (n *Node) there(now time.Duration) bool { return !n.Dead || now < n.DeadAt+Grace }

// candidate tells that the node may own sources.
func (n *Node) candidate(now time.Duration) bool {
	return n.State == StateActive && n.Own != OwnNone && n.there(now)
}

// wears tells that the node has all labels that are asked for.
func (n *Node) wears(labels map[string]string) bool {
	for name, value := range labels {
		if has, ok := n.Labels[name]; !ok || has != value {
			return false
		}
	}
	return true
}
