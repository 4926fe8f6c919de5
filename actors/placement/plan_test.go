package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
)

// first is a name for a source that a node owns before others do.
func first(id messages.NodeID, others ...messages.NodeID) string {
	for i := 0; ; i++ {
		name := fmt.Sprint(id, "-", i)
		best := weight(sourceKey(name), nodeKey(id))
		if !slices.ContainsFunc(others, func(o messages.NodeID) bool { return weight(sourceKey(name), nodeKey(o)) >= best }) {
			return name
		}
	}
}

// three are nodes a, b and c, and a source that weighs most on a and least on c.
func three() ([]Node, string) {
	nodes := []Node{{ID: "a", State: StateActive}, {ID: "b", State: StateActive}, {ID: "c", State: StateActive}}
	for i := 0; ; i++ {
		name := fmt.Sprint("s", i)
		if order := wanted(nodes, &Source{Name: name, Redundancy: 3}, 0); slices.Equal(order, []messages.NodeID{"a", "b", "c"}) {
			return nodes, name
		}
	}
}

// TestWhoOwns has one change of the world of three in each row.
func TestWhoOwns(t *testing.T) {
	const now = time.Hour
	zone := map[string]string{"zone": "x"}
	yield := func(n *Node, ends time.Duration, s string) {
		n.Yields = Yields{s: {Ends: ends, Reason: "the secret k is missing"}}
	}
	for name, c := range map[string]struct {
		edit func(n []Node, s *Source)
		want []messages.NodeID
		why  string
	}{
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

		"the first is joining":  {func(n []Node, _ *Source) { n[0].State = StateJoining }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
		"the first is draining": {func(n []Node, _ *Source) { n[0].State = StateDraining }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
		"nobody is active": {
			func(n []Node, _ *Source) {
				n[0].State, n[1].State, n[2].State = StateJoining, StateDraining, StateJoining
			},
			nil, "no node can own it: no node is active",
		},
		"dead, in its grace": {func(n []Node, _ *Source) { n[0].Dead, n[0].DeadAt = true, now-Grace+1 }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"dead":               {func(n []Node, _ *Source) { n[0].Dead, n[0].DeadAt = true, now-Grace }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},

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
		}, nil, "no node can own it: no node that could takes it, by --own"},
		"all own none":                        {func(n []Node, _ *Source) { n[0].Own, n[1].Own, n[2].Own = OwnNone, OwnNone, OwnNone }, nil, "no node can own it: no node that could takes it, by --own"},
		"the first yields":                    {func(n []Node, s *Source) { yield(&n[0], now+1, s.Name) }, []messages.NodeID{"b"}, "owned by b, of 3 candidates; a yields it (the secret k is missing)"},
		"the yield is over":                   {func(n []Node, s *Source) { yield(&n[0], now, s.Name) }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"the first yields another one":        {func(n []Node, s *Source) { yield(&n[0], now+1, s.Name+"x") }, []messages.NodeID{"a"}, "owned by a, of 3 candidates"},
		"one that is no candidate yields":     {func(n []Node, s *Source) { n[0].State = StateDraining; yield(&n[0], now+1, s.Name) }, []messages.NodeID{"b"}, "owned by b, of 2 candidates"},
		"two owners, and one of three yields": {func(n []Node, s *Source) { s.Redundancy = 2; yield(&n[0], now+1, s.Name) }, []messages.NodeID{"b", "c"}, "owned by b, c, of 3 candidates; a yields it (the secret k is missing)"},
		"the local one yields, and is alone": {func(n []Node, s *Source) {
			n[0].Own, n[1].Own, n[2].Own, s.Registered = OwnLocal, OwnNone, OwnNone, "a"
			yield(&n[0], now+1, s.Name)
		}, []messages.NodeID{"a"}, "owned by a, of 1 candidate; a yields it (the secret k is missing); as all do, none does"},
		"two owners, and two of three yield": {func(n []Node, s *Source) { s.Redundancy = 2; yield(&n[0], now+1, s.Name); yield(&n[1], now+1, s.Name) }, []messages.NodeID{"c"}, "owned by c, of 3 candidates; it wants 2 owners; a yields it (the secret k is missing); b yields it (the secret k is missing)"},
		"all yield: none does": {
			func(n []Node, s *Source) {
				yield(&n[0], now+1, s.Name)
				yield(&n[1], now+1, s.Name)
				yield(&n[2], now+1, s.Name)
			},
			[]messages.NodeID{"a"},
			"owned by a, of 3 candidates; a yields it (the secret k is missing); b yields it (the secret k is missing); c yields it (the secret k is missing); as all do, none does",
		},

		"everywhere": {func(_ []Node, s *Source) { s.Everywhere = true }, []messages.NodeID{"a", "b", "c"}, "runs on every node that it allows: a, b, c"},
		"everywhere, in any state": {
			func(n []Node, s *Source) { s.Everywhere, n[0].State, n[1].State = true, StateJoining, StateDraining },
			[]messages.NodeID{"a", "b", "c"},
			"runs on every node that it allows: a, b, c",
		},
		"everywhere, save where it is not taken": {
			func(n []Node, s *Source) {
				s.Everywhere, n[0].Own, n[1].Own, s.Registered = true, OwnNone, OwnLocal, "b"
			},
			[]messages.NodeID{"b", "c"},
			"runs on every node that it allows: b, c",
		},
		"everywhere, and nowhere": {
			func(_ []Node, s *Source) { s.Everywhere, s.Nodes = true, zone },
			nil, `no node can own it: no active node has the labels zone=x`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, source := three()
			s := Source{Name: source}
			c.edit(nodes, &s)
			p := Next(nil, View{Now: now, Self: "a", Nodes: nodes, Sources: NewSources([]Source{s})})
			if got := p.Owners(source); !slices.Equal(got, c.want) {
				t.Errorf("owners are %v, want %v", got, c.want)
			}
			if why := p.Why(source); why != c.why {
				t.Errorf("because: %s\nwant     %s", why, c.why)
			}
		})
	}
}

// scene is one node's plans, one after another.
type scene struct {
	t    *testing.T
	plan *Plan
	view View
}

func newScene(t *testing.T, self messages.NodeID, nodes []Node, sources ...Source) *scene {
	s := &scene{t: t, view: View{Now: time.Hour, Self: self, Nodes: nodes, Sources: NewSources(sources), Reports: make(Reports)}}
	s.plan = Next(nil, s.view)
	return s
}

// after lets time pass, changes the nodes, and plans.
func (s *scene) after(d time.Duration, edit func(n []Node)) *scene {
	s.view.Now += d
	s.view.Nodes = slices.Clone(s.view.Nodes)
	if edit != nil {
		edit(s.view.Nodes)
	}
	s.plan = Next(s.plan, s.view)
	return s
}

// says notes a report that was asked for now, and plans.
func (s *scene) says(node messages.NodeID, source string, said Said) *scene {
	s.view.Reports[About{source, node}] = Report{said, s.view.Now}
	return s.after(0, nil)
}

func (s *scene) want(source string, do Do, reason string) {
	s.t.Helper()
	if task := s.plan.Task(source); task.Do != do || task.Reason != reason {
		s.t.Errorf("%s: %s, because %q\nwant %s, because %q", source, task.Do, task.Reason, do, reason)
	}
}

func draining(n []Node) { n[0].State = StateDraining }
func active(n []Node)   { n[0].State = StateActive }

func TestADrainHandsOverWhenTheSuccessorRuns(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "a", nodes, Source{Name: name})
	s.want(name, Run, "owned by this node")
	s.after(0, draining).want(name, HandsOver, "runs on until b runs it, for 10s at most")
	if held := s.plan.Held(); held != 1 {
		t.Errorf("%d are held", held)
	}
	if q := s.plan.Questions(); !slices.Equal(q, []About{{name, "b"}}) {
		t.Errorf("asks %v", q)
	}
	s.says("b", name, SaidStarting).want(name, HandsOver, "runs on until b runs it, for 10s at most")
	s.says("b", name, SaidRunning).want(name, Stop, "b runs it")
	s.after(0, nil).want(name, Nothing, "")
	if held := s.plan.Held(); held != 0 || len(s.plan.Questions()) > 0 {
		t.Errorf("%d are held, and asks %v", held, s.plan.Questions())
	}
}

