package placement

import (
	"slices"
	"testing"
	"time"

	"anode/messages"
)

// change is one of the world of three, and who owns the source then, and why.
type change struct {
	edit func(n []Node, s *Source)
	want []messages.NodeID
	why  string
}

// changed is when worlds are looked at that were changed.
const changed = time.Hour

func whoOwns(t *testing.T, changes map[string]change) {
	t.Helper()
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			nodes, source := three()
			s := Source{Name: source}
			c.edit(nodes, &s)
			p := Next(nil, View{Now: changed, Self: "a", Nodes: nodes, Sources: NewSources([]Source{s})})
			if got := p.Owners(source); !slices.Equal(got, c.want) {
				t.Errorf("owners are %v, want %v", got, c.want)
			}
			if why := p.Why(source); why != c.why {
				t.Errorf("because: %s\nwant     %s", why, c.why)
			}
		})
	}
}

func TestHowManyOwn(t *testing.T) {
	whoOwns(t, map[string]change{
		"one": {func([]Node, *Source) {}, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"two": {func(_ []Node, s *Source) { s.Redundancy = 2 }, []messages.NodeID{"a", "b"}, "owned by a, b, of 3 candidates"},
		"more than there are": {
			func(_ []Node, s *Source) { s.Redundancy = 16 },
			[]messages.NodeID{"a", "b", "c"},
			"owned by a, b, c, of 3 candidates; it wants 16 owners",
		},
		"exclusive: one, whatever redundancy says": {
			func(_ []Node, s *Source) { s.Redundancy, s.Exclusive = 2, true },
			[]messages.NodeID{"a"},
			"owned by a, of 3 candidates",
		},
		"paused": {func(_ []Node, s *Source) { s.Paused = true }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
	})
}

func TestWhoIsInWhichStateOwns(t *testing.T) {
	whoOwns(t, map[string]change{
		"the first is joining":  {func(n []Node, _ *Source) { n[0].State = StateJoining }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
		"the first is draining": {func(n []Node, _ *Source) { n[0].State = StateDraining }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
		"nobody is active": {
			func(n []Node, _ *Source) {
				n[0].State, n[1].State, n[2].State = StateJoining, StateDraining, StateJoining
			},
			nil, "no node can own it: no node is active",
		},
		"dead, in its grace": {func(n []Node, _ *Source) { n[0].Dead, n[0].DeadAt = true, changed-Grace+1 }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"dead":               {func(n []Node, _ *Source) { n[0].Dead, n[0].DeadAt = true, changed-Grace }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
	})
}

func TestWhoWearsLabelsOwns(t *testing.T) {
	zone := map[string]string{"zone": "x"}
	whoOwns(t, map[string]change{
		"labels that one has": {
			func(n []Node, s *Source) { n[2].Labels, s.Nodes = map[string]string{"zone": "x", "disk": "ssd"}, zone },
			[]messages.NodeID{"c"},
			"owned by c, of 1 candidate",
		},
		"labels that nobody has": {
			func(n []Node, s *Source) { n[2].Labels, s.Nodes = map[string]string{"zone": "y"}, zone },
			nil, `no node can own it: no active node has the labels zone=x`,
		},
		"an empty label is not one that is absent": {
			func(_ []Node, s *Source) { s.Nodes = map[string]string{"zone": ""} },
			nil, `no node can own it: no active node has the labels zone=`,
		},
	})
}

func TestWhatIsLocalIsOwnedThere(t *testing.T) {
	zone := map[string]string{"zone": "x"}
	whoOwns(t, map[string]change{
		"the first owns none":                 {func(n []Node, _ *Source) { n[0].Own = OwnNone }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
		"the first owns what is local":        {func(n []Node, s *Source) { n[0].Own, s.Registered = OwnLocal, "b" }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
		"it is local to the first":            {func(n []Node, s *Source) { n[0].Own, s.Registered = OwnLocal, "a" }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"it is local to one that weighs less": {func(n []Node, s *Source) { n[2].Own, s.Registered = OwnLocal, "c" }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"local to one without its labels":     {func(n []Node, s *Source) { n[0].Own, s.Registered, s.Nodes = OwnLocal, "a", zone }, nil, `no node can own it: no active node has the labels zone=x`},
		"all own what is local, and it is b's": {func(n []Node, s *Source) {
			n[0].Own, n[1].Own, n[2].Own, s.Registered = OwnLocal, OwnLocal, OwnLocal, "b"
		}, []messages.NodeID{"b"}, "owned by b, of 1 candidate"},
		"all own what is local, and it is x's": {func(n []Node, s *Source) {
			n[0].Own, n[1].Own, n[2].Own, s.Registered = OwnLocal, OwnLocal, OwnLocal, "x"
		}, nil, "no node can own it: the nodes that could run it don't take it: their --own is none, or local and it was registered at another node"},
		"all own none": {func(n []Node, _ *Source) { n[0].Own, n[1].Own, n[2].Own = OwnNone, OwnNone, OwnNone }, nil, "no node can own it: the nodes that could run it don't take it: their --own is none, or local and it was registered at another node"},
	})
}

func TestWhoYieldsDoesNotOwn(t *testing.T) {
	yield := func(n *Node, ends time.Duration, s string) {
		n.Yields = Yields{s: {Ends: ends, Reason: "the secret k is missing"}}
	}
	whoOwns(t, map[string]change{
		"the first yields":                    {func(n []Node, s *Source) { yield(&n[0], changed+1, s.Name) }, []messages.NodeID{"b"}, "owned by b, of 3 candidates; a yields it (the secret k is missing)"},
		"the yield is over":                   {func(n []Node, s *Source) { yield(&n[0], changed, s.Name) }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"the first yields another one":        {func(n []Node, s *Source) { yield(&n[0], changed+1, s.Name+"x") }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"one that is no candidate yields":     {func(n []Node, s *Source) { n[0].State = StateDraining; yield(&n[0], changed+1, s.Name) }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
		"two owners, and one of three yields": {func(n []Node, s *Source) { s.Redundancy = 2; yield(&n[0], changed+1, s.Name) }, []messages.NodeID{"b", "c"}, "owned by b, c, of 3 candidates; a yields it (the secret k is missing)"},
		"the local one yields, and is alone": {func(n []Node, s *Source) {
			n[0].Own, n[1].Own, n[2].Own, s.Registered = OwnLocal, OwnNone, OwnNone, "a"
			yield(&n[0], changed+1, s.Name)
		}, []messages.NodeID{"a"}, "owned by a, of 1 candidate; a yields it (the secret k is missing); as all do, none does"},
		"two owners, and two of three yield": {func(n []Node, s *Source) {
			s.Redundancy = 2
			yield(&n[0], changed+1, s.Name)
			yield(&n[1], changed+1, s.Name)
		}, []messages.NodeID{"c"}, "owned by c, of 3 candidates; it wants 2 owners; a, b yield it (the secret k is missing)"},
		"all yield: none does": {
			func(n []Node, s *Source) {
				yield(&n[0], changed+1, s.Name)
				yield(&n[1], changed+1, s.Name)
				yield(&n[2], changed+1, s.Name)
			},
			[]messages.NodeID{"a"},
			"owned by a, of 3 candidates; a, b, c yield it (the secret k is missing); as all do, none does",
		},
		"they have names, two of them the same one": {func(n []Node, s *Source) {
			n[0].Name, n[1].Name, n[2].Name, s.Redundancy = "ada", "twin", "twin", 2
			yield(&n[0], changed+1, s.Name)
		}, []messages.NodeID{"b", "c"}, "owned by b, c, of 3 candidates; ada yields it (the secret k is missing)"},
	})
}

func TestWhatRunsEverywhereHasNoOwners(t *testing.T) {
	zone := map[string]string{"zone": "x"}
	whoOwns(t, map[string]change{
		"everywhere": {func(_ []Node, s *Source) { s.Everywhere = true }, []messages.NodeID{"a", "b", "c"}, "runs on every node that it allows: a, b, c"},
		"everywhere, in any state": {
			func(n []Node, s *Source) { s.Everywhere, n[0].State, n[1].State = true, StateJoining, StateDraining },
			[]messages.NodeID{"a", "b", "c"},
			"runs on every node that it allows: a, b, c",
		},
		"everywhere, whatever nodes own": {
			func(n []Node, s *Source) {
				s.Everywhere, n[0].Own, n[1].Own, s.Registered = true, OwnNone, OwnLocal, "c"
			},
			[]messages.NodeID{"a", "b", "c"},
			"runs on every node that it allows: a, b, c",
		},
		"everywhere, and nowhere": {
			func(_ []Node, s *Source) { s.Everywhere, s.Nodes = true, zone },
			nil, `no node can own it: no active node has the labels zone=x`,
		},
	})
}
