package main

import (
	"strings"
	"testing"
	"time"

	"anode/messages/command"
)

// meshOf are three nodes: the one that is asked, a dead one and one that told nothing yet.
func meshOf(now time.Time, links ...command.LinkView) []command.NodeView {
	return []command.NodeView{
		{ID: "n5aab2q7xyzt", State: "alive"},
		{
			ID: "kq3f7aaaabbb", Name: "lab-1", State: "alive", Self: true, HTTP: "http://10.0.0.1:8080", Version: "0.1.0", Sources: 12, Subscribers: 1040,
			Rates: command.RatesView{In: 12.5, Out: 25000}, Journal: command.JournalView{Bytes: 3 << 30}, Seen: now, Links: links,
		},
		{
			ID: "x2zz", Name: "a machine with a very long name\x1b[2J", State: "dead", HTTP: "https://lab-2.example.com", Version: "0.1.0-rc.1+0123456789",
			Journal: command.JournalView{Bytes: 181004}, Seen: now.Add(-42 * time.Second),
		},
	}
}

func TestTheTablesOfTheMesh(t *testing.T) {
	const nodes = `NODE                  ID        STATE  HTTP                       VERSION         SOURCES  SUBS  IN    OUT      HELD     SEEN
-                     n5aab2q…  alive  -                          -               0        0     0/s   0/s      0 B      -
lab-1                 kq3f7aa…  alive  http://10.0.0.1:8080       0.1.0           12       1040  12/s  25000/s  3.0 GiB  now
a machine with a ve…  x2zz      dead   https://lab-2.example.com  0.1.0-rc.1+01…  0        0     0/s   0/s      177 KiB  42s ago

`
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		links []command.LinkView
		want  string
	}{
		"none": {nil, "no links\n\n"},
		"links": {
			[]command.LinkView{
				{Peer: "x2zz", State: "slow", RTT: 249.98, Lag: 310, QueuedBytes: 4 << 20},
				{Peer: "n5aab2q7xyzt", State: "up", RTT: 0.41, Lag: 2, QueuedBytes: 1536},
				{Peer: "unknownpeer", State: "dialing"},
			},
			`LINK TO                    STATE    RTT      LAG  QUEUED
n5aab2q…                   up       0.4ms    2    1.5 KiB
unknown…                   dialing  -        0    0 B
a machine with a ve… x2zz  slow     250.0ms  310  4.0 MiB

`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			sh := &shell{out: &out, getenv: func(string) string { return "" }, now: func() time.Time { return now }}
			if err := (&connect{sh: sh, output: "table"}).printMesh(meshOf(now, c.links...), "kq3f7aaaabbb"); err != nil {
				t.Fatal(err)
			}
			if out.String() != nodes+c.want {
				t.Errorf("got\n%s\nwant\n%s", &out, nodes+c.want)
			}
		})
	}
}

func TestStatusOfAMesh(t *testing.T) {
	const cluster = `{"cluster":"c","nodes":[{"id":"n1","name":"one","state":"alive","links":[{"peer":"n2","state":"up","rtt_ms":1}]},{"id":"n2","name":"two","state":"suspect"}]}`
	server := node(t, sick(map[string]string{"/api/v1/cluster": cluster}))
	var out strings.Builder
	if code, errs := invoke(t, &out, nil, "status", "--server", server); code != exitDone || errs != "" {
		t.Errorf("exit code %d, stderr %q, want 0 and nothing", code, errs)
	}
	at := -1
	for _, part := range []string{"\nCOMPONENT ", "\nNODE ", "\ntwo   n2  suspect", "\nLINK TO ", "\ntwo n2   up     1.0ms", "\nno alarms\n"} {
		i := strings.Index(out.String(), part)
		if i <= at {
			t.Errorf("%q is not there, or not behind what is before it, in\n%s", part, &out)
		}
		at = i
	}
	out.Reset()
	code, _ := invoke(t, &out, nil, "status", "-o", "json", "--server", server)
	if lines := strings.Split(out.String(), "\n"); code != exitDone || len(lines) != 4 || lines[1] != "[]" || lines[2] != cluster {
		t.Errorf("exit code %d, got\n%s", code, &out)
	}
	for _, args := range [][]string{{"status"}, {"status", "-o", "json"}} {
		out.Reset()
		_, _ = invoke(t, &out, nil, append(args, "--server", node(t, sick(nil)))...)
		if strings.Contains(out.String(), "NODE") || strings.Contains(out.String(), "LINK") || strings.Contains(out.String(), `"nodes"`) {
			t.Errorf("%v of a lone node: %s", args, &out)
		}
	}
}
