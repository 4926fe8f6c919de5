package placement

import (
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/messages/spec"
)

func TestShareOfAPace(t *testing.T) {
	for _, c := range []struct {
		share Share
		mesh  time.Duration
		want  time.Duration
	}{
		{Share{1, 1}, time.Second, time.Second},
		{Share{1, 4}, time.Second, 4 * time.Second},
		{Share{3, 4}, time.Second, 1333333334},
		{Share{4, 4}, 7, 7},
		{Share{2, 3}, 1, 2},
		{Share{1, 2}, 0, 0},
		{Share{0, 0}, time.Second, time.Second},
		{Share{0, 3}, time.Second, 4 * time.Second},
		{Share{1, 100_000}, longest, longest},
		{Share{1, math.MaxInt}, math.MaxInt64, longest},
	} {
		if got := c.share.Every(c.mesh); got != c.want {
			t.Errorf("%+v of one each %d: one each %d, want %d", c.share, c.mesh, got, c.want)
		}
	}
}

// rates adds up what nodes do in a time, exactly.
func rates(paces []time.Duration) *big.Rat {
	sum := new(big.Rat)
	for _, pace := range paces {
		sum.Add(sum, big.NewRat(1, int64(pace)))
	}
	return sum
}

func TestSharesNeverAddUpToMoreThanTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mesh := time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "mesh"))
		owned := rapid.SliceOfN(rapid.IntRange(1, 1000), 1, 50).Draw(t, "owned")
		all := 0
		for _, n := range owned {
			all += n
		}
		var paces []time.Duration
		for _, n := range owned {
			pace := Share{n, all}.Every(mesh)
			if pace >= longest {
				t.Fatalf("who owns %d of %d gets nothing", n, all)
			}
			paces = append(paces, pace)
		}
		if sum := rates(paces); sum.Cmp(big.NewRat(1, int64(mesh))) > 0 {
			t.Fatalf("together %s a ns, of 1/%d", sum, mesh)
		}
	})
}

// TestTheBudgetHoldsWhileSourcesMove adds up what all nodes of a mesh may do that run something on a host, at each moment of
// changes and handing over that all see at once.
func TestTheBudgetHoldsWhileSourcesMove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := []Source{{Name: "s0", Host: "x"}, {Name: "s1", Host: "x", Exclusive: true}, {Name: "s2", Host: "x", Redundancy: 2}, {Name: "s3", Host: "y"}}
		m := newMesh(rapid.IntRange(1, 5).Draw(t, "nodes"), sources)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			x := rapid.SampledFrom(m.members).Draw(t, "member")
			switch rapid.SampledFrom([]string{"change", "ask", "hear", "settle", "wait"}).Draw(t, "step") {
			case "change":
				m.anyChange(t, sources)
			case "ask":
				m.ask(x)
			case "hear":
				m.hear(x)
			case "settle":
				x.settle()
			case "wait":
				m.now += time.Duration(rapid.Int64Range(0, int64(4*time.Second)).Draw(t, "for"))
			}
			for _, y := range m.members {
				m.see(y)
			}
			for _, host := range []string{"x", "y"} {
				m.checkBudget(t, host)
			}
		}
	})
}

func (m *mesh) checkBudget(t *rapid.T, host string) {
	var paces []time.Duration
	for _, x := range m.members {
		for i := range m.sources.list {
			if s := &m.sources.list[i]; s.Host == host && x.plan.Task(s.Name).Do.Runs() {
				if x.plan.Share(host).Own == 0 {
					t.Fatalf("%s runs %s, and has no share", x.id, s.Name)
				}
				paces = append(paces, x.plan.Share(host).Every(time.Second))
				break
			}
		}
	}
	if sum := rates(paces); sum.Cmp(big.NewRat(1, int64(time.Second))) > 0 {
		t.Fatalf("on %s nodes do one each %v", host, paces)
	}
}

func TestWhatCountsForAShare(t *testing.T) {
	nodes := manyNodes(2)
	of := func(self int, sources ...Source) Share {
		return Next(nil, View{Self: nodes[self].ID, Nodes: nodes, Sources: NewSources(sources)}).Share("x")
	}
	for name, c := range map[string]struct {
		source Source
		both   [2]Share
	}{
		"one with two owners":         {Source{Name: "a", Host: "x", Redundancy: 2}, [2]Share{{1, 2}, {1, 2}}},
		"a paused one":                {Source{Name: "a", Host: "x", Redundancy: 2, Paused: true}, [2]Share{}},
		"one that is pushed to":       {Source{Name: "a", Host: "x", Everywhere: true}, [2]Share{}},
		"one of another host":         {Source{Name: "a", Host: "y", Redundancy: 2}, [2]Share{}},
		"one whose host is not known": {Source{Name: "a", Redundancy: 2}, [2]Share{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := [2]Share{of(0, c.source), of(1, c.source)}; got != c.both {
				t.Errorf("%+v, want %+v", got, c.both)
			}
		})
	}
	if a, b := of(0, Source{Name: "a", Host: "x"}), of(1, Source{Name: "a", Host: "x"}); a.Own+b.Own != 1 || a.All != 1 || b.All != 1 {
		t.Errorf("one with one owner: %+v and %+v", a, b)
	}
}

func TestTheLowestBudgetOfAllSourcesOfAHostCounts(t *testing.T) {
	budget := func(requests, sends time.Duration) *spec.Budget {
		return &spec.Budget{Requests: spec.Rate{Every: requests}, Sends: spec.Rate{Every: sends}}
	}
	s := NewSources([]Source{
		{Name: "a", Host: "x", Budget: budget(2, 0)},
		{Name: "b", Host: "x"},
		{Name: "c", Host: "x", Budget: budget(1, 7)},
		{Name: "d", Host: "x", Budget: budget(9, 9), Paused: true},
		{Name: "e", Host: "x", Budget: budget(9, 9), Everywhere: true},
		{Name: "f", Host: "y", Budget: budget(5, 0)},
		{Name: "g", Host: "z"},
		{Name: "h", Budget: budget(5, 0)},
	})
	o := &Office{}
	if got := o.Budget("x"); got != nil {
		t.Errorf("before a plan: %v", got)
	}
	o.plan.Store(Next(nil, View{Self: "n", Sources: s}))
	for host, want := range map[string]*spec.Budget{"x": budget(2, 7), "y": budget(5, 0), "z": nil, "": nil} {
		if got := o.Budget(host); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}
