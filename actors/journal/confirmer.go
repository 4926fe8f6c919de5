package journal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// confirmer answers, with AckPeer, what the syncer has no more to say of: when one other node is known to hold it, or
// after a while without. What waits is bounded by the inbox: its room is free when it is answered.
type confirmer struct {
	inbox    *Inbox
	metrics  *metrics
	log      *slog.Logger
	patience time.Duration
	synced   <-chan written
	// ended is closed when run has: who comes then is for sweep.
	ended chan struct{}

	// waiting are in the order in which they came.
	waiting []claim
	// failing is whether it was logged that no peer confirms.
	failing bool
}

// claim is a part of a group that waits for the same batches to be covered.
type claim struct {
	written
	needs []need
	since time.Time
	until time.Time
}

const (
	// mostClaims is into how many a group is parted at most; what would be more waits for all that the last one does.
	mostClaims = 64
	// lastPatience is how long what is left waits when the actor ends.
	lastPatience = time.Second
)

// run works until synced is closed, then gives what is left a moment.
func (c *confirmer) run(context.Context) {
	defer close(c.ended)
	defer func() {
		for i := range c.waiting {
			abandon(c.log, c.inbox, []written{c.waiting[i].written})
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for synced := c.synced; synced != nil || len(c.waiting) > 0; {
		var due <-chan time.Time
		if len(c.waiting) > 0 {
			timer.Reset(max(0, time.Until(c.waiting[0].until)))
			due = timer.C
		}
		select {
		case g, ok := <-synced:
			if !ok {
				synced = nil
				c.hurry(time.Now().Add(lastPatience))
				continue
			}
			first := len(c.waiting)
			c.take(g)
			c.settle(first)
		case <-c.inbox.covers.ready:
			c.settle(0)
		case <-due:
			c.expire(time.Now())
		}
	}
}

// sweep answers what comes after run has panicked, until the syncer ends.
func (c *confirmer) sweep() {
	<-c.ended
	for g := range c.synced {
		abandon(c.log, c.inbox, []written{g})
	}
}

// take has a group wait, parted by what each submission waits for.
func (c *confirmer) take(g written) {
	first, now := len(c.waiting), time.Now()
	add := func(needs []need) *claim {
		c.waiting = append(c.waiting, claim{needs: needs, since: now, until: g.at.Add(c.patience)})
		return &c.waiting[len(c.waiting)-1]
	}
	if g.repeats == nil && !slices.ContainsFunc(g.outcomes, func(o command.Outcome) bool { return o.Err != nil }) {
		add([]need{g.numbered}).written = g
		return
	}
	for i := range g.submissions {
		needs, parts := g.needs(i), c.waiting[first:]
		at := slices.IndexFunc(parts, func(p claim) bool { return slices.Equal(p.needs, needs) })
		var to *claim
		switch {
		case at >= 0:
			to = &parts[at]
		case len(parts) < mostClaims:
			to = add(needs)
		default:
			to = &parts[len(parts)-1]
			to.needs = append(slices.Clip(to.needs), needs...)
		}
		to.submissions, to.outcomes, to.sizes = append(to.submissions, g.submissions[i]), append(to.outcomes, g.outcomes[i]), append(to.sizes, g.sizes[i])
	}
}

// settle answers what is covered, of those from the first-th on.
func (c *confirmer) settle(first int) {
	if c.failing && !c.inbox.covers.failed() {
		c.failing = false
		c.log.Info("a peer confirms this node's records again")
	}
	for i := first; i < len(c.waiting); i++ {
		if w := &c.waiting[i]; !c.inbox.covers.lacks(w.needs) {
			c.metrics.covers.Observe(time.Since(w.since).Seconds())
			w.answer(c.inbox)
		}
	}
	c.tidy()
}

// expire answers what has waited in vain. It is stored, so that no chain breaks.
func (c *confirmer) expire(now time.Time) {
	for i := range c.waiting {
		w := &c.waiting[i]
		if w.until.After(now) {
			break
		}
		if c.inbox.covers.fail(); !c.failing {
			c.failing = true
			c.log.Warn("no peer confirms this node's records: publishers are answered that they are unconfirmed", "waited", c.patience)
		}
		c.metrics.uncovered.Add(float64(len(w.submissions)))
		w.fail(fmt.Errorf("%w after %v", command.ErrUncovered, c.patience))
		w.answer(c.inbox)
	}
	c.tidy()
}

// tidy drops what was answered.
func (c *confirmer) tidy() {
	c.waiting = slices.DeleteFunc(c.waiting, func(w claim) bool { return len(w.submissions) == 0 })
}

// hurry has what waits do so no longer than until a time.
func (c *confirmer) hurry(until time.Time) {
	for i := range c.waiting {
		if w := &c.waiting[i]; w.until.After(until) {
			w.until = until
		}
	}
}

// needs is what is to be covered before the i-th submission is answered.
func (g *written) needs(i int) (needs []need) {
	if g.outcomes[i].Err != nil {
		return nil
	}
	own := len(g.submissions[i].State) > 0 || slices.ContainsFunc(g.outcomes[i].Positions, func(p messages.Position) bool { return !p.IsZero() })
	if g.repeats != nil {
		for _, n := range g.repeats[i] {
			if n == (need{}) {
				own = true
				continue
			}
			needs = append(needs, n)
		}
	}
	if own {
		needs = append(needs, g.numbered)
	}
	return needs
}
