package placement

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"anode/messages"
)

// seeded is a mesh with names that no other seed has.
func seeded(seed, nodes, sources int) View {
	v := View{Self: messages.NodeID(fmt.Sprintf("n%dx0", seed))}
	for i := range nodes {
		v.Nodes = append(v.Nodes, Node{ID: messages.NodeID(fmt.Sprintf("n%dx%d", seed, i)), State: StateActive})
	}
	list := make([]Source, sources)
	for i := range list {
		list[i].Name = fmt.Sprintf("feed-%d.%d", seed, i)
	}
	v.Sources = NewSources(list)
	return v
}

// furthest is by which part of the mean the node is off that is off most.
func furthest(p *Plan) float64 {
	loads, sum, most := p.Loads(), 0, 0.0
	for _, n := range loads {
		sum += n
	}
	mean := float64(sum) / float64(len(loads))
	for _, n := range loads {
		most = max(most, math.Abs(float64(n)-mean)/mean)
	}
	return most
}

// TestTheFiguresOfBalanceAreTrue holds those of doc.go, for 1,000 sources.
func TestTheFiguresOfBalanceAreTrue(t *testing.T) {
	const seeds = 200
	for _, c := range []struct {
		nodes               int
		leastWell, mostWell float64 // the part of meshes within 25 %
		off                 float64 // of the furthest node, on average
	}{
		{3, 1, 1, 0.05},
		{5, 0.99, 1, 0.10},
		{10, 0.88, 0.97, 0.18},
		{20, 0.15, 0.33, 0.30},
	} {
		t.Run(fmt.Sprint(c.nodes), func(t *testing.T) {
			well, sum := 0, 0.0
			for seed := range seeds {
				off := furthest(Next(nil, seeded(seed, c.nodes, 1000)))
				if sum += off; off <= 0.25 {
					well++
				}
			}
			part, mean := float64(well)/seeds, sum/seeds
			t.Logf("within 25 %%: %.1f %%; furthest: %.1f %%", 100*part, 100*mean)
			if part < c.leastWell || part > c.mostWell || math.Abs(mean-c.off) > 0.01 {
				t.Errorf("want %v to %v, and %v", c.leastWell, c.mostWell, c.off)
			}
		})
	}
}

// level lets each node yield what Level says.
func level(v View) (View, int) {
	nodes, yielded := slices.Clone(v.Nodes), 0
	for i := range nodes {
		v.Self = nodes[i].ID
		r := Register{Said: 0}
		for _, name := range Next(nil, v).Level() {
			r.Yields = append(r.Yields, Yield{Source: name, Until: int64(MaxYield / time.Millisecond), Reason: LevelReason, Level: true})
		}
		nodes[i].Yields = r.Heard(v.Now)
		yielded += len(r.Yields)
	}
	v.Nodes = nodes
	return v, yielded
}

func TestALevelMeshIsWithinAQuarterOfTheMean(t *testing.T) {
	most := map[int]float64{5: 0.5, 7: 0.5, 10: 1, 15: 3, 20: 6} // yields in a mesh, on average
	for nodes, want := range most {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			const seeds = 25
			sum := 0
			for seed := range seeds {
				v, yielded := level(seeded(seed, nodes, 1000))
				sum += yielded
				if off := furthest(Next(nil, v)); off > 0.25+1e-9 {
					t.Errorf("seed %d: a node is %.1f %% off", seed, 100*off)
				}
				again, _ := level(v)
				for i := range v.Nodes {
					if a, b := fmt.Sprint(v.Nodes[i].Yields), fmt.Sprint(again.Nodes[i].Yields); a != b {
						t.Fatalf("seed %d: %s yields %s, and then %s", seed, v.Nodes[i].ID, a, b)
					}
				}
			}
			if mean := float64(sum) / seeds; mean > want {
				t.Errorf("%.1f sources are yielded, want %.1f at most", mean, want)
			}
		})
	}
}

// lopsided is a mesh of three in which the first node owns all, the second is next, and the third last.
func lopsided(sources int, edit func(*Source)) View {
	v := seeded(1, 3, 0)
	var list []Source
	for i := 0; len(list) < sources; i++ {
		s := Source{Name: fmt.Sprint("s", i)}
		if order := wanted(v.Nodes, &Source{Name: s.Name, Redundancy: 3}, 0); order[0] == v.Nodes[0].ID && order[1] == v.Nodes[1].ID {
			edit(&s)
			list = append(list, s)
		}
	}
	v.Sources = NewSources(list)
	return v
}

func TestLevellingLeavesAlone(t *testing.T) {
	as := func(edit func(*Source)) View { return lopsided(60, edit) }
	plain := as(func(*Source) {})
	if len(Next(nil, plain).Level()) == 0 {
		t.Fatal("nothing is levelled at all")
	}
	yielding := as(func(*Source) {})
	yielding.Nodes[1].Yields = make(Yields)
	for _, s := range yielding.Sources.list {
		yielding.Nodes[1].Yields[s.Name] = Yielded{Ends: time.Hour}
	}
	labelled := as(func(s *Source) { s.Nodes = map[string]string{"zone": "a"} })
	labelled.Nodes[0].Labels = map[string]string{"zone": "a"}
	for name, v := range map[string]View{
		"a few more":          lopsided(6, func(*Source) {}),
		"exclusive ones":      as(func(s *Source) { s.Exclusive = true }),
		"redundant ones":      as(func(s *Source) { s.Redundancy = 2 }),
		"those of everywhere": as(func(s *Source) { s.Everywhere = true }),
		"what others yield":   yielding,
		"what has one node":   labelled,
		"a node alone":        {Self: plain.Self, Nodes: plain.Nodes[:1], Sources: plain.Sources},
		"other nodes' own":    {Self: plain.Nodes[1].ID, Nodes: plain.Nodes, Sources: plain.Sources},
		"nothing":             {Self: plain.Self, Nodes: plain.Nodes},
	} {
		t.Run(name, func(t *testing.T) {
			if list := Next(nil, v).Level(); len(list) > 0 {
				t.Errorf("%d are levelled", len(list))
			}
		})
	}
}

// TestADeathInALevelMeshMovesOnlyWhatItMust: levelling is a matter of its own, and comes after.
func TestADeathInALevelMeshMovesOnlyWhatItMust(t *testing.T) {
	v, _ := level(seeded(3, 20, 1000))
	before := Next(nil, v)
	dead := v.Nodes[7].ID
	without := v
	without.Nodes = slices.Delete(slices.Clone(v.Nodes), 7, 8)
	after := Next(before, without)
	for i := range v.Sources.list {
		name := v.Sources.list[i].Name
		if a, b := before.Owners(name), after.Owners(name); !slices.Equal(a, b) && a[0] != dead {
			t.Errorf("%s moves from %v to %v", name, a, b)
		}
	}
}
