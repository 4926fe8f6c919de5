package placement

import (
	"cmp"
	"slices"
	"time"
)

const (
	// MaxYield is the longest that a source is yielded by one Register. A node that still wants to says so
	// again; one that can't any more, as it is cut off, is asked again after five minutes.
	MaxYield = 5 * time.Minute
	// MaxYields is the most sources that one node yields. Its register must fit frame.MaxValue, 512 KiB: about 4,000 with reasons, and as
	// many without where names are short. A node that lost its network may have more: those beyond it keeps, and they fail there.
	MaxYields = 10_000
)

// Register is all that one node yields. A later one replaces it whole.
type Register struct {
	// Said is when the node said it, in Unix ms by its own clock. Only the difference to Until counts, so that a
	// clock that is wrong neither keeps a source yielded for ever nor makes a node deaf to yields.
	Said   int64
	Yields []Yield
}

// Yield is one source that a node does not want now.
type Yield struct {
	Source string
	// Until is when it may be asked again, in Unix ms by the same clock as Said.
	Until int64
	// Reason is why, in words: "the secret feed-key is missing".
	Reason string
	// Level tells that nothing is wrong with the source: it is given away because Plan.Level said so.
	Level bool
}

// Yields are the yields of one node by source, as another node keeps them; nil is none. They are not to be changed.
type Yields map[string]Yielded

// Yielded is a yield by the clock of the node that keeps it.
type Yielded struct {
	// Ends is the time from which it does not count.
	Ends   time.Duration
	Reason string
	Level  bool
}

// Heard is what a register means to a node to which it came at a time. It is to be called once, when the
// register comes: called again later it would prolong all. Yields that were over when they were said are left out, longer
// ones than MaxYield are cut, and of more than MaxYields the first by name count. Of two of one source the one
// counts that is not for levelling, and then the longer.
func (r Register) Heard(now time.Duration) Yields {
	list := slices.Clone(r.Yields)
	slices.SortFunc(list, func(a, b Yield) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), compareBool(a.Level, b.Level), cmp.Compare(b.Until, a.Until), cmp.Compare(a.Reason, b.Reason))
	})
	heard := make(Yields)
	for _, y := range list {
		_, twice := heard[y.Source]
		if twice || y.Until <= r.Said || len(heard) == MaxYields {
			continue
		}
		left := MaxYield // in unsigned, as the difference may be any
		if ms := uint64(y.Until) - uint64(r.Said); ms < uint64(MaxYield/time.Millisecond) {
			left = time.Duration(ms) * time.Millisecond
		}
		heard[y.Source] = Yielded{now + left, y.Reason, y.Level}
	}
	return heard
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
