package core_test

import (
	"math"
	"testing"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// pull has a peer ask for ranges of o's first epoch, and tells what is served, and how the answer ends at once.
func (d *desk) pull(id uint64, ranges ...messages.Range) (served []messages.Range, end *frame.End) {
	d.Helper()
	d.clear()
	d.gets("a", &frame.Pull{ID: id, Origin: "o", Epoch: 1, Ranges: ranges, Bytes: 256 << 10})
	for _, o := range d.put(core.Serve) {
		if o.Pull.ID != id || o.Peer != "a" || o.Class != core.Repair {
			d.Errorf("it serves %+v", o)
		}
		served = append(served, o.Pull.Ranges...)
	}
	for _, e := range sent[*frame.End](d, "a") {
		end = e
	}
	return served, end
}

func TestWhatIsHeldIsServed(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	served, end := d.pull(7, run(2, 3), run(5, 9))
	same(t, "served", served, list(run(2, 3), run(5, 9)))
	if end != nil {
		t.Errorf("it ends before it is served: %+v", end)
	}
	d.Served(d.now, "a", 7, nil)
	d.drain()
	if ends := sent[*frame.End](d, "a"); len(ends) != 1 || ends[0].ID != 7 || ends[0].Busy || ends[0].Floor != 0 || len(ends[0].NotHeld) != 0 {
		t.Errorf("it ends with %+v", ends)
	}
}

func TestWhatIsNotHeldIsNamed(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		hold(c.Lines.Open("o"), 1, 1, 3)
		hold(c.Lines.Open("o"), 1, 6, 9)
	})
	d.link("a")
	served, _ := d.pull(1, run(2, 7), run(9, 12))
	same(t, "served", served, list(run(2, 3), run(6, 7), run(9, 9)))
	d.Served(d.now, "a", 1, list(run(7, 7)))
	d.drain()
	ends := sent[*frame.End](d, "a")
	if len(ends) != 1 {
		t.Fatalf("it ends with %+v", ends)
	}
	same(t, "not held, nor there when it was read", ends[0].NotHeld, list(run(4, 5), run(7, 7), run(10, 12)))
}

func TestWhatIsNotHeldAtAllIsAnsweredAtOnce(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	served, end := d.pull(1, run(20, 29))
	none(t, "served", served)
	if end == nil {
		t.Fatal("there is no answer")
	}
	same(t, "not held", end.NotHeld, list(run(20, 29)))
}

func TestOfAnUnknownFlowNothingIsHeld(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	_, end := d.pull(1, run(1, 5))
	if end == nil {
		t.Fatal("there is no answer")
	}
	same(t, "not held", end.NotHeld, list(run(1, 5)))
}

func TestBelowTheFloorAllIsGone(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	d.Dropped(d.now, "o", 1, 5)
	served, _ := d.pull(1, run(1, 6))
	same(t, "served", served, list(run(5, 6)))
	d.Served(d.now, "a", 1, nil)
	d.drain()
	if ends := sent[*frame.End](d, "a"); len(ends) != 1 || ends[0].Floor != 5 || len(ends[0].NotHeld) != 0 {
		t.Errorf("it ends with %+v, want the floor 5", ends)
	}
}

func TestOfAForgottenEpochAllIsGone(t *testing.T) {
	d := newDesk(t, func(c *core.Config) {
		hold(c.Lines.Open("o"), 1, 1, 3)
		hold(c.Lines.Open("o"), 2, 1, 3)
	})
	d.link("a")
	d.Dropped(d.now, "o", 1, 4)
	d.Forgotten(d.now, "o", 1)
	_, end := d.pull(1, run(1, 3))
	if end == nil || end.Floor != messages.MaxSequence {
		t.Errorf("it ends with %+v", end)
	}
}

func TestAtMost32PullsOfAPeerAreServedAtATime(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	for id := range uint64(32) {
		if _, end := d.pull(id, run(1, 9)); end != nil {
			t.Fatalf("pull %d is refused", id)
		}
	}
	if _, end := d.pull(32, run(1, 9)); end == nil || !end.Busy {
		t.Errorf("another one ends with %+v, want busy", end)
	}
	d.Served(d.now, "a", 3, nil)
	d.drain()
	if _, end := d.pull(33, run(1, 9)); end != nil {
		t.Error("after one was served the next is refused")
	}
}

func TestWhatIsServedAtATimeIsBounded(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	d.gets("a", &frame.Pull{ID: 1, Origin: "o", Epoch: 1, Ranges: list(run(1, 9)), Bytes: math.MaxUint32})
	if got := d.put(core.Serve)[0].Pull.Bytes; got > 1<<20 {
		t.Errorf("up to %d bytes are served", got)
	}
}

func TestTheOrderOfAPullIsKept(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	for _, down := range []bool{true, false} {
		d.clear()
		d.gets("a", &frame.Pull{ID: 1, Origin: "o", Epoch: 1, Ranges: list(run(1, 9)), Bytes: 1, Descending: down})
		if got := d.put(core.Serve)[0].Pull.Descending; got != down {
			t.Errorf("descending is %t, want %t", got, down)
		}
	}
}
