package messages

import (
	"fmt"
	"iter"
	"math"
	"slices"
)

// Line is what a node holds of one origin: its epochs, chained into one line.
//
// The first batch of an epoch names the place where the line stood before it (its
// prior). Read from the newest epoch backwards these names are a chain: an epoch on
// it ends where the next names, an epoch that the chain passes over is off the line,
// and what an epoch has beyond its end is late. Neither is ever delivered in order;
// both were never acknowledged, and are kept for history.
//
//	epoch 7   1 2 3 4 │ 5        5 is late: epoch 9 says the line stood at 7-4
//	epoch 8   1 2                off the line: epoch 9 does not name it
//	epoch 9   1 2 _ 4 5          3 is a hole
//
// Next is the reading rule on it. A Line is not safe for concurrent use; its owner
// is the journal that holds the batches.
type Line struct {
	// Origin is whose line it is.
	Origin NodeID
	epochs []*epoch
	// horizon is the highest epoch that was forgotten.
	horizon uint64
}

// epoch is one epoch on a line.
type epoch struct {
	EpochDigest
	prior  Position
	begun  bool   // the first batch was seen: prior is known
	end    uint64 // the highest sequence on the line; 0 is off the line
	givenU []Range
}

// Clone is a line that knows the same, and shares nothing with this one.
func (l *Line) Clone() *Line {
	c := &Line{Origin: l.Origin, epochs: make([]*epoch, len(l.epochs)), horizon: l.horizon}
	for i, e := range l.epochs {
		own := *e
		own.Holes, own.givenU = slices.Clone(e.Holes), slices.Clone(e.givenU)
		c.epochs[i] = &own
	}
	return c
}

// Range is a run of sequences, both ends in it.
type Range struct{ From, To uint64 }

// String is "From-To".
func (r Range) String() string { return fmt.Sprintf("%d-%d", r.From, r.To) }

// NewLine is the empty line of an origin.
func NewLine(origin NodeID) *Line { return &Line{Origin: origin} }

// Hold notes that a batch is held. It tells whether it is new; a batch that is held
// already or below the floor changes nothing.
func (l *Line) Hold(h *Header) bool {
	e := l.open(h.Epoch)
	if h.Sequence < e.Floor || h.Sequence <= e.Head && !inside(e.Holes, h.Sequence) {
		l.begin(e, h)
		return false
	}
	if h.Sequence > e.Head {
		if from := max(e.Head+1, e.Floor); from < h.Sequence {
			e.Holes = join(e.Holes, Range{from, h.Sequence - 1})
		}
		e.Head = h.Sequence
	} else {
		e.Holes, e.givenU = cut(e.Holes, h.Sequence), cut(e.givenU, h.Sequence)
	}
	if h.Sequence == e.Head {
		e.HeadIndex = h.Count - 1
	}
	e.HeadHLC = max(e.HeadHLC, h.Last)
	l.begin(e, h)
	return true
}

// begin takes in what an epoch's first batch names.
func (l *Line) begin(e *epoch, h *Header) {
	if h.Sequence == 1 && !e.begun {
		l.name(e, h.Prior)
	}
}

// Name notes an epoch's prior without its first batch: where it was remembered.
func (l *Line) Name(number uint64, prior Position) {
	if e := l.open(number); !e.begun {
		l.name(e, prior)
	}
}

func (l *Line) name(e *epoch, prior Position) {
	e.begun, e.prior = true, prior
	if e.named() && prior.Epoch > l.horizon {
		l.open(prior.Epoch).reach(prior.Sequence)
	}
	if i, ok := l.search(e.Epoch); ok {
		l.chain(i)
	}
}

// Lose notes that sequences which were, or are said to have been, held are not: they
// are holes.
func (l *Line) Lose(number uint64, lost Range) {
	e := l.open(number)
	e.reach(lost.To)
	lost.From = max(lost.From, e.Floor)
	if lost.From <= lost.To {
		e.Holes = join(e.Holes, lost)
	}
}

