package command

import (
	"time"

	"anode/messages"
)

// Peers asks the gossip actor who is in the mesh, as this node knows.
type Peers struct{ To[PeersView] }

// PeersView is who is in the mesh, and what keeps nodes apart.
type PeersView struct {
	// Nodes are all that are known, this one too, by ID.
	Nodes []PeerView
	// Links are this node's.
	Links []LinkView
	// Problems are what keeps nodes apart.
	Problems []ProblemView
	// Banned tells that this node itself is shut out; nil is not, as far as it knows.
	Banned *BanView
}

// States of a node besides those of sources and components.
const (
	NodeAlive    = "alive"
	NodeSuspect  = "suspect"
	NodeDead     = "dead"
	NodeLeft     = "left"
	NodeDraining = "draining"
)

// PeerView is a node as membership and links tell of it.
type PeerView struct {
	ID   messages.NodeID
	Name string
	// State is one of the states above, Since when that began.
	State string
	Since time.Time
	// Mesh is the address that it is reached at, HTTP where users reach it; empty where it was not heard.
	Mesh, HTTP string
	// Epoch is that in which it numbers records.
	Epoch uint64
	// Banned tells that it is shut out.
	Banned bool
	// Status and Alarms are the last ephemeral records that it sent; nil where none came. Of this node they are nil.
	Status, Alarms Raw
	// StatusAt is when the last Status came, by this node's clock.
	StatusAt time.Time
}

// ProblemView is what keeps nodes apart.
type ProblemView struct {
	// About is the seed, address or node that it is about.
	About string
	// Reason says what is wrong, Hint what to do.
	Reason, Hint string
	Since        time.Time
}

// Kinds of ephemeral records between nodes.
const (
	// KindStatus is the JSON of the record of $status.<node>.
	KindStatus uint8 = 0
	// KindAlarms is the JSON of a node's alarms, a list.
	KindAlarms uint8 = 2
)

// Stages of a node, as it says of itself.
const (
	StageJoining  = "joining"
	StageActive   = "active"
	StageDraining = "draining"
)

// Member is a node as the mesh knows it, for those who decide by it.
type Member struct {
	ID messages.NodeID
	// Name is how people call it; may be empty.
	Name string
	// There is whether it takes part: it lives, or is only suspected. Left: it said that it goes. One that is neither is dead.
	There, Left bool
	// Stage is one of the stages above.
	Stage string
	// Linked: a link to it is up. Banned: it is shut out, as it knows itself where it is the node that tells.
	Linked, Banned bool
	// Usurped: another node with its identity lives, as peers say, where it is the node that tells.
	Usurped bool
}
