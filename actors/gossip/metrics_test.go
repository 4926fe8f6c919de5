package gossip

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/gossip/core"
	"anode/actors/gossip/member"
)

func TestCallsThatWereRefusedAreCountedOverIncarnations(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := newMetrics(&Gossip{}, registry)
	if err != nil {
		t.Fatal(err)
	}
	m.take(core.Stats{}, member.Stats{Secret: 3, Garbage: 1}, nil)
	m.end()
	m.take(core.Stats{}, member.Stats{Secret: 2, Cluster: 7, Busy: 4}, nil)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		if f.GetName() != "anode_mesh_calls_refused_total" {
			continue
		}
		for _, line := range f.GetMetric() {
			got[line.GetLabel()[0].GetValue()] = line.GetCounter().GetValue()
		}
	}
	for reason, want := range map[string]float64{"secret": 5, "cluster": 7, "garbage": 1, "busy": 4} {
		if got[reason] != want {
			t.Errorf("%s: %v, want %v", reason, got[reason], want)
		}
	}
}
