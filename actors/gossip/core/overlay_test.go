package core_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

func names(n int) (list []messages.NodeID) {
	for i := range n {
		list = append(list, messages.NodeID(fmt.Sprintf("n%04d", i)))
	}
	return list
}

func nobody(messages.NodeID) bool { return false }

func TestUpToNineNodesAreAllLinked(t *testing.T) {
	for n := 1; n <= 9; n++ {
		m := core.NewMembers(names(n))
		for _, id := range m.All() {
			want := slices.DeleteFunc(names(n), func(other messages.NodeID) bool { return other == id })
			same(t, fmt.Sprintf("neighbours of %s among %d", id, n), m.Neighbours(id, nobody), want)
		}
	}
}

func TestMoreNodesStandOnRings(t *testing.T) {
	for n, rings := range map[int]int{10: 3, 50: 3, 1000: 3, 1001: 4} {
		m := core.NewMembers(names(n))
		for _, id := range m.All() {
			if got := len(m.Neighbours(id, nobody)); got < 2 || got > 2*rings {
				t.Errorf("%s has %d neighbours among %d, want 2 to %d", id, got, n, 2*rings)
			}
		}
	}
}

func TestNeighboursAreMutual(t *testing.T) {
	gone := func(id messages.NodeID) bool { return id[len(id)-1] == '3' }
	for _, n := range []int{5, 10, 200} {
		for what, skip := range map[string]func(messages.NodeID) bool{"all": nobody, "without those that end with 3": gone} {
			m := core.NewMembers(names(n))
			for _, a := range m.All() {
				for _, b := range m.Neighbours(a, skip) {
					if !skip(a) && !slices.Contains(m.Neighbours(b, skip), a) {
						t.Errorf("of %d, %s: %s is to be linked to %s, and that one not to it", n, what, a, b)
					}
				}
			}
		}
	}
}

func TestTheOverlayFollowsFromTheSetOfMembers(t *testing.T) {
	list := names(40)
	want := core.NewMembers(list)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	got := core.NewMembers(append(list, list[:7]...))
	same(t, "members", got.All(), want.All())
	for _, id := range names(40) {
		same(t, "neighbours of "+string(id), got.Neighbours(id, nobody), want.Neighbours(id, nobody))
	}
}

// With random rings a tenth of the nodes can go at once, and no part of the mesh is cut off.
func TestAMeshThatLostATenthHangsTogether(t *testing.T) {
	for _, n := range []int{10, 100, 1000} {
		for seed := range uint64(10) {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			dead := make(map[messages.NodeID]bool)
			for _, i := range random.Perm(n)[:n/10] {
				dead[names(n)[i]] = true
			}
			m := core.NewMembers(names(n))
			if reached := reach(m, dead); reached != n-len(dead) {
				t.Errorf("%d of %d nodes are reached, %d died (seed %d)", reached, n, len(dead), seed)
			}
		}
	}
}

// reach counts the living nodes that one of them reaches over links to neighbours, before the rings have closed.
func reach(m *core.Members, dead map[messages.NodeID]bool) int {
	seen := make(map[messages.NodeID]bool)
	var todo []messages.NodeID
	for _, id := range m.All() {
		if !dead[id] {
			todo, seen[id] = append(todo, id), true
			break
		}
	}
	for len(todo) > 0 {
		id := todo[0]
		todo = todo[1:]
		for _, next := range m.Neighbours(id, nobody) {
			if !dead[next] && !seen[next] {
				todo, seen[next] = append(todo, next), true
			}
		}
	}
	return len(seen)
}

func TestWhoIsSkippedIsStoodInFor(t *testing.T) {
	m := core.NewMembers(names(30))
	before := m.Neighbours("n0000", nobody)
	gone := before[0]
	after := m.Neighbours("n0000", func(id messages.NodeID) bool { return id == gone })
	if slices.Contains(after, gone) || len(after) < len(before)-1 {
		t.Errorf("without %s the neighbours are %v, they were %v", gone, after, before)
	}
}

func TestAStrangerHasNoNeighbours(t *testing.T) {
	none(t, "neighbours", core.NewMembers(names(20)).Neighbours("stranger", nobody))
}

func TestNeighboursAreDialled(t *testing.T) {
	d := newDesk(t, nil)
	d.members("a", "b")
	same(t, "dialled", d.peers(core.Dial), list[messages.NodeID]("a", "b"))
	d.clear()
	d.members("b", "c")
	same(t, "dialled", d.peers(core.Dial), list[messages.NodeID]("c"))
	same(t, "not dialled any more", d.peers(core.Undial), list[messages.NodeID]("a"))
}

func TestTheSameMembersChangeNothing(t *testing.T) {
	d := newDesk(t, nil)
	m := core.NewMembers(list(me, "a", "b"))
	d.Members(d.now, m)
	d.drain()
	d.clear()
	d.Members(d.now, m)
	d.members("a", "b")
	if len(d.out) > 0 {
		t.Errorf("it puts out %+v", d.out)
	}
}

