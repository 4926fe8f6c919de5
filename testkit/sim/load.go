package sim

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"anode/messages"
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

// Publish begins a load. It ends with the run's Duration.
func Publish(l Load) Action {
	return Action{text: l.text(), check: func(f *forecast) error {
		f.pours(l)
		return cmp.Or(l.valid(), f.knows(l.At))
	}, run: func(s *Sim) error {
		if err := s.knows(l.At); err != nil {
			return err
		}
		s.pour(l)
		return nil
	}}
}

func (l Load) text() string {
	text := fmt.Sprintf("load at=%s rate=%s", l.At, strconv.FormatFloat(l.Rate, 'f', -1, 64))
	if l.Size > 0 {
		text += fmt.Sprintf(" size=%d", l.Size)
	}
	if l.Records > 1 {
		text += fmt.Sprintf(" records=%d", l.Records)
	}
	if l.Even {
		text += " spacing=even"
	}
	if l.For > 0 {
		text += " for=" + durationText(l.For)
	}
	return text
}

func (l Load) valid() error {
	return cmp.Or(
		fault(!(l.Rate > 0) || math.IsInf(l.Rate, 1), "rate %g: want more than 0 batches a second", l.Rate),
		fault(l.Size < 0 || l.Size > len(room), "size %d: a batch has 1 to %d bytes", l.Size, len(room)),
		fault(l.Records > messages.MaxBatchRecords, "records %d: a batch has at most %d", l.Records, messages.MaxBatchRecords),
		fault(l.For < 0, "for=%s is negative", l.For),
	)
}

// Stop ends all loads.
func Stop() Action {
	return Action{text: "stop", check: func(f *forecast) error {
		f.stops()
		return nil
	}, run: func(s *Sim) error {
		for _, st := range s.streams {
			st.off = true
		}
		return nil
	}}
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
