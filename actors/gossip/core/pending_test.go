package core_test

import (
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

func TestTheNewestOfAllOriginsComesFirst(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.announced("a", "old", 1, 2000)
	d.announced("a", "new", 5, 2000)
	d.pass(150 * time.Millisecond)
	var order []messages.NodeID
	for i := 0; i < len(d.out); i++ { // a brings what it is asked for
		p, ok := d.out[i].Frame.(*frame.Pull)
		if !ok {
			continue
		}
		order = append(order, p.Origin)
		each(p, func(id messages.BatchID) bool {
			d.repaired("a", d.batch(id.Origin, id.Epoch, id.Sequence))
			return true
		})
		d.gets("a", &frame.End{ID: p.ID})
		d.pass(10 * time.Millisecond)
	}
	first, last := slices.Index(order, "new"), len(order)
	for i, origin := range order {
		if origin == "new" {
			last = i
		}
	}
	if first < 0 || first > 2 || slices.Contains(order[first:last], "old") {
		t.Errorf("it asks for %v", order)
	}
}

func TestAfterFourTriesItRestsForASecond(t *testing.T) {
	d := lone(t)
	for _, peer := range list[messages.NodeID]("a", "b", "c") {
		d.announced(peer, "o", 1, 2)
	}
	tries := func() (n int) {
		for _, peer := range list[messages.NodeID]("a", "b", "c") {
			n += len(d.pulls(peer))
		}
		return n
	}
	d.pass(1500 * time.Millisecond)
	if n := tries(); n != 4 {
		t.Errorf("it asks %d times in a second and a half, want 4", n)
	}
	d.pass(time.Second)
	if n := tries(); n < 5 {
		t.Errorf("after a rest it has asked %d times, want more than 4", n)
	}
}

func TestHolesAreAskedForTogether(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		for _, r := range list(run(1, 3), run(6, 6), run(9, 10)) {
			hold(c.Lines.Open("o"), 1, r.From, r.To)
		}
	})
	d.link("a")
	d.announced("a", "o", 1, 12)
	d.pass(100 * time.Millisecond)
	same(t, "a is asked for", d.asked("a", "o", 1), list(run(4, 5), run(7, 8), run(11, 12)))
	if n := len(d.pulls("a")); n != 1 {
		t.Errorf("by %d pulls", n)
	}
}

func TestAPullNamesAtMost32Ranges(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		for q := uint64(1); q < 200; q += 2 {
			hold(c.Lines.Open("o"), 1, q, q)
		}
	})
	d.link("a")
	d.announced("a", "o", 1, 200)
	d.pass(100 * time.Millisecond)
	for _, p := range sent[*frame.Pull](d, "a") {
		if len(p.Ranges) > frame.MaxRanges {
			t.Errorf("a pull names %d ranges", len(p.Ranges))
		}
	}
	if len(d.asked("a", "o", 1)) < 2*frame.MaxRanges {
		t.Errorf("only %d ranges are asked for, by %d pulls", len(d.asked("a", "o", 1)), len(d.pulls("a")))
	}
}
