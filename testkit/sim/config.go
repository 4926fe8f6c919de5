package sim

import (
	"errors"
	"fmt"
	"io"
	"time"

	"anode/actors/gossip/core"
)

// MaxNodes is the most nodes of a mesh, those that join later included.
const MaxNodes = 100_000

// Span is a duration that is drawn anew for each thing that has it, evenly from Min to Max.
type Span struct{ Min, Max time.Duration }

// String is "1ms-50ms", or "20ms" where that is all of it.
func (s Span) String() string {
	if s.Min == s.Max {
		return durationText(s.Min)
	}
	return durationText(s.Min) + "-" + durationText(s.Max)
}

func (s Span) valid(name string) error {
	return fault(s.Min < 0 || s.Min > s.Max, "%s %s: want the lower first, and nothing negative", name, s)
}

// Config is a mesh and its network. Zero fields mean what stands behind them.
type Config struct {
	// Nodes are how many there are at the beginning.
	Nodes int // 10
	// Seed decides all that is random: the same seed with the same actions gives the same run, event by event.
	Seed uint64
	// Duration is how long the actions have, from the start of the nodes. Loads end with it. MaxDuration is the most.
	Duration time.Duration // 60 s
	// Converge is how long the mesh has after the last fault to bring everything everywhere.
	Converge time.Duration // 30 s
	// Warm is how long after the first batch, and after a fault, the mesh is not counted as calm.
	Warm time.Duration // 5 s
	// Begin is the wall clock at the start.
	Begin time.Time // 2026-01-01

	// Latency is how long a frame is on its way. It is drawn once for each pair of nodes.
	Latency Span // 1–50 ms
	// Jitter is what each frame takes longer, from 0 up to it. Frames of a link stay in order.
	Jitter time.Duration // none
	// Loss is the share of frames that just do not come. No real link between two processes does that, TCP
	// repairs it: a mesh that stands this stands a network that loses packets.
	Loss float64 // none
	// Duplicate and Reorder are the shares of frames that come twice, and that are overtaken.
	Duplicate, Reorder float64 // none
	// Bandwidth is how many bytes a second each link carries in each direction.
	Bandwidth int64 // no bound
	// DialTimeout is how long dialling a peer takes of whom nothing comes.
	DialTimeout time.Duration // 2 s

	// Append is how long the journal takes for a batch, and to read for a peer.
	Append time.Duration // 1 ms
	// Sync is how often the journal is synced: a power cut loses what was appended since.
	Sync time.Duration // with each append
	// RetentionBytes and RetentionAge bound each journal.
	RetentionBytes int64         // no bound
	RetentionAge   time.Duration // no bound
	// Status is how often each node publishes its status of 1.5 KiB.
	Status time.Duration // never

	// Detect is after how long the others take a node for dead that is silent, each after its own.
	Detect Span // 2.3–3.1 s, as measured of memberlist
	// Spread is after how long the others hear of a node that has joined.
	Spread Span // 100–500 ms
	// Rejoin is how long after the heal of a partition its sides find each other.
	Rejoin Span // 1–3 s

	// Readers are on how many nodes records are read; -1 is none.
	Readers int // 32
	// Baseline: the figures are compared with those of flooding the same batches.
	Baseline bool

	// Tune changes the configuration of a node's core before it starts.
	Tune func(Node, *core.Config)
	// New makes cores.
	New func(core.Config) (Core, error) // core.New
	// Trace gets a line for each thing that happens.
	Trace io.Writer // nothing
	// Progress is called now and then, from within the run.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	// At is the simulated time. Until Planned something is to be done; then the run waits until everything is
	// everywhere, up to End at the latest.
	At, Planned, End time.Duration
	// Events have happened.
	Events uint64
}

func (c Config) withDefaults() Config {
	c.Nodes = or(c.Nodes, 10)
	c.Duration = or(c.Duration, time.Minute)
	c.Converge = or(c.Converge, 30*time.Second)
	c.Warm = or(c.Warm, 5*time.Second)
	if c.Begin.IsZero() {
		c.Begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	c.Latency = or(c.Latency, Span{time.Millisecond, 50 * time.Millisecond})
	c.DialTimeout = or(c.DialTimeout, 2*time.Second)
	c.Append = or(c.Append, time.Millisecond)
	c.Detect = or(c.Detect, Span{2300 * time.Millisecond, 3100 * time.Millisecond})
	c.Spread = or(c.Spread, Span{100 * time.Millisecond, 500 * time.Millisecond})
	c.Rejoin = or(c.Rejoin, Span{time.Second, 3 * time.Second})
	c.Readers = or(c.Readers, 32)
	if c.New == nil {
		c.New = func(cfg core.Config) (Core, error) { return core.New(cfg) }
	}
	return c
}

// or is a value, or what stands in for its zero.
func or[T comparable](value, other T) T {
	var zero T
	if value == zero {
		return other
	}
	return value
}

// Validate names all faults.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	bad := func(wrong bool, format string, args ...any) {
		if err := fault(wrong, format, args...); err != nil {
			faults = append(faults, err)
		}
	}
	bad(c.Nodes < 1 || c.Nodes > MaxNodes, "%d nodes: 1 to %d are possible", c.Nodes, MaxNodes)
	for _, d := range []struct {
		name string
		is   time.Duration
	}{
		{"duration", c.Duration},
		{"time to converge", c.Converge},
		{"warm", c.Warm},
		{"append", c.Append},
		{"dial timeout", c.DialTimeout},
		{"jitter", c.Jitter},
		{"sync", c.Sync},
		{"status", c.Status},
	} {
		bad(d.is < 0, "%s %s is negative", d.name, d.is)
		bad(d.is > MaxDuration, "%s %s: at most %s is possible", d.name, durationText(d.is), durationText(MaxDuration))
	}
	for _, d := range []struct {
		name string
		is   Span
	}{{"latency", c.Latency}, {"detect", c.Detect}, {"spread", c.Spread}, {"rejoin", c.Rejoin}} {
		bad(d.is.Min < 0 || d.is.Min > d.is.Max || d.is.Max > MaxDuration, "%s %s: want the lower first, nothing negative and at most %s", d.name, d.is, durationText(MaxDuration))
	}
	for _, share := range []struct {
		name string
		is   float64
	}{{"loss", c.Loss}, {"duplicate", c.Duplicate}, {"reorder", c.Reorder}} {
		bad(!(share.is >= 0 && share.is < 1), "%s %g: want a share from 0 to below 1", share.name, share.is)
	}
	bad(c.Bandwidth < 0 || c.RetentionBytes < 0 || c.RetentionAge < 0, "bandwidth and retention must not be negative")
	if len(faults) > 0 {
		return fmt.Errorf("simulation: %w", errors.Join(faults...))
	}
	return nil
}
