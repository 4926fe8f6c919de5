package sim

import (
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// Core is what decides in a node: *core.Core, or what a test puts in its place. Take is called after each
// input, and Due after that.
type Core interface {
	Members(now core.Now, m *core.Members)
	LinkUp(now core.Now, peer messages.NodeID, hello *frame.Hello)
	LinkDown(now core.Now, peer messages.NodeID)
	Claim(now core.Now, peer messages.NodeID)
	Receive(now core.Now, peer messages.NodeID, f frame.Frame)
	Heard(now core.Now, peer messages.NodeID)
	Queued(now core.Now, peer messages.NodeID, bytes int)
	Local(now core.Now, batch *wire.Sealed)
	Appended(now core.Now, batch *wire.Sealed, result core.Result)
	Served(now core.Now, peer messages.NodeID, pull uint64, missing []messages.Range)
	Dropped(now core.Now, origin messages.NodeID, epoch, floor uint64)
	Forgotten(now core.Now, origin messages.NodeID, epoch uint64)
	Lost(now core.Now, origin messages.NodeID, epoch uint64, lost messages.Range)
	Room(now core.Now, bytes int64)
	Renewed(now core.Now, epoch uint64)
	Register(now core.Now, events []frame.Event)
	Publish(now core.Now, record frame.Ephemeral)
	Tick(now core.Now)
	Due() time.Duration
	Take(list []core.Output) []core.Output
	Hello(to messages.NodeID) frame.Hello
	Lines() messages.Lines
	Stats() core.Stats
}

var _ Core = (*core.Core)(nil)