// GiveUp notes that nobody holds what is absent in the range: readers get a gap there.
func (l *Line) GiveUp(number uint64, gone Range) {
	e := l.find(number)
	if e == nil {
		return // nothing is absent of what nobody has heard of
	}
	for _, hole := range e.Holes {
		both := Range{max(hole.From, gone.From), min(hole.To, gone.To)}
		if both.From <= both.To {
			e.givenU = join(e.givenU, both)
		}
	}
}

// Raise moves an epoch's floor up: all below it was dropped by retention.
func (l *Line) Raise(number, floor uint64) {
	e := l.open(number)
	if floor <= e.Floor {
		return
	}
	e.Floor = floor
	if e.Head < floor-1 {
		e.Head, e.HeadIndex = floor-1, IndexEnd
	}
	e.Holes = above(e.Holes, floor)
	e.givenU = above(e.givenU, floor)
}

// Recall notes what is remembered of an epoch of which nothing is held any more.
func (l *Line) Recall(d EpochDigest) {
	e := l.open(d.Epoch)
	if d.Head > e.Head {
		e.Head, e.HeadIndex = d.Head, d.HeadIndex
	}
	e.HeadHLC = max(e.HeadHLC, d.HeadHLC)
	l.Raise(d.Epoch, d.Floor)
}

// Horizon is the highest epoch that was forgotten; 0 means none.
func (l *Line) Horizon() uint64 { return l.horizon }

// Forget drops all knowledge of an epoch. One that is named as a prior afterwards is
// not awaited: retention took it.
func (l *Line) Forget(number uint64) {
	l.horizon = max(l.horizon, number)
	if i, ok := l.search(number); ok {
		l.epochs = slices.Delete(l.epochs, i, i+1)
		l.chain(i - 1)
	}
}

// Holds tells whether a batch is held.
func (l *Line) Holds(number, sequence uint64) bool {
	e := l.find(number)
	return e != nil && sequence >= e.Floor && sequence <= e.Head && !inside(e.Holes, sequence)
}

// Late tells whether a sequence is beyond the named end of its epoch, or its epoch
// off the line.
func (l *Line) Late(number, sequence uint64) bool {
	e := l.find(number)
	return e != nil && sequence > e.end
}

// Head is the newest place on the line; {Origin, 0, 0, 0} of an empty one.
func (l *Line) Head() Position {
	for i := len(l.epochs) - 1; i >= 0; i-- {
		if e := l.epochs[i]; e.Head > 0 {
			return Position{l.Origin, e.Epoch, e.Head, e.HeadIndex}
		}
	}
	return Position{Origin: l.Origin}
}

// Before is the place on the line just before a batch.
func (l *Line) Before(id BatchID) Position {
	if id.Sequence > 1 {
		return Position{id.Origin, id.Epoch, id.Sequence - 1, IndexEnd}
	}
	if e := l.find(id.Epoch); e != nil && e.named() {
		return e.prior.BatchEnd()
	}
	i, _ := l.search(id.Epoch)
	for i--; i >= 0; i-- {
		if e := l.epochs[i]; e.end > 0 && e.Head > 0 {
			return Position{id.Origin, e.Epoch, min(e.Head, e.end), IndexEnd}
		}
	}
	return Position{Origin: id.Origin}
}

// Emptied tells whether retention dropped all that was held of an epoch on the line, and something of it may have been received
// at ms (Unix) or later.
func (l *Line) Emptied(number uint64, ms int64) bool {
	e := l.find(number)
	return e != nil && e.end > 0 && e.last() < e.Floor && e.HeadHLC > 0 && e.HeadHLC.Millis() >= ms
}

// Digest is what is held of each epoch, oldest first. It shares nothing with the line.
func (l *Line) Digest() []EpochDigest {
	list := make([]EpochDigest, 0, len(l.epochs))
	for _, e := range l.epochs {
		d := e.EpochDigest
		d.Holes = slices.Clone(d.Holes)
		list = append(list, d)
	}
	return list
}

