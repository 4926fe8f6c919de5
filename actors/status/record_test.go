package status

import (
	"fmt"
	"strings"
	"testing"

	"anode/messages"
	"anode/messages/command"
)

// large is a node with as many links as a node has, and IDs as long as they are.
func large(links int) command.NodeView {
	n := command.NodeView{
		ID: messages.NodeID(strings.Repeat("k", 26)), Name: "machine-12.rack-3", State: command.NodeAlive, Self: true, Mesh: "192.168.100.100:7946",
		HTTP: "https://machine-12.rack-3.example.com:8443", Version: "1.10.0-rc.1", Started: second(0), Sources: 1000, Subscribers: 10000,
		Labels:  map[string]string{"region": "eu-central-1", "rack": "r3", "zone": "zone-b"},
		Journal: command.JournalView{Records: 1e12, Bytes: 1e12}, Rates: command.RatesView{In: 12345.6, Out: 1234567.8},
	}
	for i := range links {
		n.Links = append(n.Links, command.LinkView{Peer: messages.NodeID(fmt.Sprintf("%026d", i)), State: "lagging", RTT: 123.456789, Lag: 12.3456, QueuedBytes: 4 << 20})
	}
	return n
}

func components(detail string) (list []command.ComponentView) {
	for _, name := range []string{"journal", "hub", "sources", "subscribers", "gossip", "archive", "registry", "placement", "dashboard"} {
		list = append(list, command.ComponentView{Name: name, State: command.StateDegraded, Detail: detail})
	}
	return list
}

// TestTheRecordHasRoom for what a node of a large mesh tells; what others can do without goes first.
func TestTheRecordHasRoom(t *testing.T) {
	for name, c := range map[string]struct {
		node    command.NodeView
		detail  string
		labels  int
		links   int
		figures bool
	}{
		"small":                  {large(2), "", 3, 2, true},
		"details go first":       {large(6), strings.Repeat("d", 300), 3, 6, true},
		"sixteen links":          {large(16), strings.Repeat("d", 300), 0, 16, false},
		"sixteen and long texts": {func() command.NodeView { n := large(16); n.Name = strings.Repeat("ä", 2000); return n }(), "", 0, 16, false},
		"too many links":         {large(100), "", 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := newRecord(second(1), c.node, components(c.detail), 5).encode()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes", len(text))
			got, err := command.ReadStatus(c.node.ID, text)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Node.Labels) != c.labels || len(got.Node.Links) != c.links || got.Alarms != 5 || got.Node.Sources != 1000 {
				t.Errorf("%d labels and %d links, want %d and %d, in %s", len(got.Node.Labels), len(got.Node.Links), c.labels, c.links, text)
			}
			for _, l := range got.Node.Links {
				if l.State != "lagging" || len(l.Peer) != 26 || (l.RTT == 123.46) != c.figures || (l.QueuedBytes != 0) != c.figures {
					t.Errorf("%+v", l)
				}
			}
		})
	}
}

func TestAlarmsAreCutToFit(t *testing.T) {
	n := command.NodeView{ID: "n1", Name: "one", HTTP: "http://one"}
	for name, c := range map[string]struct {
		count, reason int
		// more is how many the last one counts; 0: all are there.
		more func(kept int) int
	}{
		"none":              {0, 0, nil},
		"few":               {5, 100, nil},
		"few with long":     {4, 3000, nil},
		"many":              {50, 100, func(kept int) int { return 50 - kept }},
		"very many":         {100_000, 10, func(kept int) int { return 100_000 - kept }},
		"many and all long": {30, 3000, func(kept int) int { return 30 - kept }},
	} {
		t.Run(name, func(t *testing.T) {
			var list []command.AlarmView
			for i := range c.count {
				severity := command.SeverityCritical
				if i >= 3 {
					severity = command.SeverityWarning
				}
				list = append(list, command.AlarmView{Severity: severity, Node: n.ID, Since: second(1000 - i%1000), Reason: fmt.Sprint(i, strings.Repeat("é", c.reason/2)), Hint: "h"})
			}
			text, err := encodeAlarms(list, n)
			if err != nil {
				t.Fatal(err)
			}
			got, err := command.ReadAlarms(n.ID, text)
			if err != nil {
				t.Fatal(err)
			}
			if c.more == nil {
				if len(got) != c.count {
					t.Errorf("%d alarms, want %d: %s", len(got), c.count, text)
				}
				return
			}
			last := got[len(got)-1]
			if want := fmt.Sprintf("and %d alarms more, ask node n1 (one)", c.more(len(got)-1)); len(got) < 5 || last.Reason != want || last.Severity != command.SeverityWarning || !strings.Contains(last.Hint, "http://one") {
				t.Errorf("%d alarms, the last %+v, want %q", len(got), last, want)
			}
			if !strings.HasPrefix(got[0].Reason, "0") || got[0].Severity != command.SeverityCritical {
				t.Errorf("the first is %+v, want the worst", got[0])
			}
		})
	}
}
