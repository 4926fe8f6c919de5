package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

func TestTheTableOfSources(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	sourceOf := func(name, kind, state string, owners ...messages.NodeID) command.SourceView {
		return command.SourceView{
			Name: name, Spec: json.RawMessage(`{"kind":"` + kind + `"}`),
			Status: command.SourceStatus{State: state, Owners: owners, Since: now.Add(-time.Minute), Records: 7, Rate: 2},
		}
	}
	sources := []command.SourceView{
		sourceOf("a", "rest", "running", "kq3f7aaaabbb"),
		sourceOf("b", "websocket", "running", "x2zz", "kq3f7aaaabbb"),
		sourceOf("c", "push", "running", "kq3f7aaaabbb", "n5aab2q7xyzt", "x2zz"),
		sourceOf("d", "sse", "pending"),
		sourceOf("e", "sse", "running", "n5aab2q7xyzt"),
		sourceOf("f", "sse", "running", "unknownpeer"),
	}
	for name, c := range map[string]struct {
		nodes []command.NodeView
		want  string
	}{
		"of a mesh": {meshOf(now), `SOURCE  KIND       STATE    OWNER                       SINCE    RECORDS  RATE   ERRORS  LAST ERROR
a       rest       running  lab-1                       60s ago  7        2.0/s  0       -
b       websocket  running  a machine with a ve… lab-1  60s ago  7        2.0/s  0       -
c       push       running  lab-1 n5aab2q… +1           60s ago  7        2.0/s  0       -
d       sse        pending  -                           60s ago  7        2.0/s  0       -
e       sse        running  n5aab2q…                    60s ago  7        2.0/s  0       -
f       sse        running  unknown…                    60s ago  7        2.0/s  0       -
`},
		"of a lone node": {meshOf(now)[:1], `SOURCE  KIND       STATE    SINCE    RECORDS  RATE   ERRORS  LAST ERROR
a       rest       running  60s ago  7        2.0/s  0       -
b       websocket  running  60s ago  7        2.0/s  0       -
c       push       running  60s ago  7        2.0/s  0       -
d       sse        pending  60s ago  7        2.0/s  0       -
e       sse        running  60s ago  7        2.0/s  0       -
f       sse        running  60s ago  7        2.0/s  0       -
`},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			sh := &shell{out: &out, getenv: func(string) string { return "" }, now: func() time.Time { return now }}
			if err := (&connect{sh: sh, output: "table"}).printSources(sources, c.nodes); err != nil {
				t.Fatal(err)
			}
			if out.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", &out, c.want)
			}
		})
	}
}

// A source is shown with why it is where it is, by the names of nodes.
func TestASourceSaysWhyItIsWhereItIs(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	v := command.SourceView{Name: "a", Version: "1-x", Spec: json.RawMessage(`{"kind":"rest"}`), Status: command.SourceStatus{
		State: "running", Since: now, Owners: []messages.NodeID{"kq3f7aaaabbb"}, Why: "owned by lab-1, of 3 candidates",
		Moved: &command.SourceMove{At: now.Add(-time.Minute), From: []messages.NodeID{"unknownpeer"}, To: []messages.NodeID{"kq3f7aaaabbb"}},
	}}
	var out strings.Builder
	sh := &shell{out: &out, getenv: func(string) string { return "" }, now: func() time.Time { return now }}
	if err := (&connect{sh: sh, output: "table"}).printSource(v, meshOf(now)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"owners     lab-1\n", "why        owned by lab-1, of 3 candidates\n", "moved      60s ago, from unknownpeer to lab-1\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

func TestAlarmsNameNodes(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var out strings.Builder
	sh := &shell{out: &out, getenv: func(string) string { return "" }, now: func() time.Time { return now }}
	err := (&connect{sh: sh, output: "table"}).printAlarms([]command.AlarmView{
		{Severity: "warning", Node: "kq3f7aaaabbb", Source: "a", Reason: "r", Hint: "h", Since: now}, {Severity: "warning", Node: "zzz", Reason: "r", Hint: "h", Since: now},
	}, meshOf(now))
	if err != nil || !strings.Contains(out.String(), "source a on node lab-1\n") || !strings.Contains(out.String(), "node zzz\n") {
		t.Errorf("%v\n%s", err, &out)
	}
}
