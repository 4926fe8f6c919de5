package archive

import (
	"time"

	"anode/messages"
	"anode/storage"
)

// guest is an origin that another node archives in the same place. The journal keeps what that has not archived yet, too, while it has room:
// else who reads here would be given a gap for what is in the archive a little later.
type guest struct {
	// confirmed is what is in the archive, by epoch, as it was asked for at readAt.
	confirmed map[uint64]messages.Ranges
	readAt    time.Time
}

// due tells whether it is to be asked again what is archived.
func (g *guest) due(now time.Time) bool { return now.Sub(g.readAt) >= readEvery }

// invite makes guests of the origins of some that are not this node's to archive.
func (d *desk) invite(held messages.Digest, mine func(messages.NodeID) bool) {
	guests := make(map[messages.NodeID]*guest)
	for origin := range held {
		switch {
		case mine(origin):
		case d.guests[origin] != nil:
			guests[origin] = d.guests[origin]
		default:
			guests[origin] = &guest{}
		}
	}
	d.guests = guests
}

// full is what part of its budget the journal may use, and still keeps what other nodes are to archive: what is this node's goes first.
const full = 0.8

// room tells whether a journal has room for what other nodes are to archive.
func room(s storage.JournalStats) bool {
	return s.Budget <= 0 || float64(s.Bytes) < full*float64(s.Budget)
}
