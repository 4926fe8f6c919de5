package placement

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/messages"
)

// anyView draws a view, with the sources that it is of.
func anyView(t *rapid.T, now time.Duration) (View, []Source) {
	list := anySources(t)
	return View{Now: now, Self: rapid.SampledFrom(allNodes).Draw(t, "self"), Nodes: anyNodes(t, now), Sources: NewSources(list)}, list
}

func TestOwnersAreThoseOfHighestWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, sources := anyView(t, time.Hour)
		p := Next(nil, v)
		for i := range sources {
			if s := &sources[i]; !s.Everywhere {
				if got, want := p.Owners(s.Name), wanted(v.Nodes, s, v.Now); !slices.Equal(got, want) {
					t.Fatalf("%+v\nis owned by %v, want %v", s, got, want)
				}
			}
		}
	})
}

func TestEachSourceHasAsManyOwnersAsItWantsAndCandidatesAllow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, sources := anyView(t, time.Hour)
		p := Next(nil, v)
		for i := range sources {
			s := &sources[i]
			if s.Everywhere {
				continue
			}
			owners := p.Owners(s.Name)
			want := min(max(1, s.Redundancy), MaxRedundancy)
			if s.Exclusive {
				want = 1
			}
			if have := len(candidates(v.Nodes, s, v.Now)); len(owners) != min(want, have) {
				t.Fatalf("%+v has %d owners, with %d candidates", s, len(owners), have)
			}
			if slices.Sort(owners); len(slices.Compact(owners)) != min(want, len(candidates(v.Nodes, s, v.Now))) {
				t.Fatalf("%+v has an owner twice: %v", s, owners)
			}
		}
	})
}

func TestTheOrderOfNodesAndSourcesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, sources := anyView(t, time.Hour)
		other := v
		other.Nodes, other.Sources = shuffled(t, v.Nodes), NewSources(shuffled(t, sources))
		if a, b := pictured(Next(nil, v)), pictured(Next(nil, other)); a != b {
			t.Fatalf("%s\n%s", a, b)
		}
	})
}

// TestWhatIsKeptFromThePlanBeforeChangesNothing compares plans that follow each other with plans from nothing.
func TestWhatIsKeptFromThePlanBeforeChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, sources := anyView(t, time.Hour)
		p := Next(nil, v)
		for range rapid.IntRange(1, 6).Draw(t, "views") {
			v.Now += time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "passes"))
			switch rapid.IntRange(0, 4).Draw(t, "change") {
			case 0: // only time
			case 1:
				sources = anySources(t)
				v.Sources = NewSources(sources)
			case 2:
				v.Nodes = anyNodes(t, v.Now)
			case 3: // one node
				id := rapid.SampledFrom(allNodes).Draw(t, "node")
				v.Nodes = slices.DeleteFunc(slices.Clone(v.Nodes), func(n Node) bool { return n.ID == id })
				if rapid.Bool().Draw(t, "comes") {
					v.Nodes = append(v.Nodes, anyNode(t, id, v.Now))
				}
			case 4:
				v.Sources = NewSources(sources)
			}
			p = Next(p, v)
			fresh := Next(nil, v)
			for i := range sources {
				name := sources[i].Name
				if got, want := p.Owners(name), fresh.Owners(name); !slices.Equal(got, want) {
					t.Fatalf("%+v is owned by %v, from nothing by %v", sources[i], got, want)
				}
			}
		}
	})
}

// TestAChangedNodeMovesOnlyWhatItMust: a node that goes moves what it owned, and one that comes takes what it owns then.
func TestAChangedNodeMovesOnlyWhatItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, sources := anyView(t, time.Hour)
		id := rapid.SampledFrom(allNodes).Draw(t, "node")
		without := v
		without.Nodes = slices.DeleteFunc(slices.Clone(v.Nodes), func(n Node) bool { return n.ID == id })
		with := v
		with.Nodes = append(slices.Clone(without.Nodes), anyNode(t, id, v.Now))
		before, after := Next(nil, with), Next(nil, without)
		for i := range sources {
			s := &sources[i]
			a, b := before.Owners(s.Name), after.Owners(s.Name)
			if !slices.Equal(a, b) && !slices.Contains(a, id) {
				t.Fatalf("%+v moves from %v to %v, and %s has nothing to do with it", s, a, b, id)
			}
		}
	})
}

