package core

import (
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// Kind says what an Output asks for.
type Kind uint8

// The kinds of outputs. Behind each stand the fields of the Output that it has.
const (
	// Send: Frame goes to Peer, in Class. A frame may be sent to several peers: it is immutable.
	Send Kind = iota + 1
	// Append: Batch is to be stored, from Peer; Backfill tells the family. Appended must answer, in the order
	// of the Appends.
	Append
	// Serve: the batches of Pull are to be read and sent to Peer as Pushes with Repair, in class Repair, up to
	// Pull.Bytes. Its ranges are what the core believes to be held. Served must answer.
	Serve
	// Dial: a link to Peer is wanted, until it is up or Undial comes. LinkDown is to be said at each try that
	// fails; the tries go on. Where a link is down that is still wanted Dial comes again, also when it is being dialled.
	Dial
	// Undial: a link to Peer is not wanted any more; one that is up stays.
	Undial
	// Close: the link to Peer is to be closed after what is queued; Reason says why. LinkDown follows.
	Close
	// Refuse: the newcomer of a Claim for Peer is to be sent away.
	Refuse
	// GiveUp: nobody has Range of (Origin, Epoch): readers get a gap there.
	GiveUp
	// Raise: the node does without what lies below Floor of (Origin, Epoch): the journal's floor is to be there.
	Raise
	// Renew: the node must number with an epoch above Epoch; its first batch names Prior if that is
	// higher than what its disk held. Renewed answers.
	Renew
	// Prior: the first batch of the node's epoch, if none is sealed yet, names Prior if that is higher than what
	// its disk held.
	Prior
	// Stop: the node's identity is in use elsewhere; Reason has it in words.
	Stop
	// Learn: Events are new here: to be stored and followed.
	Learn
	// Show: Record is a new ephemeral record of another node.
	Show
	// Cover: Peer holds the node's own batches of Epoch in Range.
	Cover
)

// Class is what a link sends first.
type Class uint8

// The classes, what is sent first at the front.
const (
	Control Class = iota
	Live
	Repair
)

// Output is one thing to do. The Kind says which fields are set.
type Output struct {
	Kind     Kind
	Class    Class
	Backfill bool
	Peer     messages.NodeID
	Frame    frame.Frame
	Batch    *wire.Sealed
	Pull     *frame.Pull
	Origin   messages.NodeID
	Epoch    uint64
	Range    messages.Range
	Floor    uint64
	Prior    messages.Position
	Reason   string
	Events   []frame.Event
	Record   *frame.Ephemeral
}
