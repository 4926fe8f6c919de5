package gossip

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// What readers were shown by one incarnation the next one withdraws, when the node is not there.
func TestAStatusIsWithdrawnByTheNextIncarnation(t *testing.T) {
	l, _ := numbered(t, 1)
	var shown []string
	l.cfg.Show = func(e command.Ephemeral) { shown = append(shown, fmt.Sprintf("%s %v", e.Stream, e.Withdrawn)) }
	l.gossip.shown = make(map[messages.NodeID]bool)
	l.statuses = make(map[messages.NodeID]*heard)
	l.present = core.NewMembers([]messages.NodeID{"aaaa", "bbbb"})
	body := `{"stream":"$status.bbbb","time":"2026-01-01T00:00:00Z","data":{"node":{"id":"bbbb","started":"2026-01-01T00:00:00Z"},"alarms":0}}`
	l.show(&frame.Ephemeral{Node: "bbbb", Kind: command.KindStatus, Epoch: 1, Version: 1, Body: []byte(body)})

	next := &loop{gossip: l.gossip, cfg: l.cfg, log: l.log, links: make(map[messages.NodeID]*peer), statuses: make(map[messages.NodeID]*heard)}
	next.present = core.NewMembers([]messages.NodeID{"aaaa"})
	for range 2 {
		next.forgetStatuses(map[messages.NodeID]netip.AddrPort{})
	}
	if want := []string{"$status.bbbb false", "$status.bbbb true"}; !slices.Equal(shown, want) {
		t.Errorf("%v, want %v", shown, want)
	}
}
