package core_test

import (
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

func TestALinkOverWhichNothingWentIsPinged(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.pass(10 * time.Second)
	if n := len(sent[*frame.Ping](d, "a")); n < 30 || n > 50 {
		t.Errorf("in ten seconds it is pinged %d times, want about 40 less the digests", n)
	}
	for i := range d.out {
		if f := d.out[i].Frame; f != nil && f.Type() != frame.TypePing && f.Type() != frame.TypeDigest {
			t.Errorf("%s is sent, though nothing happens", f.Type())
		}
	}
}

func TestAPingIsAnswered(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.gets("a", &frame.Ping{Nonce: 7, Time: 99})
	if pongs := sent[*frame.Pong](d, "a"); len(pongs) != 1 || pongs[0].Nonce != 7 || pongs[0].Time != 99 {
		t.Errorf("the answer is %+v", pongs)
	}
}

func TestASilentLinkLeavesTheTrees(t *testing.T) {
	d := tree(t)
	d.mute["b"] = true
	d.pass(900 * time.Millisecond)
	same(t, "before a second of silence it goes to", d.next("a", 2), list[messages.NodeID]("b", "c"))
	d.pass(300 * time.Millisecond)
	same(t, "after it goes to", d.next("a", 3), list[messages.NodeID]("c"))
	none(t, "closed", d.put(core.Close))
}

func TestASilentLinkComesBackWhenItSpeaks(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 1})
	d.mute["b"] = true
	d.pass(1500 * time.Millisecond)
	d.mute["b"] = false
	d.Heard(d.now, "b")
	same(t, "it goes to", d.next("a", 2), list[messages.NodeID]("b", "c"))
}

func TestASilentParentIsStoodInFor(t *testing.T) {
	d := tree(t)
	d.mute["a"] = true
	d.pass(1200 * time.Millisecond)
	d.clear()
	d.announced("b", "o", 1, 2)
	if len(sent[*frame.Graft](d, "b")) != 1 {
		t.Error("the first that announces something new is not asked to be the parent")
	}
}

func TestADeadLinkIsClosed(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.mute["a"] = true
	d.pass(4900 * time.Millisecond)
	none(t, "closed before 5 s", d.put(core.Close))
	d.pass(300 * time.Millisecond)
	same(t, "closed", d.peers(core.Close), list[messages.NodeID]("a"))
}

func TestAnyByteIsLife(t *testing.T) {
	for what, say := range map[string]func(d *desk){
		"a part of a frame": func(d *desk) { d.Heard(d.now, "a") },
		"an announcement":   func(d *desk) { d.gets("a", &frame.Have{}) },
		"a batch":           func(d *desk) { d.pushed("a", d.batch("o", 1, 1)) },
	} {
		d := newDesk(t, nil)
		d.link("a")
		d.mute["a"] = true
		for range 20 {
			d.pass(900 * time.Millisecond)
			say(d)
		}
		if len(d.put(core.Close)) > 0 {
			t.Errorf("it is closed, though %s came each 900 ms", what)
		}
	}
}

func TestAByeEndsTheLink(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.gets("a", &frame.Bye{Reason: "enough"})
	same(t, "closed", d.peers(core.Close), list[messages.NodeID]("a"))
	none(t, "byes", sent[*frame.Bye](d, "a"))
}

func TestFramesOfStrangersAreDropped(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.gets("stranger", &frame.Push{Hop: 1, Batch: d.batch("o", 1, 1)})
	none(t, "put out", d.out)
	if d.Stats().Ignored != 1 {
		t.Error("it is not counted")
	}
}

func TestFramesAfterAByeAreDropped(t *testing.T) {
	d := newDesk(t, nil)
	d.LinkUp(d.now, "a", &frame.Hello{Node: "a", Epoch: 1}) // the test does not say that it is down
	d.gets("a", &frame.Bye{})
	d.clear()
	d.pushed("a", d.batch("o", 1, 1))
	none(t, "put out", d.out)
}

func TestASecondLinkToAPeerIsIgnored(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.LinkUp(d.now, "a", &frame.Hello{Node: "a", Epoch: 1})
	d.drain()
	none(t, "put out", d.out)
	alike(t, "links", d.Links(), list[messages.NodeID]("a"))
}

func TestALinkToTheNodeItselfIsClosed(t *testing.T) {
	d := newDesk(t, nil)
	d.LinkUp(d.now, me, &frame.Hello{Node: me, Epoch: 1})
	d.drain()
	same(t, "closed", d.peers(core.Close), list(me))
	none(t, "links", d.Links())
}

func TestANewLinkIsEager(t *testing.T) {
	d := tree(t)
	d.link("e")
	same(t, "the next goes to", d.next("a", 2), list[messages.NodeID]("b", "c", "e"))
}

// The slot of a link that is gone may be another's: nothing of the old one may stick to it.
func TestANewLinkInheritsNothing(t *testing.T) {
	d := tree(t)
	d.announced("b", "o", 1, 1)
	d.gets("b", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 1})
	d.down("b")
	d.link("e")
	same(t, "the next goes to", d.next("a", 2), list[messages.NodeID]("c", "e"))
	d.down("a")
	d.link("f")
	d.clear()
	d.pushed("f", d.batch("o", 1, 2))
	if len(sent[*frame.Prune](d, "f")) != 1 {
		t.Error("who has the slot of the parent is taken for it")
	}
}

func TestHaltingTheClockDoesNoHarm(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.pass(time.Second)
	d.clear()
	d.now.Mono -= time.Hour
	d.Tick(d.now)
	d.drain()
	none(t, "put out", d.out)
}
