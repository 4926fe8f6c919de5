package demo

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A node that was not started yet has no process that a key could do something with.
func TestKeysDoNothingBeforeAllNodesServe(t *testing.T) {
	m := newModel(at(0), 3, "anode", "/tmp/x")
	for _, key := range []byte("kprk") {
		for _, k := range []byte{key, '2'} {
			if do, node := m.press(k); do != 0 {
				t.Errorf("%c does %c to node %d", k, do, node+1)
			}
		}
	}
}

// last is what the newest episode says.
func (m *model) last(now time.Time) string {
	m.tick(now)
	return m.story.episodes[len(m.story.episodes)-1].text()
}

func TestStories(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(m *model)
		want string
	}{
		"killed": {func(m *model) { m.ended(0, at(1000), "") }, "node-1 killed …"},
		"killed, and nobody noticed": {
			func(m *model) { m.ended(0, at(1000), ""); m.tick(at(22_000)) },
			"node-1 killed; not seen dead after 21.0 s; missed 0",
		},
		"killed where nobody reads": {func(m *model) {
			m.ended(0, at(1000), "")
			m.heard(told{node: 2, at: at(3600), cluster: m.cluster(2, 9, 0)})
		}, "node-1 killed; seen dead after 2.6 s; missed 0"},
		"killed under the subscriber": {func(m *model) {
			m.ended(1, at(1000), "")
			m.give(1040, 2)
			m.heard(told{node: 2, at: at(3600), cluster: m.cluster(2, 9, 1)})
		}, "node-2 killed; subscriber on node-3 after 40 ms; seen dead after 2.6 s; missed 0"},
		"ended by itself":                           {func(m *model) { m.ended(0, at(1000), "exit status 1") }, "node-1 ended by itself: exit status 1 …"},
		"its end is told once":                      {func(m *model) { m.ended(0, at(1000), ""); m.ended(0, at(1001), "signal: killed") }, "node-1 killed …"},
		"paused and resumed before anybody noticed": {func(m *model) { m.stopped(0, at(1000)); m.resumed(0, at(1500)) }, "node-1 resumed …"},
		"resumed": {func(m *model) {
			m.heard(told{node: 2, at: at(900), cluster: m.cluster(2, 70)})
			m.stopped(0, at(1000))
			m.heard(told{node: 2, at: at(4000), cluster: m.cluster(2, 90, 0)})
			m.resumed(0, at(5000))
			m.heard(told{node: 0, at: at(5100), cluster: m.cluster(0, 80)})
			m.heard(told{node: 2, at: at(5200), cluster: m.cluster(2, 95)})
			m.heard(told{node: 0, at: at(5300), cluster: m.cluster(0, 90)})
		}, "node-1 resumed; seen alive after 200 ms; has all records after 300 ms; missed 0"},
		"revived": {func(m *model) {
			m.ended(0, at(1000), "")
			m.revived(0, at(2000), 99)
			m.serving(0, at(2100), served{http: m.nodes[0].url, mesh: "x", id: "n1"}, 99)
			m.heard(told{node: 0, at: at(2200), cluster: m.cluster(0, 0)})
		}, "node-1 revived; serves after 100 ms; has all records after 200 ms; missed 0"},
		"the last one killed": {func(m *model) { m.ended(0, at(1), ""); m.ended(1, at(2), ""); m.ended(2, at(3), "") }, "node-3 killed; missed 0"},
		"moved by itself":     {func(m *model) { m.give(1000, 0) }, "subscriber moved from node-2 to node-1"},
	} {
		t.Run(name, func(t *testing.T) {
			m := serving(3)
			m.give(500, 1)
			tt.do(m)
			now := at(6000)
			if got := m.last(now); got != tt.want {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStoryIsBoundedAndToldOnceInOrder(t *testing.T) {
	var s story
	for i := range mostEpisodes + 7 {
		s.say(at(i), fmt.Sprint(i))
	}
	open := &episode{at: at(100), node: 1, verb: "open", awaited: map[awaited]string{untilDead: "x"}}
	s.begin(open)
	s.say(at(101), "behind")
	s.close(at(102), 0)
	if len(s.episodes) != mostEpisodes {
		t.Fatalf("%d episodes", len(s.episodes))
	}
	if first := s.untold(); len(first) != mostEpisodes-2 || first[len(first)-1].verb != fmt.Sprint(mostEpisodes+6) {
		t.Errorf("told %d", len(first))
	}
	s.came(1, untilDead, at(103), "after %s")
	s.close(at(103), 0)
	if rest := s.untold(); len(rest) != 2 || rest[0] != open || len(s.untold()) != 0 {
		t.Errorf("the rest is %v", rest)
	}
}

func TestKeys(t *testing.T) {
	for name, tt := range map[string]struct {
		keys string
		do   byte
		node int
	}{
		"kill asks":            {"k", 0, 0},
		"kill the third":       {"k3", 'k', 2},
		"capital letters":      {"K3", 'k', 2},
		"pause the first":      {"p1", 'p', 0},
		"resume":               {"p4", 'p', 3},
		"a number alone":       {"3", 0, 0},
		"no such node":         {"k9", 0, 0},
		"esc forgets":          {"k\x1b3", 0, 0},
		"another key":          {"kr", 0, 0},
		"the dead can't pause": {"p2", 0, 0},
		"nor be killed":        {"k2", 0, 0},
		"revive the dead":      {"r2", 'r', 1},
		"revive the paused":    {"r4", 'r', 3},
		"not those that live":  {"r1", 0, 0},
		"control characters":   {"k\x00\xff", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := serving(4)
			m.ended(1, at(1), "")
			m.stopped(3, at(1))
			var do byte
			var node int
			for i := range len(tt.keys) {
				do, node = m.press(tt.keys[i])
			}
			if do != tt.do || node != tt.node {
				t.Errorf("%q does %q with %d", tt.keys, do, node)
			}
		})
	}
	m := serving(3)
	m.ended(1, at(1), "")
	if do, node := m.press('r'); do != 'r' || node != 1 {
		t.Errorf("where there is one to revive it is taken without asking, not %q %d", do, node)
	}
}

func TestKeysWithoutALetterAreNoLetters(t *testing.T) {
	for came, want := range map[string]string{"k2": "k2", "\x1b": "\x1b", "\x1bOP": "\x1b", "\x1b[A": "\x1b", "": ""} {
		if got := string(pressed([]byte(came))); got != want {
			t.Errorf("%q is %q, want %q", came, got, want)
		}
	}
}

func TestRatesAreOfWholeSeconds(t *testing.T) {
	var c counter
	start := at(0)
	if r := c.rate(at(500), start); r != 0 {
		t.Errorf("before a whole second the rate is %v", r)
	}
	for ms := 0; ms < 20_000; ms += 100 { // ten a second, for twenty
		c.add(at(ms), history)
	}
	for now, want := range map[int]float64{20_000: 10, 20_999: 10, 25_500: 5, 31_000: 0} {
		if r := c.rate(at(now), start); r != want {
			t.Errorf("at %d ms the rate is %v, want %v", now, r, want)
		}
	}
	if got := c.recent(at(21_500), start, 3); fmt.Sprint(got) != "[10 10 0]" {
		t.Errorf("the last seconds are %v", got)
	}
	if got := c.recent(at(2_500), start, 30); fmt.Sprint(got) != "[10]" {
		t.Errorf("the seconds since the start are %v", got)
	}
}

func TestTallyIsBoundedAndJoinsFamilies(t *testing.T) {
	tally := newTally(at(0))
	for i := range mostStreams + 50 {
		tally.record(at(i), fmt.Sprintf("s.%d", i), "x")
	}
	tally.record(at(5000), "s.7", "again")
	if len(tally.streams) != mostStreams+1 || tally.streams[others].total != 50 || tally.streams["s.7"].total != 2 || tally.all.total != mostStreams+51 {
		t.Errorf("%d streams, %d others", len(tally.streams), tally.streams[others].total)
	}
	all := families(tally.sorted(others))
	if len(all) != 1 || all[0].name != "s.>" || all[0].total != mostStreams+1 || all[0].latest != "again" || all[0].of != mostStreams {
		t.Errorf("families are %+v", all)
	}
	if r := all[0].rate(at(6000), at(-1000)); r != float64(mostStreams+1)/6 {
		t.Errorf("the family's rate is %v", r)
	}
	tally = newTally(at(0))
	tally.record(at(1), "a", "alone")
	tally.record(at(1), "a.b", "deep")
	if all := families(tally.sorted(others)); len(all) != 2 || all[0].name != "a" || all[1].name != "a.>" {
		t.Errorf("families are %+v", all)
	}
}

func TestSoberLines(t *testing.T) {
	var b strings.Builder
	s := &sober{out: &b}
	m := serving(2)
	m.give(300, 1, datum("lab.x", `"\x1b"`))
	for _, ms := range []int{300, 550, 3300, 3400} {
		m.tick(at(ms))
		if err := s.show(m, at(ms)); err != nil {
			t.Fatal(err)
		}
	}
	want := `node-1  pid 4711  http://127.0.0.1:8080/
node-2  pid 4712  http://127.0.0.1:8081/
data and logs are in /tmp/anode-demo-1, removed at the end. To paste into another terminal:
  bin/anode subscribe lab. sea. --server http://127.0.0.1:8080
  bin/anode publish lab.desk '{"hi":1}' --server http://127.0.0.1:8081
  curl http://127.0.0.1:8080/api/v1/cluster
  0:00  2 nodes are up after 210 ms
  0:00  the first record is here after 300 ms
  0:00  nodes 2/2  0.0/s  stored 0  seen 0  missed 0  doubled 0  gaps 0
  0:03  nodes 2/2  0.0/s  stored 0  seen 0  missed 0  doubled 0  gaps 0
`
	if b.String() != want {
		t.Errorf("lines are\n%s\nwant\n%s", b.String(), want)
	}
}
