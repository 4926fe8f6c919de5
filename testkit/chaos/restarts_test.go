package chaos_test

import (
	"strings"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// rollingRestart stops each node as an operator does, with SIGTERM, and starts it again.
func rollingRestart(t *testing.T) {
	nodes, restarts, count := 3, 1, 9
	if long() {
		nodes, restarts, count = 5, 5, 30
	}
	f := newField(t, 50*time.Millisecond)
	m := fed(t, chaos.Config{Nodes: nodes})
	linked(t, m, 20*time.Second)
	active(t, m, 20*time.Second)
	names := sow(t, m, f, count)
	all := agreed(t, m, count, 1, 10*time.Second)
	fedBy(t, f, all, 10*time.Second)
	moved := 0
	for i := range restarts {
		n := m.Node(i)
		if restarts == 1 {
			n = busiest(m, all)
		}
		moved += len(owns(all, n.Index))
		begin := time.Now()
		if err := n.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s stopped in %s", n.Name, time.Since(begin).Round(10*time.Millisecond))
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		activated(t, n, 40*time.Second)
		all = agreed(t, m, count, 1, 10*time.Second)
		fedSince(t, f, all, time.Now(), 15*time.Second)
	}
	if moved == 0 {
		t.Error("nothing moved: this test shows nothing")
	}
	last, late := f.stop(), onTheWay(t, m)
	var longest, quietest time.Duration
	back := int64(0)
	for _, name := range names {
		for _, n := range m.Nodes() {
			if _, double := whole(t, n, name, last, 20*time.Second); len(double) > 0 {
				t.Errorf("%s holds %d of %d of %s twice: %v", n.Name, len(double), last, name, double)
			}
		}
		calls := f.callsOf(name)
		back = max(back, backward(calls))
		gap := parted(calls)
		if strings.HasPrefix(name, "rest") {
			quietest = max(quietest, gap)
		} else {
			longest = max(longest, gap)
		}
	}
	if t.Logf("a source asked for at most %d numbers again", back); back > max(late, mostAgain) {
		t.Errorf("a source asked for %d numbers again, that are more than were on their way", back)
	}
	t.Logf("%d moves: the longest without a connection was %s, between two polls %s", 2*moved, longest.Round(time.Millisecond), quietest.Round(time.Millisecond))
	if longest > 0 {
		t.Errorf("a feed was without a connection for %s: a stop makes the new one before it breaks the old", longest)
	}
	if quietest > 2*time.Second && late < onItsWayStalled { // what is polled waits for the journal
		t.Errorf("a feed that is polled each 200 ms was left alone for %s", quietest)
	}
}

// mostAgain are the most numbers that a source may ask for again, of two seconds: what is written to a connection that ends may not be read, and a
// busy machine stores late. What it asks for again it does not store again.
const mostAgain = 40

// backward is by how much at most a call asked for what another one had been given before it came.
func backward(calls []call) (most int64) {
	for i := range calls {
		for _, before := range calls[:i] {
			if !before.end.IsZero() && before.end.Before(calls[i].begin) {
				most = max(most, before.to-calls[i].from)
			}
		}
	}
	return most
}

// parted is the longest time in which nobody was there, between the first call and the last.
func parted(calls []call) (longest time.Duration) {
	if len(calls) == 0 {
		return 0
	}
	until := calls[0].begin
	for _, c := range calls { // in order of their beginnings
		longest = max(longest, c.begin.Sub(until))
		if c.end.IsZero() {
			return longest
		}
		if c.end.After(until) {
			until = c.end
		}
	}
	return longest
}
