package sim

import (
	"math"
	"time"
)

// Load is what origins publish.
type Load struct {
	// At are the origins.
	At Pick
	// Rate is batches a second of each.
	Rate float64
	// Size is the bytes of a batch, Records how many records it has.
	Size    int    // 300
	Records uint32 // 1
	// Even: the batches come at even distances; else at random ones (a Poisson process).
	Even bool
	// For is how long; 0 is to the end.
	For time.Duration
}

// stream is one origin's part of a load.
type stream struct {
	load Load
	end  int64
	off  bool
}

// pour begins a load.
func (s *Sim) pour(l Load) {
	l.Size, l.Records = or(l.Size, 300), or(l.Records, 1)
	end := int64(s.cfg.Duration)
	if l.For > 0 {
		end = min(end, s.now+int64(l.For))
	}
	for _, n := range s.pick(l.At) {
		st := &stream{load: l, end: end}
		s.streams = append(s.streams, st)
		s.later(s.gap(st, true), event{kind: publish, node: n.index, extra: st})
	}
}

// gap is the time to the next batch.
func (s *Sim) gap(st *stream, first bool) int64 {
	mean := 1e9 / st.load.Rate
	switch {
	case !st.load.Even:
		mean *= -math.Log(1 - s.random.load.Float64())
	case first:
		mean *= s.random.load.Float64()
	}
	return max(int64(mean), 1)
}

// publishNext seals an origin's next batch, and plans the one after it.
func (s *Sim) publishNext(n *node, st *stream) {
	if st.off || s.now >= st.end {
		return
	}
	s.sealNext(n, st.load.Size, st.load.Records)
	s.later(s.gap(st, false), event{kind: publish, node: n.index, extra: st})
}
