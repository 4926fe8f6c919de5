package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

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

func active(n []Node) { n[0].State = StateActive }

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

// others has all other nodes say the same of a source now, and plans.
func (s *scene) others(source string, said Said) *scene {
	for _, n := range s.view.Nodes {
		if n.ID != s.view.Self {
			s.view.Reports[About{source, n.ID}] = Report{said, s.view.Now}
		}
	}
	return s.after(0, nil)
}

// ahead wants so many nodes to number before this one, which runs it.
func (s *scene) ahead(source string, want int) *scene {
	s.t.Helper()
	if task := s.plan.Task(source); !task.Do.Runs() || task.Ahead != want {
		s.t.Errorf("%s: %s, %d are ahead, want %d", source, task.Do, task.Ahead, want)
	}
	return s
}

func TestWhoBeginsNumbersBehindWhoOwnedItUntilItHasStopped(t *testing.T) {
	for how, test := range map[string]func(s *scene, name string){
		"it says so": func(s *scene, name string) {
			s.says("a", name, SaidRunning).ahead(name, 1)
			if s.says("a", name, SaidStopped).ahead(name, 1); len(s.plan.Questions()) > 0 {
				s.t.Errorf("asks %v", s.plan.Questions())
			}
			if due, ok := s.plan.Due(); !ok || due != s.view.Now+LastWords {
				s.t.Errorf("due at %s, %v", due, ok)
			}
			s.after(LastWords-1, nil).ahead(name, 1).after(1, nil).ahead(name, 0)
		},
		"it leaves": func(s *scene, name string) {
			s.after(0, func(n []Node) { n[0] = Node{ID: "left"} }).ahead(name, 1).after(LastWords, nil).ahead(name, 0)
		},
		"it dies": func(s *scene, name string) {
			s.after(0, func(n []Node) { n[0].Dead, n[0].DeadAt = true, s.view.Now }).ahead(name, 1).after(Grace, nil).ahead(name, 0)
		},
		"it says nothing for too long": func(s *scene, name string) {
			s.after(HandOver, nil).ahead(name, 1).after(LastWords, nil).ahead(name, 0)
		},
		"it is the owner again, and has not stopped": func(s *scene, name string) {
			s.after(0, active).ahead(name, 1).want(name, HandsOver, "runs on until a runs it, for 1m0s at most")
		},
		"it stopped, and the one that began hands over too": func(s *scene, name string) {
			s.says("a", name, SaidStopped).ahead(name, 1).after(0, func(n []Node) { n[1].State = StateDraining }).ahead(name, 1)
			s.after(LastWords-1, nil).ahead(name, 1).after(1, nil).ahead(name, 0)
			s.want(name, HandsOver, "runs on until c runs it, for 10s at most")
		},
	} {
		t.Run(how, func(t *testing.T) {
			nodes, name := three()
			s := newScene(t, "b", nodes, Source{Name: name}).after(0, draining).ahead(name, 1)
			if q := s.plan.Questions(); !slices.Equal(q, []About{{name, "a"}}) {
				t.Errorf("asks %v", q)
			}
			test(s, name)
		})
	}
}

