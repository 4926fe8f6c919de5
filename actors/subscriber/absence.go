package subscriber

import (
	"maps"
	"slices"
	"time"

	"anode/actors/actor"
	"anode/messages"
)

// absence is what of a subscription waits for an archive that is away. The zero absence is nothing.
type absence struct {
	origins map[messages.NodeID]bool
	// unlisted: it is not known which origins only the archive has.
	unlisted bool
	// tries is how often it was asked in vain, timed that it is asked again.
	tries int
	timed bool
}

// askAgain tells that it is time to ask the archive again.
type askAgain struct{ sub *subscription }

// The pauses between two tries.
const (
	firstPause = time.Second
	mostPause  = 10 * time.Second
)

// waits tells whether an origin will be read when the archive is asked again.
func (a *absence) waits(origin messages.NodeID) bool { return a.timed && a.origins[origin] }

// note takes in what a reader could not read, and has it tried again.
func (s *session) note(ctx *actor.Context, sub *subscription, m finished) {
	a, found := &sub.absent, &m.reader.archive
	if m.only == nil {
		a.origins, a.unlisted = found.away, found.unlisted
	} else {
		for _, origin := range m.only {
			delete(a.origins, origin)
		}
		if a.origins == nil {
			a.origins = make(map[messages.NodeID]bool)
		}
		maps.Copy(a.origins, found.away)
		a.unlisted = a.unlisted && !m.reader.found
	}
	if m.reader.moved {
		a.tries = 0
	}
	if a.timed || !a.unlisted && len(a.origins) == 0 {
		return
	}
	a.timed = true
	ctx.After(min(firstPause<<min(a.tries, 4), mostPause), askAgain{sub})
	a.tries++
}

// askAgain reads what waits for the archive. Where a reader is at work its end has it asked again.
func (s *session) askAgain(ctx *actor.Context, sub *subscription) {
	sub.absent.timed = false
	if s.subs[sub.spec.Sub] != sub || sub.stop != nil {
		return
	}
	origins := slices.AppendSeq(make([]messages.NodeID, 0, len(sub.absent.origins)), maps.Keys(sub.absent.origins))
	if len(origins) > 0 || sub.absent.unlisted {
		s.read(ctx, sub, reader{only: origins, find: sub.absent.unlisted})
	}
}
