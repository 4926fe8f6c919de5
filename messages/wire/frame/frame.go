package frame

import (
	"anode/messages"
	"anode/messages/wire"
)

// Type names a kind of frame in its head. The numbers are for ever.
type Type uint8

// The types of frames.
const (
	TypeHello    Type = 1
	TypePush     Type = 2
	TypeHave     Type = 3
	TypeAsk      Type = 4
	TypeAnswer   Type = 5
	TypePull     Type = 6
	TypeEnd      Type = 7
	TypeGraft    Type = 8
	TypePrune    Type = 9
	TypeDigest   Type = 10
	TypeRegistry Type = 11
	TypeStatus   Type = 12
	TypePing     Type = 13
	TypePong     Type = 14
	TypeBye      Type = 15
	TypeVersions Type = 16
)

const (
	// Version is the highest protocol version that this package speaks, Oldest the lowest.
	Version = 1
	Oldest  = 1
)

const (
	// Max is the most bytes of a frame, head included: a sealed batch (wire.MaxSealed) and what leads it.
	Max = 2 << 20
	// MaxRanges is the most ranges of a Pull or an End, and MaxHoles of an epoch in a Digest.
	MaxRanges = 32
	MaxHoles  = 32
	// MaxBody is the most bytes of an ephemeral record.
	MaxBody = 2 << 10
	// Buckets is how many parts the registry is compared in.
	Buckets = 256
	// MaxDays is the most days of a Digest: 44 years.
	MaxDays = 1 << 14
	// MaxText is the most bytes of a text, all of which are UTF-8: names, addresses, keys, reasons.
	MaxText = 1 << 10
	// MaxRevision is the highest revision of an Event: one an edit, it is never reached by counting, and a higher one
	// would be a way to make a register that nobody can write any more.
	MaxRevision = 1 << 53
	// MaxValue is the most bytes of an Event's body: twice what a spec may have.
	MaxValue = 512 << 10
)

// Frame is one frame of a link. All implementations are pointers to the types of this package; a frame
// is immutable once it was handed on, and may be shared.
type Frame interface {
	// Type is the kind.
	Type() Type
	// Size is how many bytes it takes on a link, its head included. It is exact, and does not allocate.
	Size() int

	appendBody(dst []byte) []byte
	// readBody fills in an empty frame. It bounds what it allocates; check has all other rules.
	readBody(d decoder) error
	check() error
}

// Hello is the first frame in each direction.
type Hello struct {
	// Version is the highest protocol version that the node speaks, Oldest the lowest: both
	// sides use the highest that both speak.
	Version, Oldest uint16
	// Cluster is the mesh's name; links within one name only.
	Cluster string
	Node    messages.NodeID
	// Name is what people call the node.
	Name string
	// Epoch is what the node numbers its batches with now.
	Epoch uint64
	// Capabilities are bits of what the node can do beyond the version; unknown ones are ignored.
	Capabilities uint64
	// Mesh and HTTP are where others reach it.
	Mesh, HTTP string
	// Known is the highest position that the sender knows of the receiver's own batches; zero is none.
	Known messages.Position
	// Proof shows knowledge of the cluster's secret; its meaning is the link's.
	Proof [32]byte
}

// Push carries a batch.
type Push struct {
	// Refresh asks everyone to choose the tree of this flow anew.
	Refresh bool
	// Repair: it was asked for, or makes up for what was lost: a duplicate says nothing about the tree.
	Repair bool
	// Hop is how many links the batch has travelled, this one included; it stays at 255.
	Hop   uint8
	Batch *wire.Sealed
}

// Have announces what the sender holds of flows that changed.
type Have struct {
	Flows []Held
}

// Held is what a node holds of one epoch of an origin: all from Run to Head, and some from Floor on.
type Held struct {
	Origin messages.NodeID
	Epoch  uint64
	Floor  uint64
	// Run is the first sequence of the unbroken run that ends at Head.
	Run, Head uint64
	// HLC is the head's last reading.
	HLC messages.HLC
}