// ring is a desk whose node stands on rings, a neighbour of it, and who stands in for that one.
func ring(t *testing.T) (d *desk, gone, stand messages.NodeID) {
	t.Helper()
	d = newDesk(t, nil)
	d.members(names(30)...)
	m := core.NewMembers(append(names(30), me))
	wanted := m.Neighbours(me, nobody)
	for _, gone := range wanted {
		for _, other := range m.Neighbours(me, func(id messages.NodeID) bool { return id == gone }) {
			if !slices.Contains(wanted, other) {
				d.clear()
				return d, gone, other
			}
		}
	}
	t.Fatal("nobody can stand in for a neighbour")
	return nil, "", ""
}

// A neighbour that can't be reached is dialled still, and who stands beyond it too, for 5 s after the last try.
func TestANeighbourThatCantBeReachedIsStoodInFor(t *testing.T) {
	d, gone, stand := ring(t)
	d.down(gone)
	if !slices.Contains(d.peers(core.Dial), stand) {
		t.Errorf("%s is not dialled, only %v", stand, d.peers(core.Dial))
	}
	d.clear()
	d.pass(4900 * time.Millisecond)
	none(t, "not dialled any more before the time", d.peers(core.Undial))
	d.pass(300 * time.Millisecond)
	same(t, "not dialled any more", d.peers(core.Undial), list(stand))
}

func TestANeighbourThatIsReachedAgainNeedsNoStandIn(t *testing.T) {
	d, gone, stand := ring(t)
	d.down(gone)
	d.link(gone)
	d.pass(200 * time.Millisecond)
	same(t, "not dialled any more", d.peers(core.Undial), list(stand))
}

func TestAWantedLinkThatEndsIsDialledAgain(t *testing.T) {
	d := newDesk(t, nil)
	d.members("a", "b")
	d.link("a", "b", "stranger")
	d.pass(5100 * time.Millisecond)
	d.clear()
	d.down("a")
	d.down("stranger")
	same(t, "dialled", d.peers(core.Dial), list[messages.NodeID]("a"))
}

// It may be closed again at once: then dialling would be all that both do.
func TestALinkThatEndsSoonIsDialledAgainAfterASecond(t *testing.T) {
	d := newDesk(t, nil)
	d.members("a")
	d.link("a")
	d.pass(time.Second)
	d.clear()
	d.down("a")
	d.pass(800 * time.Millisecond)
	none(t, "dialled before a second", d.put(core.Dial))
	d.pass(500 * time.Millisecond)
	same(t, "dialled", d.peers(core.Dial), list[messages.NodeID]("a"))
}

// A node whose journal stalls closes links at once. It, or the peer, must come to dial again, or both stay alone.
func TestAWantedLinkThatIsClosedAtOnceIsDialledAgain(t *testing.T) {
	d := newDesk(t, nil)
	d.members("a", "b")
	d.link("a")
	d.busy = true
	d.pushed("a", d.batch("o", 1, 1))
	d.pass(1200 * time.Millisecond)
	d.clear()
	d.linked = append(d.linked, "b")
	d.LinkUp(d.now, "b", &frame.Hello{Node: "b", Epoch: 1})
	d.drain()
	same(t, "closed", d.peers(core.Close), list[messages.NodeID]("b"))
	d.pass(10 * time.Second)
	if !slices.Contains(d.peers(core.Dial), "b") {
		t.Errorf("b is not dialled again, only %v", d.peers(core.Dial))
	}
}

func TestLinksThatNobodyWantsAreTrimmed(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { c.MaxLinks = 4 })
	d.members("a", "b")
	d.link("z", "y", "a", "b")
	none(t, "closed up to the most", d.peers(core.Close))
	d.LinkUp(d.now, "x", &frame.Hello{Node: "x", Epoch: 1})
	d.drain()
	same(t, "closed above it", d.peers(core.Close), list[messages.NodeID]("z"))
	if len(sent[*frame.Bye](d, "z")) != 1 {
		t.Error("it says no word of farewell")
	}
}

func TestLinksThatAreWantedAreKept(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { c.MaxLinks = 2 })
	d.members("a", "b", "c", "d")
	d.link("a", "b", "c", "d")
	d.pass(time.Second)
	none(t, "closed", d.peers(core.Close))
}

func TestThereIsAMostOfLinks(t *testing.T) {
	d := newDesk(t, func(c *core.Config) { c.MaxLinks = core.Slots })
	d.link(names(core.Slots)...)
	d.LinkUp(d.now, "last", &frame.Hello{Node: "last", Epoch: 1})
	d.drain()
	same(t, "closed", d.peers(core.Close), list[messages.NodeID]("last"))
}
