package gossip

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
	"anode/actors/gossip/link"
	"anode/actors/gossip/member"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/messages/wire/frame"
	"anode/storage"
)

// Network is how a node reaches others: datagrams, and streams, at one address and port. Both peer links and memberlist's
// streams come and go over it.
type Network = member.Network

// Config is what gossip needs. All fields are required but those of which it is said.
type Config struct {
	// Node is who this node is, and Key proves it; NodeIDOf gives the name of a key.
	Node     messages.NodeID
	Key      ed25519.PrivateKey
	NodeIDOf func(ed25519.PublicKey) messages.NodeID
	// Epoch is that in which the node numbers its records when gossip is made.
	Epoch uint64
	// Cluster is the mesh's name, Name this node's, HTTP the URL that users are told.
	Cluster, Name, HTTP string
	// Keys are those of the cluster now.
	Keys func() *link.Keys
	// Open gives the node's mesh port. At most one is open at a time.
	Open func() (Network, error)
	// Seeds are HOST:PORT of nodes to join; may be none. Advertise is where others reach this one; may be empty.
	Seeds     []string
	Advertise string

	// Journal is read; State keeps what peers there were.
	Journal storage.Journal
	State   storage.State
	// Store has a peer's batch appended, and done told from the journal's goroutine, in order. Neither blocks.
	Store func(batch *wire.Sealed, backfill bool, done func(storage.Held, error))
	// Number has the node number with an epoch above one, if that is not 0, and name a position before its first
	// batch. done is told the epoch that the node numbers with, from the journal's goroutine.
	Number func(above uint64, prior messages.Position, done func(epoch uint64, err error))
	// Covered is told which of the node's own batches a peer holds. It must not block.
	Covered func(epoch uint64, held messages.Range)
	// GaveUp tells readers of holes that were given up, Show gives them ephemeral records. Neither may block.
	GaveUp func(command.GaveUp)
	Show   func(command.Ephemeral)
	// Events are the winning events of the registry; it may block. Learn gives it events that other nodes decided; false is "try
	// again", and it must not block. Both may be nil: nothing of a registry is stored here.
	Events func(ctx context.Context) ([]frame.Event, error)
	Learn  func([]frame.Event) bool
	// Members is told who is in the mesh, when that changes; the list is not changed afterwards. It must not block, and may be nil.
	Members func([]command.Member)
	// Answer answers a question of another node: parts by reply, which waits for room, and what it returns is the last part. It
	// is called by many at a time, and ends with ctx. nil answers nothing.
	Answer func(ctx context.Context, from messages.NodeID, question []byte, reply func(part []byte) error) (last []byte)
	// Stop ends the node: another one lives with its identity. It must not block.
	Stop func(reason string)

	// Seed is where what is drawn comes from; 0 is chance. What memberlist draws it draws by itself.
	Seed uint64
	// RetentionBytes and RetentionAge are what the journal keeps; 0 is for ever.
	RetentionBytes int64
	RetentionAge   time.Duration

	// Clock is the wall clock.
	Clock  func() time.Time
	Logger *slog.Logger
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
}

// Validate names all faults.
func (c Config) Validate() error {
	var faults []error
	if _, err := messages.ParseNodeID(string(c.Node)); err != nil {
		faults = append(faults, err)
	}
	if c.Epoch == 0 {
		faults = append(faults, errors.New("epochs count from 1"))
	}
	faults = append(faults, actor.Missing("gossip", map[string]bool{
		"Key": c.Key == nil, "NodeIDOf": c.NodeIDOf == nil, "Cluster": c.Cluster == "", "Keys": c.Keys == nil, "Open": c.Open == nil,
		"Journal": c.Journal == nil, "State": c.State == nil, "Store": c.Store == nil, "Number": c.Number == nil, "Covered": c.Covered == nil,
		"GaveUp": c.GaveUp == nil, "Show": c.Show == nil, "Stop": c.Stop == nil, "Clock": c.Clock == nil, "Logger": c.Logger == nil,
	}))
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	return nil
}
