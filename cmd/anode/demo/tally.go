package demo

import (
	"slices"
	"strings"
	"time"
)

// window is over how many whole seconds a rate is taken; history is how many are kept.
const (
	window  = 10
	history = 120
)

// mostStreams bounds what a tally keeps; what comes beyond is counted as one.
const mostStreams = 1000

const others = "(other streams)"

// counter counts what comes and knows the last seconds. The zero value has counted none.
type counter struct {
	total uint64
	// seconds has the counts by second, at its Unix time modulo its length.
	seconds []second
}

type second struct {
	at    int64
	count uint64
}

func (c *counter) add(at time.Time, keep int) {
	if c.seconds == nil {
		c.seconds = make([]second, keep+1)
	}
	c.total++
	now := at.Unix()
	s := &c.seconds[now%int64(len(c.seconds))]
	if s.at != now {
		s.at, s.count = now, 0
	}
	s.count++
}

// in is the count of a second.
func (c *counter) in(at int64) uint64 {
	if len(c.seconds) == 0 {
		return 0
	}
	if s := c.seconds[at%int64(len(c.seconds))]; s.at == at {
		return s.count
	}
	return 0
}

// rate is a second's share of the last whole seconds since the start.
func (c *counter) rate(now, start time.Time) float64 {
	last := now.Unix() - 1
	first := max(last-window+1, start.Unix()+1)
	if last < first {
		return 0
	}
	sum := uint64(0)
	for at := first; at <= last; at++ {
		sum += c.in(at)
	}
	return float64(sum) / float64(last-first+1)
}

// recent are the counts of the last whole seconds, so many at most, none from before the start.
func (c *counter) recent(now, start time.Time, most int) []uint64 {
	last := now.Unix() - 1
	var list []uint64
	for at := max(last-int64(min(most, history))+1, start.Unix()+1); at <= last; at++ {
		list = append(list, c.in(at))
	}
	return list
}

// tally is what the view knows of all that came. It belongs to one goroutine.
type tally struct {
	start   time.Time
	all     counter
	streams map[string]*streamTally
	// first is when the first record came; zero before.
	first time.Time
}

type streamTally struct {
	counter
	name string
	// latest is the newest datum, at when it came; of is how many streams these are.
	latest string
	at     time.Time
	of     int
}

func newTally(start time.Time) *tally {
	return &tally{start: start, streams: make(map[string]*streamTally)}
}

func (t *tally) record(at time.Time, stream, datum string) {
	if t.first.IsZero() {
		t.first = at
	}
	t.all.add(at, history)
	if t.streams[stream] == nil && len(t.streams) >= mostStreams {
		stream = others
	}
	s := t.streams[stream]
	if s == nil {
		s = &streamTally{name: stream, of: 1}
		t.streams[stream] = s
	}
	s.add(at, window)
	s.latest, s.at = datum, at
}

// sorted are the streams by name, without one.
func (t *tally) sorted(without string) []*streamTally {
	all := make([]*streamTally, 0, len(t.streams))
	for _, s := range t.streams {
		if s.name != without {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *streamTally) int { return strings.Compare(a.name, b.name) })
	return all
}

// families joins streams, sorted by name, that begin with the same token.
func families(all []*streamTally) []*streamTally {
	var list []*streamTally
	for _, s := range all {
		token, _, deep := strings.Cut(s.name, ".")
		name := token
		if deep {
			name += ".>"
		}
		if n := len(list); n == 0 || list[n-1].name != name {
			list = append(list, &streamTally{name: name})
		}
		f := list[len(list)-1]
		f.of++
		f.total += s.total
		if s.at.After(f.at) {
			f.latest, f.at = s.latest, s.at
		}
		if f.seconds == nil {
			f.seconds = make([]second, window+1)
		}
		for _, from := range s.seconds {
			into := &f.seconds[from.at%int64(len(f.seconds))]
			if into.at < from.at {
				*into = second{at: from.at}
			}
			if into.at == from.at {
				into.count += from.count
			}
		}
	}
	return list
}
