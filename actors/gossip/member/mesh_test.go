package member_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/gossip/member"
	"anode/messages"
)

func TestFiveNodesJoin(t *testing.T) {
	inWorld(t, func(w *world) {
		for i := range 5 {
			w.start(fmt.Sprintf("n%02d", i), ip(i), func(c *member.Config) { c.Seeds = []string{ip(0)} })
		}
		took := w.within(1500*time.Millisecond, "all know all", w.allKnowAll)
		t.Logf("took %s", took)
		for _, m := range w.nodes[3].Members() {
			if m.Meta != (member.Meta{Stage: member.Active, Epoch: 1, Protocol: 1, Name: "node " + string(m.ID)}) {
				t.Errorf("%s says %+v", m.ID, m.Meta)
			}
		}
		if p := w.nodes[0].Problems(); len(p) > 0 {
			t.Errorf("problems: %v", p)
		}
	})
}

func TestDeathIsSeen(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(5)
		var all []time.Duration
		for round := range 10 {
			victim := w.nodes[len(w.nodes)-1]
			w.kill(victim)
			suspected := false
			all = append(all, w.within(4500*time.Millisecond, "death", func() bool {
				suspected = suspected || w.nodes[0].state(victim.id) == member.Suspect
				return w.allSee(victim.id, member.Dead)
			}))
			if !suspected {
				t.Errorf("round %d: it was dead without being suspect", round)
			}
			w.start(string(victim.id), victim.addr, func(c *member.Config) { c.Seeds = []string{ip(0)} })
			w.within(5*time.Second, "it comes back", w.allKnowAll)
		}
		slices.Sort(all)
		t.Logf("seen after %v", all)
		if all[len(all)/2] > 3500*time.Millisecond {
			t.Errorf("the median is %s", all[len(all)/2])
		}
		if s := w.nodes[0].Stats(); s.Deaths != 10 || s.Leaves != 0 || s.Joins != 14 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestLeaveIsNotDeath(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(5)
		gone := w.nodes[2]
		if err := gone.Leave(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		if gone.state(gone.id) != member.Left {
			t.Errorf("it sees itself %s", gone.state(gone.id))
		}
		w.kill(gone)
		took := w.within(2*time.Second, "left", func() bool { return w.allSee(gone.id, member.Left) })
		t.Logf("took %s", took)
		time.Sleep(2 * time.Minute)
		if !w.allSee(gone.id, member.Left) {
			t.Errorf("later:\n%s", w.views())
		}
		if s := w.nodes[0].Stats(); s.Deaths != 0 || s.Leaves != 1 {
			t.Errorf("counted %+v", s)
		}
		back := w.start(string(gone.id), ip(40), func(c *member.Config) { c.Seeds = []string{ip(0)} })
		took = w.within(3*time.Second, "back elsewhere", w.allKnowAll)
		t.Logf("%s is back after %s", back.id, took)
	})
}

func TestPartitionHeals(t *testing.T) {
	for _, length := range []time.Duration{20 * time.Second, 5 * time.Minute} {
		inWorld(t, func(w *world) {
			w.mesh(6)
			half := func(a netip.Addr) bool { return a.As4()[3] <= 3 }
			w.net.change(func(f *fabric) { f.cut = func(a, b netip.Addr) bool { return half(a) != half(b) } })
			w.within(20*time.Second, "they lose each other", func() bool {
				return w.nodes[0].state("n05") == member.Dead && w.nodes[5].state("n00") == member.Dead
			})
			time.Sleep(length)
			w.net.change(func(f *fabric) { f.cut = func(netip.Addr, netip.Addr) bool { return false } })
			took := w.within(25*time.Second, "it heals", w.allKnowAll)
			t.Logf("partition of %s: healed after %s", length, took)
		})
	}
}

func TestTwoNodesFindEachOtherAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(2)
		w.net.change(func(f *fabric) { f.cut = func(netip.Addr, netip.Addr) bool { return true } })
		w.within(time.Minute, "they lose each other", func() bool { return w.allSee("n00", member.Dead) && w.allSee("n01", member.Dead) })
		time.Sleep(10 * time.Minute)
		w.net.change(func(f *fabric) { f.cut = func(netip.Addr, netip.Addr) bool { return false } })
		t.Logf("healed after %s", w.within(25*time.Second, "it heals", w.allKnowAll))
	})
}

func TestSeedThatStartsLater(t *testing.T) {
	inWorld(t, func(w *world) {
		w.net.change(func(f *fabric) { f.names["seed.example"] = nil })
		first := w.start("a", ip(1), func(c *member.Config) { c.Seeds = []string{"seed.example:7946"} })
		w.within(3*time.Second, "the problem", func() bool { return len(first.Problems()) == 1 })
		if p := first.Problems()[0]; p.About != "seed seed.example:7946" || !strings.Contains(p.Reason, "can't be resolved") {
			t.Errorf("problem %+v", p)
		}
		time.Sleep(5 * time.Minute)
		w.net.change(func(f *fabric) { f.names["seed.example"] = []netip.Addr{netip.MustParseAddr("10.0.0.9")} })
		time.Sleep(5 * time.Minute)
		if p := first.Problems()[0]; !strings.Contains(p.Reason, "can't be reached") || !strings.Contains(p.Reason, "10.0.0.9:7946") {
			t.Errorf("problem %+v", p)
		}
		w.start("b", "10.0.0.9:7946", func(c *member.Config) { c.Seeds = []string{"seed.example:7946"} })
		t.Logf("joined after %s", w.within(16*time.Second, "they join", w.allKnowAll))
		w.within(time.Second, "no problem is left", func() bool { return len(first.Problems()) == 0 })
	})
}

