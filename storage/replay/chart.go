package replay

import (
	"slices"
	"sort"
	"strings"

	"anode/messages"
	"anode/storage"
)

// chart is what an archive has of one origin for some patterns.
type chart struct {
	// line has a hole where something of what the patterns match is absent, and is raised to what a TTL took.
	line   *messages.Line
	epochs map[uint64]*epoch
}

// epoch is what is there of one.
type epoch struct {
	// runs are the sequences of which all is there, some those of which something may be.
	runs, some messages.Ranges
	hlc        messages.HLC
	headIndex  uint32
	// aged: it is known what a TTL took.
	aged bool
}

// draw makes a chart of what the archive says of an origin. The journal's line adds what is known of how its epochs follow
// each other.
func draw(origin messages.NodeID, list []storage.Archived, match []messages.Pattern, journal *messages.Line) *chart {
	c := &chart{line: messages.NewLine(origin), epochs: make(map[uint64]*epoch)}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Epoch == list[0].Epoch {
			n++
		}
		c.add(list[:n], match)
		list = list[n:]
	}
	for e := range journal.Epochs() {
		if prior, known := journal.Prior(e.Epoch); known {
			c.line.Name(e.Epoch, prior)
		}
	}
	return c
}

// add takes in what archivers noted of one epoch.
func (c *chart) add(list []storage.Archived, match []messages.Pattern) {
	e, number := &epoch{headIndex: messages.IndexEnd}, list[0].Epoch
	c.epochs[number] = e
	for i := range list {
		for _, run := range list[i].Runs {
			e.some = e.some.Add(run)
		}
		e.hlc = max(e.hlc, list[i].HeadHLC)
	}
	e.runs = slices.Clone(e.some)
	for _, p := range match {
		if !passing(p) {
			e.runs = e.runs.Both(covering(list, p))
		}
	}
	if len(e.some) > 0 {
		top := e.some[len(e.some)-1].To
		for i := range list {
			if runs := list[i].Runs; len(runs) > 0 && runs[len(runs)-1].To == top {
				e.headIndex = list[i].HeadIndex
			}
		}
		c.line.Recall(messages.EpochDigest{Epoch: number, Floor: 1, Head: top, HeadIndex: e.headIndex, HeadHLC: e.hlc})
		for _, hole := range (messages.Ranges{{From: 1, To: top}}).Minus(e.runs) {
			c.line.Lose(number, hole)
		}
	}
	for i := range list {
		if list[i].Begun {
			c.line.Name(number, list[i].Prior)
		}
	}
}

// covering are the sequences of which all that a pattern matches is there.
func covering(list []storage.Archived, p messages.Pattern) messages.Ranges {
	var runs messages.Ranges
	for i := range list {
		if !list[i].Streams.Covers(p) {
			continue
		}
		for _, run := range list[i].Runs {
			runs = runs.Add(run)
		}
	}
	return runs
}

// passing tells whether a pattern matches only what has no position: status.
func passing(p messages.Pattern) bool {
	first, _, _ := strings.Cut(string(p), ".")
	return first == "$status"
}

// last is up to which sequence all is there, from one that is, and not beyond another one nor the end of the epoch.
func (c *chart) last(number, from, most uint64) uint64 {
	run, ok := c.epochs[number].runs.At(from)
	if !ok {
		return from
	}
	to := min(run.To, most)
	if !c.line.Late(number, to) {
		return to
	}
	n := sort.Search(int(to-from), func(i int) bool { return c.line.Late(number, from+uint64(i)+1) })
	return from + uint64(n)
}

// reason says why a sequence is absent that is a hole, where it is known here.
func (c *chart) reason(number, sequence uint64, otherwise messages.Reason) messages.Reason {
	if e := c.epochs[number]; e != nil && e.some.Has(sequence) {
		return messages.ReasonRetention // it was left out
	}
	return otherwise
}
