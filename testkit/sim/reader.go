package sim

import (
	"anode/messages"
)

// manners of reading.
type reading uint8

const (
	// live readers begin where the hub stands.
	live reading = iota
	// whole readers begin at the beginning of every origin.
	whole
	// roaming readers take their cursor to another node when theirs ends.
	roaming
)

var readingNames = [...]string{live: "live reader", whole: "reader from the start", roaming: "roaming reader"}

// reader reads all streams at a node by the reading rule.
type reader struct {
	kind reading
	at   map[messages.NodeID]messages.Position
	read uint64
}

// stand finds where the hub of a node stands that starts, and begins to read there.
func (s *Sim) stand(n *node) {
	n.readers = nil
	if !s.watched(n) {
		return
	}
	n.hub = make(map[messages.NodeID]messages.Position)
	lines := n.core.Lines()
	for _, origin := range lines.Origins() {
		n.hub[origin] = unbroken(lines[origin])
	}
	at := make(map[messages.NodeID]messages.Position, len(n.hub))
	for origin, p := range n.hub {
		at[origin] = p
	}
	n.readers = append(n.readers, &reader{kind: live, at: at}, &reader{kind: whole, at: make(map[messages.NodeID]messages.Position)})
	s.lodge()
	for _, origin := range lines.Origins() {
		s.read(n, origin)
	}
}

// unbroken is the highest position of a line with no hole below.
func unbroken(l *messages.Line) messages.Position {
	p := messages.Position{Origin: l.Origin}
	for _, e := range l.Digest() {
		switch {
		case len(e.Holes) > 0:
			if to := e.Holes[0].From - 1; to > 0 {
				p = messages.Position{Origin: l.Origin, Epoch: e.Epoch, Sequence: to, Index: messages.IndexEnd}
			}
			return p
		case e.Head > 0:
			p = messages.Position{Origin: l.Origin, Epoch: e.Epoch, Sequence: e.Head, Index: messages.IndexEnd}
		}
	}
	return p
}

// watched tells whether records are read at a node.
func (s *Sim) watched(n *node) bool { return s.watch != nil && s.watch[n.index] }

// strand notes that a node has ended: who roams goes elsewhere.
func (s *Sim) strand(n *node) {
	for _, r := range n.readers {
		if r.kind == roaming {
			s.roamers = append(s.roamers, r)
		}
	}
	n.readers = nil
	s.lodge()
}

// lodge finds a node for those that roam.
func (s *Sim) lodge() {
	for len(s.roamers) > 0 {
		n := s.anyWatched()
		if n == nil {
			return
		}
		r := s.roamers[0]
		s.roamers = s.roamers[1:]
		n.readers = append(n.readers, r)
		for _, origin := range n.core.Lines().Origins() {
			s.readOne(n, r, origin)
		}
	}
}

// anyWatched is a node that is up and where records are read.
func (s *Sim) anyWatched() *node {
	var found *node
	count := 0
	for _, n := range s.nodes {
		if n.up && s.watched(n) {
			if count++; s.random.figures.IntN(count) == 0 {
				found = n
			}
		}
	}
	return found
}

// meet notes where the hub stands in an origin that it meets with a live batch, or with an old one.
func (s *Sim) meet(n *node, p *pending) {
	origin := p.batch.flow.origin
	if _, ok := n.hub[origin]; ok || n.hub == nil {
		return
	}
	at := messages.Position{Origin: origin}
	if line := n.core.Lines()[origin]; line != nil {
		if at = line.Head(); !p.backfill {
			at = line.Before(p.batch.sealed.ID())
		}
	}
	n.hub[origin] = at
	for _, r := range n.readers {
		if r.kind == live {
			r.at[origin] = at
		}
	}
}

// read lets all readers at a node go on in an origin.
func (s *Sim) read(n *node, origin messages.NodeID) {
	for _, r := range n.readers {
		s.readOne(n, r, origin)
	}
}

func (s *Sim) readOne(n *node, r *reader, origin messages.NodeID) {
	at, ok := r.at[origin]
	if !ok {
		if r.kind == live {
			return
		}
		at = messages.Position{Origin: origin}
	}
	lines := n.core.Lines()
	for {
		step := lines.Next(at)
		switch step.Kind {
		case messages.StepBatch:
			s.checkRead(n, r, at, step.Batch)
			at = step.Batch.End()
			r.read++
		case messages.StepGap:
			s.checkGap(n, r, at, step.Gap)
			if step.Gap.To.Compare(at) <= 0 {
				s.fail(n, "%s gets a gap that goes back from %s to %s", readingNames[r.kind], at, step.Gap.To)
				return
			}
			at = step.Gap.To
			s.figures.gaps++
		default:
			r.at[origin] = at
			return
		}
		if s.over {
			return
		}
	}
}
