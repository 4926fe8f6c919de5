package placement

import (
	"slices"
	"testing"
	"time"

	"anode/messages"
)

func TestAnExclusiveSourceIsBrokenBeforeItIsMade(t *testing.T) {
	nodes, name := three()
	old := newScene(t, "a", nodes, Source{Name: name, Exclusive: true})
	old.want(name, Standby, "exclusive: waits until b says that it does not run it")
	old.others(name, SaidStopped).want(name, Run, "owned by this node")
	old.after(0, draining).want(name, Stop, "exclusive: b takes over once it has stopped here")

	s := newScene(t, "b", nodes, Source{Name: name, Exclusive: true})
	s.want(name, Nothing, "")
	s.says("c", name, SaidStopped) // of an earlier turn: it does not count
	s.after(1, draining).want(name, Standby, "exclusive: waits until a says that it does not run it")
	if q := s.plan.Questions(); !slices.Equal(q, []About{{name, "a"}, {name, "c"}}) {
		t.Errorf("asks %v", q)
	}
	s.says("c", name, SaidStopped)
	s.after(time.Hour, nil).want(name, Standby, "exclusive: waits until a says that it does not run it")
	if q := s.plan.Questions(); !slices.Equal(q, []About{{name, "a"}}) {
		t.Errorf("asks %v", q)
	}
	s.says("a", name, SaidRunning).want(name, Standby, "exclusive: waits until a says that it does not run it")
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
			s.says("c", name, SaidStopped).says("left", name, SaidStopped)
			s.want(name, Standby, "exclusive: waits until a says that it does not run it")
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
	s.after(1, nil).says("c", name, SaidStopped).want(name, Run, "owned by this node")
}

// Whoever it is: views may differ in who owned it before.
func TestAnExclusiveSourceWaitsForAllOthers(t *testing.T) {
	nodes, name := three()
	for said, do := range map[Said]Do{SaidRunning: Standby, SaidStarting: Standby, SaidStopped: Run, SaidNothing: Standby} {
		s := newScene(t, "a", nodes, Source{Name: name, Exclusive: true})
		s.says("b", name, SaidStopped).says("c", name, said)
		if got := s.plan.Task(name).Do; got != do {
			t.Errorf("c said %d: %s, want %s", said, got, do)
		}
	}
}

func TestWhoOwnedItAgainAsksAnew(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "a", nodes, Source{Name: name, Exclusive: true}).others(name, SaidStopped)
	s.after(1, draining).want(name, Stop, "exclusive: b takes over once it has stopped here")
	s.after(1, active).want(name, Standby, "exclusive: waits until b says that it does not run it")
	s.others(name, SaidStopped).want(name, Run, "owned by this node")
}

// Two that both own it by views that stay different: after a while the lower rank gives way, and asks anew itself.
func TestOneOfTwoThatWaitForEachOtherGivesWay(t *testing.T) {
	nodes, name := three()
	s := newScene(t, "b", nodes, Source{Name: name, Exclusive: true}).after(0, draining).others(name, SaidStarting)
	say := func(to messages.NodeID, want Said) {
		t.Helper()
		if got := s.plan.Say(name, nil, to); got != want {
			t.Errorf("says %d to %s, want %d", got, to, want)
		}
	}
	s.after(HandOver-1, nil)
	say("a", SaidStarting)
	s.after(1, nil)
	say("c", SaidStarting)
	say("a", SaidStopped)

	s.view.Reports.Hear(About{name, "a"}, Report{SaidStarting, s.view.Now})
	s.view.Reports.Hear(About{name, "a"}, Report{SaidStopped, s.view.Now - 1}) // on its way since before
	s.says("c", name, SaidStopped).want(name, Standby, "exclusive: waits until a says that it does not run it")
}
