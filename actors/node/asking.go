package node

import (
	"fmt"
	"sync"

	"anode/actors/gossip"
	"anode/messages"
	"anode/messages/command"
)

// The most questions of people and of what they look at that are open at one other node, and at all of them: the rest of the places, of which there
// are so many for this node, is left to what placement asks.
const (
	mostAsking    = gossip.MostAnswering * 3 / 4
	mostAskingAll = gossip.MostAsked * 3 / 4
)

// asking are this node's open questions to others, but those of placement. It is safe for concurrent use; the mutex is a leaf.
type asking struct {
	mu   sync.Mutex
	open map[messages.NodeID]int
	all  int
}

// enter lets a question to a node in, which leaves at its end; an error says that there are too many.
func (a *asking) enter(node messages.NodeID) (leave func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.open[node] >= mostAsking:
		return nil, fmt.Errorf("%w: this node has %d questions to node %s open already", command.ErrTooMany, mostAsking, node)
	case a.all >= mostAskingAll:
		return nil, fmt.Errorf("%w: this node has %d questions to other nodes open already", command.ErrTooMany, mostAskingAll)
	}
	if a.open == nil {
		a.open = make(map[messages.NodeID]int)
	}
	a.open[node]++
	a.all++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.all--
		if a.open[node]--; a.open[node] == 0 {
			delete(a.open, node)
		}
	}, nil
}
