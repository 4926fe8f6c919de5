package source

import (
	"sync/atomic"
	"time"
)

const (
	// givesWayFor is for how long a node goes behind another one after it heard last that this one numbers what its own feed brings. It is
	// longer than leastStandby, so that of a feed that goes on each copy finds what it is of held back.
	givesWayFor = leastStandby + 3*time.Second
	// rivalAge is how old what another node received is at most for it to tell that this one numbers now: after a partition each hears of what
	// the other did during it.
	rivalAge = 5 * time.Second
)

// rival is a node that takes itself for the first owner, as this one does: for a while after a partition, a death that was none, or another
// change, two have different views. What both number is there twice. Of two, that with the higher id gives way, which is what both would say
// without asking: it holds back what it collects as a second owner does, for as long as it hears of what the other one numbers. When that ends
// it numbers what no copy cancelled, so that nothing is lost where the other was about to stop. The job's turn guards its changes.
type rival struct {
	// until is when it counts no more, in Unix ns.
	until atomic.Int64
}

// ahead tells that another node numbers before this one. A clock that was put back ends it.
func (r *rival) ahead(now time.Time) bool {
	left := time.Duration(r.until.Load() - now.UnixNano())
	return left > 0 && left <= givesWayFor
}

// hears takes over a copy of what another node numbered; crossed tells that this node did too.
func (r *rival) hears(c *heardCopy, crossed bool, now time.Time) {
	if c.outranks && now.UnixMilli()-c.Born() < rivalAge.Milliseconds() && (crossed || r.ahead(now)) {
		r.until.Store(now.Add(givesWayFor).UnixNano())
	}
}