func TestADrainEndsAfterTenSeconds(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "a", nodes, Source{Name: name}).after(0, draining)
	if due, ok := s.plan.Due(); !ok || due != s.view.Now+HandOver {
		t.Errorf("due at %s, %v", due, ok)
	}
	s.after(HandOver-1, nil).want(name, HandsOver, "runs on until b runs it, for 10s at most")
	s.after(1, nil).want(name, Stop, "b took over, and did not say within 10s that it runs it")
	if due, ok := s.after(0, nil).plan.Due(); ok {
		t.Errorf("something is due at %s", due)
	}
}

func TestATimeOfHandingOverBeginsAnewWithAnotherSuccessor(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "a", nodes, Source{Name: name}).after(0, draining)
	s.after(HandOver-1, func(n []Node) { n[1].State = StateDraining }).want(name, HandsOver, "runs on until c runs it, for 10s at most")
	s.after(HandOver-1, nil).want(name, HandsOver, "runs on until c runs it, for 10s at most")
	s.after(1, nil).want(name, Stop, "c took over, and did not say within 10s that it runs it")
}

func TestAnExclusiveSourceIsBrokenBeforeItIsMade(t *testing.T) {
	nodes, name := three()
	old := newScene(t, "a", nodes, Source{Name: name, Exclusive: true})
	old.want(name, Run, "owned by this node")
	old.after(0, draining).want(name, Stop, "exclusive: b takes over once it has stopped here")

	s := newScene(t, "b", nodes, Source{Name: name, Exclusive: true})
	s.want(name, Nothing, "")
	s.after(0, draining).want(name, Standby, "exclusive: waits until a has stopped it")
	if q := s.plan.Questions(); !slices.Equal(q, []About{{name, "a"}}) {
		t.Errorf("asks %v", q)
	}
	s.after(time.Hour, nil).want(name, Standby, "exclusive: waits until a has stopped it")
	s.says("a", name, SaidRunning).want(name, Standby, "exclusive: waits until a has stopped it")
	s.says("a", name, SaidStopped).want(name, Run, "owned by this node")
	s.after(0, nil).want(name, Run, "owned by this node")
}

