package hub_test

import (
	"testing"
	"time"

	"anode/actors/hub"
	"anode/messages/command"
)

// All slow connections together hold no more than SlowBytes: those that take nothing for longest are closed,
// whether they are live, read from the past, or want the last of each stream; who reads is not.
func TestSlowConnectionsAreBoundedTogether(t *testing.T) {
	for name, ask := range map[string]command.Subscribe{
		"live": all(command.Start{}), "earliest": all(command.Start{Earliest: true}), "last": all(command.Start{Last: 100}),
		"conflate": thrifty(command.PolicyConflate, 0, command.Start{Earliest: true}),
	} {
		t.Run(name, func(t *testing.T) {
			in(t, hub.Config{Loops: 1, SlowBytes: 5 << 20}, func(t *testing.T, p *place) {
				if ask.Policy.Thrifty() {
					ask.Policy.Every = 10 * time.Millisecond
				}
				for n := range 4 {
					p.Store(true, p.a.Next(t, big("s.a", 400_000+n)))
				}
				good, _ := p.Subscribe(ask)
				settle(good)
				var slow []interface{ Closed() bool }
				for range 24 {
					c, _ := p.Subscribe(ask)
					c.Out.Take(100)
					slow = append(slow, c.Out)
					settle(good)
				}
				p.Store(true, p.a.Next(t, big("s.a", 300_000)))
				p.Store(true, p.a.Next(t, big("s.a", 300_001)))
				settle(good)
				left := 0
				for _, out := range slow {
					if !out.Closed() {
						left++
					}
				}
				// Live ones all begin to wait with the same record: none of them waits for longest.
				inTurn := name == "live" || slow[0].Closed() && !slow[len(slow)-1].Closed()
				if inTurn && left > 0 && left <= 17 && !good.Out.Closed() {
					return
				}
				t.Errorf("of %d that take nothing %d are left; want some, the newest: the oldest closed %v, the newest %v, the reader %v",
					len(slow), left, slow[0].Closed(), slow[len(slow)-1].Closed(), good.Out.Closed())
			})
		})
	}
}
