package node

import (
	"fmt"
	"sync"

	"anode/messages"
	"anode/messages/command"
)

// The most questions of one peer that are answered here at a time, of those that stay open for long. All of its questions together have
// gossip.MostAnswering places, of which a peer leaves some to what its placement asks (asking).
const (
	mostFrames = 16
	mostTries  = 4
)

// guests are the questions of peers that stay open. It is safe for concurrent use; the mutex is a leaf.
type guests struct {
	mu   sync.Mutex
	open map[guest]int
}

// guest is a peer and what it asks.
type guest struct {
	node messages.NodeID
	ask  string
}

// enter lets one in, which leaves at its end; an error says that there are too many of that peer.
func (g *guests) enter(node messages.NodeID, ask string) (leave func(), err error) {
	most, what := mostFrames, "look at the frames of sources"
	if ask == askTry {
		most, what = mostTries, "try sources"
	}
	who := guest{node, ask}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open[who] >= most {
		return nil, fmt.Errorf("%w: %d %s of this node by way of node %s already: ask this node itself", command.ErrTooMany, most, what, node)
	}
	if g.open == nil {
		g.open = make(map[guest]int)
	}
	g.open[who]++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.open[who]--; g.open[who] == 0 {
			delete(g.open, who)
		}
	}, nil
}
