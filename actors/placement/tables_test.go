package placement

import (
	"math"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// TestWeightsAreForEver holds the hashes to values that must never change: nodes of two versions have to agree.
func TestWeightsAreForEver(t *testing.T) {
	for _, c := range []struct {
		source       string
		node         messages.NodeID
		of, on, both uint64
	}{
		{"coinbase-matches", "abc234", 0x5e78d58579af1fe3, 0x4f6097050d34917a, 0x5a37819250537c2f},
		{"", "", 0x8e00a4b8817e0938, 0x1a6c0799cf51ad93, 0x33212b45cb587058},
		{"a", "a", 0xd04a9e1ffcdb2c56, 0x44cdb1679b88e4f5, 0x9bd462f71bcc4a92},
	} {
		of, on := sourceKey(c.source), nodeKey(c.node)
		if both := weight(of, on); of != c.of || on != c.on || both != c.both {
			t.Errorf("{%q, %q, %#x, %#x, %#x},", c.source, c.node, of, on, both)
		}
	}
	if w := weight(1, 0); w != 0x5692161d100b05e5 {
		t.Errorf("SplitMix64's last step of 1 is %#x", w)
	}
}

func TestOfEqualWeightsTheLowerIDWins(t *testing.T) {
	for _, order := range [][]int32{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		b := ballot{source: 7, most: 2}
		for _, at := range order {
			b.offer(elector{key: 5, at: at})
		}
		var seats [2]int32
		if b.read(seats[:]); seats != [2]int32{0, 1} {
			t.Errorf("offered as %v, seats are %v", order, seats)
		}
	}
}

func TestOwn(t *testing.T) {
	for _, own := range []Own{OwnAll, OwnLocal, OwnNone} {
		if parsed, err := ParseOwn(own.String()); err != nil || parsed != own {
			t.Errorf("%s parses as %s, %v", own, parsed, err)
		}
	}
	if _, err := ParseOwn("some"); err == nil {
		t.Error("some was taken")
	}
}

func TestSourceOfASpec(t *testing.T) {
	for kind, everywhere := range map[string]bool{spec.KindPush: true, spec.KindREST: false} {
		s := SourceOf(&spec.Spec{Name: "a", Kind: kind, Redundancy: 2, Nodes: map[string]string{"zone": "x"}})
		if s.Everywhere != everywhere || s.Name != "a" || s.Redundancy != 2 || s.Nodes["zone"] != "x" || s.Exclusive {
			t.Errorf("%s: %+v", kind, s)
		}
	}
	if s := SourceOf(&spec.Spec{Name: "a", Exclusive: true}); !s.Exclusive {
		t.Error("exclusive was lost")
	}
}

func TestWhatIsSaidOfAState(t *testing.T) {
	for state, want := range map[string]Said{
		command.SourceRunning: SaidRunning, command.SourceStale: SaidStarting, command.SourcePaused: SaidRunning,
		command.SourcePending: SaidStarting, command.SourceConnecting: SaidStarting, command.SourceBackoff: SaidStarting, command.SourceFailed: SaidStarting,
	} {
		if said := SaidOf(&command.SourceStatus{State: state}); said != want {
			t.Errorf("%s is said as %d, want %d", state, said, want)
		}
	}
	if said := SaidOf(&command.SourceStatus{State: command.SourceStale, Transport: command.SourceClock{OK: true}}); said != SaidRunning {
		t.Errorf("stale over a connection that stands is said as %d", said)
	}
}

func TestHeard(t *testing.T) {
	const now, said = time.Hour, int64(1_000_000)
	for name, c := range map[string]struct {
		yields []Yield
		want   Yields
	}{
		"nothing":                     {nil, Yields{}},
		"until a time":                {[]Yield{{"a", said + 1500, "why", false}}, Yields{"a": {now + 1500*time.Millisecond, "why", false}}},
		"too long":                    {[]Yield{{"a", said + 300_001, "why", false}}, Yields{"a": {now + MaxYield, "why", false}}},
		"for ever":                    {[]Yield{{"a", math.MaxInt64, "why", true}}, Yields{"a": {now + MaxYield, "why", true}}},
		"over when said":              {[]Yield{{"a", said, "why", false}, {"b", math.MinInt64, "why", false}}, Yields{}},
		"twice: the longer":           {[]Yield{{"a", said + 1, "x", false}, {"a", said + 2, "y", false}}, Yields{"a": {now + 2*time.Millisecond, "y", false}}},
		"twice: the one with a fault": {[]Yield{{"a", said + 9, "x", true}, {"a", said + 2, "y", false}}, Yields{"a": {now + 2*time.Millisecond, "y", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			heard := Register{said, c.yields}.Heard(now)
			if len(heard) != len(c.want) {
				t.Fatalf("heard %v, want %v", heard, c.want)
			}
			for source, y := range c.want {
				if heard[source] != y {
					t.Errorf("heard %v, want %v", heard, c.want)
				}
			}
		})
	}
}

func TestAClockThatIsWrongYieldsNoLonger(t *testing.T) {
	for _, said := range []int64{math.MinInt64, -5, 0, math.MaxInt64 - 1000} {
		heard := Register{said, []Yield{{Source: "a", Until: said + 1000}}}.Heard(0)
		if heard["a"].Ends != time.Second {
			t.Errorf("said at %d for a second, it ends at %s", said, heard["a"].Ends)
		}
	}
}

func TestOfTooManyYieldsTheFirstByNameCount(t *testing.T) {
	var r Register
	for _, s := range manySources(MaxYields + 5) {
		r.Yields = append(r.Yields, Yield{Source: s.Name, Until: 1})
	}
	heard := r.Heard(0)
	if len(heard) != MaxYields {
		t.Fatalf("%d yields", len(heard))
	}
	slices.SortFunc(r.Yields, func(a, b Yield) int { return -compareBool(a.Source < b.Source, b.Source < a.Source) })
	for _, y := range r.Yields[:MaxYields] {
		if _, ok := heard[y.Source]; !ok {
			t.Fatalf("%s is not among them", y.Source)
		}
	}
}

func TestJoining(t *testing.T) {
	const s = time.Second
	type step struct {
		at             time.Duration
		linked, active bool
	}
	for name, c := range map[string]struct {
		expects bool
		steps   []step
		want    time.Duration // the first step at which it is active; -1 is none
	}{
		"the first node of a mesh is active at once":        {false, []step{{0, false, false}}, 0},
		"nobody answers: 15 s, then 1 s":                    {true, []step{{15 * s, false, false}, {16*s - 1, false, false}, {16 * s, false, false}}, 16 * s},
		"linked to joining peers: 1 s":                      {true, []step{{2 * s, true, false}, {3*s - 1, true, false}, {3 * s, true, false}}, 3 * s},
		"linked to an active peer: 10 s":                    {true, []step{{2 * s, true, true}, {12*s - 1, true, true}, {12 * s, true, true}}, 12 * s},
		"an active peer without a link: 15 s, then 10 s":    {true, []step{{16 * s, false, true}, {25*s - 1, false, true}, {25 * s, false, true}}, 25 * s},
		"a link that comes late prolongs nothing":           {true, []step{{15 * s, false, true}, {20 * s, true, true}, {25 * s, true, true}}, 25 * s},
		"a link that goes again is not waited for again":    {true, []step{{2 * s, true, true}, {3 * s, false, true}, {12 * s, false, true}}, 12 * s},
		"the active peer dies: no longer waited for":        {true, []step{{2 * s, true, true}, {5 * s, true, false}}, 5 * s},
		"a peer becomes active within the second: 10 s":     {true, []step{{2 * s, true, false}, {2*s + s/2, true, true}, {11 * s, true, true}, {12 * s, true, true}}, 12 * s},
		"the active peer is lost for a moment: still 10 s":  {true, []step{{2 * s, true, true}, {5 * s, true, true}, {5*s + 1, true, false}, {6*s + s/2, true, false}, {7*s - 1, true, true}, {11 * s, true, true}, {12 * s, true, true}}, 12 * s},
		"the active peer is lost for two seconds":           {true, []step{{2 * s, true, true}, {5 * s, true, true}, {7*s - 1, true, false}, {7 * s, true, false}}, 7 * s},
		"lost just before the end: no later for that":       {true, []step{{2 * s, true, true}, {12*s - 1, true, true}, {12 * s, true, false}}, 12 * s},
		"active stays active, whoever else is":              {false, []step{{0, false, false}, {1 * s, true, true}}, 0},
		"nothing is late where steps are: it is still 10 s": {true, []step{{0, true, true}, {9 * s, true, true}}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			j, became := Begin(0, c.expects), time.Duration(-1)
			for _, step := range c.steps {
				j = j.Step(step.at, step.linked, step.active)
				if j.Active() && became < 0 {
					became = step.at
				}
				if became >= 0 && !j.Active() {
					t.Fatalf("at %s it is joining again", step.at)
				}
			}
			if became != c.want {
				t.Errorf("active at %s, want %s", became, c.want)
			}
		})
	}
}

func TestJoiningIsDueWhenItBecomesActive(t *testing.T) {
	for _, active := range []bool{false, true} {
		j := Begin(time.Hour, true).Step(time.Hour+3*time.Second, true, active)
		due, waits := j.Due(active)
		if !waits || j.Step(due-1, true, active).Active() || !j.Step(due, true, active).Active() {
			t.Errorf("due at %s, %v", due, waits)
		}
		if _, waits := j.Step(due, true, active).Due(active); waits {
			t.Error("an active node waits for something")
		}
	}
}

func TestWhatANodeSaysOfItself(t *testing.T) {
	for _, c := range []struct {
		j      Joining
		drains bool
		want   State
	}{
		{Begin(0, true), false, StateJoining},
		{Begin(0, false), false, StateActive},
		{Begin(0, true), true, StateDraining},
		{Begin(0, false), true, StateDraining},
	} {
		if got := c.j.State(c.drains); got != c.want {
			t.Errorf("drains %v: %s, want %s", c.drains, got, c.want)
		}
	}
}

func TestJoiningInWords(t *testing.T) {
	j := Begin(0, true)
	linked := j.Step(2*time.Second, true, true)
	for want, got := range map[string]string{
		"joining: waits for a first link, for 10s at most":     j.Words(5*time.Second, false),
		"joining: no peer is active; becomes active in 1s":     j.Words(15*time.Second, false),
		"joining: learns from its peers what there is, for 7s": linked.Words(5*time.Second, true),
		"active": Begin(0, false).Words(0, false),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
