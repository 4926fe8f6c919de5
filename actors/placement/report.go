package placement

import (
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
// is asked about an exclusive source is told something too: that the one who asks wants to start it. It is to be kept
// as a SaidStarting of that one. Without it, a node whose view is late would say that it stopped, and then see a view
// in which it owns the source, and start it beside the other.
type Reports map[About]Report

// said tells that the node said so, since a time.
func (r Reports) said(what Said, source string, node messages.NodeID, since time.Duration) bool {
	said := r[About{source, node}]
	return said.Said == what && said.Asked >= since
}

// SaidOf is what a node is to say of a source that it runs, or is ending, by the state of that. A paused source has
// nothing to wait for: who owns it now runs it as far as it is to run. One that is stale is connected.
func SaidOf(state string) Said {
	switch state {
	case command.SourceRunning, command.SourceStale, command.SourcePaused:
		return SaidRunning
	}
	return SaidStarting
}
