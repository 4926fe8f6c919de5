package status

import (
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// However often a feed is tried, on whichever node, its alarm is of when it began to be unwell.
func TestTheAlarmOfASourceIsOfWhenItBegan(t *testing.T) {
	f := fold{self: "self"}
	other := func(at int, since ...int) *command.PeersView {
		v := command.PeerView{ID: "b", State: command.NodeAlive, Since: second(-60), Status: tells(t, "b", second(at), nil), StatusAt: second(at)}
		var list []command.AlarmView
		for _, s := range since {
			list = append(list, command.AlarmView{Severity: command.SeverityWarning, Node: "b", Source: "a", Since: second(s), Reason: "source a is waiting to try again", Hint: "h"})
		}
		text, err := encodeAlarms(list, command.NodeView{})
		if err != nil {
			t.Fatal(err)
		}
		v.Alarms = text
		return &command.PeersView{Nodes: []command.PeerView{v}}
	}
	look := func(now int, peers *command.PeersView, state string, since int, owner messages.NodeID, want ...int) {
		t.Helper()
		s := at(now, 0, 0)
		if state != "" {
			v := source("a", state)
			v.Version, v.Status.Since, v.Status.Owners = "1", second(since), []messages.NodeID{owner}
			s.sources = append(s.sources, v)
		}
		s.peers = peers
		f.apply(s)
		var got []int
		for _, a := range f.own() {
			got = append(got, int(a.Since.Sub(second(0))/time.Second))
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %d s: alarms since %v, want %v", now, got, want)
		}
	}
	look(10, other(10, 2), "", 0, "")
	look(30, other(30), command.SourceConnecting, 28, "self")
	look(32, other(32), command.SourceBackoff, 31, "self", 2)
	look(60, other(60), command.SourceBackoff, 59, "self", 2) // tried again
	look(62, other(62), command.SourceBackoff, 61, "b")       // handed over: the other one tells
	look(200, other(200), command.SourceBackoff, 199, "self", 199)
	look(210, other(210), command.SourceRunning, 205, "self", 199)
	look(240, other(240), command.SourceRunning, 205, "self")
	look(250, other(250), command.SourceBackoff, 249, "self", 249) // it was well
	look(252, other(252, 100), command.SourceBackoff, 249, "self", 100)
}

func TestASourceThatNobodyCanOwnHasItsAlarm(t *testing.T) {
	f := fold{self: "self"}
	s := at(0, 0, 0)
	p := command.ComponentView{Name: "placement", State: command.StateDegraded, Detail: "2 sources"}
	s.components = append(s.components, p)
	if f.apply(s); len(f.own()) != 0 {
		t.Errorf("another node tells it: %+v", f.own())
	}
	p.Ownerless = []command.OwnerlessView{{Source: "a", Reason: "r"}, {Source: "b", Reason: "r"}}
	s.components[len(s.components)-1] = p
	f.apply(s)
	if got := f.own(); len(got) != 2 || got[0].Source != "a" || got[1].Source != "b" || got[0].Hint == "" {
		t.Errorf("%+v", got)
	}
	for range 20 {
		p.Ownerless = append(p.Ownerless, command.OwnerlessView{Source: string(rune('c' + len(p.Ownerless))), Reason: "r"})
	}
	s.components[len(s.components)-1] = p
	if f.apply(s); len(f.own()) != mostOwnerless+1 {
		t.Errorf("%d alarms", len(f.own()))
	}
}
