package source

// move is what a message made of a state: it must not be stored before what the message made is.
type move struct {
	state  *state
	since  any
	cursor *string
	// walked tells that it is what a walk over pages came to.
	walked bool
	// mark is the last that was held then.
	mark uint64
}

// moves are those of states that wait until what is held is stored: of each state at most two, so that one
// of them has its turn also where something is always held. The zero value has none.
type moves struct {
	waiting map[*state][]move
	// settled is the oldest that was held when they were looked at last.
	settled uint64
}

// none tells that a state has no move that waits.
func (ms *moves) none(s *state) bool { return len(ms.waiting[s]) == 0 }

// add has a move wait for all up to a mark.
func (ms *moves) add(m move, mark uint64) {
	m.mark = mark
	waiting := ms.waiting[m.state]
	if n := len(waiting); n == 2 {
		last := waiting[1]
		if m.since == nil {
			m.since = last.since
		}
		if m.cursor == nil {
			m.cursor = last.cursor
		}
		m.walked = m.walked || last.walked
		waiting = waiting[:1]
	}
	if ms.waiting == nil {
		ms.waiting = make(map[*state][]move)
	}
	ms.waiting[m.state] = append(waiting, m)
}

// settle makes the moves that wait for nothing any more, where oldest is the first that is held, if any is, and
// gives one of their states.
func (ms *moves) settle(oldest uint64, held bool, make func(move)) (some *state) {
	if len(ms.waiting) == 0 || held && oldest == ms.settled {
		return nil
	}
	ms.settled = oldest
	for s, waiting := range ms.waiting {
		for len(waiting) > 0 && (!held || waiting[0].mark < oldest) {
			make(waiting[0])
			waiting, some = waiting[1:], s
		}
		if ms.waiting[s] = waiting; len(waiting) == 0 {
			delete(ms.waiting, s)
		}
	}
	return some
}
