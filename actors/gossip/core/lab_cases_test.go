package core_test

import (
	"testing"
	"time"

	"anode/actors/gossip/core"
)

// Retention took the beginning of a flow at one peer; another one, that keeps more, has it still: a node that comes
// gets all from that one, and nothing of it is a gap.
func TestWhatIsGoneAtOnePeerComesFromAnother(t *testing.T) {
	l := newLab(t, 3, 1, nil)
	l.run(time.Second)
	l.nodes[2].crash(false)
	for range 20 {
		l.nodes[0].publish(300)
		l.run(20 * time.Millisecond)
	}
	l.run(time.Second)
	key := flowKey{l.nodes[0].id, l.nodes[0].epoch}
	l.nodes[1].disk.flow(key.origin, key.epoch).raise(15)
	l.nodes[1].change(func(c *core.Core, now core.Now) { c.Dropped(now, key.origin, key.epoch, 15) })
	l.nodes[2].start()
	l.run(5 * time.Second)
	s := l.nodes[2].disk.flow(key.origin, key.epoch)
	if len(s.held) != 20 || s.floor != 1 || len(s.given) > 0 {
		t.Errorf("it holds %d batches of 20 from the floor %d, and gave up %v", len(s.held), s.floor, s.given)
	}
}

// A node keeps the floor that it has, whatever others hold: what retention took here does not come back.
func TestWhatRetentionTookDoesNotComeBack(t *testing.T) {
	l := newLab(t, 3, 2, nil)
	l.run(time.Second)
	for range 20 {
		l.nodes[0].publish(300)
		l.run(20 * time.Millisecond)
	}
	key := flowKey{l.nodes[0].id, l.nodes[0].epoch}
	l.nodes[2].disk.flow(key.origin, key.epoch).raise(15)
	l.nodes[2].change(func(c *core.Core, now core.Now) { c.Dropped(now, key.origin, key.epoch, 15) })
	l.nodes[2].crash(true)
	l.run(time.Second)
	l.nodes[2].start()
	l.converge(10 * time.Second)
	if s := l.nodes[2].disk.flow(key.origin, key.epoch); len(s.held) != 6 {
		t.Errorf("it holds %d batches, want the 6 above its floor", len(s.held))
	}
}

// One node appends slowly, within what counts as a stall: the others have everything without it.
func TestASlowJournalHoldsUpNobodyElse(t *testing.T) {
	l := newLab(t, 12, 3, nil)
	l.run(3 * time.Second)
	l.nodes[5].appends.lag = 150 * time.Millisecond
	for range 30 {
		l.nodes[0].publish(300)
		l.run(30 * time.Millisecond)
	}
	l.run(time.Second)
	key := flowKey{l.nodes[0].id, l.nodes[0].epoch}
	for _, n := range l.nodes {
		if held := len(n.disk.flow(key.origin, key.epoch).held); held < 30 && n.index != 5 {
			t.Errorf("%s holds %d batches of 30", n.id, held)
		}
	}
	l.converge(10 * time.Second)
}