func TestAllRestartedAtOnceFindEachOtherByHeart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(5)
		time.Sleep(5 * time.Second)
		old := slices.Clone(w.nodes)
		for _, n := range old {
			w.kill(n)
		}
		time.Sleep(time.Hour)
		for _, n := range old {
			w.start(string(n.id), n.addr, func(c *member.Config) { c.Remembered = n.stored })
		}
		t.Logf("together after %s", w.within(3*time.Second, "together again", w.allKnowAll))
	})
}

func TestAllRestartedAtOnceElsewhereFindEachOtherByName(t *testing.T) {
	inWorld(t, func(w *world) {
		name := func(i int) {
			w.net.change(func(f *fabric) { f.names["mesh"] = []netip.Addr{netip.MustParseAddrPort(ip(i)).Addr()} })
		}
		name(0)
		for i := range 5 {
			w.start(fmt.Sprintf("n%02d", i), ip(i), func(c *member.Config) { c.Seeds = []string{"mesh:7946"} })
		}
		w.within(5*time.Second, "all join", w.allKnowAll)
		time.Sleep(5 * time.Second)
		old := slices.Clone(w.nodes)
		for _, n := range old {
			w.kill(n)
		}
		for i, n := range old {
			w.start(string(n.id), ip(20+i), func(c *member.Config) { c.Seeds, c.Remembered = []string{"mesh:7946"}, n.stored })
		}
		time.Sleep(time.Minute)
		name(22)
		t.Logf("together after %s", w.within(17*time.Second, "together again", w.allKnowAll))
	})
}

func TestRestartElsewhereBeforeDeathIsSeen(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(5)
		w.kill(w.nodes[4])
		said := &doubles{}
		back := w.start("n04", ip(40), func(c *member.Config) { c.Seeds, c.Logger = []string{ip(0)}, slog.New(said) })
		told := false
		took := w.within(25*time.Second, "it is known at its new address", func() bool {
			for _, c := range w.nodes[0].Conflicts() {
				told = told || c.ID == back.id && c.Addr.String() == ip(40) && c.Known.String() == ip(4)
			}
			return w.allKnowAll()
		})
		t.Logf("took %s", took)
		if !told {
			t.Error("no conflict was reported")
		}
		w.within(2*time.Minute, "the conflict is over", func() bool { return len(w.nodes[0].Conflicts()) == 0 })
		if n := said.count.Load(); n > 0 {
			t.Errorf("a restart was logged as another node with this one's id, %d times", n)
		}
	})
}

// doubles counts the warnings that another node has a node's id.
type doubles struct {
	slog.Handler
	count atomic.Int64
}

func (d *doubles) WithAttrs([]slog.Attr) slog.Handler { return d }

func (d *doubles) WithGroup(string) slog.Handler { return d }

func (d *doubles) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (d *doubles) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "another node has this node's id" {
		d.count.Add(1)
	}
	return nil
}

func TestTwoLiveNodesWithOneIdAreReported(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(3)
		said := &doubles{}
		w.start("n02", ip(40), func(c *member.Config) { c.Seeds, c.Logger = []string{ip(0)}, slog.New(said) })
		time.Sleep(5 * time.Minute)
		if n := said.count.Load(); n != 1 {
			t.Errorf("that another node has its id was logged %d times", n)
		}
		for i, n := range w.nodes {
			c := n.Conflicts()
			if len(c) != 1 || c[0].ID != "n02" || time.Since(c[0].Since) < 4*time.Minute || time.Since(c[0].Last) > time.Minute {
				t.Errorf("node %d: %+v", i, c)
			}
		}
		if !know(w.nodes[:3]...) {
			t.Errorf("the mesh was disturbed:\n%s", w.views())
		}
	})
}

func TestOwnAddressAmongTheSeeds(t *testing.T) {
	inWorld(t, func(w *world) {
		w.net.change(func(f *fabric) { f.names["me"] = []netip.Addr{netip.MustParseAddr("10.0.0.1")} })
		n := w.start("a", ip(0), func(c *member.Config) { c.Seeds = []string{ip(0), "me:7946"} })
		time.Sleep(10 * time.Minute)
		if p := n.Problems(); len(p) > 0 || n.Stats().FailedCalls > 0 {
			t.Errorf("problems %v, %+v", p, n.Stats())
		}
	})
}

func TestMetaSpreads(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(5)
		for epoch, stage := range []member.Stage{member.Draining, member.Active, member.Joining} {
			w.nodes[1].SetMeta(stage, uint64(epoch+2))
			took := w.within(2*time.Second, "all know it", func() bool {
				return !slices.ContainsFunc(w.nodes, func(n *node) bool {
					meta := n.member("n01").Meta
					return meta.Stage != stage || meta.Epoch != uint64(epoch+2) || meta.Name != "node n01"
				})
			})
			t.Logf("took %s", took)
		}
	})
}

