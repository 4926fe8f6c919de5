package sim_test

import (
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
	"anode/testkit/sim"
)

// observer is a core that writes down what it hears of the members, of links and of dialling.
type observer struct {
	*flooder
	w      *observing
	node   int
	sets   []*core.Members
	at     []time.Duration
	ups    []time.Duration
	downs  []time.Duration
	claims int
	refuse bool
}

// observing is a mesh of observers; all are all that ever started, in order.
type observing struct {
	*world
	all []*observer
}

func (o *observer) Members(now core.Now, m *core.Members) {
	o.sets, o.at = append(o.sets, m), append(o.at, o.w.Now())
	o.flooder.Members(now, m)
}

func (o *observer) LinkUp(now core.Now, peer messages.NodeID, hello *frame.Hello) {
	o.ups = append(o.ups, o.w.Now())
	o.flooder.LinkUp(now, peer, hello)
}

func (o *observer) LinkDown(now core.Now, peer messages.NodeID) {
	o.downs = append(o.downs, o.w.Now())
	if o.links == nil {
		return // a try that failed: the next comes by itself
	}
	o.flooder.LinkDown(now, peer)
}

func (o *observer) Claim(now core.Now, peer messages.NodeID) {
	o.claims++
	if o.refuse {
		o.put(core.Output{Kind: core.Refuse, Peer: peer})
		return
	}
	o.flooder.Claim(now, peer)
}

func observe(t *testing.T, nodes int, change func(*sim.Config, *observing)) *observing {
	t.Helper()
	w := &observing{}
	cfg := sim.Config{Nodes: nodes, Seed: 1, Duration: time.Hour, Readers: -1}
	cfg.New = func(c core.Config) (sim.Core, error) {
		o := &observer{flooder: newFlooder(c), w: w, node: len(w.all)}
		w.all = append(w.all, o)
		return o, nil
	}
	if change != nil {
		change(&cfg, w)
	}
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.world = &world{Sim: s, t: t}
	return w
}

func (w *observing) play(script string, to time.Duration) {
	w.t.Helper()
	if err := w.Play(script); err != nil {
		w.t.Fatal(err)
	}
	w.to(to)
}

// heard is when an observer heard that there are so many members, after a time; 0 is never.
func (o *observer) heard(count int, after time.Duration) time.Duration {
	for i, m := range o.sets {
		if o.at[i] > after && m.Len() == count {
			return o.at[i]
		}
	}
	return 0
}

// All hear of all, of deaths after 2.3 to 3.1 s, of joins after 0.1 to 0.5, and the sets are shared.
func TestMembersAreHeardOf(t *testing.T) {
	w := observe(t, 20, nil)
	w.play("5s crash 3\n10s join 1", 12*time.Second)
	sets := make(map[*core.Members]bool)
	for i, o := range w.all {
		for _, m := range o.sets {
			sets[m] = true
		}
		if i == 3 {
			continue
		}
		if i < 20 {
			if at := o.heard(20, 0); at == 0 || at > 600*time.Millisecond {
				t.Errorf("node %d heard of all at %s", i, at)
			}
			if at := o.heard(19, 5*time.Second); at < 7300*time.Millisecond || at > 8300*time.Millisecond {
				t.Errorf("node %d heard of a death at 5 s at %s", i, at)
			}
		}
		if at := o.heard(20, 9*time.Second); at < 10100*time.Millisecond || at > 10700*time.Millisecond {
			t.Errorf("node %d heard of a join at 10 s at %s", i, at)
		}
	}
	if len(sets) != 3 {
		t.Errorf("%d sets were made, want 3", len(sets))
	}
}

// Who comes back at once was never away.
func TestShortAbsencesAreNotHeardOf(t *testing.T) {
	w := observe(t, 5, nil)
	w.play("5s crash 3 back=1s", 12*time.Second)
	for i, o := range w.all {
		if len(o.sets) != 1 {
			t.Errorf("node %d got %d sets", i, len(o.sets))
		}
	}
}

