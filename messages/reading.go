package messages

import "math"

// StepKind says what a reader meets after a position.
type StepKind uint8

const (
	// StepHead: nothing more is held; also where the reader is ahead of this node.
	StepHead StepKind = iota
	// StepBatch: the next batch is held.
	StepBatch
	// StepWait: the next batch exists, is absent and may still come.
	StepWait
	// StepGap: what comes next is gone for good; the reader goes on from Gap.To.
	StepGap
)

// Reason says why a gap is one.
type Reason string

const (
	// ReasonRetention: dropped by age or size.
	ReasonRetention Reason = "retention"
	// ReasonMissing: no node that could be asked holds it.
	ReasonMissing Reason = "missing"
	// ReasonLate: it turned up beyond the named end of its epoch, behind the reader, or it has not come yet, and is
	// older than the reader waits for (Line.Begin).
	ReasonLate Reason = "late"
	// ReasonSlow: the subscription's policy left it out.
	ReasonSlow Reason = "slow"
)

// Gap names positions of one origin, (From, To], that a reader does not get.
type Gap struct {
	Origin   NodeID
	From, To Position
	Reason   Reason
}

// Step is what a reader of one origin meets after its position.
type Step struct {
	Kind StepKind
	// Batch is what to read next (StepBatch), or what is awaited (StepWait).
	Batch BatchID
	// Skip is the index of the first record of Batch that the reader has not seen.
	Skip uint32
	// Hole is the absent run that begins with the awaited batch (StepWait).
	Hole Range
	// Gap is what the reader is told (StepGap).
	Gap Gap
}

// Next is the reading rule: of each origin a reader takes the batch after its
// position. If that is absent it waits; if it is gone it gets one gap over all that is
// gone there; at the end of an epoch it goes on with the next on the line. A position
// above the head is no error.
func (l *Line) Next(after Position) Step {
	r := reading{line: l, from: after, at: after}
	for {
		if step, done := r.step(); done {
			return step
		}
	}
}

// reading walks a line until it meets a batch, a hole or the head. What it passes that
// is gone grows its gap, which is reported before anything that comes after it.
type reading struct {
	line     *Line
	from, at Position
	gap      Gap
}

func (r *reading) step() (Step, bool) {
	i, ok := r.line.search(r.at.Epoch)
	if !ok {
		return r.enter(i)
	}
	e := r.line.epochs[i]
	next, skip := r.at.Sequence, r.at.Index+1
	if r.at.Index >= IndexEnd || next == 0 || next == e.Head && r.at.Index >= e.HeadIndex {
		if next == math.MaxUint64 {
			return r.enter(i + 1)
		}
		next, skip = next+1, 0
	}
	switch id := (BatchID{r.line.Origin, e.Epoch, next}); {
	case next > e.end:
		return r.enter(i + 1)
	case next < e.Floor:
		return r.pass(ReasonRetention, Position{r.line.Origin, e.Epoch, min(e.Floor-1, e.end), IndexEnd})
	case next > e.Head:
		return r.enter(i + 1)
	case !inside(e.Holes, next):
		return r.meet(Step{Kind: StepBatch, Batch: id, Skip: skip})
	default:
		if gone, ok := covering(e.givenU, next); ok {
			return r.pass(ReasonMissing, Position{r.line.Origin, e.Epoch, min(gone.To, e.end), IndexEnd})
		}
		hole, _ := covering(e.Holes, next)
		return r.meet(Step{Kind: StepWait, Batch: id, Skip: skip, Hole: Range{next, min(hole.To, e.end)}})
	}
}

// enter goes on with the first epoch on the line from the i-th; what its prior names
// beyond the reader, in an epoch that is forgotten here, retention took.
func (r *reading) enter(i int) (Step, bool) {
	for ; i < len(r.line.epochs); i++ {
		e := r.line.epochs[i]
		if e.end == 0 {
			continue
		}
		if e.named() && e.prior.Epoch >= r.at.Epoch && r.beyond(e.prior) && r.line.find(e.prior.Epoch) == nil {
			return r.pass(ReasonRetention, e.prior.BatchEnd())
		}
		r.at = Position{r.line.Origin, e.Epoch, 0, IndexEnd}
		return Step{}, false
	}
	return r.meet(Step{Kind: StepHead})
}

// beyond tells whether a place is behind the reader's.
func (r *reading) beyond(p Position) bool {
	p.Origin = r.at.Origin
	return p.Compare(r.at) > 0
}

// pass goes beyond what is gone. A gap has one reason: another one ends it.
func (r *reading) pass(reason Reason, to Position) (Step, bool) {
	if r.gap.Reason != "" && r.gap.Reason != reason {
		return r.meet(Step{})
	}
	r.gap = Gap{Origin: r.line.Origin, From: r.from, To: to, Reason: reason}
	r.at = to
	return Step{}, false
}

// meet ends the walk: with the gap, if one was passed.
func (r *reading) meet(step Step) (Step, bool) {
	if r.gap.Reason != "" {
		return Step{Kind: StepGap, Gap: r.gap}, true
	}
	return step, true
}
