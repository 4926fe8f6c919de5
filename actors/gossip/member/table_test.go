package member

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"anode/messages"
)

var (
	noon  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	place = netip.MustParseAddrPort("10.0.0.1:7946")
)

func at(id string, state State) seen {
	return seen{id: messages.NodeID(id), addr: place, meta: Meta{Epoch: 1}.Append(nil), state: state}
}

func TestTableFoldsSurveys(t *testing.T) {
	elsewhere := at("b", Alive)
	elsewhere.addr = netip.MustParseAddrPort("10.0.0.2:7946")
	anew := at("b", Alive)
	anew.meta = Meta{Epoch: 2}.Append(nil)
	garbled := at("b", Alive)
	garbled.meta = []byte("?")
	self := at("a", Alive)
	for name, c := range map[string]struct {
		surveys [][]seen
		want    change
		state   State
		since   time.Duration // after noon
	}{
		"a join":                       {[][]seen{{self}, {self, at("b", Alive)}}, change{any: true, peers: true, joins: 1}, Alive, 1},
		"nothing new":                  {[][]seen{{self, at("b", Alive)}, {self, at("b", Alive)}}, change{}, Alive, 0},
		"a suspicion":                  {[][]seen{{self, at("b", Alive)}, {self, at("b", Suspect)}}, change{any: true}, Suspect, 1},
		"a suspicion that was refuted": {[][]seen{{self, at("b", Suspect)}, {self, at("b", Alive)}}, change{any: true}, Alive, 1},
		"a death":                      {[][]seen{{self, at("b", Suspect)}, {self, at("b", Dead)}}, change{any: true, peers: true, deaths: 1}, Dead, 1},
		"a leave":                      {[][]seen{{self, at("b", Alive)}, {self, at("b", Left)}}, change{any: true, peers: true, leaves: 1}, Left, 1},
		"one that is forgotten dead":   {[][]seen{{self, at("b", Alive)}, {self, at("b", Dead)}, {self}}, change{}, Dead, 1},
		"one that left and is dead":    {[][]seen{{self, at("b", Alive)}, {self, at("b", Left)}, {self, at("b", Dead)}}, change{any: true, peers: true}, Dead, 2},
		"one that vanished":            {[][]seen{{self, at("b", Alive)}, {self}}, change{any: true, peers: true, deaths: 1}, Dead, 1},
		"one that comes back":          {[][]seen{{self, at("b", Alive)}, {self, at("b", Dead)}, {self, at("b", Alive)}}, change{any: true, peers: true, joins: 1}, Alive, 2},
		"one at another address":       {[][]seen{{self, at("b", Alive)}, {self, elsewhere}}, change{any: true, peers: true}, Alive, 0},
		"one that started anew":        {[][]seen{{self, at("b", Alive)}, {self, anew}}, change{any: true}, Alive, 0},
		"one that can't be read":       {[][]seen{{self, at("b", Alive)}, {self, garbled}}, change{}, Alive, 0},
		"one that was dead before":     {[][]seen{{self}, {self, at("b", Dead)}}, change{}, Dead, -1},
	} {
		table := newTable("a", nil)
		var got change
		for i, survey := range c.surveys {
			got = table.fold(noon.Add(time.Duration(i)), survey)
		}
		if got != c.want {
			t.Errorf("%s: the change is %+v", name, got)
		}
		b := table.members["b"]
		switch {
		case c.since < 0 && b != nil:
			t.Errorf("%s: it is known: %+v", name, b)
		case c.since >= 0 && (b == nil || b.State != c.state || b.Since != noon.Add(c.since)):
			t.Errorf("%s: it is %+v", name, b)
		}
	}
}

func TestTableTellsWhatToRemember(t *testing.T) {
	table := newTable("a", []Peer{{ID: "a", Addr: place}, {ID: "c", Addr: place, Left: true, Seen: noon}, {ID: "d", Addr: place, Seen: noon.Add(time.Second)}})
	table.fold(noon.Add(time.Hour), []seen{at("a", Alive), at("b", Alive)})
	later := noon.Add(2 * time.Hour)
	want := fmt.Sprint([]Peer{{ID: "b", Addr: place, Seen: later}, {ID: "d", Addr: place, Seen: noon.Add(time.Second)}, {ID: "c", Addr: place, Left: true, Seen: noon}})
	if got := fmt.Sprint(table.peers(later)); got != want {
		t.Errorf("remembered\n%s\nwant\n%s", got, want)
	}
}

func TestTableForgetsTheOldestOfTooMany(t *testing.T) {
	var peers []Peer
	for i := range 1100 {
		peers = append(peers, Peer{ID: messages.NodeID(fmt.Sprintf("n%04d", i)), Addr: place, Seen: noon.Add(time.Duration(i) * time.Second)})
	}
	table := newTable("a", peers)
	if c := table.fold(noon.Add(time.Hour), []seen{at("a", Alive)}); !c.any || !c.peers {
		t.Errorf("the change is %+v", c)
	}
	if len(table.members) != 1+maxGone || table.members["n0075"] != nil || table.members["n0076"] == nil {
		t.Errorf("%d are known", len(table.members))
	}
}

func TestTableKeepsTheNewestWhateverTheClockSays(t *testing.T) {
	var peers []Peer
	for i := range 30 {
		peers = append(peers, Peer{ID: messages.NodeID(fmt.Sprintf("n%04d", i)), Addr: place, Seen: noon})
	}
	table := newTable("a", peers)
	table.fold(noon.Add(goneAge-time.Second), []seen{at("a", Alive)})
	if len(table.members) != 31 {
		t.Errorf("before a week: %d are known", len(table.members))
	}
	table.fold(noon.AddDate(50, 0, 0), []seen{at("a", Alive)})
	if len(table.members) != 1+keepGone {
		t.Errorf("after 50 years: %d are known", len(table.members))
	}
}
