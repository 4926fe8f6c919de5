package placement

import (
	"fmt"
	"slices"

	"anode/messages"
)

// first is a name for a source that a node owns before others do.
func first(id messages.NodeID, others ...messages.NodeID) string {
	for i := 0; ; i++ {
		name := fmt.Sprint(id, "-", i)
		best := weight(sourceKey(name), nodeKey(id))
		if !slices.ContainsFunc(others, func(o messages.NodeID) bool { return weight(sourceKey(name), nodeKey(o)) >= best }) {
			return name
		}
	}
}

// three are nodes a, b and c, and a source that weighs most on a and least on c.
func three() ([]Node, string) {
	nodes := []Node{{ID: "a", State: StateActive}, {ID: "b", State: StateActive}, {ID: "c", State: StateActive}}
	for i := 0; ; i++ {
		name := fmt.Sprint("s", i)
		if order := wanted(nodes, &Source{Name: name, Redundancy: 3}, 0); slices.Equal(order, []messages.NodeID{"a", "b", "c"}) {
			return nodes, name
		}
	}
}
