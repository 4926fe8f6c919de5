package node

import (
	"slices"
	"time"

	"anode/messages/command"
)

// joined is how a source is that runs on several nodes at once, each of which takes what is pushed to it: counts are sums, clocks the newest, and the
// rest is of one that is best off. There is at least one.
func joined(all []command.SourceStatus) command.SourceStatus {
	best := slices.MinFunc(all, func(a, b command.SourceStatus) int { return place(a.State) - place(b.State) })
	sum := best
	sum.Records, sum.Dropped, sum.Errors, sum.Restarts, sum.Rate = 0, command.SourceDrops{}, 0, 0, 0
	sum.Transport, sum.Protocol, sum.Data = command.SourceClock{}, command.SourceClock{}, command.SourceClock{}
	for i := range all {
		s := &all[i]
		sum.Records += s.Records
		sum.Errors += s.Errors
		sum.Restarts += s.Restarts
		sum.Rate += s.Rate
		sum.Dropped.Filtered += s.Dropped.Filtered
		sum.Dropped.Duplicate += s.Dropped.Duplicate
		sum.Dropped.Limited += s.Dropped.Limited
		sum.Dropped.Failed += s.Dropped.Failed
		sum.Transport = later(sum.Transport, s.Transport)
		sum.Protocol = later(sum.Protocol, s.Protocol)
		sum.Data = later(sum.Data, s.Data)
	}
	return sum
}

// place is how well off a source is, the best first; what is not known is last.
func place(state string) int {
	order := []string{
		command.SourceRunning, command.SourceStale, command.SourceConnecting, command.SourceBackoff, command.SourceFailed, command.SourcePending, command.SourcePaused,
	}
	if at := slices.Index(order, state); at >= 0 {
		return at
	}
	return len(order)
}

// later joins two clocks.
func later(a, b command.SourceClock) command.SourceClock {
	at := func(c command.SourceClock) time.Time {
		if c.Last == nil {
			return time.Time{}
		}
		return *c.Last
	}
	joined := command.SourceClock{OK: a.OK || b.OK, Last: a.Last}
	if at(b).After(at(a)) {
		joined.Last = b.Last
	}
	return joined
}

// standbyOf is what the first by rank that stands by holds back; nil where none does.
func standbyOf(all []command.SourceStatus) *command.SourceStandby {
	for i := range all {
		if all[i].Standby != nil {
			return all[i].Standby
		}
	}
	return nil
}
