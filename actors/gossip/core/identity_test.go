package core_test

import (
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

func TestANewcomerIsRefusedWhileTheOldLinkLives(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.Claim(d.now, "a")
	d.drain()
	pings := sent[*frame.Ping](d, "a")
	if len(pings) != 1 {
		t.Fatal("the old link is not asked for a sign of life")
	}
	d.now.Mono += 30 * time.Millisecond
	d.gets("a", &frame.Pong{Nonce: pings[0].Nonce + 1})
	none(t, "refused for what may have been on its way", d.put(core.Refuse))
	d.gets("a", &frame.Pong{Nonce: pings[0].Nonce})
	same(t, "refused", d.peers(core.Refuse), list[messages.NodeID]("a"))
	none(t, "closed", d.put(core.Close))
	d.pass(5 * time.Second)
	if n := len(d.put(core.Refuse)); n != 1 {
		t.Errorf("it is refused %d times", n)
	}
}

func TestANewcomerTakesThePlaceOfALinkThatIsDead(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.mute["a"] = true
	d.Claim(d.now, "a")
	d.drain()
	d.pass(900 * time.Millisecond)
	none(t, "closed before a second", d.put(core.Close))
	d.pass(300 * time.Millisecond)
	same(t, "closed", d.peers(core.Close), list[messages.NodeID]("a"))
	none(t, "refused", d.put(core.Refuse))
}

func TestAClaimForNobodyLinkedSaysNothing(t *testing.T) {
	d := newDesk(t, nil)
	d.Claim(d.now, "a")
	d.drain()
	d.pass(2 * time.Second)
	none(t, "put out", d.out)
}

// live is a batch of the node's that is sealed now.
func (d *desk) live(epoch, sequence uint64) *wire.Sealed {
	h := header(me, epoch, sequence)
	h.First = messages.HLCFromMillis(d.now.Wall)
	h.Last = h.First
	return wire.StandIn(h, make([]byte, 300))
}

// Of two that live with one identity the one with the higher epoch stops: it gets a live batch of the other.
func TestTheHigherEpochStops(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.pass(20 * time.Second)
	d.pushed("a", d.live(9, 1))
	if len(d.put(core.Stop)) != 1 {
		t.Error("it does not stop")
	}
	none(t, "appended", d.put(core.Append))
}

func TestTheLowerEpochGoesOn(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.pass(20 * time.Second)
	d.pushed("a", d.live(11, 1))
	none(t, "stopped", d.put(core.Stop))
}

func TestANodesOwnPastDoesNotStopIt(t *testing.T) {
	t.Run("just after its start", func(t *testing.T) {
		d := newDesk(t, nil)
		d.link("a")
		d.pass(5 * time.Second)
		d.pushed("a", d.live(9, 1))
		none(t, "stopped", d.put(core.Stop))
	})
	t.Run("sealed before its start", func(t *testing.T) {
		d := newDesk(t, nil)
		d.link("a")
		d.pass(20 * time.Second)
		d.pushed("a", d.batch(me, 9, 1))
		none(t, "stopped", d.put(core.Stop))
	})
	t.Run("of an epoch that a peer named at the start, with a clock that went back", func(t *testing.T) {
		d := newDesk(t, nil)
		d.known(9, 1)
		d.pass(20 * time.Second)
		d.pushed("a", d.live(9, 2))
		none(t, "stopped", d.put(core.Stop))
	})
	t.Run("asked for", func(t *testing.T) {
		d := newDesk(t, nil)
		d.link("a")
		d.pass(20 * time.Second)
		d.repaired("a", d.live(9, 1))
		none(t, "stopped", d.put(core.Stop))
	})
	t.Run("an echo", func(t *testing.T) {
		d := newDesk(t, nil)
		d.link("a")
		d.pass(20 * time.Second)
		b := d.live(10, 1)
		d.Local(d.now, b)
		d.pushed("a", b)
		none(t, "stopped", d.put(core.Stop))
	})
	t.Run("an echo of what it has lost since", func(t *testing.T) {
		d := newDesk(t, nil)
		d.link("a")
		d.pass(20 * time.Second)
		b := d.live(10, 1)
		d.Local(d.now, b)
		d.Local(d.now, d.live(10, 2))
		d.Lost(d.now, me, 10, run(1, 1))
		d.drain()
		d.pushed("a", b)
		none(t, "stopped", d.put(core.Stop))
	})
}

// known is a Hello of a peer that knows a position of the node's.
func (d *desk) known(epoch, sequence uint64) {
	d.linked = append(d.linked, "a")
	d.LinkUp(d.now, "a", &frame.Hello{Node: "a", Epoch: 1, Known: messages.Position{Origin: me, Epoch: epoch, Sequence: sequence}})
	d.drain()
}

func TestAPeerThatKnowsALaterEpochMakesANewOne(t *testing.T) {
	d := newDesk(t, nil)
	d.known(12, 5)
	renewed := d.put(core.Renew)
	if len(renewed) != 1 || renewed[0].Epoch != 12 || renewed[0].Prior.Sequence != 5 {
		t.Errorf("it renews %+v", renewed)
	}
}

func TestAPeerThatKnowsMoreOfTheEpochMakesANewOne(t *testing.T) {
	d := newDesk(t, nil)
	d.local(1)
	d.clear()
	d.known(10, 5)
	if renewed := d.put(core.Renew); len(renewed) != 1 || renewed[0].Epoch != 10 {
		t.Errorf("it renews %+v", renewed)
	}
}

func TestAPeerThatKnowsWhatTheNodeKnowsChangesNothing(t *testing.T) {
	d := newDesk(t, nil)
	d.local(1)
	d.local(2)
	d.clear()
	d.known(10, 2)
	none(t, "renewed", d.put(core.Renew))
	none(t, "prior", d.put(core.Prior))
}

// What a disk lost is named in the first batch, so that readers come to its end.
func TestAPeerThatKnowsMoreThanTheDiskIsNamedInTheFirstBatch(t *testing.T) {
	d := newDesk(t, holding(me, 8, 1, 3))
	d.known(9, 7)
	prior := d.put(core.Prior)
	if len(prior) != 1 || prior[0].Prior.Epoch != 9 || prior[0].Prior.Sequence != 7 {
		t.Errorf("the prior is %+v", prior)
	}
	none(t, "renewed", d.put(core.Renew))
}

func TestAfterTheFirstBatchThereIsNoPrior(t *testing.T) {
	d := newDesk(t, holding(me, 8, 1, 3))
	d.local(1)
	d.clear()
	d.known(9, 7)
	none(t, "prior", d.put(core.Prior))
}

func TestARenewedNodeSpreadsItsNewEpoch(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.Renewed(d.now, 20)
	d.Local(d.now, d.batch(me, 20, 1))
	d.drain()
	same(t, "pushed", d.got("a", me, 20), list[uint64](1))
}

// A batch may be on its way to the disk when the epoch is renewed: it is held, and others are to get it.
func TestABatchOfTheEpochBeforeIsHeldStill(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.Renewed(d.now, 20)
	d.local(1)
	if !d.Lines()[me].Holds(10, 1) {
		t.Error("it is not held")
	}
}

func TestAPeerIsToldWhatIsKnownOfIt(t *testing.T) {
	d := newDesk(t, holding("o", 3, 1, 5))
	d.link("a")
	if h := d.Hello("o"); h.Node != me || h.Epoch != 10 || h.Known.Epoch != 3 || h.Known.Sequence != 5 {
		t.Errorf("o is told %+v", h)
	}
	d.announced("a", "o", 4, 2)
	if h := d.Hello("o"); h.Known.Epoch != 3 {
		t.Errorf("o is told %+v, which is hearsay", h)
	}
	if h := d.Hello("stranger"); h.Known != (messages.Position{}) {
		t.Errorf("a stranger is told %+v", h)
	}
}

// A clock that went back makes an epoch that is late for all readers: the node takes a higher one, but a double that
// lives is given the time to stop first.
func TestANodeThatHearsOfAHigherEpochTakesOneAboveIt(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.announced("a", me, 12, 3)
	d.pass(9 * time.Second)
	none(t, "renewed before ten seconds", d.put(core.Renew))
	d.announced("a", me, 12, 4)
	d.pass(1200 * time.Millisecond)
	renewed := d.put(core.Renew)
	if len(renewed) != 1 || renewed[0].Epoch != 12 || renewed[0].Prior.Epoch != 12 || renewed[0].Prior.Sequence != 4 {
		t.Fatalf("it renews %+v", renewed)
	}
	d.clear()
	d.Renewed(d.now, 13)
	d.announced("a", me, 12, 4)
	d.pass(30 * time.Second)
	none(t, "renewed again", d.put(core.Renew))
}
