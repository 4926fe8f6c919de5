package gossip

import (
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/actors/gossip/member"
	"anode/messages"
	"anode/messages/command"
)

// The pages of the mesh are those of its nodes, for a day of those that are gone, and of nobody who is shut out.
func TestPagesOfTheMesh(t *testing.T) {
	l, _ := numbered(t, 1)
	if got := l.gossip.Pages(); len(got) > 0 {
		t.Errorf("before anybody is known: %v", got)
	}
	now := time.Now()
	l.present = core.NewMembers([]messages.NodeID{"aaaa", "bbbb"})
	l.statuses = map[messages.NodeID]*heard{}
	for _, id := range []messages.NodeID{"bbbb", "cccc", "dddd", "eeee", "ffff", "zzzz"} {
		l.statuses[id] = &heard{http: "http://" + string(id) + ":8080"}
	}
	l.members = []member.Member{
		{ID: l.cfg.Node, State: member.Alive},
		{ID: "cccc", State: member.Dead, Since: now.Add(-time.Hour)},
		{ID: "bbbb", State: member.Alive, Since: now.Add(-48 * time.Hour)},
		{ID: "dddd", State: member.Left, Since: now.Add(-25 * time.Hour)},
		{ID: "eeee", State: member.Alive},
		{ID: "ffff", State: member.Suspect, Since: now},
		{ID: "silent", State: member.Alive},
	}
	l.bans = map[messages.NodeID]command.BanView{"eeee": {Node: "eeee"}}
	l.renode()
	if got, want := l.gossip.Pages(), []string{"http://bbbb:8080", "http://ffff:8080", "http://cccc:8080"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