func TestWhoOwnedItLongerNumbersFirstWhileOwnersChange(t *testing.T) {
	nodes, name := three()
	drains := func(at int) func(n []Node) { return func(n []Node) { n[at].State = StateDraining } }
	for what, c := range map[string]struct {
		goes int
		// ahead are before how many nodes number while the one goes, and afterwards.
		ahead, after map[messages.NodeID]int
	}{
		"the first goes":  {0, map[messages.NodeID]int{"a": 0, "b": 1, "c": 2}, map[messages.NodeID]int{"b": 0, "c": 1}},
		"the second goes": {1, map[messages.NodeID]int{"a": 0, "b": 1, "c": 2}, map[messages.NodeID]int{"a": 0, "c": 1}},
	} {
		t.Run(what, func(t *testing.T) {
			goes := messages.NodeID("abc"[c.goes : c.goes+1])
			for self, want := range c.ahead {
				s := newScene(t, self, nodes, Source{Name: name, Redundancy: 2}).after(0, drains(c.goes)).ahead(name, want)
				if self != goes {
					s.says(goes, name, SaidStopped).ahead(name, want).after(LastWords, nil).ahead(name, c.after[self])
				}
			}
		})
	}
	nodes[0].State = StateJoining
	for self, want := range map[messages.NodeID]int{"b": 0, "c": 1, "a": 2} { // the first comes, so that the last goes
		s := newScene(t, self, nodes, Source{Name: name, Redundancy: 2}).after(0, active).ahead(name, want)
		if self != "c" {
			s.says("c", name, SaidStopped).after(LastWords, nil).ahead(name, map[messages.NodeID]int{"a": 0, "b": 1}[self])
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
	s.after(JoinLearn, active).want(name, HandsOver, "runs on until a runs it, for 1m0s at most")
}

func TestRanks(t *testing.T) {
	nodes, name := three()
	for self, want := range map[messages.NodeID]Task{
		"a": {Source: name, Decision: Decision{Do: Run, Reason: "owned by this node, 1 of 2 by rank"}, Rank: 0, Owners: 2},
		"b": {Source: name, Decision: Decision{Do: Run, Reason: "owned by this node, 2 of 2 by rank"}, Rank: 1, Ahead: 1, Owners: 2},
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
	s.after(0, nil).want(name, HandsOver, "runs on until c runs it, for 1m0s at most")
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
	s.after(0, nil).want(name, HandsOver, "runs on until a runs it, for 1m0s at most")
	s.after(Patience, nil).want(name, Stop, "a took over, and did not say within 1m0s that it runs it")
}

func TestASourceOfEverywhereStopsWhereItIsNotAllowedAnyMore(t *testing.T) {
	nodes, name := three()
	nodes[0].Labels = map[string]string{"zone": "x"}
	s := newScene(t, "a", nodes, Source{Name: name, Everywhere: true, Nodes: nodes[0].Labels})
	s.after(0, func(n []Node) { n[0].Own = OwnNone }).want(name, Run, "runs on every node")
	s.after(0, draining).want(name, Run, "runs on every node")
	if held := s.plan.Held(); held != 0 {
		t.Errorf("%d are held: a drain would wait for what it can't hand over", held)
	}
	s.after(0, func(n []Node) { n[0].Labels = nil }).want(name, Stop, "this node has not its labels")
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
	if due, ok := s.plan.Due(); !ok || due != s.view.Now+LastWords {
		t.Errorf("due at %s, %v: want the end of last words", due, ok)
	}
	s.after(LastWords, nil)
	if due, ok := s.plan.Due(); !ok || due != ends {
		t.Errorf("due at %s, %v: want the end of the yield", due, ok)
	}
	s.after(ends-s.view.Now-1, nil).want(name, Run, "owned by this node")
	s.after(1, nil).want(name, HandsOver, "runs on until a runs it, for 1m0s at most")
}

func TestWhatANodeSaysWhenItIsAsked(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "b", nodes, Source{Name: name, Exclusive: true})
	say := func(state string, want Said) {
		t.Helper()
		var here *command.SourceStatus
		if state != "" {
			here = &command.SourceStatus{State: state}
		}
		if got := s.plan.Say(name, here, "a"); got != want {
			t.Errorf("%s, %q: says %d, want %d", s.plan.Task(name).Do, state, got, want)
		}
	}
	say("", SaidStopped)
	s.after(0, draining)
	say("", SaidStarting) // it wants it: who asks must wait
	s.says("a", name, SaidStopped)
	say("", SaidStarting)
	say("connecting", SaidStarting)
	say("running", SaidStarting) // of before
	s.after(0, active)
	say("running", SaidStarting) // it is ending
	say("", SaidStopped)
	if got := s.plan.Say("unknown", nil, "a"); got != SaidStopped {
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
