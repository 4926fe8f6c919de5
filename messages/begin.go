package messages

// Beginning is where a reader begins an origin that its cursor does not list, by the cursor's time.
type Beginning struct {
	// At is just before the first place that it is owed.
	At Position
	// Until is up to where what is absent is named and not awaited; the zero Position is nowhere.
	Until Position
}

// Begin finds where a reader begins that is owed all that was received at ms (Unix) or later. sought is what the
// journal's Seek gives for ms, found after this Line was copied. met is where the reader met the origin, just before a
// batch that came live, or the zero Position: what came live it is owed whenever that was received.
//
// What is absent just below what was sought may be owed too. In an epoch that began at ms or later (its number is the
// Unix ms of its beginning) it is, and is awaited like all that a reader has a claim to. In one that began before, nobody
// knows where in it ms is, and it may be a week: it is told apart when it is held down to there, or named when the origin
// speaks live.
//
// The answer is false while what is still to come decides it.
//
//	epoch 1 h before ms    1 2 3 _ _ _ 7 8 │ 9    3 was received before ms, 7 after it
//	met at 8               At 3, Until 8: 4 to 6 are named
//	not met                not known before 4 to 6 are there
//	epoch 1 min after ms       _ _ _ 4 5 │ 6      not known before 1 says what is before it
//	                       1 _ _ 4 5 │ 6          At 0: 2 and 3 are awaited
func (l *Line) Begin(ms int64, sought, met Position) (Beginning, bool) {
	since := Position{Origin: l.Origin, Epoch: uint64(max(ms, 0))}
	switch {
	case l.Head().Sequence == 0 && met.IsZero():
		return Beginning{}, false
	case !met.IsZero() && sought.Compare(met) > 0: // what came live was received before ms, and so was all below
		return Beginning{At: met}, true
	}
	w := descent{line: l, since: since.Epoch, at: sought.BatchEnd()}
	w.walk()
	switch {
	case w.open, w.old && met.IsZero():
		return Beginning{}, false
	case met.IsZero() || w.at.Compare(since) >= 0:
		return Beginning{At: w.at}, true
	case met.Compare(since) < 0:
		return Beginning{At: w.at, Until: met}, true
	default:
		return Beginning{At: w.at, Until: since}, true
	}
}

// descent walks a line down over what is absent.
type descent struct {
	line  *Line
	since uint64
	at    Position
	// old: something is awaited in an epoch that began before since. open: it is not known what comes below.
	old, open bool
}

func (w *descent) walk() {
	if w.at.Sequence == 0 {
		w.at = w.line.belowLowest()
	}
	if w.at.Sequence == 0 {
		return
	}
	i, known := w.line.search(w.at.Epoch)
	if !known {
		w.at.Sequence, w.at.Index = 0, 0     // retention took it, and says so from here
		w.open = w.at.Epoch > w.line.horizon // or the journal went on since
		return
	}
	if next := w.line.after(i); next != nil && next.Epoch < w.since && w.at.Sequence >= w.line.epochs[i].last() {
		return // it ended before
	}
	for i >= 0 {
		i = w.down(i)
	}
}

// down goes down in an epoch, and gives the next one below that is to be looked at, or -1.
func (w *descent) down(i int) int {
	e := w.line.epochs[i]
	for w.at.Sequence > 0 {
		if w.at.Sequence < e.Floor { // retention took what is asked for, or may have
			w.at = Position{Origin: w.line.Origin}
			if w.line.before(i) >= 0 {
				w.at.Epoch = e.Epoch
			}
			return -1
		}
		hole, absent := covering(e.Holes, w.at.Sequence)
		if !absent {
			return -1
		}
		hole.To = min(hole.To, w.at.Sequence)
		w.old = w.old || e.Epoch < w.since && len(Ranges{hole}.Minus(e.givenU)) > 0
		w.at.Sequence = hole.From - 1
	}
	return w.below(i, e)
}

// below goes on below the first batch of an epoch, all of which is owed.
func (w *descent) below(i int, e *epoch) int {
	w.at = Position{w.line.Origin, e.Epoch, 0, 0}
	switch {
	case e.Epoch < w.since: // what was before ended before
		return -1
	case !e.begun && !inside(e.givenU, 1):
		w.open = true
		return -1
	}
	below := w.line.before(i)
	if e.named() {
		j, known := w.line.search(e.prior.Epoch)
		if !known { // retention took it
			w.at.Epoch = e.prior.Epoch
			return -1
		}
		below = j
	}
	if below >= 0 {
		p := w.line.epochs[below]
		w.at = Position{w.line.Origin, p.Epoch, p.last(), IndexEnd}
	}
	return below
}

// last is the highest place of an epoch on the line that is known.
func (e *epoch) last() uint64 { return min(e.Head, e.end) }

// belowLowest is the place just below the lowest batch that is held, where what is absent there may still come; else
// the beginning of all.
func (l *Line) belowLowest() Position {
	for _, e := range l.epochs {
		lowest := e.Floor
		hole, absent := covering(e.Holes, lowest)
		if absent {
			lowest = hole.To + 1
		}
		switch {
		case lowest > e.Head: // nothing of it is held
		case absent:
			return Position{l.Origin, e.Epoch, lowest - 1, IndexEnd}
		default:
			return Position{Origin: l.Origin}
		}
	}
	return Position{Origin: l.Origin}
}

// after is the next epoch on the line of which something is known.
func (l *Line) after(i int) *epoch {
	for _, e := range l.epochs[i+1:] {
		if e.last() > 0 {
			return e
		}
	}
	return nil
}

// before is the one before, or -1.
func (l *Line) before(i int) int {
	for i--; i >= 0 && l.epochs[i].last() == 0; i-- {
	}
	return i
}
