package archive

import (
	"time"
)

// The pauses before an archive that is away is asked again.
const (
	leastPause = beat
	mostPause  = 5 * time.Second
)

// gate says when the archive may be asked. Its zero value is closed: it is to be asked first what it has. It is pure.
type gate struct {
	// open: writes may go.
	open bool
	// trouble: it was shut, and nothing was written since. since is when that began, why the last reason in words.
	trouble bool
	since   time.Time
	why     string
	pause   time.Duration
	next    time.Time
}

// shut closes it for a reason, until the archive has answered again. Each time in a row it is asked less often. It tells whether all was
// well before.
func (g *gate) shut(why string, now time.Time) (first bool) {
	if first = !g.trouble; first {
		g.trouble, g.since = true, now
	}
	g.open, g.why = false, why
	g.pause = min(max(leastPause, 2*g.pause), mostPause)
	g.next = now.Add(g.pause)
	return first
}

// due tells whether a closed one is to be tried.
func (g *gate) due(now time.Time) bool { return !g.open && !now.Before(g.next) }

// well takes in that something was written, or nothing is to be. It tells whether there was trouble.
func (g *gate) well() (was bool) {
	was = g.trouble
	g.trouble, g.pause, g.why = false, 0, ""
	return was
}
