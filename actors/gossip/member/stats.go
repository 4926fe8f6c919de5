package member

import (
	"errors"
	"sync/atomic"
)

// Stats are what a List counted since it was made.
type Stats struct {
	// Joins, Deaths and Leaves are members that came (also back), died, and left of their own will.
	Joins, Deaths, Leaves uint64
	// FailedCalls are calls to seeds and peers that brought nothing.
	FailedCalls uint64
	// PacketsIn and PacketsOut are datagrams, StreamsIn and StreamsOut streams, without those that were dropped or refused.
	PacketsIn, PacketsOut, StreamsIn, StreamsOut uint64
	// Garbage, Cluster and Secret are datagrams and streams that were refused: what no node sends, of another
	// cluster, with another secret. Busy are streams beyond the most that are open at a time.
	Garbage, Cluster, Secret, Busy uint64
}

// counters are the Stats as they are counted.
type counters struct {
	joins, deaths, leaves, failedCalls           atomic.Uint64
	packetsIn, packetsOut, streamsIn, streamsOut atomic.Uint64
	garbage, cluster, secret, busy               atomic.Uint64
}

func (c *counters) stats() Stats {
	return Stats{
		Joins: c.joins.Load(), Deaths: c.deaths.Load(), Leaves: c.leaves.Load(), FailedCalls: c.failedCalls.Load(),
		PacketsIn: c.packetsIn.Load(), PacketsOut: c.packetsOut.Load(), StreamsIn: c.streamsIn.Load(), StreamsOut: c.streamsOut.Load(),
		Garbage: c.garbage.Load(), Cluster: c.cluster.Load(), Secret: c.secret.Load(), Busy: c.busy.Load(),
	}
}

// refused counts one that the gate refused.
func (c *counters) refused(why error) {
	var other errCluster
	switch {
	case errors.As(why, &other):
		c.cluster.Add(1)
	case errors.Is(why, errSecret):
		c.secret.Add(1)
	default:
		c.garbage.Add(1)
	}
}
