package gossip

import (
	"slices"
	"time"

	"anode/messages"
)

const (
	// keptFor is how long it is known that a question was answered: longer than a peer takes to find out that a link is
	// down, and to ask over another one.
	keptFor = 30 * time.Second
	// mostKnown is of how many questions of a peer it is known, mostSaid how many bytes of answers to them are kept.
	mostKnown = 4096
	mostSaid  = 256 << 10
)

// answers are the questions of all peers: a question that comes again, over another link, is not another one. They are the loop's, and outlive it.
type answers map[messages.NodeID]*answered

// answered are the questions of a peer. Its numbers rise for as long as it numbers its batches in one epoch: one that comes late, and is none of
// those that are known, was forgotten.
type answered struct {
	// epoch is the one in which the peer numbers its batches: one with another may be another process. That begins above the numbers of the
	// one before, unless its disk is new and its clock was put back.
	epoch uint64
	// open are being answered.
	open map[uint64]*answer
	// said are over, the oldest first, with so many bytes.
	said  []*answer
	bytes int
	// floor is the highest number of this epoch that was forgotten, floorAt when the last was.
	floor   uint64
	floorAt time.Time
}

// of gives a peer's.
func (s answers) of(id messages.NodeID) *answered {
	if s[id] == nil {
		s[id] = &answered{open: make(map[uint64]*answer)}
	}
	return s[id]
}

// meet notes in which epoch the peer numbers now.
func (s *answered) meet(epoch uint64) {
	if s.epoch != epoch {
		s.epoch, s.floor = epoch, 0
	}
}

// find gives the answer to a question that came before, and tells whether it did; of one that was forgotten there is no answer.
func (s *answered) find(id uint64) (known *answer, was bool) {
	if a := s.open[id]; a != nil {
		return a, true
	}
	for _, a := range slices.Backward(s.said) {
		if a.id == id {
			return a, true
		}
	}
	return nil, id <= s.floor
}

// end notes that an answer is over, or ends it for a reason. It does nothing to one that is over.
func (s *answered) end(a *answer, why error) {
	if s.open[a.id] != a {
		return
	}
	delete(s.open, a.id)
	a.off(why)
	a.overAt = time.Now()
	a.size = a.close(why == nil)
	s.said = append(s.said, a)
	s.bytes += a.size
	for len(s.said) > mostKnown || s.bytes > mostSaid {
		s.forget()
	}
}

// forget forgets the oldest that is over.
func (s *answered) forget() {
	a := s.said[0]
	s.said[0] = nil
	s.said = s.said[1:]
	s.bytes -= a.size
	if s.floorAt = time.Now(); a.epoch == s.epoch {
		s.floor = max(s.floor, a.id)
	}
}

// lost notes that a link is down: its peer may ask again for a while, unless it said goodbye.
func (s answers) lost(p *peer) {
	all := s[p.id]
	if all == nil {
		return
	}
	for _, a := range all.open {
		if !a.leave(p) {
			continue
		}
		if a.lostAt = time.Now(); p.said != "" {
			all.end(a, errUnasked)
		}
	}
}

// sweep ends what nobody has asked for again, and forgets what was said long ago.
func (s answers) sweep(now time.Time) {
	for id, all := range s {
		for _, a := range all.open {
			if a.orphaned() && now.Sub(a.lostAt) >= againPatience {
				all.end(a, errUnasked)
			}
		}
		for len(all.said) > 0 && now.Sub(all.said[0].overAt) >= keptFor {
			all.forget()
		}
		if len(all.open)+len(all.said) == 0 && now.Sub(all.floorAt) >= keptFor {
			delete(s, id)
		}
	}
}

// orphaned tells whether it has no link.
func (a *answer) orphaned() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to == nil
}

// cut notes that all answers have ended with the loop before this one.
func (s answers) cut() {
	for _, all := range s {
		for _, a := range all.open {
			all.end(a, errUnasked)
		}
	}
}
