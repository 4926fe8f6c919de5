package sim_test

import (
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
	"anode/testkit/sim"
)

// meter measures what the figures of a run do not have: how long batches take to single nodes, and how large single
// frames are.
type meter struct {
	// begin is the wall clock at the start: what was sealed before it is history.
	begin int64
	// latency is from the seal to the append, of what was sealed while the mesh ran.
	latency map[messages.NodeID][]time.Duration
	// digests are the bytes of the digests that compare, by when they were sent; lists those of closed epochs.
	digests, lists []int
}

func newMeter() *meter { return &meter{latency: make(map[messages.NodeID][]time.Duration)} }

// on puts the meter before all cores of a mesh.
func (m *meter) on(cfg sim.Config) sim.Config {
	cfg.Begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m.begin = cfg.Begin.UnixMilli()
	cfg.New = func(c core.Config) (sim.Core, error) {
		made, err := core.New(c)
		return &metered{Core: made, node: c.Node, meter: m}, err
	}
	return cfg
}

// metered is a core before which the meter is.
type metered struct {
	sim.Core
	node  messages.NodeID
	meter *meter
}

func (n *metered) Appended(now core.Now, b *wire.Sealed, result core.Result) {
	if sealed := b.Last.Millis(); result == core.Stored && sealed > n.meter.begin {
		n.meter.latency[n.node] = append(n.meter.latency[n.node], time.Duration(now.Wall-sealed)*time.Millisecond)
	}
	n.Core.Appended(now, b, result)
}

func (n *metered) Take(list []core.Output) []core.Output {
	before := len(list)
	list = n.Core.Take(list)
	for i := range list[before:] {
		f, ok := list[before+i].Frame.(*frame.Digest)
		switch {
		case !ok:
		case f.Compare:
			n.meter.digests = append(n.meter.digests, f.Size())
		case len(f.Closed) > 0:
			n.meter.lists = append(n.meter.lists, f.Size())
		}
	}
	return list
}

// quantile is that of the latencies of some nodes, or of all but them.
func (m *meter) quantile(share float64, but ...messages.NodeID) time.Duration {
	var all []time.Duration
	for node, list := range m.latency {
		if !slices.Contains(but, node) {
			all = append(all, list...)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(share*float64(len(all))))]
}

// mesh is a simulation that a test drives.
type mesh struct {
	*sim.Sim
	testing.TB
}

// newMesh makes one, with a script.
func newMesh(t testing.TB, cfg sim.Config, script string) *mesh {
	t.Helper()
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Play(script); err != nil {
		t.Fatal(err)
	}
	return &mesh{s, t}
}

// to runs it to a time.
func (m *mesh) to(at time.Duration) {
	m.TB.Helper()
	if err := m.RunTo(m.Context(), at); err != nil {
		m.Fatal(err)
	}
}

// whole tells whether all nodes that run hold the same number of batches.
func (m *mesh) whole() bool {
	most := 0
	for n := range m.Len() {
		if m.Up(sim.Node(n)) {
			most = max(most, m.Held(sim.Node(n)))
		}
	}
	for n := range m.Len() {
		if m.Up(sim.Node(n)) && m.Held(sim.Node(n)) < most {
			return false
		}
	}
	return true
}

// linked tells whether all nodes have the links that they are to have.
func (m *mesh) linked() bool {
	var ids []messages.NodeID
	for n := range m.Len() {
		if m.Up(sim.Node(n)) {
			ids = append(ids, m.ID(sim.Node(n)))
		}
	}
	members := core.NewMembers(ids)
	for n := range m.Len() {
		if !m.Up(sim.Node(n)) {
			continue
		}
		links := m.Links(sim.Node(n))
		for _, peer := range members.Neighbours(m.ID(sim.Node(n)), func(messages.NodeID) bool { return false }) {
			if !slices.Contains(links, peer) {
				return false
			}
		}
	}
	return true
}

// until runs it till something is so, looking each 100 ms, and gives when that was; it fails where it is not in time.
func (m *mesh) until(what string, within time.Duration, is func() bool) time.Duration {
	m.TB.Helper()
	for end := m.Now() + within; m.Now() < end; {
		m.to(m.Now() + 100*time.Millisecond)
		if is() {
			return m.Now()
		}
	}
	m.Fatalf("%s: not within %s", what, within)
	return 0
}
