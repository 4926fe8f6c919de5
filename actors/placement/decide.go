package placement

import (
	"slices"
	"time"

	"anode/messages"
)

// HandOver is how long an owner that lost a source runs it on for its successor, at most: long enough for a connection
// over slow TLS and a subscription that is confirmed late, or a few attempts with the backoff of 1, 2 and 4 s.
const HandOver = 10 * time.Second

// Patience is as HandOver, for an owner that stays: none but it runs the source until the successor does, or yields it.
const Patience = time.Minute

// firstWords is when one is to look again that hands over and has become the first: whoever runs the source knows it by then.
const firstWords = time.Millisecond

// Do is what a node is to do with a source. Zero is Nothing.
type Do uint8

// What a node is to do with a source.
const (
	// Nothing: it is another node's.
	Nothing Do = iota
	// Run it.
	Run
	// Standby: the node owns it, but may not start it yet.
	Standby
	// HandsOver: run it on, although it is another node's.
	HandsOver
	// Stop it. This stands in one plan; after that it is Nothing.
	Stop
)

var doNames = [...]string{Nothing: "nothing", Run: "run", Standby: "standby", HandsOver: "hand over", Stop: "stop"}

// String is a word for it.
func (d Do) String() string { return doNames[d] }

// Runs tells that the source is to run on this node.
func (d Do) Runs() bool { return d == Run || d == HandsOver }

// Case is one source as one node sees it.
type Case struct {
	Now    time.Duration
	Self   messages.NodeID
	Source string
	// Exclusive forbids that two nodes run it at once.
	Exclusive bool
	// Runs tells that this node runs it by its plan before.
	Runs bool
	// Owners are who is to run it, by rank.
	Owners []messages.NodeID
	// Others are all other nodes that are there, of an exclusive source that this node does not run, and Since is since when it
	// owns it.
	Others []messages.NodeID
	Since  time.Duration
	// Behind is a node that hands over too, or has just stopped, and numbers before this one, which holds back what it collects; empty
	// is none. First tells that there is none since this plan.
	Behind messages.NodeID
	First  bool
	// Stays tells that this node can run it on for longer than one that leaves, or where the feed fails.
	Stays bool
	// Changed is when the owners changed last.
	Changed time.Duration
	Reports Reports
}

// Leaver is a node that owned a source, until a time.
type Leaver struct {
	Node  messages.NodeID
	Since time.Duration
}

// Decision is what to do, for how long, and why.
type Decision struct {
	Do Do
	// For is the node that is waited for, or for which the source is stopped; empty is none.
	For messages.NodeID
	// Until is when the waiting ends by itself; 0 is never, or that nothing is waited for.
	Until time.Duration
	// Reason says why, in words.
	Reason string
}

// Decide is the rule of handing over. A source is made before it is broken: its old owner runs it until the new ones say
// that they do. An exclusive one is broken before it is made: its new owner waits until each other node said
// that it does not run it, or is gone. There is no limit to that wait, as what it guards is that there are never two.
func (c *Case) Decide() Decision {
	owner := slices.Contains(c.Owners, c.Self)
	switch {
	case owner && (c.Runs || !c.Exclusive):
		return Decision{Do: Run}
	case owner:
		return c.begin()
	case !c.Runs:
		return Decision{}
	case c.Exclusive:
		return c.letGo()
	}
	return c.handOver()
}

// begin decides whether the new owner of an exclusive source may start it.
func (c *Case) begin() Decision {
	for _, id := range c.Others {
		if !c.Reports.said(SaidStopped, c.Source, id, c.Since) {
			return Decision{Do: Standby, For: id, Reason: "exclusive: waits until " + string(id) + " says that it does not run it"}
		}
	}
	return Decision{Do: Run}
}

// letGo ends an exclusive source that is another node's now.
func (c *Case) letGo() Decision {
	if len(c.Owners) == 0 {
		return Decision{Do: Stop, Reason: reasonNobody}
	}
	to := c.Owners[0]
	return Decision{Do: Stop, For: to, Reason: "exclusive: " + string(to) + " takes over once it has stopped here"}
}

// reasonNobody is said of a source that no node may own.
const reasonNobody = "no node can own it"

// patience is how long an old owner runs a source on at most.
func patience(stays bool) time.Duration {
	if stays {
		return Patience
	}
	return HandOver
}

// handOver decides how long the old owner runs a source on.
func (c *Case) handOver() Decision {
	most := patience(c.Stays && len(c.Owners) > 0)
	until := c.Changed + most
	for _, to := range c.Owners {
		switch {
		case c.Reports.said(SaidRunning, c.Source, to, c.Changed):
		case c.Now >= until:
			return Decision{Do: Stop, For: to, Reason: string(to) + " took over, and did not say within " + most.String() + " that it runs it"}
		default:
			return Decision{Do: HandsOver, For: to, Until: until, Reason: "runs on until " + string(to) + " runs it, for " + most.String() + " at most"}
		}
	}
	switch {
	case c.Now < until && c.Behind != "":
		return Decision{Do: HandsOver, For: c.Behind, Until: until, Reason: "runs on until " + string(c.Behind) + " has stopped, which numbers before it, for " + most.String() + " at most"}
	case c.Now < until && c.First:
		return Decision{Do: HandsOver, Until: c.Now + firstWords, Reason: "numbers what it held back, and stops"}
	case len(c.Owners) > 0:
		return Decision{Do: Stop, For: c.Owners[0], Reason: string(c.Owners[0]) + " runs it"}
	case c.Now >= until:
		return Decision{Do: Stop, Reason: reasonNobody}
	}
	return Decision{Do: HandsOver, Until: until, Reason: reasonNobody + ": runs on for " + HandOver.String() + " at most, in case one comes"}
}
