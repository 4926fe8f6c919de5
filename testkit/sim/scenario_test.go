package sim_test

import (
	"math"
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
	const text = `0s history at=0-1 on=all batches=10 size=300 age=1h
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
9s clock 0 +1h
9s clock 0 -1h
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
		"\nload":                        `line 2: a line begins with a time such as 2s: "load" is none`,
		"1s dance":                      `line 1: unknown action "dance": there are load, stop, crash`,
		"1s crash":                      "line 1: crash: which nodes is missing",
		"1s crash 10% now":              `what is "now" to say?`,
		"1s crash 5-3":                  `"5-3" names no nodes`,
		"1s crash 200%":                 `"200%" names no nodes`,
		"1s load rate=-1":               "rate=-1: want a number above 0, up to 1000000000",
		"1s load speed=1":               "there is no speed=",
		"1s load rate=1 rate=2":         "rate is given twice",
		"1s load spacing=odd":           "want even or poisson",
		"1s latency all 5ms-1ms":        `"5ms-1ms" is no span`,
		"1s loss all 120%":              `"120%" is no share`,
		"1s clock 0 1h":                 `"1h" is no shift`,
		"1s journal sick 0":             "a journal can be ok, fail or stall",
		"1s join none":                  `"none" is no number of things`,
		"1s load origins=1 at=2":        "origins= and at= exclude each other",
		"1s load origins=none":          "want a number of nodes",
		"1s load size=0":                "a batch has at least a byte",
		"1s clock 0":                    "by how much is missing",
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

// What can't be done is told before the run, with its line.
func TestWhatCantBeDoneIsToldAtOnce(t *testing.T) {
	for script, want := range map[string]string{
		"1s crash 10":                             "line 1: crash 10: there is no node 10: there are 0 to 9",
		"\n9h crash 10":                           "line 2: crash 10: there is no node 10",
		"1s join 2\n2s crash 12":                  "line 2: crash 12: there is no node 12: there are 0 to 11",
		"1s clone 0-4\n2s crash 15":               "there is no node 15: there are 0 to 14",
		"2s crash 12\n1s join 2\n1s join 1":       "",
		"1s churn 10% replace\n2s crash 12":       "at 2s, crash 12: there is no node 12", // only the run can tell
		"0s crash 10%":                            "no node runs at 0s",
		"0s pause all":                            "no node runs at 0s",
		"0s register 1 1":                         "no node runs at 0s",
		"0s journal fail 1":                       "no node runs at 0s",
		"1s partition 0\n2s partition 1":          "line 2: partition 1: the mesh is parted already",
		"1s partition 0\n2s heal\n2s partition 1": "",
		"1s partition all":                        "all nodes are on one side",
		"1s partition 0-5 | 7,4-6":                "node 4 is on two sides",
		"1s partition 0-9 | 3":                    "node 3 is on two sides",
		"1s partition 0,2 | 1,3 | 10%":            "",
		"1s retention bytes=1MiB":                 "begins without retention",
		"1s history at=0":                         "only be made at time 0",
		"0s history at=0 batches=1 size=1GiB":     "want at least one, of at most",
		"0s history at=0 batches=1 age=500000h":   "want a time after 1970",
		"0s history at=0 batches=100000000":       "100000000 batches and 10 nodes would take about 48 GiB of memory, at most 8 are possible",
		"1s load at=20 rate=1":                    "there is no node 20",
		"0s load at=0 rate=1 size=1GiB":           "a batch has 1 to",
		"0s load at=0 records=1025":               "a batch has at most 1024",
		"0s load at=all rate=1000000":             "30000000 batches",
		"0s load at=all rate=1000000\n1ms stop":   "",
		"1s loss all 100%":                        "below 100%",
		"1s churn 0%":                             "want a share above 0",
		"1s damage all 0%":                        "want a share above 0",
		"1s join 100000":                          "there would be 100010 nodes, at most 100000 are possible",
		"2s block 0 11":                           "there is no node 11",
		"2s register all 20000":                   "at most 100000 events",
		"1001h heal":                              "a run has at most 1000h",
		"2s crash any:1 back=2000h":               "want a time up to 1000h",
	} {
		s, err := sim.New(sim.Config{Nodes: 10, Duration: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Play(script); err != nil {
			t.Fatal(err)
		}
		r, err := s.Run(t.Context())
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", script, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", script, err, want)
		}
		if early := s.Check() != nil; early && r.Cost.Events > 0 {
			t.Errorf("%q: %d events happen before it is told", script, r.Cost.Events)
		}
	}
}

// So are actions that are not from a script.
func TestActionsThatCantBeAreTold(t *testing.T) {
	for want, action := range map[string]sim.Action{
		"a batch has 1 to":                     sim.Publish(sim.Load{At: sim.Any(1), Rate: 1, Size: -1}),
		"rate 0: want more":                    sim.Publish(sim.Load{At: sim.Any(1)}),
		"rate +Inf: want more":                 sim.Publish(sim.Load{At: sim.Any(1), Rate: math.Inf(1)}),
		"no node is meant":                     sim.Crash(sim.These(), sim.How{}),
		"nodes 4 to 1: want":                   sim.Crash(sim.Range(4, 1), sim.How{}),
		"nodes -4 to 1: want":                  sim.Restart(sim.Range(-4, 1)),
		"a share of 7":                         sim.Wipe(sim.Share(7)),
		"or -1 nodes":                          sim.Clock(sim.Any(-1), time.Second),
		"want at least one":                    sim.Join(-1),
		`"huh": a journal can be`:              sim.Journal(sim.All(), "huh", 0),
		"-1ns: want a time up to":              sim.Crash(sim.All(), sim.How{Back: -1}),
		"want a share above 0, up to 100%, of": sim.Churn(sim.Churning{Share: 1e9}),
		"want the lower first":                 sim.Latency(sim.All(), sim.Span{Min: 5, Max: 1}),
		"bandwidth must not be":                sim.Bandwidth(sim.All(), -1),
		"no side is named":                     sim.Partition(),
		"for=-1ns is negative":                 sim.Publish(sim.Load{At: sim.Any(1), Rate: 1, For: -1}),
	} {
		for _, running := range []bool{false, true} {
			s, err := sim.New(sim.Config{Nodes: 5, Duration: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if running { // what is added to a run that goes on is told when its time comes
				if err := s.RunTo(t.Context(), 100*time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			s.At(time.Second, action)
			if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", action, err, want)
			}
		}
	}
}

// The first faults of a script are enough, and what is no text is not read as one.
func TestFaultsOfScriptsAreFew(t *testing.T) {
	s, err := sim.New(sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Play(strings.Repeat("1s dance\n", 1000))
	if err == nil || len(err.Error()) > 2000 || !strings.HasSuffix(err.Error(), "and 995 lines more") {
		t.Errorf("%v", err)
	}
	err = s.Play("1s crash " + strings.Repeat("x", 1<<20) + "\n" + strings.Repeat("y", 1<<20) + "\n1s crash " + strings.Repeat("1,", 1<<20) + "1\n1s pause 0 for=" + strings.Repeat("z", 1<<20))
	if err == nil || len(err.Error()) > 2000 {
		t.Errorf("of long words it tells %.2000v", err)
	}
	for _, binary := range []string{"\x7fELF\x02\x00", "2s load\xff\xfe"} {
		if err := s.Play(binary); err == nil || err.Error() != "this is no text" {
			t.Errorf("%q: %v", binary, err)
		}
	}
}