// Pull asks for batches of one epoch. They come as Pushes with Repair, in order of the ranges; an End
// with the same ID closes the answer.
type Pull struct {
	// ID is of the asking side's choice, unique among its open pulls on the link.
	ID     uint64
	Origin messages.NodeID
	Epoch  uint64
	// Ranges are what is wanted, at most MaxRanges, in the order in which they are.
	Ranges []messages.Range
	// Descending asks for the highest sequence of each range first.
	Descending bool
	// Bytes is the most that is to come; a single batch may pass it.
	Bytes uint32
}

// End closes the answer to a Pull. What was asked for, did not come and is in neither NotHeld nor below
// Floor was cut by Bytes.
type End struct {
	ID uint64
	// Busy: nothing was looked at, ask later.
	Busy bool
	// Floor, where not 0, says that retention dropped all below it here.
	Floor uint64
	// NotHeld are asked-for ranges that the sender does not hold, at most MaxRanges.
	NotHeld []messages.Range
}

// Graft asks to be pushed a flow's batches.
type Graft struct {
	Origin messages.NodeID
	Epoch  uint64
}

// Prune asks not to be pushed a flow's batches.
type Prune struct {
	Origin messages.NodeID
	Epoch  uint64
	// Sequence is the batch that was not needed: who has chosen the tree by a later one since does not heed it.
	Sequence uint64
}

// Digest compares what two nodes hold. Each part may be absent; one digest may be several frames.
type Digest struct {
	// Latest is the newest epoch of origins, with at most MaxHoles of its highest holes: what lies below
	// the lowest of that many is not told.
	Latest []Holding
	// Compare: Since, Days and Registry are there.
	Compare bool
	// Since is the first day (of the head's HLC, Unix ms / 86,400,000) of which the sender still keeps all
	// that it knew of closed epochs.
	Since uint32
	// Days are the days with closed epochs, ascending.
	Days []Day
	// Registry is the hash over all winning events.
	Registry uint64
	// Closed are closed epochs of days that differ.
	Closed []Holding
	// Want are the days of which the receiver is to send its own Closed.
	Want []uint32
}

// Holding is what a node holds of one epoch of an origin.
type Holding struct {
	Origin messages.NodeID
	messages.EpochDigest
}

// Day is a hash over (origin, epoch, head) of the closed epochs of a day; floors are left out.
type Day struct {
	Day  uint32
	Hash uint64
}

// Registry carries events, or compares them.
type Registry struct {
	// Hashes is one hash a bucket, Buckets of them, or none.
	Hashes []uint64
	// Answer: Hashes answer those of the receiver; it sends what differs, and no Hashes again.
	Answer bool
	Events []Event
}

// Event is a value of one register of the registry. Of two values of a register the one with the higher
// (Revision, HLC, Node) wins, everywhere.
type Event struct {
	// Key names the register.
	Key      string
	Revision uint64
	HLC      messages.HLC
	Node     messages.NodeID
	// Body is the register's whole value. Its form is the registry's.
	Body []byte
}

// Status carries ephemeral records.
type Status struct {
	Records []Ephemeral
}

// Ephemeral is a record of which only the last of each node and kind counts: the one with the higher
// (Epoch, Version).
type Ephemeral struct {
	Node messages.NodeID
	Kind uint8
	// Epoch is the node's, Version counts within it.
	Epoch, Version uint64
	// Body is at most MaxBody bytes.
	Body []byte
}

// Versions tells which ephemeral records the sender has, or with Want of which it wants newer ones.
type Versions struct {
	Want bool
	List []Stamp
}

// Stamp names a version of an ephemeral record. With Want (0, 0) is that the sender has none.
type Stamp struct {
	Node           messages.NodeID
	Kind           uint8
	Epoch, Version uint64
}

// Ping asks for a Pong with the same numbers.
type Ping struct {
	Nonce uint64
	// Time is the sender's, of its own choice.
	Time int64
}

// Pong answers a Ping.
type Pong struct {
	Nonce uint64
	Time  int64
}

// Bye says that the sender ends the link, and why.
type Bye struct {
	Reason string
}

// Ask asks a node something of its own, a source's status or frames.
type Ask struct {
	ID   uint64
	Body []byte
}

// Answer answers an Ask; the last part of an answer has Last.
type Answer struct {
	ID   uint64
	Last bool
	Body []byte
}
