package link

import (
	"sync/atomic"

	"anode/messages/wire/frame"
)

// types is one more than the highest type of a frame that is counted by itself.
const types = frame.TypeVersions + 1

// Counters are what links count. One serves a node's mux, endpoint and links together; all may be read
// at any time. The zero Counters is ready for use.
type Counters struct {
	// Refused are connections that did not become a link, by reason, those that were dialled included.
	Refused [Reasons]atomic.Uint64
	// Dialed and Accepted are handshakes that succeeded.
	Dialed, Accepted atomic.Uint64
	// Handshakes are under way now, and Peeks are connections of which the first byte did not come yet.
	Handshakes, Peeks atomic.Int64
	// Links are run now.
	Links atomic.Int64
	// AcceptFailures are connections that the system could not hand over, as when there are no file descriptors left.
	AcceptFailures atomic.Uint64

	// FramesIn and FramesOut are whole frames, by frame.Type.
	FramesIn, FramesOut [types]atomic.Uint64
	// Unknown are frames of a type that this version does not know, or has no use for there; Damaged are pushes
	// whose batch is damaged. Both were skipped.
	Unknown, Damaged atomic.Uint64
	// BytesIn and BytesOut are bytes over TCP, with all that TLS adds; Writes are the calls that wrote them.
	BytesIn, BytesOut, Writes atomic.Uint64
	// Stuck are links that were ended because the peer took nothing.
	Stuck atomic.Uint64
	// Served are batches read for peers, and Missing are those that were not there.
	Served, Missing atomic.Uint64
}

func (c *Counters) refuse(err error) { c.Refused[ReasonOf(err)].Add(1) }
