package placement

import (
	"maps"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// Said is what a node says of a source. Zero is SaidNothing.
type Said uint8

// What a node says of a source.
const (
	// SaidNothing: it said nothing yet.
	SaidNothing Said = iota
	// SaidStopped: it does not run it, and will not start it before it has asked who else might.
	SaidStopped
	// SaidStarting: it runs it, or is about to, and has no data yet.
	SaidStarting
	// SaidRunning: it runs it, and the feed works.
	SaidRunning
)

// About is one source on one node.
type About struct {
	Source string
	Node   messages.NodeID
}

// Report is the last that a node said of a source.
type Report struct {
	Said Said
	// Asked is a time after which the node said it: when it was asked, where it was. What was said before the owners
	// changed may be of an earlier turn of that node, and does not count.
	Asked time.Duration
}

// Reports are what nodes said last, of those sources of which Plan.Questions asks; more does no harm. nil is none. Who
// is asked about an exclusive source is told something too: that the one who asks wants to start it. It is to be Heard
// as a SaidStarting of that one, so that who gives way to it asks it anew.
type Reports map[About]Report

// Hear takes in what a node said. Of two reports the one counts that was asked for later; of two of one time the
// one that has this node wait.
func (r Reports) Hear(about About, report Report) {
	before, heard := r[about]
	if !heard || report.Asked > before.Asked || report.Asked == before.Asked && report.Said != SaidStopped {
		r[about] = report
	}
}

// Keep forgets what a plan does not wait for.
func (r Reports) Keep(p *Plan) {
	maps.DeleteFunc(r, func(about About, _ Report) bool {
		i := p.sources.find(about.Source)
		if i < 0 {
			return true
		}
		_, moves := p.moves[int32(i)]
		return !moves && p.do[i] != Standby
	})
}

// said tells that the node said so, since a time.
func (r Reports) said(what Said, source string, node messages.NodeID, since time.Duration) bool {
	said := r[About{source, node}]
	return said.Said == what && said.Asked >= since
}

// SaidOf is what a node is to say of a source that it runs, or is ending, by how that is. A paused source has
// nothing to wait for: who owns it now runs it as far as it is to run. One that is stale runs where its connection stands.
func SaidOf(here *command.SourceStatus) Said {
	switch here.State {
	case command.SourceRunning, command.SourcePaused:
		return SaidRunning
	case command.SourceStale:
		if here.Transport.OK {
			return SaidRunning
		}
	}
	return SaidStarting
}
