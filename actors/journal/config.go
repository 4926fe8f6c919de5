package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
)

// Durability is what an answer waits for. The death of the process loses nothing that
// was answered in any of them; they differ when the power fails.
type Durability string

const (
	// Sync waits for the fsync.
	Sync Durability = "sync"
	// Interval answers what is written; an fsync follows within 50 ms.
	Interval Durability = "interval"
	// None answers what is written and leaves the disk to the operating system.
	None Durability = "none"
)

// Config is what the journal actor needs. Zero durations and sizes mean the defaults.
type Config struct {
	// Self and Epoch are whose numbers are given, and in which epoch; both required.
	Self  messages.NodeID
	Epoch uint64
	// NextEpoch begins an epoch, at least as high as it is told, and stores it before it returns; nil can't.
	NextEpoch func(atLeast uint64) (uint64, error)
	// Journal is where batches go; required. The actor is its only writer, and does not close it.
	Journal storage.Journal
	// Announce tells the hub what was stored, in order; required. It must not block.
	Announce func(command.Stored)
	// GaveUp tells the hub that holes were given up; required. It must not block.
	GaveUp func(command.GaveUp)
	// Peers says that others are asked for this node's holes, who decides when they are given up. Without, the
	// journal gives them up at once: nobody else has what is lost here.
	Peers bool
	// Durability is Sync by default.
	Durability Durability
	// Ack is AckLocal by default; AckPeer needs Peers, who call Inbox.Covered.
	Ack Ack
	// Codec compresses bodies.
	Codec wire.Codec
	// Clock is the wall clock; required.
	Clock func() time.Time
	// Logger is required.
	Logger *slog.Logger
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
	// SealEvery is the least time between two seals: 1 ms.
	SealEvery time.Duration
	// SyncEvery is the least time between two fsyncs that are waited for: 2 ms. One costs
	// about 200 µs of CPU.
	SyncEvery time.Duration
	// LazySync is how soon follows the fsync that nobody waits for: 50 ms.
	LazySync time.Duration
	// KeepEvery is how often the journal does what is due: 10 s.
	KeepEvery time.Duration
	// ScrubRate is how many bytes a second the background scrub reads: 1 MiB.
	ScrubRate int64
	// CoverPatience is how long an answer waits for a peer, with AckPeer: 5 s.
	CoverPatience time.Duration
	// Window is how long a published identity is known: 10 minutes; MostIdentities how many are: 5,000,000.
	Window         time.Duration
	MostIdentities int
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Durability = orDefault(c.Durability, Sync)
	c.Ack = orDefault(c.Ack, AckLocal)
	c.CoverPatience = orDefault(c.CoverPatience, 5*time.Second)
	c.SealEvery = orDefault(c.SealEvery, time.Millisecond)
	c.SyncEvery = orDefault(c.SyncEvery, 2*time.Millisecond)
	c.LazySync = orDefault(c.LazySync, 50*time.Millisecond)
	c.KeepEvery = orDefault(c.KeepEvery, 10*time.Second)
	c.ScrubRate = orDefault(c.ScrubRate, 1<<20)
	c.Window = orDefault(c.Window, 10*time.Minute)
	c.MostIdentities = orDefault(c.MostIdentities, 5_000_000)
	return c
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	require := func(ok bool, what string) {
		if !ok {
			faults = append(faults, errors.New(what))
		}
	}
	require(c.Self != "" && c.Epoch > 0, "Self and Epoch are required")
	require(c.Journal != nil, "Journal is required")
	require(c.Announce != nil && c.GaveUp != nil, "Announce and GaveUp are required")
	require(c.Clock != nil, "Clock is required")
	require(c.Logger != nil, "Logger is required")
	switch c.Durability {
	case "", Sync, Interval, None:
	default:
		faults = append(faults, fmt.Errorf("durability %q is none of sync, interval, none", c.Durability))
	}
	switch c.Ack {
	case "", AckLocal, AckPeer:
	default:
		faults = append(faults, fmt.Errorf("ack %q is none of local, peer", c.Ack))
	}
	require(c.Ack != AckPeer || c.Peers, "ack peer needs peers: without a mesh nobody confirms")
	return errors.Join(faults...)
}
