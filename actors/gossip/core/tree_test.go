package core_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

// tree is a desk with links to a, b and c, and a for the parent of o's flow, by its first batch.
func tree(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t, nil)
	d.link("a", "b", "c")
	d.pushed("a", d.batch("o", 1, 1))
	return d
}

// next has a fresh batch come in from a peer, and tells to whom it goes on.
func (d *desk) next(peer messages.NodeID, sequence uint64) (to []messages.NodeID) {
	d.Helper()
	d.clear()
	d.pushed(peer, d.batch("o", 1, sequence))
	return d.receivers(sequence)
}

// receivers are the peers to whom a batch of o's was pushed since the last look, sorted.
func (d *desk) receivers(sequence uint64) (list []messages.NodeID) {
	for i := range d.out {
		if p, ok := d.out[i].Frame.(*frame.Push); ok && p.Batch.Origin == "o" && p.Batch.Sequence == sequence {
			list = append(list, d.out[i].Peer)
		}
	}
	slices.Sort(list)
	return list
}

func TestTheFirstBatchGoesToAllOthers(t *testing.T) {
	d := tree(t)
	same(t, "pushed to", d.receivers(1), list[messages.NodeID]("b", "c"))
}

func TestABatchGoesOnWhenTheJournalHasIt(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.busy = true
	d.pushed("a", d.batch("o", 1, 1))
	none(t, "pushed before it is appended", d.receivers(1))
	d.answer(core.Stored)
	same(t, "pushed after it", d.receivers(1), list[messages.NodeID]("b"))
}

func TestABatchThatTheJournalKnewGoesNowhere(t *testing.T) {
	for _, result := range []core.Result{core.Known, core.Fork, core.Failed} {
		d := newDesk(t, nil)
		d.link("a", "b")
		d.busy = true
		d.pushed("a", d.batch("o", 1, 1))
		d.answer(result)
		none(t, "pushed", d.receivers(1))
	}
}

func TestABatchIsNotTakenTwiceWhileItIsAppended(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.busy = true
	d.pushed("a", d.batch("o", 1, 1))
	d.pushed("b", d.batch("o", 1, 1))
	if got := len(d.put(core.Append)); got != 1 {
		t.Errorf("it is appended %d times", got)
	}
}

func TestABatchWhoseAppendFailedIsTakenAgain(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.busy = true
	d.pushed("a", d.batch("o", 1, 1))
	d.answer(core.Failed)
	d.clear()
	d.pushed("b", d.batch("o", 1, 1))
	if got := len(d.put(core.Append)); got != 1 {
		t.Errorf("it is appended %d times", got)
	}
}

func TestADuplicateIsPruned(t *testing.T) {
	d := tree(t)
	d.clear()
	d.pushed("b", d.batch("o", 1, 1))
	prunes := sent[*frame.Prune](d, "b")
	if len(prunes) != 1 || *prunes[0] != (frame.Prune{Origin: "o", Epoch: 1, Sequence: 1}) {
		t.Fatalf("b is sent the prunes %+v", prunes)
	}
	same(t, "the next goes to", d.next("a", 2), list[messages.NodeID]("c"))
}

func TestADuplicateThatWasAskedForSaysNothingOfTheTree(t *testing.T) {
	d := tree(t)
	d.repaired("b", d.batch("o", 1, 1))
	none(t, "prunes", sent[*frame.Prune](d, "b"))
	same(t, "the next goes to", d.next("a", 2), list[messages.NodeID]("b", "c"))
}

func TestTheParentIsNeverPruned(t *testing.T) {
	d := tree(t)
	d.pushed("a", d.batch("o", 1, 1))
	none(t, "prunes", sent[*frame.Prune](d, "a"))
}

func TestWhatComesByTheTreeDoesNotGoBackUp(t *testing.T) {
	d := tree(t)
	same(t, "what the parent brings goes to", d.next("a", 2), list[messages.NodeID]("b", "c"))
	same(t, "what another brings goes to", d.next("b", 3), list[messages.NodeID]("c"))
}

func TestAPrunedPeerGetsNoMore(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 1})
	same(t, "the next goes to", d.next("a", 2), list[messages.NodeID]("c"))
}

func TestAGraftedPeerGetsAllThatFollows(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 1})
	d.gets("b", &frame.Graft{Origin: "o", Epoch: 1})
	same(t, "the next goes to", d.next("a", 2), list[messages.NodeID]("b", "c"))
}

