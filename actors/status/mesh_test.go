package status

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// second is a time, so many seconds after the beginning.
func second(n int) time.Time { return time.Unix(1e9, 0).Add(time.Duration(n) * time.Second).UTC() }

// tells is the status record of a node, by its clock.
func tells(t testing.TB, id messages.NodeID, at time.Time, change func(*command.NodeView)) command.Raw {
	t.Helper()
	n := command.NodeView{
		ID: id, Name: "name-" + string(id), State: command.NodeAlive, Self: true, Mesh: "10.0.0.9:1", HTTP: "http://" + string(id), Version: "v1",
		Started: second(-99), Labels: map[string]string{"zone": "a"}, Sources: 2, Subscribers: 3, Journal: command.JournalView{Records: 4, Bytes: 5},
		Rates: command.RatesView{In: 6, Out: 7}, Links: []command.LinkView{{Peer: "self", State: "up", RTT: 1.5}},
	}
	if change != nil {
		change(&n)
	}
	text, err := newRecord(at, n, nil, 1).encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheNodesOfTheMesh(t *testing.T) {
	draining := func(n *command.NodeView) { n.State = command.NodeDraining }
	told := func(id messages.NodeID, state string, at int, change func(*command.NodeView)) command.PeerView {
		return command.PeerView{ID: id, State: state, Since: second(-50), Status: tells(t, id, second(at), change), StatusAt: second(at)}
	}
	for name, c := range map[string]struct {
		peer command.PeerView
		// want is "state name mesh http version sources subscribers links records in/out labels"
		want string
	}{
		"alive":              {told("b", command.NodeAlive, -1, nil), "alive name-b 10.0.0.9:1 http://b v1 2 3 1 4 6/7 map[zone:a]"},
		"suspect":            {told("b", command.NodeSuspect, -1, nil), "suspect name-b 10.0.0.9:1 http://b v1 2 3 1 4 6/7 map[zone:a]"},
		"dead":               {told("b", command.NodeDead, -1, nil), "dead name-b 10.0.0.9:1 http://b v1 0 0 0 4 0/0 map[zone:a]"},
		"left":               {told("b", command.NodeLeft, -1, draining), "left name-b 10.0.0.9:1 http://b v1 0 0 0 4 0/0 map[zone:a]"},
		"drains by itself":   {told("b", command.NodeAlive, -1, draining), "draining name-b 10.0.0.9:1 http://b v1 2 3 1 4 6/7 map[zone:a]"},
		"drains by gossip":   {told("b", command.NodeDraining, -1, nil), "draining name-b 10.0.0.9:1 http://b v1 2 3 1 4 6/7 map[zone:a]"},
		"suspect and drains": {told("b", command.NodeSuspect, -1, draining), "suspect name-b 10.0.0.9:1 http://b v1 2 3 1 4 6/7 map[zone:a]"},
		"silent":             {told("b", command.NodeAlive, -11, nil), "alive name-b 10.0.0.9:1 http://b v1 2 3 1 4 0/0 map[zone:a]"},
		"nothing told": {
			command.PeerView{ID: "b", Name: "bee", State: command.NodeAlive, Mesh: "10.0.0.2:1", HTTP: "https://bee"},
			"alive bee 10.0.0.2:1 https://bee  0 0 0 0 0/0 map[]",
		},
		"of another node": {
			command.PeerView{ID: "b", State: command.NodeAlive, Status: tells(t, "c", second(-1), nil), StatusAt: second(-1)},
			"alive     0 0 0 0 0/0 map[]",
		},
		"an address that is none": {
			command.PeerView{ID: "b", State: command.NodeAlive, HTTP: "javascript:alert(1)"},
			"alive     0 0 0 0 0/0 map[]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var m mesh
			m.apply(command.PeersView{Nodes: []command.PeerView{c.peer, {ID: "self", Since: second(-60)}}}, second(0), "self")
			list := m.nodes(command.NodeView{ID: "self", Name: "z", Self: true})
			if len(list) != 2 || list[1].ID != "self" || !list[1].Self || list[1].Since != second(-60) || list[1].Seen != second(0) {
				t.Fatalf("%+v", list)
			}
			n := list[0]
			got := fmt.Sprint(n.State, " ", n.Name, " ", n.Mesh, " ", n.HTTP, " ", n.Version, " ", n.Sources, n.Subscribers, len(n.Links), n.Journal.Records, " ", n.Rates.In, "/", n.Rates.Out, " ", n.Labels)
			if got = strings.ReplaceAll(got, "  2 3", " 2 3"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if n.ID != "b" || n.Self || n.Links == nil || !n.Since.Equal(c.peer.Since) {
				t.Errorf("%+v", n)
			}
		})
	}
}

// All nodes show the same, but for which is asked and what is of that moment.
func TestAnyNodeShowsTheSame(t *testing.T) {
	ids := []messages.NodeID{"a", "b", "c"}
	var first string
	for _, self := range ids {
		var f fold
		f.self = self
		view := command.PeersView{Links: []command.LinkView{{Peer: "self", State: "up", RTT: 1.5}}}
		var own command.NodeView
		for _, id := range ids {
			v := command.PeerView{ID: id, Name: "same", State: command.NodeAlive, Since: second(-50), Mesh: "10.0.0.9:1", HTTP: "http://" + string(id)}
			if id != self {
				v.Status, v.StatusAt = tells(t, id, second(-1), func(n *command.NodeView) { n.Rates = command.RatesView{} }), second(-1)
			}
			view.Nodes = append(view.Nodes, v)
		}
		status, err := command.ReadStatus(self, tells(t, self, second(-1), nil))
		if err != nil {
			t.Fatal(err)
		}
		own = status.Node
		own.Name, own.Mesh = "same", "what it was told to bind"
		s := at(0, 0, 0, source("x", command.SourceRunning), source("y", command.SourceRunning))
		s.components[0].Figures["records"], s.components[0].Figures["bytes"] = 4, 5
		s.components = append(s.components, command.ComponentView{Name: "subscribers", Figures: map[string]float64{"sessions": 3}})
		s.peers = &view
		f.apply(s)
		list := f.mesh.nodes(f.node(own))
		for i := range list {
			list[i].Self, list[i].Seen = false, time.Time{}
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		}
		if string(text) != first {
			t.Errorf("node %s shows\n%s\nand another\n%s", self, text, first)
		}
	}
}

// alarmsOf are the alarms of a mesh at second 0, in words, and how many of them are told to others.
func alarmsOf(f *fold, at time.Time, view command.PeersView) []string {
	f.self = "self"
	f.apply(sample{at: at, peers: &view})
	return reasons(f)
}

func TestAlarmsAboutOtherNodes(t *testing.T) {
	peer := func(state string, since int) command.PeerView {
		return command.PeerView{ID: "b", Name: "bee", State: state, Since: second(since)}
	}
	told := func(v command.PeerView, at int) command.PeerView {
		v.Status, v.StatusAt = tells(t, v.ID, second(at), nil), second(at)
		return v
	}
	for name, c := range map[string]struct {
		peer command.PeerView
		want string
	}{
		"alive":                      {told(peer(command.NodeAlive, -99), -1), ""},
		"dead":                       {told(peer(command.NodeDead, -42), -50), "critical node b (bee) is dead for 42 s"},
		"dead for long":              {peer(command.NodeDead, -23*3600), "critical node b (bee) is dead for 23 h"},
		"dead for a day":             {peer(command.NodeDead, -24*3600), ""},
		"left":                       {told(peer(command.NodeLeft, -42), -50), ""},
		"suspect and silent":         {told(peer(command.NodeSuspect, -99), -50), ""},
		"silent":                     {told(peer(command.NodeAlive, -99), -11), "warning node b (bee) is alive, and has not told how it is for 11 s"},
		"about to be silent":         {told(peer(command.NodeAlive, -99), -10), ""},
		"never told":                 {peer(command.NodeAlive, -180), "warning node b (bee) is alive, and has not told how it is for 3 min"},
		"new":                        {peer(command.NodeAlive, -2), ""},
		"alive again since a moment": {told(peer(command.NodeAlive, -2), -50), ""},
		"drains and silent":          {told(peer(command.NodeDraining, -99), -30), "warning node b (bee) is alive, and has not told how it is for 30 s"},
	} {
		t.Run(name, func(t *testing.T) {
			var f fold
			got := alarmsOf(&f, second(0), command.PeersView{Nodes: []command.PeerView{c.peer}})
			if strings.Join(got, "; ") != c.want {
				t.Errorf("alarms %q, want %q", got, c.want)
			}
			if len(f.own()) != 0 {
				t.Errorf("%+v are told to others, who see it themselves", f.own())
			}
			for _, a := range f.alarmList() {
				if a.Hint == "" || a.Node != "b" || a.Since.IsZero() {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

func TestClocksThatAreApart(t *testing.T) {
	// of is a node whose last two statuses have times so many seconds off.
	type of struct{ before, last int }
	for name, c := range map[string]struct {
		peers []of
		want  []string
	}{
		"ten seconds":               {[]of{{10, 10}}, nil},
		"ahead":                     {[]of{{11, 12}}, []string{"warning the clock of node p0 is 11 s ahead of this node's"}},
		"behind":                    {[]of{{-300, -310}}, []string{"warning the clock of node p0 is 5 min behind this node's, or what it tells takes as long to come"}},
		"one status came late":      {[]of{{0, -20}}, nil},
		"the late one is past":      {[]of{{-20, 0}}, nil},
		"its clock was set":         {[]of{{20, -20}}, nil},
		"this node's is it":         {[]of{{20, 20}, {21, 21}, {0, 0}}, []string{"warning the clock of node self is some 21 s behind those of 2 other nodes"}},
		"this node's is it, behind": {[]of{{-20, -20}, {-22, -22}}, []string{"warning the clock of node self is some 20 s ahead of those of 2 other nodes"}},
		"two of five": {[]of{{20, 20}, {21, 21}, {0, 0}, {0, 0}, {0, 0}}, []string{
			"warning the clock of node p0 is 20 s ahead of this node's", "warning the clock of node p1 is 21 s ahead of this node's",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var f fold
			var got []string
			for round, pick := range []func(of) int{func(o of) int { return o.before }, func(o of) int { return o.last }} {
				var view command.PeersView
				for i, o := range c.peers {
					id := messages.NodeID(fmt.Sprint("p", i))
					at := second(2 * round)
					view.Nodes = append(view.Nodes, command.PeerView{
						ID: id, State: command.NodeAlive, Since: second(-99), StatusAt: at,
						Status: tells(t, id, at.Add(time.Duration(pick(o))*time.Second), nil),
					})
				}
				got = alarmsOf(&f, second(2*round), view)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("alarms %q, want %q", got, c.want)
			}
		})
	}
}

func TestAlarmsOfTheWholeMesh(t *testing.T) {
	alarm := func(node messages.NodeID) command.Raw {
		text, err := encodeAlarms([]command.AlarmView{{Severity: command.SeverityWarning, Node: node, Since: second(-5), Reason: "disk of " + string(node), Hint: "h"}}, command.NodeView{})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	none := func(id messages.NodeID) command.Raw {
		text, err := newRecord(second(-1), command.NodeView{ID: id}, nil, 0).encode()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var view command.PeersView
	for _, state := range []string{command.NodeAlive, command.NodeSuspect, command.NodeDraining, command.NodeDead, command.NodeLeft} {
		id := messages.NodeID(state)
		view.Nodes = append(view.Nodes, command.PeerView{
			ID: id, State: state, Since: second(-60), Alarms: alarm(id), Status: tells(t, id, second(-1), nil), StatusAt: second(-1),
		})
	}
	view.Nodes = append(
		view.Nodes,
		command.PeerView{ID: "over", State: command.NodeAlive, Since: second(-60), Alarms: alarm("over"), Status: none("over"), StatusAt: second(-1)},
		command.PeerView{ID: "liar", State: command.NodeAlive, Since: second(-5), Alarms: alarm("other")},
		command.PeerView{ID: "self", State: command.NodeAlive, Since: second(-60)},
	)
	view.Problems = []command.ProblemView{{About: "seed x:1", Reason: "it has another secret", Hint: "give both the same", Since: second(-7)}}
	var f fold
	f.self = "self"
	s := at(0, 0, 0)
	s.components = append(s.components, command.ComponentView{Name: "gossip", State: command.StateDegraded, Detail: "no link"})
	s.peers = &view
	refused := f.apply(s)
	want := []string{
		"critical node dead is dead for 60 s", "warning seed x:1: it has another secret", "warning disk of alive", "warning disk of draining",
		"warning disk of suspect", "warning gossip: no link",
	}
	if got := reasons(&f); !slices.Equal(got, want) {
		t.Errorf("alarms %q, want %q", got, want)
	}
	if len(refused) != 1 || refused[0].node != "liar" || refused[0].kind != "alarms" || !refused[0].first {
		t.Errorf("refused %+v, want the liar's alarms", refused)
	}
	var own []string
	for _, a := range f.own() {
		own = append(own, a.Reason)
		if a.Hint == "" || a.Node != "self" {
			t.Errorf("%+v", a)
		}
	}
	if want := []string{"seed x:1: it has another secret", "gossip: no link"}; !slices.Equal(own, want) {
		t.Errorf("own alarms %q, want %q", own, want)
	}
	view.Nodes = view.Nodes[6:7]
	if refused = f.apply(s); len(refused) != 0 {
		t.Errorf("the same alarms are refused again: %+v", refused)
	}
	view.Nodes[0].Alarms = alarm("another")
	if refused = f.apply(s); len(refused) != 1 || refused[0].first {
		t.Errorf("refused %+v, want the new alarms, not for the first time", refused)
	}
}

// While gossip does not answer, what was known stays as it was, and gossip's component tells of itself.
func TestAMeshThatIsNotToldStays(t *testing.T) {
	var f fold
	alarmsOf(&f, second(0), command.PeersView{Nodes: []command.PeerView{
		{ID: "b", State: command.NodeAlive, Since: second(-50), Status: tells(t, "b", second(-1), nil), StatusAt: second(-1)},
	}})
	f.apply(sample{at: second(60)})
	if n := f.mesh.nodes(command.NodeView{ID: "self"}); len(n) != 2 || n[1].Rates.In != 6 || len(f.alarmList()) != 0 {
		t.Errorf("%+v, alarms %+v", n, f.alarmList())
	}
}

func TestWhyANodeIsAlone(t *testing.T) {
	peer := func(id messages.NodeID, state string, since int) command.PeerView {
		return command.PeerView{ID: id, State: state, Since: second(since)}
	}
	own := peer("self", command.NodeAlive, -9)
	for name, c := range map[string]struct {
		view command.PeersView
		want string
	}{
		"nobody":  {command.PeersView{Nodes: []command.PeerView{own}}, ""},
		"a link":  {command.PeersView{Nodes: []command.PeerView{own, peer("b", command.NodeAlive, -1)}, Links: []command.LinkView{{Peer: "b"}}}, ""},
		"no link": {command.PeersView{Nodes: []command.PeerView{own, peer("b", command.NodeAlive, -1), peer("c", command.NodeDead, -1)}}, "2 peers are known and none is linked"},
		"being dialled": {
			command.PeersView{Nodes: []command.PeerView{own, peer("b", command.NodeAlive, -1)}, Links: []command.LinkView{{Peer: "b", State: command.LinkDialing}}},
			"1 peer is known and not linked",
		},
		"one, no link":   {command.PeersView{Nodes: []command.PeerView{own, peer("b", command.NodeAlive, -1)}}, "1 peer is known and not linked"},
		"left":           {command.PeersView{Nodes: []command.PeerView{own, peer("b", command.NodeLeft, -1)}}, ""},
		"dead for a day": {command.PeersView{Nodes: []command.PeerView{own, peer("b", command.NodeDead, -24*3600)}}, ""},
		"a seed":         {command.PeersView{Nodes: []command.PeerView{own}, Problems: []command.ProblemView{{About: "seed x:1", Reason: "refused"}}}, "seed x:1: refused"},
	} {
		if got := alone(c.view, "self", second(0)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Whatever a peer sends, it is shown or refused, and what is shown can be written.
func FuzzMesh(f *testing.F) {
	f.Add([]byte(tells(f, "b", second(-1), nil)), []byte(`[]`), uint8(0))
	f.Add([]byte(`{"stream":"$status.b","time":"2001-09-09T01:46:40Z","data":{"node":{"id":"b"}}}`), []byte(`[{"node":"b","reason":"r"}]`), uint8(2))
	f.Fuzz(func(t *testing.T, status, alarms []byte, state uint8) {
		states := []string{command.NodeAlive, command.NodeSuspect, command.NodeDead, command.NodeLeft, command.NodeDraining}
		var fold fold
		fold.self = "self"
		view := command.PeersView{Nodes: []command.PeerView{{ID: "b", State: states[int(state)%len(states)], Since: second(-30), Status: status, Alarms: alarms, StatusAt: second(-1)}}}
		refused := fold.apply(sample{at: second(0), peers: &view})
		if len(refused) > 2 {
			t.Errorf("%+v", refused)
		}
		if again := fold.apply(sample{at: second(1), peers: &view}); len(again) != 0 {
			t.Errorf("refused twice: %+v", again)
		}
		for _, what := range []any{fold.mesh.nodes(command.NodeView{ID: "self"}), fold.alarmList()} {
			if _, err := json.Marshal(what); err != nil {
				t.Error(err)
			}
		}
	})
}