// memberlist's queue of news can lose one: where a node's own replaced an earlier one that was alone in it, it may be taken for another
// node's of the same length.
func TestWhatManySayAtOnceSpreads(t *testing.T) {
	for pause := range 10 {
		inWorld(t, func(w *world) {
			const nodes = 4
			for i := range nodes {
				n := w.start(fmt.Sprintf("n%02d", i), ip(i), func(c *member.Config) { c.Seeds = []string{ip(0), ip(1)} })
				time.Sleep(time.Duration(pause) * time.Millisecond)
				n.SetMeta(member.Joining, 1)
			}
			w.within(2*time.Second, "all know all", w.allKnowAll)
			time.Sleep(2 * time.Second)
			for _, n := range w.nodes {
				n.SetMeta(member.Active, 1)
				time.Sleep(time.Duration(7*pause) * time.Millisecond)
			}
			took := w.within(6*time.Second, "all know it of all", func() bool {
				for _, n := range w.nodes {
					if slices.ContainsFunc(n.Members(), func(m member.Member) bool { return m.Meta.Stage != member.Active }) {
						return false
					}
				}
				return true
			})
			t.Logf("with pauses of %d ms: %s", pause, took)
		})
	}
}

func TestWithoutUDPTheyLiveAndSaySo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.net.change(func(f *fabric) { f.noUDP = true })
		w.mesh(3)
		time.Sleep(5 * time.Minute)
		for _, n := range w.nodes {
			if p := n.Problems(); len(p) != 1 || p[0].About != "UDP" {
				t.Errorf("%s says %+v", n.id, p)
			}
			if s := n.Stats(); s.Deaths > 0 {
				t.Errorf("%s saw %d deaths", n.id, s.Deaths)
			}
		}
		w.net.change(func(f *fabric) { f.noUDP = false })
		w.within(10*time.Second, "it is over", func() bool {
			return !slices.ContainsFunc(w.nodes, func(n *node) bool { return len(n.Problems()) > 0 })
		})
	})
}

func TestSeedWithManyAddressesIsTriedInTurn(t *testing.T) {
	inWorld(t, func(w *world) {
		var dead []netip.Addr
		for i := range 40 {
			dead = append(dead, netip.AddrFrom4([4]byte{10, 0, 9, byte(i)}))
		}
		w.net.change(func(f *fabric) {
			f.names["mesh"] = slices.Insert(dead, 20, netip.MustParseAddr("10.0.0.1"))
			f.cut = func(_, b netip.Addr) bool { return b.As4()[2] == 9 }
		})
		w.start("a", ip(0), nil)
		w.start("b", ip(1), func(c *member.Config) { c.Seeds = []string{"mesh:7946"} })
		t.Logf("joined after %s", w.within(15*time.Minute, "the right one is found", w.allKnowAll))
	})
}

func TestLossKillsNobody(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(5)
		w.net.change(func(f *fabric) { f.loss, f.delay = 0.05, 5*time.Millisecond })
		time.Sleep(10 * time.Minute)
		for _, n := range w.nodes {
			if s := n.Stats(); s.Deaths > 0 {
				t.Errorf("%s saw %d deaths", n.id, s.Deaths)
			}
		}
	})
}

func TestFiftyNodes(t *testing.T) {
	inWorld(t, func(w *world) {
		began := time.Now()
		w.mesh(50)
		t.Logf("joined after %s", time.Since(began))
		victim := w.nodes[49]
		w.kill(victim)
		t.Logf("death seen after %s", w.within(10*time.Second, "death", func() bool { return w.allSee(victim.id, member.Dead) }))
		half := func(a netip.Addr) bool { return a.As4()[3] <= 25 }
		w.net.change(func(f *fabric) { f.cut = func(a, b netip.Addr) bool { return half(a) != half(b) } })
		time.Sleep(20 * time.Second)
		w.net.change(func(f *fabric) { f.cut = func(netip.Addr, netip.Addr) bool { return false } })
		t.Logf("healed after %s", w.within(25*time.Second, "it heals", w.allKnowAll))
	})
}

func TestEventsWakeForEachChange(t *testing.T) {
	inWorld(t, func(w *world) {
		w.mesh(2)
		seen, n := make(chan []messages.NodeID, 100), w.nodes[0]
		go func() {
			defer close(seen)
			for range n.Events() {
				var ids []messages.NodeID
				for _, m := range n.Members() {
					ids = append(ids, m.ID)
				}
				seen <- ids
			}
		}()
		w.start("x", ip(9), func(c *member.Config) { c.Seeds = []string{ip(0)} })
		time.Sleep(time.Second)
		w.kill(n)
		var last []messages.NodeID
		for ids := range seen {
			last = ids
		}
		if want := []messages.NodeID{"n00", "n01", "x"}; !slices.Equal(last, want) {
			t.Errorf("woken last for %v", last)
		}
	})
}