func TestARefreshChoosesTheTreeAnew(t *testing.T) {
	d := tree(t)
	d.gets("c", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 1})
	d.clear()
	d.gets("b", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 2)})
	same(t, "it goes to all others, the old parent and the pruned included", d.receivers(2), list[messages.NodeID]("a", "c"))
	for _, peer := range list[messages.NodeID]("a", "c") {
		if !sent[*frame.Push](d, peer)[0].Refresh {
			t.Errorf("it goes to %s as a plain push", peer)
		}
	}
	d.clear()
	d.pushed("a", d.batch("o", 1, 2))
	if len(sent[*frame.Prune](d, "a")) != 1 {
		t.Error("the old parent is not pruned for its copy")
	}
	same(t, "the next goes to", d.next("b", 3), list[messages.NodeID]("c"))
}

// Of two refreshes that cross, the later batch's choice stays.
func TestAnEarlierRefreshChangesNothing(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 5)})
	d.gets("c", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 4)})
	d.clear()
	d.pushed("b", d.batch("o", 1, 5))
	none(t, "prunes for a copy of the parent's", sent[*frame.Prune](d, "b"))
	same(t, "the next goes to", d.next("b", 6), list[messages.NodeID]("a", "c"))
}

// Two nodes may each prune the other for batches before a choice, which says nothing about the tree since.
func TestAPruneThatIsOlderThanTheChoiceIsNotHeeded(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 5)})
	d.gets("c", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 4})
	same(t, "the next goes to", d.next("b", 6), list[messages.NodeID]("a", "c"))
	d.gets("c", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 5})
	same(t, "after one for the choice's own batch it goes to", d.next("b", 7), list[messages.NodeID]("a"))
}

// Batches from before a choice that come late go to those to whom the tree of then took them.
func TestABatchThatIsOlderThanTheChoiceGoesByTheOldTree(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 5)})
	d.gets("c", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 5})
	d.gets("a", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 5})
	same(t, "one from before goes to", d.next("a", 4), list[messages.NodeID]("b", "c"))
	none(t, "one from after goes to", d.next("b", 6))
}

func TestALateBatchOfTheOldTreeIsNotPruned(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 5)})
	d.pushed("b", d.batch("o", 1, 4))
	d.clear()
	d.pushed("a", d.batch("o", 1, 4))
	none(t, "prunes", sent[*frame.Prune](d, "a"))
}

// The parent was slower than another link: that one is pruned, for the parent it must not be.
func TestARivalThatWasFasterIsPruned(t *testing.T) {
	d := tree(t)
	d.pushed("b", d.batch("o", 1, 2))
	d.clear()
	d.pushed("a", d.batch("o", 1, 2))
	none(t, "prunes to the parent", sent[*frame.Prune](d, "a"))
	if len(sent[*frame.Prune](d, "b")) != 1 {
		t.Error("the rival is not pruned")
	}
}

func TestThreeBatchesInARowMakeARivalTheParent(t *testing.T) {
	d := tree(t)
	d.clear()
	d.pushed("b", d.batch("o", 1, 2))
	d.pushed("b", d.batch("o", 1, 3))
	none(t, "grafts after two", sent[*frame.Graft](d, "b"))
	d.pushed("b", d.batch("o", 1, 4))
	if len(sent[*frame.Graft](d, "b")) != 1 {
		t.Fatal("b is not asked to be the parent")
	}
	d.clear()
	d.pushed("a", d.batch("o", 1, 4))
	if len(sent[*frame.Prune](d, "a")) != 1 {
		t.Error("who was the parent is not pruned for its copy")
	}
}

func TestABatchOfTheParentBetweenThemStartsTheCountAnew(t *testing.T) {
	d := tree(t)
	d.pushed("b", d.batch("o", 1, 2))
	d.pushed("b", d.batch("o", 1, 3))
	d.pushed("a", d.batch("o", 1, 4))
	d.clear()
	d.pushed("b", d.batch("o", 1, 5))
	none(t, "grafts", sent[*frame.Graft](d, "b"))
}

// Each took the other for its parent: both must look for another one.
func TestAGraftOfTheParentEndsItsParenthood(t *testing.T) {
	d := tree(t)
	d.gets("a", &frame.Graft{Origin: "o", Epoch: 1})
	d.clear()
	d.announced("b", "o", 1, 2)
	if len(sent[*frame.Graft](d, "b")) != 1 {
		t.Error("the first that announces something new is not asked to be the parent")
	}
}

