package placement

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"anode/messages"
)

// manySources are sources of one owner each, on 1,000 hosts.
func manySources(n int) []Source {
	list := make([]Source, n)
	for i := range list {
		list[i] = Source{Name: fmt.Sprintf("source-%d", i), Host: fmt.Sprintf("h%d.example", i%1000)}
	}
	return list
}

// manyNodes are active.
func manyNodes(n int) []Node {
	list := make([]Node, n)
	for i := range list {
		list[i] = Node{ID: messages.NodeID(fmt.Sprintf("n%03d", i)), State: StateActive}
	}
	return list
}

// TestPlacingAllocatesNothingForASource counts what plans allocate: it must not grow with the number of sources.
func TestPlacingAllocatesNothingForASource(t *testing.T) {
	for name, plan := range map[string]func(all, less View, sources *Sources) func(){
		"from nothing": func(all, _ View, _ *Sources) func() { return func() { Next(nil, all) } },
		"one node comes": func(all, less View, _ *Sources) func() {
			before := Next(nil, less)
			return func() { Next(before, all) }
		},
		"one node goes": func(all, less View, _ *Sources) func() {
			less.Nodes = slices.Clone(all.Nodes) // it died long ago: its sources have no leavers to note
			less.Nodes[0].Dead, less.Now = true, time.Hour
			before := Next(nil, all)
			return func() { Next(before, less) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			count := func(n int) float64 {
				sources := NewSources(manySources(n))
				all := View{Self: "n000", Nodes: manyNodes(10), Sources: sources}
				less := all
				less.Nodes = all.Nodes[:9]
				all.Self, less.Self = "observer", "observer"
				return testing.AllocsPerRun(5, plan(all, less, sources))
			}
			if few, many := count(1000), count(4000); many-few > 20 {
				t.Fatalf("4,000 sources cost %v allocations, 1,000 cost %v", many, few)
			}
		})
	}
}

func BenchmarkSources(b *testing.B) {
	list := manySources(100_000)
	b.ReportAllocs()
	for b.Loop() {
		NewSources(list)
	}
}

func BenchmarkNext(b *testing.B) {
	sources, nodes := NewSources(manySources(100_000)), manyNodes(100)
	all := View{Self: "n000", Nodes: nodes, Sources: sources}
	less := all
	less.Nodes = nodes[:99]
	level := Next(nil, all)
	for _, c := range []struct {
		name   string
		before *Plan
		view   View
	}{
		{"from nothing", nil, all},
		{"one node comes", Next(nil, less), all},
		{"one node goes", level, less},
		{"nothing changed", level, all},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Next(c.before, c.view)
			}
		})
	}
}

func BenchmarkLevel(b *testing.B) {
	plan := Next(nil, View{Self: "n000", Nodes: manyNodes(100), Sources: NewSources(manySources(1_000))})
	b.ReportAllocs()
	for b.Loop() {
		plan.Level()
	}
}

func BenchmarkWeight(b *testing.B) {
	var sum, n uint64
	for b.Loop() {
		n++
		sum += weight(n, 12345)
	}
	if sum == 1 {
		b.Log(sum)
	}
}
