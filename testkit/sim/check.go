package sim

import (
	"fmt"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

const (
	// checkEvery is how often the whole is looked at after a fault, restEvery else.
	checkEvery, restEvery = int64(100e6), int64(500e6)
	// mostViolations is how many end a run.
	mostViolations = 8
	// grace is how old a batch is that is missed.
	grace = int64(500e6)
	// settled is how long a node must have been able to ask another one before it may not give up what that
	// one holds.
	settled = int64(30 * time.Second)
)

// Violation is a promise that was broken. Node is -1 where it is the whole mesh that broke it.
type Violation struct {
	At   time.Duration `json:"at_ns"`
	Node Node          `json:"node"`
	// Text says what happened.
	Text string `json:"text"`
}

// String is the violation in one line.
func (v Violation) String() string {
	if v.Node < 0 {
		return fmt.Sprintf("at %s: %s", v.At, v.Text)
	}
	return fmt.Sprintf("at %s node %d: %s", v.At, v.Node, v.Text)
}

// fail notes a violation; n is nil where it is nobody's.
func (s *Sim) fail(n *node, format string, args ...any) {
	at := Node(-1)
	if n != nil {
		at = Node(n.index)
	}
	v := Violation{after(s.now), at, fmt.Sprintf(format, args...)}
	s.violations = append(s.violations, v)
	if n != nil {
		s.log(n, "VIOLATION: %s", v.Text)
	}
	s.over = s.over || len(s.violations) >= mostViolations
}

// checkAppend: a batch is appended once.
func (s *Sim) checkAppend(n *node, b *batch) {
	switch {
	case n.journal.has(b):
		s.fail(n, "appends %s, which it is just appending", b.sealed.ID())
	case n.disk.holds(b):
		s.fail(n, "appends %s, which it holds", b.sealed.ID())
	}
}

// checkAppending: what waits to be appended is bounded.
func (s *Sim) checkAppending(n *node, b *batch) {
	s.figures.maxAppending = max(s.figures.maxAppending, n.journal.bytes)
	if n.journal.bytes > s.limits.MaxAppending+frame.Max {
		s.fail(n, "has %d bytes waiting to be appended with %s, at most %d are to", n.journal.bytes, b.sealed.ID(), s.limits.MaxAppending)
	}
}

// checkQueue: what waits in a link's queue is bounded: by MaxQueue for what the core sends, MaxPull for what
// it has read for the peer, and one frame that passes either.
func (s *Sim) checkQueue(n *node, q *narrow) {
	if most := s.limits.MaxQueue + s.limits.MaxPull + frame.Max; q.bytes > most {
		s.fail(n, "has %d bytes in a link's queue, at most %d are to be", q.bytes, most)
	}
}

// openPull is a pull whose answer has not ended.
type openPull struct {
	id    uint64
	bytes uint32
	at    int64
}

// ended closes a pull.
func (e *end) ended(id uint64) {
	for i := range e.pulls {
		if e.pulls[i].id == id {
			e.pulls = append(e.pulls[:i], e.pulls[i+1:]...)
			return
		}
	}
}

// watchPulls: what is asked for over a link is bounded. A pull counts until its answer ends, or for Retry:
// after that the core may have given it up, which nobody else sees.
func (s *Sim) watchPulls(e *end, o *core.Output) {
	p, ok := o.Frame.(*frame.Pull)
	if !ok {
		return
	}
	kept := e.pulls[:0]
	sum := int(p.Bytes)
	for _, open := range e.pulls {
		if s.now-open.at < int64(s.limits.Retry) {
			kept = append(kept, open)
			sum += int(open.bytes)
		}
	}
	e.pulls = append(kept, openPull{p.ID, p.Bytes, s.now})
	if most := s.limits.MaxPull + frame.Max; sum > most {
		s.fail(e.node, "asks %s for %d bytes at a time, at most %d are to be", o.Peer, sum, most)
	}
}

// checkRead: of each origin a reader gets all in order, and is told of what it does not get.
func (s *Sim) checkRead(n *node, r *reader, at messages.Position, id messages.BatchID) {
	name := readingNames[r.kind]
	f := s.truth.byKey[flowKey{id.Origin, id.Epoch}]
	switch {
	case f == nil || f.at(id.Sequence) == nil:
		s.fail(n, "%s gets %s, which nobody sealed", name, id)
	case !n.disk.look(f).has(id.Sequence):
		s.fail(n, "%s gets %s, which the journal does not hold", name, id)
	case id.End().Compare(at) <= 0:
		s.fail(n, "%s gets %s after %s", name, id, at)
	case id.Epoch == at.Epoch && id.Sequence != at.Sequence+1 && !(id.Sequence == at.Sequence && at.Index < messages.IndexEnd):
		s.fail(n, "%s gets %s after %s: what is between is skipped", name, id, at)
	case id.Epoch != at.Epoch && id.Sequence != 1:
		s.fail(n, "%s gets %s after %s: the epoch's beginning is skipped", name, id, at)
	case id.Epoch != at.Epoch && f.prior.Sequence > 0 && before(at, f.prior):
		s.fail(n, "%s gets %s after %s: the epoch follows %s", name, id, at, f.prior)
	}
}

// before tells whether a position is in a batch before that of another.
func before(p, q messages.Position) bool {
	return p.Epoch < q.Epoch || p.Epoch == q.Epoch && p.Sequence < q.Sequence
}

// checkGap: a gap is true.
func (s *Sim) checkGap(n *node, r *reader, at messages.Position, g messages.Gap) {
	f := s.truth.byKey[flowKey{g.Origin, g.To.Epoch}]
	if f == nil {
		s.fail(n, "%s gets a gap to %s, of an epoch that nobody began", readingNames[r.kind], g.To)
		return
	}
	sh := n.disk.look(f)
	switch g.Reason {
	case messages.ReasonRetention:
		if g.To.Sequence >= sh.floor && !n.disk.forgotten[f.index] && sh.known() {
			s.fail(n, "%s is told that retention took %s to %s, but the floor is %d", readingNames[r.kind], at, g.To, sh.floor)
		}
	case messages.ReasonMissing:
		if !s.given(n, f, g.To.Sequence) {
			s.fail(n, "%s is told that %s to %s is missing, which was not given up", readingNames[r.kind], at, g.To)
		}
	default:
		s.fail(n, "%s gets a gap for %q", readingNames[r.kind], g.Reason)
	}
}

func (s *Sim) given(n *node, f *flow, sequence uint64) bool {
	for _, r := range n.gaveUp[f.index] {
		if r.From <= sequence && sequence <= r.To {
			return true
		}
	}
	return false
}

// gaveUp: nothing is given up that a node holds which could be asked for long enough. Where the origin itself
// has lost it, its word that nobody has it may be false: that is the rule.
func (s *Sim) gaveUp(n *node, o *core.Output) {
	f := s.truth.flow(o.Origin, o.Epoch)
	if n.gaveUp == nil {
		n.gaveUp = make(map[int][]messages.Range)
	}
	n.gaveUp[f.index] = append(n.gaveUp[f.index], o.Range)
	s.figures.gaveUp++
	s.log(n, "gives up %s-%d %s", o.Origin, o.Epoch, o.Range)
	for q := o.Range.From; q <= min(o.Range.To, f.head()); q++ {
		if holder := s.holder(n, f.at(q)); holder != nil {
			s.fail(n, "gives up %s, which node %d holds", f.at(q).sealed.ID(), holder.index)
			break
		}
	}
	n.stir(o.Origin)
}

// holder finds a node that holds a batch and that another one could have asked for long.
func (s *Sim) holder(n *node, b *batch) *node {
	if b.holders == 0 || s.now-max(s.cutAt, n.upAt) < settled && s.cutAt+n.upAt > 0 || s.lasting() > 0 {
		return nil
	}
	for _, m := range s.nodes {
		if m != n && m.up && !m.paused && s.now-m.upAt >= settled && m.disk.holds(b) {
			return m
		}
	}
	return nil
}

// covered: a peer that is said to hold something does, or lost it since.
func (s *Sim) covered(n *node, o *core.Output) {
	f := s.truth.byKey[flowKey{n.id, o.Epoch}]
	if f == nil {
		s.fail(n, "takes %s of epoch %d to be held by %s: nothing was sealed", o.Range, o.Epoch, o.Peer)
		return
	}
	for _, m := range s.byID[o.Peer] {
		sh := m.disk.look(f)
		if m.lossy || sh.floor > o.Range.To || sh.has(o.Range.To) && sh.has(max(o.Range.From, sh.floor)) {
			return
		}
	}
	s.fail(n, "takes %s of epoch %d to be held by %s, which does not", o.Range, o.Epoch, o.Peer)
}