func TestWithoutAParentTheFirstThatHasSomethingNewIsAsked(t *testing.T) {
	d := tree(t)
	d.down("a")
	d.clear()
	d.announced("c", "o", 1, 1)
	none(t, "grafts for nothing new", sent[*frame.Graft](d, "c"))
	d.announced("b", "o", 1, 2)
	if len(sent[*frame.Graft](d, "b")) != 1 {
		t.Error("b is not asked")
	}
	same(t, "asked for at once", d.asked("b", "o", 1), list(run(2, 2)))
}

func TestHopsAreCountedUpTo255(t *testing.T) {
	for hop, want := range map[uint8]uint8{1: 2, 254: 255, 255: 255} {
		d := newDesk(t, nil)
		d.link("a", "b")
		d.gets("a", &frame.Push{Hop: hop, Batch: d.batch("o", 1, 1)})
		if got := sent[*frame.Push](d, "b")[0].Hop; got != want {
			t.Errorf("after hop %d comes %d, want %d", hop, got, want)
		}
	}
}

func TestOwnBatchesGoToAllOnTheFirstHop(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.local(1)
	for _, peer := range list[messages.NodeID]("a", "b") {
		if p := sent[*frame.Push](d, peer); len(p) != 1 || p[0].Hop != 1 || p[0].Repair {
			t.Errorf("%s is sent %+v", peer, p)
		}
	}
}

func TestABatchOfAnotherEpochThanTheNodesIsNotPassedOnAsItsOwn(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.Local(d.now, d.batch("o", 1, 1))
	d.drain()
	none(t, "pushed", d.receivers(1))
}

// What was missed and came is passed on as a repair while it is fresh: to those that may miss it too.
func TestAFreshRepairIsPassedOn(t *testing.T) {
	d := tree(t)
	d.announced("c", "o", 1, 3)
	d.pushed("a", d.batch("o", 1, 3))
	d.clear()
	d.repaired("a", d.batch("o", 1, 2))
	same(t, "pushed to", d.receivers(2), list[messages.NodeID]("b"))
	if p := sent[*frame.Push](d, "b"); len(p) == 1 && (!p[0].Repair || p[0].Refresh) {
		t.Errorf("it goes on as %+v", p[0])
	}
}

func TestAnOldRepairIsNotPassedOn(t *testing.T) {
	d := tree(t)
	d.pushed("a", d.batch("o", 1, 3))
	d.pass(6 * time.Second)
	d.pushed("a", d.batch("o", 1, 4))
	d.clear()
	d.repaired("a", d.batch("o", 1, 2))
	none(t, "pushed to", d.receivers(2))
}

// The tree is cut above: who had the newest batch becomes the parent, and what hangs below chooses anew by it.
func TestTheNewestBatchMendsATreeThatIsCut(t *testing.T) {
	d := tree(t)
	d.down("a")
	d.announced("b", "o", 1, 2)
	d.clear()
	d.repaired("b", d.batch("o", 1, 2))
	same(t, "pushed to", d.receivers(2), list[messages.NodeID]("c"))
	if p := sent[*frame.Push](d, "c"); len(p) != 1 || !p[0].Refresh || p[0].Repair {
		t.Errorf("it goes on as %+v", p)
	}
	d.clear()
	d.pushed("b", d.batch("o", 1, 2))
	none(t, "prunes to the new parent", sent[*frame.Prune](d, "b"))
}

func TestATreeThatIsWholeIsNotMended(t *testing.T) {
	d := tree(t)
	d.clear()
	d.repaired("b", d.batch("o", 1, 2))
	for _, p := range sent[*frame.Push](d, "c") {
		if p.Refresh {
			t.Error("it goes on as a refresh, though the parent lives")
		}
	}
}

func TestAWordAboutAnUnknownFlowIsIgnored(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.gets("a", &frame.Graft{Origin: "o", Epoch: 1})
	d.gets("a", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 1})
	none(t, "put out", d.out)
	if _, known := d.Lines()["o"]; known {
		t.Error("it is remembered")
	}
}

