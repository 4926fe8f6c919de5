package demo

import (
	"slices"
	"strings"
	"time"
)

// window is over how many whole seconds a rate is taken.
const window = 10

// mostStreams bounds what a tally keeps; what comes beyond is counted as one.
const mostStreams = 1000

const others = "(other streams)"

// counter counts what comes and knows the rate of the last seconds. The zero value has counted none.
type counter struct {
	total uint64
	// seconds has the counts by second, at its Unix time modulo its length.
	seconds [window + 1]struct {
		at    int64
		count uint64
	}
}

func (c *counter) add(at time.Time) {
	c.total++
	second := at.Unix()
	s := &c.seconds[second%(window+1)]
	if s.at != second {
		s.at, s.count = second, 0
	}
	s.count++
}

// rate is a second's share of the last whole seconds since the start.
func (c *counter) rate(now, start time.Time) float64 {
	last := now.Unix() - 1
	first := max(last-window+1, start.Unix())
	if last < first {
		return 0
	}
	sum := uint64(0)
	for _, s := range c.seconds {
		if s.at >= first && s.at <= last {
			sum += s.count
		}
	}
	return float64(sum) / float64(last-first+1)
}

// tally is what the view knows of all that came. It belongs to one goroutine.
type tally struct {
	start   time.Time
	all     counter
	streams map[string]*streamTally
	// first is when the first record came; zero before.
	first time.Time
	gaps  int
}

type streamTally struct {
	counter
	name string
	// latest is the newest datum.
	latest string
}

func newTally(start time.Time) *tally {
	return &tally{start: start, streams: make(map[string]*streamTally)}
}

func (t *tally) record(at time.Time, stream, datum string) {
	if t.first.IsZero() {
		t.first = at
	}
	t.all.add(at)
	if t.streams[stream] == nil && len(t.streams) >= mostStreams {
		stream = others
	}
	s := t.streams[stream]
	if s == nil {
		s = &streamTally{name: stream}
		t.streams[stream] = s
	}
	s.add(at)
	s.latest = datum
}

// sorted are the streams by name.
func (t *tally) sorted() []*streamTally {
	all := make([]*streamTally, 0, len(t.streams))
	for _, s := range t.streams {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *streamTally) int { return strings.Compare(a.name, b.name) })
	return all
}
