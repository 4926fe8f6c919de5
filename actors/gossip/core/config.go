package core

import (
	"errors"
	"fmt"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// Config is what a core begins with. Zero durations and bounds mean the defaults, which doc.go gives
// reasons for.
type Config struct {
	// Node is who it is, Epoch what it numbers its batches with.
	Node  messages.NodeID
	Epoch uint64
	// Seed decides all that is chosen at random. Nodes should differ in it.
	Seed uint64
	// Lines are what the journal holds. The core owns them from here on, and keeps them true.
	Lines messages.Lines
	// Registry are the winning events that are stored.
	Registry []frame.Event
	// Expect: the node knows of peers, by seeds or by heart: until it has met them, or looked for them for
	// Patient, it is not alone.
	Expect bool
	// RetentionAge is how long the journal keeps batches; 0 is for ever.
	RetentionAge time.Duration

	// Announce is the pause between two Haves.
	Announce time.Duration // 50 ms
	// Ping is how long a link may send nothing.
	Ping time.Duration // 250 ms
	// Digest is the pause between two digests, each to one link.
	Digest time.Duration // 1 s
	// Silent is the silence after which a link leaves the trees, Dead that after which it is closed.
	Silent, Dead time.Duration // 1 s, 5 s
	// Patience is how long a batch that was announced may be on its way by the tree before it is pulled.
	Patience time.Duration // 60 ms
	// Retry is how long an answer to a pull may bring nothing before another peer is asked, Slow the same
	// for what nobody waits for.
	Retry, Slow time.Duration // 180 ms, 2 s
	// Fresh is how old a hole may be for its batches to be passed on when they come.
	Fresh time.Duration // 5 s
	// Patient is how long, with a link up, a hole of an origin that is not linked is kept open.
	Patient time.Duration // 60 s
	// RefreshEvery and RefreshBatches are what must have passed, both, before the trees of the node's own flow
	// are chosen anew; Settle is how long after a change of the members they are.
	RefreshEvery   time.Duration // 10 s
	RefreshBatches int           // 100
	Settle         time.Duration // 1 s
	// Stall is how long an append may take before the node leaves its peers.
	Stall time.Duration // 1 s

	// MaxQueue is the most bytes that wait in one link's queue.
	MaxQueue int // 4 MiB
	// MaxPull is the most bytes that are asked for over one link at a time.
	MaxPull int // 1 MiB
	// MaxAppending is the most bytes that wait to be appended.
	MaxAppending int // 16 MiB
	// MaxLinks is how many links the node keeps where more are up.
	MaxLinks int // 16
}

// Slots is the most links of a node at a time; another one is closed at once.
const Slots = 64

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		at *time.Duration
		is time.Duration
	}{
		{&c.Announce, 50 * time.Millisecond},
		{&c.Ping, 250 * time.Millisecond},
		{&c.Digest, time.Second},
		{&c.Silent, time.Second},
		{&c.Dead, 5 * time.Second},
		{&c.Patience, 60 * time.Millisecond},
		{&c.Retry, 180 * time.Millisecond},
		{&c.Slow, 2 * time.Second},
		{&c.Fresh, 5 * time.Second},
		{&c.Patient, time.Minute},
		{&c.RefreshEvery, 10 * time.Second},
		{&c.Settle, time.Second},
		{&c.Stall, time.Second},
	} {
		if *d.at == 0 {
			*d.at = d.is
		}
	}
	for _, n := range []struct {
		at *int
		is int
	}{
		{&c.RefreshBatches, 100},
		{&c.MaxQueue, 4 << 20},
		{&c.MaxPull, 1 << 20},
		{&c.MaxAppending, 16 << 20},
		{&c.MaxLinks, 16},
	} {
		if *n.at == 0 {
			*n.at = n.is
		}
	}
	if c.Lines == nil {
		c.Lines = messages.Lines{}
	}
	return c
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
	d := c.withDefaults()
	for _, span := range []time.Duration{d.Announce, d.Ping, d.Digest, d.Silent, d.Dead, d.Patience, d.Retry, d.Slow, d.Fresh, d.Patient, d.RefreshEvery, d.Settle, d.Stall} {
		if span < time.Millisecond {
			faults = append(faults, fmt.Errorf("a time of %s: at least 1ms is wanted", span))
		}
	}
	for _, n := range []int{d.RefreshBatches, d.MaxQueue, d.MaxPull, d.MaxAppending, d.MaxLinks} {
		if n < 1 {
			faults = append(faults, fmt.Errorf("a bound of %d: at least 1 is wanted", n))
		}
	}
	if d.Silent >= d.Dead {
		faults = append(faults, fmt.Errorf("a link is silent after %s and dead after %s: want less and more", d.Silent, d.Dead))
	}
	if d.Ping >= d.Silent {
		faults = append(faults, fmt.Errorf("a ping each %s can't keep a link alive that is silent after %s", d.Ping, d.Silent))
	}
	if d.MaxLinks > Slots {
		faults = append(faults, fmt.Errorf("%d links, at most %d are possible", d.MaxLinks, Slots))
	}
	if len(faults) > 0 {
		return fmt.Errorf("gossip core: %w", errors.Join(faults...))
	}
	return nil
}
