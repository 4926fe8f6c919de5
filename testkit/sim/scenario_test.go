package sim_test

import (
	"strings"
	"testing"
	"time"

	"anode/testkit/sim"
)

// All scenarios can be read, for small meshes too.
func TestScenariosAreScripts(t *testing.T) {
	for _, sc := range sim.Scenarios() {
		for _, nodes := range []int{1, 2, 3, 10, 1000} {
			shape := sim.Shape{Nodes: nodes, Duration: time.Minute, Seed: 5, Load: sim.Load{At: sim.Any(1), Rate: 5}}
			s, err := sim.New(sim.Config{Nodes: nodes, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Play(sc.Script(shape)); err != nil {
				t.Errorf("%s with %d nodes: %v\n%s", sc.Name, nodes, err, sc.Script(shape))
			}
		}
		if _, found := sim.FindScenario(sc.Name); !found || sc.About == "" {
			t.Errorf("scenario %q is not found, or says nothing of itself", sc.Name)
		}
	}
}

// A script comes out as it went in.
func TestScriptsAreWrittenAsTheyAreRead(t *testing.T) {
	const text = `0s history at=0-1 on=all batches=10 size=300 age=1h0m0s
2s load at=any:3 rate=2.5 size=1024 records=7 spacing=even for=5s
3s stop
3s crash 10% machine power wipe back=1.5s
4s restart down
4s wipe 0,2-3
5s churn 20% replace away=1s-2s for=10s
5s join 2
6s partition 0-3 | 5
7s heal
7s block 0 1,2
8s oneway any:2 all
9s bandwidth all 64KiB
9s latency 0-1 10ms-20ms
9s loss 3 2.5%
9s clock 0 +1h0m0s
9s clock 0 -1h0m0s
10s clone 0
11s journal stall 1 for=2s
11s damage 0 5%
12s pause 0 for=3s
13s register 0 5
`
	s, err := sim.New(sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Play("# a comment\n\n" + text); err != nil {
		t.Fatal(err)
	}
	if s.Text() != text {
		t.Errorf("it comes out as\n%s\nwant\n%s", s.Text(), text)
	}
}

// What can't be read is named with its line.
func TestFaultsOfScriptsHaveTheirLines(t *testing.T) {
	for script, want := range map[string]string{
		"5s":                            "line 1: nothing is to be done",
		"\nload":                        `line 2: a line begins with a time: "load" is no duration`,
		"1s dance":                      `line 1: unknown action "dance": there are load, stop, crash`,
		"1s crash":                      "line 1: crash: which nodes is missing",
		"1s crash 10% now":              `what is "now" to say?`,
		"1s crash 5-3":                  `"5-3" names no nodes`,
		"1s crash 200%":                 `"200%" names no nodes`,
		"1s load rate=-1":               "rate=-1: want a number above 0",
		"1s load speed=1":               "there is no speed=",
		"1s load rate=1 rate=2":         "rate is given twice",
		"1s load spacing=odd":           "want even or poisson",
		"1s latency all 5ms-1ms":        `"5ms-1ms" is no span`,
		"1s loss all 120%":              `"120%" is no share`,
		"1s clock 0 1h":                 `"1h" is no shift`,
		"1s journal sick 0":             "a journal can be ok, fail or stall",
		"1s join none":                  `"none" is no number of things`,
		"1s bandwidth all fast":         `"fast" is no size`,
		"1s partition 0 | ":             `"" names no nodes`,
		"1s stop now\n2s crash 1\n3s x": `line 3: unknown action "x"`,
	} {
		s, err := sim.New(sim.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Play(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
}

// What a script asks of nodes that there are not ends the run.
func TestActionsOnNobodyEndTheRun(t *testing.T) {
	for script, want := range map[string]string{
		"1s crash 10":                         "there is no node 10: there are 0 to 9",
		"1s partition 0\n2s partition 1":      "parted already",
		"1s retention bytes=1MiB":             "made without retention",
		"1s history at=0":                     "only be made at time 0",
		"1s load at=20 rate=1":                "there is no node 20",
		"0s load at=0 rate=1 size=1GiB":       "a batch has at most",
		"0s history at=0 batches=1 size=1GiB": "want at least one, of at most",
		"2s block 0 11":                       "there is no node 11",
	} {
		s, err := sim.New(sim.Config{Nodes: 10, Duration: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Play(script); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
	}
}
