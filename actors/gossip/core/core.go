package core

import (
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// Now is the time of an input.
type Now struct {
	// Mono is a reading of a clock that never goes back, from any beginning.
	Mono time.Duration
	// Wall is Unix ms, which may jump. Only ages of what is kept are counted by it.
	Wall int64
}

// Result is what became of a batch that was to be appended.
type Result uint8

// The results of an append.
const (
	// Stored: it was not held, and is.
	Stored Result = iota
	// Known: the same batch was held, or retention has passed it.
	Known
	// Fork: another batch is at its place; this one is not held.
	Fork
	// Failed: it could not be written, and is not held.
	Failed
)

// Members says who is alive now, the node itself included. Links to those that are gone are not closed
// for that: silence does it.
func (c *Core) Members(now Now, m *Members) {
	if m == nil {
		m = NewMembers(nil)
	}
	c.begin(now)
	c.setMembers(m)
	c.end()
}

// LinkUp says that a link to a peer is up, whoever dialled it, and what the peer said of itself. There is at
// most one link per peer: LinkDown comes before another LinkUp.
func (c *Core) LinkUp(now Now, peer messages.NodeID, hello *frame.Hello) {
	c.begin(now)
	c.linkUp(peer, hello)
	c.end()
}

// LinkDown says that a link is down, or that dialling a wanted one failed. Of one that is not known it
// says that the peer can't be reached.
func (c *Core) LinkDown(now Now, peer messages.NodeID) {
	c.begin(now)
	c.linkDown(peer)
	c.end()
}

// Claim says that somebody new proved to be a peer to whom a link is up. The answer is a Close of that
// link, or a Refuse of the newcomer, after the old link was asked for a sign of life.
func (c *Core) Claim(now Now, peer messages.NodeID) {
	c.begin(now)
	c.claim(peer)
	c.end()
}

// Receive takes a frame in, from a link that is up; from others it is dropped. Hello, Ask, and Answer are not
// the core's.
func (c *Core) Receive(now Now, peer messages.NodeID, f frame.Frame) {
	c.begin(now)
	c.receive(peer, f)
	c.end()
}

// Heard says that bytes came over a link, of a frame that is not whole yet: they are life.
func (c *Core) Heard(now Now, peer messages.NodeID) {
	c.begin(now)
	c.heard(peer)
	c.end()
}

// Queued says how many bytes of frames that the core sent wait in a link's queue now.
func (c *Core) Queued(now Now, peer messages.NodeID, bytes int) {
	c.begin(now)
	c.queued(peer, bytes)
	c.end()
}

// Local says that the node sealed and appended a batch of its own.
func (c *Core) Local(now Now, batch *wire.Sealed) {
	c.begin(now)
	c.local(batch)
	c.end()
}

// Appended answers an Append.
func (c *Core) Appended(now Now, batch *wire.Sealed, result Result) {
	c.begin(now)
	c.appended(batch, result)
	c.end()
}

// Served answers a Serve: the batches were queued, save those that turned out not to be there.
func (c *Core) Served(now Now, peer messages.NodeID, pull uint64, missing []messages.Range) {
	c.begin(now)
	c.served(peer, pull, missing)
	c.end()
}

// Dropped says that retention raised the floor of an epoch.
func (c *Core) Dropped(now Now, origin messages.NodeID, epoch, floor uint64) {
	c.begin(now)
	c.dropped(origin, epoch, floor)
	c.end()
}

// Forgotten says that the journal remembers nothing of an epoch any more.
func (c *Core) Forgotten(now Now, origin messages.NodeID, epoch uint64) {
	c.begin(now)
	c.forgotten(origin, epoch)
	c.end()
}

// Lost says that batches which were held are damaged: they are holes now.
func (c *Core) Lost(now Now, origin messages.NodeID, epoch uint64, lost messages.Range) {
	c.begin(now)
	c.lost(origin, epoch, lost)
	c.end()
}

// Room says how many bytes of old batches the journal has room for; less than one ends the backfill.
func (c *Core) Room(now Now, bytes int64) {
	c.begin(now)
	c.setRoom(bytes)
	c.end()
}

// Renewed says that the node numbers its batches with another epoch from now on.
func (c *Core) Renewed(now Now, epoch uint64) {
	c.begin(now)
	c.renewed(epoch)
	c.end()
}

// Register spreads events that were decided here and are stored.
func (c *Core) Register(now Now, events []frame.Event) {
	c.begin(now)
	c.register(events)
	c.end()
}

// Publish spreads an ephemeral record of this node.
func (c *Core) Publish(now Now, record frame.Ephemeral) {
	c.begin(now)
	c.publish(record)
	c.end()
}

// Tick says that time has passed. It is wanted when Due says; coming earlier does no harm.
func (c *Core) Tick(now Now) {
	c.begin(now)
	c.end()
}

// Due is when Tick is wanted next, by the monotonic clock, if nothing comes before.
func (c *Core) Due() time.Duration { return c.due() }

// Take appends what is to be done to a list, in order, and forgets it. It is to be called after each input.
func (c *Core) Take(list []Output) []Output {
	list = append(list, c.outputs...)
	clear(c.outputs)
	c.outputs = c.outputs[:0]
	return list
}

// Hello is what the node says of itself to a peer, as far as the core knows: node, epoch, and the highest
// position known of the peer's batches.
func (c *Core) Hello(to messages.NodeID) frame.Hello {
	return c.hello(to)
}