func TestManyAppendsAreAnsweredInOrder(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.busy = true
	for q := uint64(1); q <= 300; q++ {
		d.pushed("a", d.batch("o", 1, q))
		if len(d.appends) > 150 {
			d.Appended(d.now, d.appends[0], core.Stored)
			d.appends = d.appends[1:]
		}
	}
	d.answer(core.Stored)
	if head := d.Lines().Head("o").Sequence; head != 300 || d.Stats().Appending != 0 {
		t.Errorf("the head is %d, %d bytes wait", head, d.Stats().Appending)
	}
}

// A peer can name origins at will.
func TestOriginsAreBounded(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	for i := range 110 {
		var flows []frame.Held
		for j := range 1000 {
			flows = append(flows, frame.Held{Origin: messages.NodeID(fmt.Sprint("x", i, "y", j)), Epoch: 1, Floor: 1, Run: 1, Head: 1, HLC: messages.HLCFromMillis(begin)})
		}
		d.gets("a", &frame.Have{Flows: flows})
	}
	if n := len(d.Lines()); n > 100_000 || n < 90_000 {
		t.Errorf("it knows of %d origins", n)
	}
}

func TestBatchesOlderThanTheChoiceMakeNobodyTheParent(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 9)})
	d.clear()
	for q := uint64(2); q < 9; q++ {
		d.pushed("a", d.batch("o", 1, q))
	}
	none(t, "grafts", sent[*frame.Graft](d, "a"))
}

// It says nothing about who is faster, but some may get the batch by it alone.
func TestAnEarlierRefreshFloodsStill(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 5)})
	d.gets("c", &frame.Prune{Origin: "o", Epoch: 1, Sequence: 5})
	d.clear()
	d.gets("a", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 4)})
	same(t, "pushed to", d.receivers(4), list[messages.NodeID]("b", "c"))
}

func TestTheOldTreeHasNoSilentLinks(t *testing.T) {
	d := tree(t)
	d.gets("b", &frame.Push{Hop: 1, Refresh: true, Batch: d.batch("o", 1, 5)})
	d.mute["c"] = true
	d.pass(1200 * time.Millisecond)
	same(t, "one from before goes to", d.next("a", 4), list[messages.NodeID]("b"))
}

func TestAParentThatWasAskedGetsNothingBack(t *testing.T) {
	d := tree(t)
	for q := uint64(2); q < 5; q++ {
		d.pushed("b", d.batch("o", 1, q))
	}
	same(t, "what another brings goes to", d.next("a", 5), list[messages.NodeID]("c"))
}

// Only the newest batch is ahead of all that the branches below have.
func TestAnOlderBatchDoesNotMendATree(t *testing.T) {
	d := tree(t)
	d.down("a")
	d.announced("b", "o", 1, 3)
	d.clear()
	d.repaired("b", d.batch("o", 1, 2))
	if p := sent[*frame.Push](d, "c"); len(p) != 1 || p[0].Refresh || !p[0].Repair {
		t.Errorf("it goes on as %+v", p)
	}
}

// A link that is silent for two pings brings nothing, though it is in the trees for a second.
func TestAParentThatIsSilentForTwoPingsIsMendedFor(t *testing.T) {
	for silence, mended := range map[time.Duration]bool{300 * time.Millisecond: false, 800 * time.Millisecond: true} {
		d := tree(t)
		d.pass(time.Second)
		d.mute["a"] = true
		d.pass(silence)
		d.clear()
		d.repaired("b", d.batch("o", 1, 2))
		if p := sent[*frame.Push](d, "c"); len(p) != 1 || p[0].Refresh != mended {
			t.Errorf("after %s of silence of the parent it goes on as %+v", silence, p)
		}
	}
}

func TestAParentThatLeavesThreeBatchesOutIsMendedFor(t *testing.T) {
	d := tree(t)
	refreshed := func() (list []uint64) {
		for _, p := range sent[*frame.Push](d, "c") {
			if p.Refresh {
				list = append(list, p.Batch.Sequence)
			}
		}
		return list
	}
	for q := uint64(2); q < 7; q++ {
		d.announced("b", "o", 1, q)
		for range 60 {
			if d.pass(20 * time.Millisecond); len(d.pulls("b")) > 0 {
				break
			}
		}
		pulls := d.pulls("b")
		if len(pulls) == 0 {
			t.Fatalf("%d is not asked for", q)
		}
		d.clear()
		d.repaired("b", d.batch("o", 1, q))
		d.gets("b", &frame.End{ID: pulls[0]})
		if len(refreshed()) > 0 {
			break
		}
	}
	same(t, "the batch that mends", refreshed(), list[uint64](4))
}