// Epoch is what is held of one epoch. It shares its holes with the line: they must not be changed, and are
// true until the line changes.
func (l *Line) Epoch(number uint64) (EpochDigest, bool) {
	if e := l.find(number); e != nil {
		return e.EpochDigest, true
	}
	return EpochDigest{}, false
}

// Newest is the highest epoch that is known; 0 is none.
func (l *Line) Newest() uint64 {
	if len(l.epochs) == 0 {
		return 0
	}
	return l.epochs[len(l.epochs)-1].Epoch
}

// Oldest is the lowest epoch that is known; 0 is none.
func (l *Line) Oldest() uint64 {
	if len(l.epochs) == 0 {
		return 0
	}
	return l.epochs[0].Epoch
}

// Epochs yields what is held of each epoch, oldest first, as Epoch gives it.
func (l *Line) Epochs() iter.Seq[EpochDigest] {
	return func(yield func(EpochDigest) bool) {
		for _, e := range l.epochs {
			if !yield(e.EpochDigest) {
				return
			}
		}
	}
}

// Prior is where the line stood before an epoch; false where that is not known. Of an origin's first epoch it is
// the zero Position.
func (l *Line) Prior(number uint64) (Position, bool) {
	if e := l.find(number); e != nil && e.begun {
		return e.prior, true
	}
	return Position{}, false
}

// GivenUp are the holes of an epoch that were given up. They must not be changed.
func (l *Line) GivenUp(number uint64) Ranges {
	if e := l.find(number); e != nil {
		return e.givenU
	}
	return nil
}

// find gives an epoch's entry, or nil.
func (l *Line) find(number uint64) *epoch {
	if i, ok := l.search(number); ok {
		return l.epochs[i]
	}
	return nil
}

func (l *Line) search(number uint64) (int, bool) {
	return slices.BinarySearchFunc(l.epochs, number, func(e *epoch, n uint64) int {
		switch {
		case e.Epoch < n:
			return -1
		case e.Epoch > n:
			return 1
		}
		return 0
	})
}

// open gives an epoch's entry, made where it is missing.
func (l *Line) open(number uint64) *epoch {
	i, ok := l.search(number)
	if !ok {
		e := &epoch{EpochDigest: EpochDigest{Epoch: number, Floor: 1}}
		l.epochs = slices.Insert(l.epochs, i, e)
		l.chain(i)
	}
	return l.epochs[i]
}

// reach raises the head to a sequence that exists; what lies between is absent.
func (e *epoch) reach(sequence uint64) {
	if sequence > e.Head {
		e.Holes = join(e.Holes, Range{max(e.Head+1, e.Floor), sequence})
		e.Head, e.HeadIndex = sequence, IndexEnd
	}
}

// chain finds the ends of an epoch that is new or has changed, and of those before it, backwards until nothing
// changes any more. An epoch whose first batch is not known leaves the end of the one before it open.
func (l *Line) chain(from int) {
	var next *epoch // the nearest later epoch on the line, where it names a prior
	for i := from + 1; i < len(l.epochs); i++ {
		if e := l.epochs[i]; e.end > 0 {
			if e.named() {
				next = e
			}
			break
		}
	}
	for i := from; i >= 0; i-- {
		e := l.epochs[i]
		was := e.end
		switch e.end = math.MaxUint64; {
		case next == nil:
		case e.Epoch > next.prior.Epoch:
			e.end = 0
			continue
		case e.Epoch == next.prior.Epoch:
			e.end = next.prior.Sequence
		}
		if i < from && e.end == was {
			return // what is before it depends on it alone
		}
		if next = nil; e.named() {
			next = e
		}
	}
}

// named tells whether the epoch says where the line stood before it. The first epoch
// of a disk names nothing, and says nothing of what the origin had on another one.
func (e *epoch) named() bool { return e.begun && e.prior.Sequence > 0 && e.prior.Epoch < e.Epoch }
