package placement

import (
	"fmt"
	"time"
)

// How long a node is joining.
const (
	// JoinWait is how long it waits for its first link: all seeds are tried at once, and those that did not answer
	// every 15 s, so that who is not linked by then most likely is alone.
	JoinWait = 15 * time.Second
	// JoinLearn is how much longer, where there is an active peer: until the registry, yields and states were
	// compared a few times (once a second with one of the links), so that it does not take what it should not.
	JoinLearn = 10 * time.Second
	// JoinAlone is how much longer where there is none, and so nobody to learn from and nobody who runs anything: a
	// member's first word of itself takes a few gossip rounds of 200 ms.
	JoinAlone = time.Second
)

// Joining is how a node becomes active. It is a value: each step gives the next. The zero value is not useful.
type Joining struct {
	began time.Duration
	// linked tells that the first link came, at settled; without one settled is the end of JoinWait.
	linked  bool
	settled time.Duration
	active  bool
	// met tells that an active peer was there, at seen last.
	met  bool
	seen time.Duration
}

// Begin is a node at its start. Expects tells that it has seeds or remembers peers; one that does not is active
// at once: it is the first.
func Begin(now time.Duration, expects bool) Joining {
	return Joining{began: now, settled: now + JoinWait, active: !expects}
}

// Step is Joining at a time. Linked tells that a link is up, and activePeer that a peer which is alive is known to be
// active; one that is lost counts for Grace and JoinAlone more. It never goes back: who was active stays it, and who was linked once is not asked for a link again.
func (j Joining) Step(now time.Duration, linked, activePeer bool) Joining {
	if linked && !j.linked {
		j.linked, j.settled = true, min(now, j.settled)
	}
	if activePeer {
		j.met, j.seen = true, now
	}
	j.active = j.active || now >= j.due(activePeer)
	return j
}

// due is when it becomes active, as things are.
func (j Joining) due(activePeer bool) time.Duration {
	learnt, alone := j.settled+JoinLearn, j.settled+JoinAlone
	switch {
	case activePeer:
		return learnt
	case j.met: // it may be back at once
		return min(learnt, max(alone, j.seen+Grace+JoinAlone))
	}
	return alone
}

// Active tells that it is over.
func (j Joining) Active() bool { return j.active }

// State is what the node says of itself, with drains for one that is to leave.
func (j Joining) State(drains bool) State {
	switch {
	case drains:
		return StateDraining
	case j.active:
		return StateActive
	}
	return StateJoining
}

// Due is when Step is wanted next if nothing else happens; false is never.
func (j Joining) Due(activePeer bool) (time.Duration, bool) {
	return j.due(activePeer), !j.active
}

// Words say where it stands.
func (j Joining) Words(now time.Duration, activePeer bool) string {
	left := max(0, j.due(activePeer)-now).Round(time.Second)
	switch {
	case j.active:
		return "active"
	case !j.linked && now < j.settled:
		return fmt.Sprintf("joining: waits for a first link, for %s at most", max(0, j.settled-now).Round(time.Second))
	case activePeer:
		return fmt.Sprintf("joining: learns from its peers what there is, for %s", left)
	}
	return fmt.Sprintf("joining: no peer is active; becomes active in %s", left)
}
