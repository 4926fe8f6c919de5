package core_test

import (
	"anode/messages"
)

// read lets the reader on a node go on, in all origins. It keeps its place when the node ends, and when the disk is
// gone.
func (n *node) read() {
	if n.cursors == nil {
		n.cursors = make(map[messages.NodeID]messages.Position)
	}
	lines := n.core.Lines()
	for _, origin := range lines.Origins() {
		at, ok := n.cursors[origin]
		if !ok {
			at = messages.Position{Origin: origin}
		}
		n.cursors[origin] = n.readOn(lines[origin], at)
	}
}

// readOn reads one origin from a position as far as it goes.
func (n *node) readOn(line *messages.Line, at messages.Position) messages.Position {
	for {
		step := line.Next(at)
		switch step.Kind {
		case messages.StepBatch:
			n.checkRead(at, step.Batch)
			at = step.Batch.End()
		case messages.StepGap:
			n.checkGap(at, step.Gap)
			n.lab.tracef(n, "has a gap from %s to %s: %s", at, step.Gap.To, step.Gap.Reason)
			at = step.Gap.To
		default:
			return at
		}
	}
}

// checkRead: a reader gets all of an origin in order, and nothing twice.
func (n *node) checkRead(at messages.Position, id messages.BatchID) {
	b := n.disk.at(id)
	if b == nil {
		n.lab.Fatalf("%s: the reader on %s gets %s, which is not there", n.lab.now, n.id, id)
	}
	first := n.disk.flow(id.Origin, id.Epoch).first
	switch {
	case id.End().Compare(at) <= 0:
		n.lab.Fatalf("%s: the reader on %s gets %s after %s", n.lab.now, n.id, id, at)
	case id.Epoch == at.Epoch && id.Sequence != at.Sequence+1:
		n.lab.Fatalf("%s: the reader on %s gets %s after %s: what is between is skipped", n.lab.now, n.id, id, at)
	case id.Epoch != at.Epoch && id.Sequence != 1:
		n.lab.Fatalf("%s: the reader on %s gets %s after %s: the epoch's beginning is skipped", n.lab.now, n.id, id, at)
	case id.Epoch != at.Epoch && first != nil && at.BatchEnd().Compare(first.Prior.BatchEnd()) < 0 && first.Prior.Sequence > 0:
		n.lab.Logf("the line of %s on %s: %+v horizon %d; disk: %+v", id.Origin, n.id, n.core.Lines()[id.Origin].Digest(), n.core.Lines()[id.Origin].Horizon(), n.disk.flow(id.Origin, at.Epoch))
		n.lab.Fatalf("%s: the reader on %s gets %s after %s: the epoch follows %s", n.lab.now, n.id, id, at, first.Prior)
	}
}

// checkGap: a gap is true, and leads on.
func (n *node) checkGap(at messages.Position, g messages.Gap) {
	key := flowKey{g.Origin, g.To.Epoch}
	s := n.disk.shelves[key]
	switch {
	case g.To.Compare(at) <= 0:
		n.lab.Fatalf("%s: the reader on %s at %s gets a gap to %s", n.lab.now, n.id, at, g.To)
	case g.Reason == messages.ReasonRetention && s != nil && g.To.Sequence >= s.floor:
		n.lab.Fatalf("%s: the reader on %s is told that retention took %s to %s, the floor is %d", n.lab.now, n.id, at, g.To, s.floor)
	case g.Reason == messages.ReasonMissing && (s == nil || !s.given.Has(g.To.Sequence)):
		n.lab.Fatalf("%s: the reader on %s is told that %s to %s is missing, which was not given up", n.lab.now, n.id, at, g.To)
	}
}