// The sides of a partition take each other for dead, and find each other after the heal.
func TestPartitionsAreHeardOf(t *testing.T) {
	w := observe(t, 10, nil)
	w.play("5s partition 0-2 | 3-9\n15s heal", 20*time.Second)
	for i, o := range w.all {
		side := 3
		if i >= 3 {
			side = 7
		}
		if at := o.heard(side, 5*time.Second); at < 7300*time.Millisecond || at > 8300*time.Millisecond {
			t.Errorf("node %d heard of the partition at %s", i, at)
		}
		if at := o.heard(10, 5*time.Second); at < 16*time.Second || at > 18700*time.Millisecond {
			t.Errorf("node %d heard of the heal at %s", i, at)
		}
	}
}

// A link is up after two round trips and a half, once, though both sides dial.
func TestLinksComeUpOnce(t *testing.T) {
	w := observe(t, 6, func(c *sim.Config, _ *observing) {
		c.Latency = sim.Span{Min: 20 * time.Millisecond, Max: 20 * time.Millisecond}
	})
	w.to(5 * time.Second)
	for i, o := range w.all {
		if len(o.ups) != 5 || len(o.downs) != 0 {
			t.Errorf("node %d: %d links came up, %d went down", i, len(o.ups), len(o.downs))
		}
		if got := len(w.Links(sim.Node(i))); got != 5 {
			t.Errorf("node %d has %d links", i, got)
		}
		for _, up := range o.ups {
			if took := up - o.at[0]; took < 20*time.Millisecond || took > 600*time.Millisecond {
				t.Errorf("node %d: a link came up after %s", i, took)
			}
		}
	}
}

// Who dials a process that has ended hears so at once; who dials a dead machine waits. Both try again.
func TestDialsFail(t *testing.T) {
	for script, least := range map[string]time.Duration{"crash 1": 0, "crash 1 machine": 2 * time.Second} {
		w := observe(t, 2, nil)
		w.play("2s "+script, 2500*time.Millisecond)
		o := w.all[0]
		if least > 0 { // silence: the core has to close the link
			o.put(core.Output{Kind: core.Close, Peer: w.ID(1)})
			w.wake()
		}
		from := w.Now()
		w.to(from + 10*time.Millisecond)
		tries := len(o.downs)
		w.to(from + 20*time.Second)
		if len(o.downs) < tries+3 || len(o.downs) > tries+30 {
			t.Fatalf("%s: %d tries failed", script, len(o.downs)-tries)
		}
		if took := o.downs[tries] - from; took < least {
			t.Errorf("%s: a try failed after %s", script, took)
		}
	}
}

// A second node with the same identity is told of where the first is linked, and ends when it is refused for long.
func TestClonesAreClaims(t *testing.T) {
	w := observe(t, 3, nil)
	w.to(2 * time.Second)
	for _, o := range w.all {
		o.refuse = true
	}
	w.play("2s clone 0", 10*time.Second)
	if w.all[1].claims == 0 || w.all[2].claims == 0 {
		t.Errorf("%d and %d newcomers were told of", w.all[1].claims, w.all[2].claims)
	}
	if !w.Up(3) || len(w.Links(3)) != 0 {
		t.Errorf("the clone runs: %t, with links to %v", w.Up(3), w.Links(3))
	}
	w.to(40 * time.Second)
	if w.Up(3) || !w.Up(0) {
		t.Error("the clone runs on, or the other one does not")
	}
}

// A newcomer whose old link is closed takes its place.
func TestNewcomersTakeThePlace(t *testing.T) {
	w := observe(t, 2, nil)
	w.play("2s crash 0 machine back=100ms", 5*time.Second)
	if w.all[1].claims != 1 || len(w.all[1].downs) != 1 || len(w.all[1].ups) != 2 {
		t.Errorf("node 1 had %d claims, %d links went down, %d came up", w.all[1].claims, len(w.all[1].downs), len(w.all[1].ups))
	}
	if len(w.Links(0)) != 1 || len(w.Links(1)) != 1 {
		t.Errorf("links are %v and %v", w.Links(0), w.Links(1))
	}
}
