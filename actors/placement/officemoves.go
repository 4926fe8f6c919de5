package placement

import (
	"maps"
	"slices"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// moves are the last changes of owners that a node saw. That a source is placed first is none, nor is what a node hears while it
// joins; and one that nobody owned for a while moved from who owned it before. It is safe for concurrent use.
type moves struct {
	mu   sync.Mutex // guards what follows; a leaf
	last map[string]command.SourceMove
	// owned are who owned each source last.
	owned map[string][]messages.NodeID
}

func newMoves() moves {
	return moves{last: make(map[string]command.SourceMove), owned: make(map[string][]messages.NodeID)}
}

// of is the last move of a source; false is none.
func (m *moves) of(name string) (command.SourceMove, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	move, moved := m.last[name]
	return move, moved
}

// note takes in a plan, and tells how many sources moved by it. learning: the node only learns who owns what.
func (m *moves) note(p *Plan, learning bool, at time.Time) (moved int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range p.sources.list {
		s := &p.sources.list[i]
		to := p.owners(i)
		if s.Everywhere || len(to) == 0 {
			continue
		}
		from := m.owned[s.Name]
		if slices.Equal(from, to) {
			continue
		}
		m.owned[s.Name] = to
		if !learning && len(from) > 0 {
			m.last[s.Name] = command.SourceMove{At: at.UTC(), From: from, To: to}
			moved++
		}
	}
	if len(m.owned) > len(p.sources.list) || len(m.last) > len(p.sources.list) {
		gone := func(name string) bool { return p.sources.find(name) < 0 }
		maps.DeleteFunc(m.owned, func(name string, _ []messages.NodeID) bool { return gone(name) })
		maps.DeleteFunc(m.last, func(name string, _ command.SourceMove) bool { return gone(name) })
	}
	return moved
}
