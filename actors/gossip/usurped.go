package gossip

import (
	"time"

	"anode/messages/wire/frame"
)

const (
	// inUse is what a newcomer is told whose identity a living node has; it is the core's word for it.
	inUse = "identity in use"
	// usurpedFor is how long a node hears it before it stops. Where only its own old links are in the way, they have
	// ended by then.
	usurpedFor = 15 * time.Second
	// usurpedPause is for how long after it was heard last it still counts.
	usurpedPause = 2 * pauseMost
)

// usurped is since when a node hears that its identity is in use, and when it did last; zero times are never.
type usurped struct {
	since, last time.Time
	// ends: the node stops for it.
	ends bool
}

// heard takes in that it was said again.
func (u *usurped) heard(at time.Time) {
	if u.since.IsZero() || at.Sub(u.last) > usurpedPause {
		u.since = at
	}
	u.last = at
}

// over tells whether the node has to stop: it was said for long enough, and no link has lasted meanwhile.
func (u *usurped) over(at time.Time, lasting bool) bool {
	if lasting && !u.ends {
		*u = usurped{}
	}
	return !u.ends && !u.since.IsZero() && at.Sub(u.since) >= usurpedFor && at.Sub(u.last) <= usurpedPause
}

// now tells whether it was said lately, or the node stops for it: until it has, it is to do nothing under its identity.
func (u *usurped) now(at time.Time) bool {
	return u.ends || !u.since.IsZero() && at.Sub(u.last) <= usurpedPause
}

// heedBye notes why a peer ends a link.
func (l *loop) heedBye(p *peer, f *frame.Bye) {
	p.said = f.Reason
	if f.Reason == banned {
		l.heardBanned(p)
	}
	if f.Reason == inUse {
		l.log.Warn("a peer refuses this node: another one with its identity lives", "peer", p.id)
		l.usurped.heard(time.Now())
		l.tellUsurped(true)
	}
}

// watchUsurper stops the node when another one has its identity.
func (l *loop) watchUsurper() {
	holds := false
	for _, p := range l.links {
		holds = holds || time.Since(p.upAt) > 3*time.Second
	}
	over := l.usurped.over(time.Now(), holds)
	l.tellUsurped(l.usurped.now(time.Now()))
	if over {
		l.usurped.ends = true
		l.cfg.Stop(inUse + ": a node with the key of this one is in the mesh, and answers. A copy of a data directory can't be a second node: " +
			"start this one with an empty one, or stop the other")
	}
}

// tellUsurped tells the node whether another one has its identity, where that changed.
func (l *loop) tellUsurped(is bool) {
	if l.gossip.usurped.Swap(is) != is {
		l.tellMembers()
	}
}
