package core_test

import (
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// haves are the flows that were announced to a peer since the last look.
func (d *desk) haves(peer messages.NodeID) (list []frame.Held) {
	for _, h := range sent[*frame.Have](d, peer) {
		list = append(list, h.Flows...)
	}
	return list
}

func TestWhatIsHeldIsAnnouncedToAll(t *testing.T) {
	d := newDesk(t, torn("o"))
	d.link("a", "b")
	d.pushed("a", d.batch("o", 1, 10))
	d.pass(60 * time.Millisecond)
	want := list(frame.Held{Origin: "o", Epoch: 1, Floor: 1, Run: 6, Head: 10, HLC: stamp(1, 10)})
	alike(t, "a, who brought it", d.haves("a"), want)
	alike(t, "b", d.haves("b"), want)
}

func TestAnnouncementsComeEach50ms(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.pushed("a", d.batch("o", 1, 1))
	d.clear()
	for q := uint64(2); q < 102; q++ {
		d.pass(10 * time.Millisecond)
		d.pushed("a", d.batch("o", 1, q))
	}
	if n := len(sent[*frame.Have](d, "a")); n < 19 || n > 21 {
		t.Errorf("in a second there are %d announcements, want 20", n)
	}
}

func TestNothingNewIsNotAnnounced(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	d.pass(5 * time.Second)
	none(t, "announced", d.haves("a"))
}

// A head that is known to exist and not held is none.
func TestOnlyWhatIsHeldIsAnnounced(t *testing.T) {
	d := newDesk(t, holding("o", 1, 1, 9))
	d.link("a")
	d.Lost(d.now, "o", 1, run(8, 9))
	d.drain()
	d.pass(100 * time.Millisecond)
	alike(t, "announced", d.haves("a"), list(frame.Held{Origin: "o", Epoch: 1, Floor: 1, Run: 1, Head: 7, HLC: stamp(1, 9)}))
}

// An acknowledgement may wait until another node holds the batch.
func TestWhoHoldsOwnBatchesIsSaid(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.local(1)
	d.local(2)
	d.clear()
	d.announced("a", me, 10, 2)
	covers := d.put(core.Cover)
	if len(covers) != 1 || covers[0].Peer != "a" || covers[0].Epoch != 10 || covers[0].Range != run(1, 2) {
		t.Errorf("it says %+v", covers)
	}
	d.clear()
	d.announced("a", me, 10, 2)
	none(t, "said again", d.put(core.Cover))
}

// After a link was down, or the node, what is held is told by a digest, and not announced any more.
func TestADigestSaysWhoHoldsOwnBatches(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	for i := range uint64(5) {
		d.local(i + 1)
	}
	d.clear()
	d.gets("a", &frame.Digest{Latest: []frame.Holding{{Origin: me, EpochDigest: messages.EpochDigest{Epoch: 10, Floor: 2, Head: 5, HeadHLC: stamp(10, 5), Holes: list(run(4, 4))}}}})
	covers := d.put(core.Cover)
	if len(covers) != 2 || covers[0].Range != run(2, 3) || covers[1].Range != run(5, 5) || covers[0].Epoch != 10 || covers[0].Peer != "a" {
		t.Errorf("it says %+v", covers)
	}
}

func TestWhoHoldsBatchesOfOthersIsNotSaid(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.announced("a", "o", 10, 2)
	none(t, "said", d.put(core.Cover))
}