func TestAnExclusiveSourceWaitsForNobodyWhoIsGone(t *testing.T) {
	for name, gone := range map[string]func(n []Node){
		"dead": func(n []Node) { n[0].Dead, n[0].DeadAt = true, time.Hour },
		"left": func(n []Node) { n[0] = Node{ID: "left"} },
	} {
		t.Run(name, func(t *testing.T) {
			nodes, name := three()
			s := newScene(t, "b", nodes, Source{Name: name, Exclusive: true}).after(0, draining)
			s.want(name, Standby, "exclusive: waits until a has stopped it")
			s.after(Grace, gone).want(name, Run, "owned by this node")
		})
	}
}

func TestAnExclusiveSourceWaitsForTheGraceOfItsOwner(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "b", nodes, Source{Name: name, Exclusive: true})
	s.after(0, func(n []Node) { n[0].Dead, n[0].DeadAt = true, time.Hour }).want(name, Nothing, "")
	if due, ok := s.plan.Due(); !ok || due != time.Hour+Grace {
		t.Errorf("due at %s, %v", due, ok)
	}
	s.after(Grace-1, nil).want(name, Nothing, "")
	s.after(1, nil).want(name, Run, "owned by this node")
}

func TestAnExclusiveSourceWaitsForWhoSaysThatItWantsIt(t *testing.T) {
	nodes, name := three()
	for said, do := range map[Said]Do{SaidRunning: Standby, SaidStarting: Standby, SaidStopped: Run, SaidNothing: Run} {
		s := newScene(t, "x", nodes, Source{Name: name, Exclusive: true})
		s.view.Self = "a"
		s.view.Reports[About{name, "c"}] = Report{Said: said}
		s.plan = Next(nil, s.view)
		if got := s.plan.Task(name).Do; got != do {
			t.Errorf("c said %d: %s, want %s", said, got, do)
		}
	}
}

