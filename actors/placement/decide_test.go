package placement

import (
	"testing"
	"time"

	"anode/messages"
)

// decided is what is decided of a case at 6 s, where the owners changed at 5 s.
type decided struct {
	is   Case
	want Decision
}

func (d decided) test(t *testing.T) {
	t.Helper()
	d.is.Self, d.is.Source, d.is.Changed, d.is.Since = "me", "s", 5*time.Second, 5*time.Second
	if d.is.Now == 0 {
		d.is.Now = 6 * time.Second
	}
	if got := d.is.Decide(); got != d.want {
		t.Errorf("%+v\nwant %+v", got, d.want)
	}
}

func saysOf(node messages.NodeID, said Said, asked time.Duration) Reports {
	return Reports{About{"s", node}: {said, asked}}
}

func TestDecideOnAHandOver(t *testing.T) {
	const s, me, a, b = time.Second, messages.NodeID("me"), messages.NodeID("a"), messages.NodeID("b")
	left := []messages.NodeID{a}
	running := func(nodes ...messages.NodeID) Reports {
		r := make(Reports)
		for _, n := range nodes {
			r[About{"s", n}] = Report{SaidRunning, 5 * s}
		}
		return r
	}
	for name, c := range map[string]decided{
		"a new owner runs at once":          {Case{Owners: []messages.NodeID{me}, Others: left}, Decision{Do: Run}},
		"an owner by a lower rank runs too": {Case{Owners: []messages.NodeID{a, me}}, Decision{Do: Run}},
		"another node's":                    {Case{Owners: []messages.NodeID{a}}, Decision{}},
		"nobody's":                          {Case{}, Decision{}},

		"handing over: the successor has said nothing": {
			Case{Runs: true, Owners: []messages.NodeID{a}},
			Decision{HandsOver, a, 15 * s, "runs on until a runs it, for 10s at most"},
		},
		"handing over: the successor is starting": {
			Case{Runs: true, Owners: []messages.NodeID{a}, Reports: saysOf(a, SaidStarting, 6*s)},
			Decision{HandsOver, a, 15 * s, "runs on until a runs it, for 10s at most"},
		},
		"handing over: the successor runs": {
			Case{Runs: true, Owners: []messages.NodeID{a}, Reports: running(a)},
			Decision{Do: Stop, For: a, Reason: "a runs it"},
		},
		"handing over: the successor ran it before the owners changed": {
			Case{Runs: true, Owners: []messages.NodeID{a}, Reports: saysOf(a, SaidRunning, 5*s-1)},
			Decision{HandsOver, a, 15 * s, "runs on until a runs it, for 10s at most"},
		},
		"handing over: one of two successors runs": {
			Case{Runs: true, Owners: []messages.NodeID{a, b}, Reports: running(a)},
			Decision{HandsOver, b, 15 * s, "runs on until b runs it, for 10s at most"},
		},
		"handing over: both successors run": {
			Case{Runs: true, Owners: []messages.NodeID{a, b}, Reports: running(a, b)},
			Decision{Do: Stop, For: a, Reason: "a runs it"},
		},
		"handing over: a moment before the time is over": {
			Case{Now: 15*s - 1, Runs: true, Owners: []messages.NodeID{a}},
			Decision{HandsOver, a, 15 * s, "runs on until a runs it, for 10s at most"},
		},
		"handing over: the time is over": {
			Case{Now: 15 * s, Runs: true, Owners: []messages.NodeID{a}},
			Decision{Do: Stop, For: a, Reason: "a took over, and did not say within 10s that it runs it"},
		},
		"handing over to nobody": {
			Case{Runs: true},
			Decision{Do: HandsOver, Until: 15 * s, Reason: "no node can own it: runs on for 10s at most, in case one comes"},
		},
		"handing over to nobody, for long enough": {
			Case{Now: 15 * s, Runs: true},
			Decision{Do: Stop, Reason: "no node can own it"},
		},
		"an owner again": {Case{Runs: true, Owners: []messages.NodeID{me}}, Decision{Do: Run}},
	} {
		t.Run(name, c.test)
	}
}

func TestDecideOnAnExclusiveSource(t *testing.T) {
	const s, me, a = time.Second, messages.NodeID("me"), messages.NodeID("a")
	left := []messages.NodeID{a}
	for name, c := range map[string]decided{
		"exclusive: the first owner": {Case{Exclusive: true, Owners: []messages.NodeID{me}}, Decision{Do: Run}},
		"exclusive: the old owner has said nothing": {
			Case{Exclusive: true, Owners: []messages.NodeID{me}, Others: left},
			Decision{Do: Standby, For: a, Reason: "exclusive: waits until a says that it does not run it"},
		},
		"exclusive: the old owner runs it": {
			Case{Exclusive: true, Owners: []messages.NodeID{me}, Others: left, Reports: saysOf(a, SaidRunning, 6*s)},
			Decision{Do: Standby, For: a, Reason: "exclusive: waits until a says that it does not run it"},
		},
		"exclusive: the old owner has stopped": {
			Case{Exclusive: true, Owners: []messages.NodeID{me}, Others: left, Reports: saysOf(a, SaidStopped, 5*s)},
			Decision{Do: Run},
		},
		"exclusive: the old owner stopped before it owned it last": {
			Case{Exclusive: true, Owners: []messages.NodeID{me}, Others: left, Reports: saysOf(a, SaidStopped, 5*s-1)},
			Decision{Do: Standby, For: a, Reason: "exclusive: waits until a says that it does not run it"},
		},
		"exclusive: no time is long enough": {
			Case{Now: 1000 * time.Hour, Exclusive: true, Owners: []messages.NodeID{me}, Others: left},
			Decision{Do: Standby, For: a, Reason: "exclusive: waits until a says that it does not run it"},
		},
		"exclusive: one that runs goes on": {Case{Exclusive: true, Runs: true, Owners: []messages.NodeID{me}, Others: left}, Decision{Do: Run}},
		"exclusive: the old owner stops at once": {
			Case{Exclusive: true, Runs: true, Owners: []messages.NodeID{a}},
			Decision{Do: Stop, For: a, Reason: "exclusive: a takes over once it has stopped here"},
		},
		"exclusive: nobody takes it": {Case{Exclusive: true, Runs: true}, Decision{Do: Stop, Reason: "no node can own it"}},
	} {
		t.Run(name, c.test)
	}
}
