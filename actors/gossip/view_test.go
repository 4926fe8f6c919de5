package gossip

import (
	"testing"

	"anode/actors/gossip/member"
)

func TestANodeMissesPeersThatDiedOrThatItCannotJoin(t *testing.T) {
	self := member.Member{ID: "aaaa", State: member.Alive}
	for name, c := range map[string]struct {
		members  []member.Member
		problems []member.Problem
		want     bool
	}{
		"the first of a mesh, its own seed by some name": {[]member.Member{self}, nil, false},
		"a peer has died":             {[]member.Member{self, {ID: "bbbb", State: member.Dead}}, nil, true},
		"a peer has left":             {[]member.Member{self, {ID: "bbbb", State: member.Left}}, nil, false},
		"a seed can't be reached":     {[]member.Member{self}, []member.Problem{{About: member.AboutSeed + "first.example:7946"}}, true},
		"a stranger called":           {[]member.Member{self}, []member.Problem{{About: "caller 192.0.2.1"}}, false},
		"it is not even known itself": {nil, nil, false},
	} {
		if got := missesPeers("aaaa", c.members, c.problems); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