func TestTheOthersKeepTheirRankBesideOneWhoGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, sources := anyView(t, time.Hour)
		id := rapid.SampledFrom(allNodes).Draw(t, "node")
		for i := range v.Nodes {
			v.Nodes[i].Yields = nil
		}
		without := v
		without.Nodes = slices.DeleteFunc(slices.Clone(v.Nodes), func(n Node) bool { return n.ID == id })
		before, after := Next(nil, v), Next(nil, without)
		for i := range sources {
			stay := slices.DeleteFunc(before.Owners(sources[i].Name), func(o messages.NodeID) bool { return o == id })
			if now := after.Owners(sources[i].Name); len(now) < len(stay) || !slices.Equal(now[:len(stay)], stay) {
				t.Fatalf("%s: %v stay, and owners are %v", sources[i].Name, stay, now)
			}
		}
	})
}

// TestNodesThatDisagreeRunASourceAtMostOnceMoreForEachNodeTheyDisagreeAbout, and not at all when they agree again.
func TestNodesThatDisagreeRunASourceAtMostOnceMoreForEachNodeTheyDisagreeAbout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, sources := anyView(t, time.Hour)
		for i := range v.Nodes {
			v.Nodes[i].Yields = nil // each of them is a difference of its own
		}
		hidden := rapid.SliceOfDistinct(rapid.SampledFrom(allNodes), rapid.ID).Draw(t, "hidden")
		other := v
		other.Nodes = slices.DeleteFunc(slices.Clone(v.Nodes), func(n Node) bool { return slices.Contains(hidden, n.ID) })
		p, q := Next(nil, v), Next(nil, other)
		for i := range sources {
			s := &sources[i]
			if s.Everywhere {
				continue
			}
			both := slices.Concat(p.Owners(s.Name), q.Owners(s.Name))
			slices.Sort(both)
			if n := len(slices.Compact(both)); n > s.owners()+len(hidden) {
				t.Fatalf("%s has %d owners where it wants %d, and views differ in %d nodes", s.Name, n, s.owners(), len(hidden))
			}
		}
		v.Now += HandOver
		other.Now, other.Nodes = v.Now, v.Nodes
		if a, b := ownership(Next(p, v), sources), ownership(Next(q, other), sources); !equalMaps(a, b) {
			t.Fatalf("equal views: %v and %v", a, b)
		}
	})
}

func equalMaps(a, b map[string]string) bool {
	for name, owners := range a {
		if b[name] != owners {
			return false
		}
	}
	return len(a) == len(b)
}

func TestNodesWithEqualViewsRunExactlyWhatIsOwned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, sources := anyView(t, time.Hour)
		runs := make(map[string][]messages.NodeID)
		for i := range v.Nodes {
			v.Self, v.Reports = v.Nodes[i].ID, saidByAll(&v, SaidStopped)
			for task := range Next(nil, v).Tasks() {
				if task.Do != Run {
					t.Fatalf("%+v", task)
				}
				runs[task.Source] = append(runs[task.Source], v.Self)
			}
		}
		p := Next(nil, v)
		for i := range sources {
			got, want := runs[sources[i].Name], p.Owners(sources[i].Name)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%+v runs on %v, and is owned by %v", sources[i], got, want)
			}
		}
	})
}

func TestAPlanIsNotChangedByTheNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, _ := anyView(t, time.Hour)
		p := Next(Next(nil, v), v)
		picture := pictured(p)
		next := v
		next.Now += time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "passes"))
		next.Nodes = anyNodes(t, next.Now)
		if rapid.Bool().Draw(t, "others") {
			next.Sources = NewSources(anySources(t))
		}
		Next(p, next)
		if again := pictured(p); again != picture {
			t.Fatalf("%s\n%s", picture, again)
		}
	})
}