func TestADeadNodeThatIsBackWithinTheGraceMovesNothing(t *testing.T) {
	nodes, name := three()
	for _, self := range []messages.NodeID{"a", "b", "c"} {
		s := newScene(t, self, nodes, Source{Name: name})
		do := s.plan.Task(name).Do
		for _, edit := range []func([]Node){
			func(n []Node) { n[0].Dead, n[0].DeadAt = true, time.Hour },
			nil,
			func(n []Node) { n[0].Dead = false },
			nil,
		} {
			if s.after(Grace/4, edit); s.plan.Task(name).Do != do || !slices.Equal(s.plan.Owners(name), []messages.NodeID{"a"}) {
				t.Fatalf("on %s: %s, owned by %v", self, s.plan.Task(name).Do, s.plan.Owners(name))
			}
		}
	}
}

func TestANodeThatComesBackJoiningHasLostItsSources(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "b", nodes, Source{Name: name})
	s.after(Grace/4, func(n []Node) { n[0].State = StateJoining }).want(name, Run, "owned by this node")
	s.after(JoinLearn, active).want(name, HandsOver, "runs on until a runs it, for 10s at most")
}

func TestRanks(t *testing.T) {
	nodes, name := three()
	for self, want := range map[messages.NodeID]Task{
		"a": {Source: name, Decision: Decision{Do: Run, Reason: "owned by this node, 1 of 2 by rank"}, Rank: 0, Owners: 2},
		"b": {Source: name, Decision: Decision{Do: Run, Reason: "owned by this node, 2 of 2 by rank"}, Rank: 1, Owners: 2},
		"c": {Source: name, Rank: -1, Owners: 2},
		"x": {Source: name, Rank: -1, Owners: 2},
	} {
		s := newScene(t, self, nodes, Source{Name: name, Redundancy: 2})
		if got := s.plan.Task(name); got != want {
			t.Errorf("on %s: %+v, want %+v", self, got, want)
		}
	}
}

func TestASecondOwnerWaitsForAllOwnersWhenItGoes(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "a", nodes, Source{Name: name, Redundancy: 2})
	s.after(0, draining).want(name, HandsOver, "runs on until b runs it, for 10s at most")
	s.says("b", name, SaidRunning).want(name, HandsOver, "runs on until c runs it, for 10s at most")
	s.says("c", name, SaidRunning).want(name, Stop, "b runs it")
}

func TestAReplacedSpecMovesOnlyItsSource(t *testing.T) {
	nodes, name := three()
	nodes[2].Labels = map[string]string{"zone": "x"}
	other := first("a", "b", "c")
	s := newScene(t, "a", nodes, Source{Name: name}, Source{Name: other})
	s.view.Sources = NewSources([]Source{{Name: name, Nodes: map[string]string{"zone": "x"}}, {Name: other}, {Name: "new"}})
	s.after(0, nil).want(name, HandsOver, "runs on until c runs it, for 10s at most")
	s.want(other, Run, "owned by this node")
	s.view.Sources = NewSources([]Source{{Name: other}})
	s.after(0, nil).want(name, Nothing, "")
	s.want(other, Run, "owned by this node")
}

func TestASourceThatRanEverywhereIsHandedOver(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "b", nodes, Source{Name: name, Everywhere: true})
	s.want(name, Run, "runs on every node")
	s.view.Sources = NewSources([]Source{{Name: name}})
	s.after(0, nil).want(name, HandsOver, "runs on until a runs it, for 10s at most")
	s.after(HandOver, nil).want(name, Stop, "a took over, and did not say within 10s that it runs it")
}

func TestASourceOfEverywhereStopsWhereItIsNotAllowedAnyMore(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "a", nodes, Source{Name: name, Everywhere: true})
	s.after(0, draining).want(name, Run, "runs on every node")
	if held := s.plan.Held(); held != 0 {
		t.Errorf("%d are held: a drain would wait for what it can't hand over", held)
	}
	s.after(0, func(n []Node) { n[0].Own = OwnNone }).want(name, Stop, "this node has not its labels, or may not own it")
	s.after(0, nil).want(name, Nothing, "")
}

func TestWithoutACandidateASourceRunsOnForAWhile(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "a", nodes[:1], Source{Name: name})
	s.after(0, draining).want(name, HandsOver, "no node can own it: runs on for 10s at most, in case one comes")
	s.after(HandOver/2, active).want(name, Run, "owned by this node")
	s.after(0, draining)
	s.after(HandOver, nil).want(name, Stop, "no node can own it")
}

func TestAYieldMovesASourceAndEnds(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "b", nodes, Source{Name: name})
	ends := s.view.Now + time.Minute
	s.after(0, func(n []Node) { n[0].Yields = Yields{name: {Ends: ends, Reason: "no secret"}} }).want(name, Run, "owned by this node")
	if due, ok := s.plan.Due(); !ok || due != s.view.Now+HandOver {
		t.Errorf("due at %s, %v: want the end of handing over", due, ok)
	}
	s.after(HandOver, nil)
	if due, ok := s.plan.Due(); !ok || due != ends {
		t.Errorf("due at %s, %v: want the end of the yield", due, ok)
	}
	s.after(ends-s.view.Now-1, nil).want(name, Run, "owned by this node")
	s.after(1, nil).want(name, HandsOver, "runs on until a runs it, for 10s at most")
}

func TestWhatANodeSaysWhenItIsAsked(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "b", nodes, Source{Name: name, Exclusive: true})
	say := func(state string, want Said) {
		t.Helper()
		if got := s.plan.Say(name, state); got != want {
			t.Errorf("%s, %q: says %d, want %d", s.plan.Task(name).Do, state, got, want)
		}
	}
	say("", SaidStopped)
	s.after(0, draining)
	say("", SaidStarting) // it wants it: who asks must wait
	s.says("a", name, SaidStopped)
	say("", SaidStarting)
	say("connecting", SaidStarting)
	say("running", SaidRunning)
	s.after(0, active)
	say("running", SaidRunning) // it is ending
	say("", SaidStopped)
	if got := s.plan.Say("unknown", ""); got != SaidStopped {
		t.Errorf("of a source that there is not it says %d", got)
	}
}

func TestAPlanOfNothing(t *testing.T) {
	p := Next(Next(nil, View{}), View{Self: "a"})
	if due, ok := p.Due(); ok || p.Held() != 0 || len(p.Loads()) != 0 || p.Owners("s") != nil || p.Level() != nil {
		t.Errorf("%v: %s", due, pictured(p))
	}
	if task := p.Task("s"); task != (Task{Source: "s", Rank: -1}) || p.Why("s") != "there is no such source" {
		t.Errorf("%+v, %s", task, p.Why("s"))
	}
	for task := range p.Tasks() {
		t.Errorf("%+v", task)
	}
}

func TestTasksAreInOrderAndMayBeLeft(t *testing.T) {
	s := newScene(t, "a", []Node{{ID: "a", State: StateActive}}, Source{Name: "z"}, Source{Name: "b"}, Source{Name: "a"})
	var names []string
	for task := range s.plan.Tasks() {
		if names = append(names, task.Source); len(names) == 2 {
			break
		}
	}
	if got := strings.Join(names, " "); got != "a b" {
		t.Error(got)
	}
}

func TestWordsOfStatesAndTasks(t *testing.T) {
	for want, got := range map[string]fmt.Stringer{
		"joining": StateJoining, "active": StateActive, "draining": StateDraining,
		"nothing": Nothing, "run": Run, "standby": Standby, "hand over": HandsOver, "stop": Stop,
	} {
		if got.String() != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
