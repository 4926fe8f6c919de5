package chaos_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// kinds are the kinds of feeds that a node connects to by itself.
func kinds() []string { return []string{"rest", "websocket", "sse"} }

// sow registers so many sources of all kinds, at all nodes in turn, and gives their names.
func sow(t *testing.T, m *chaos.Mesh, f *field, count int, more ...string) []string {
	t.Helper()
	var names []string
	running := m.Running()
	for i := range count {
		kind := kinds()[i%len(kinds())]
		name := fmt.Sprintf("%s.%d", kind, i)
		register(t, running[i%len(running)], f.spec(kind, name, more...))
		names = append(names, name)
	}
	return names
}

// owns are the names of the sources that a node is an owner of.
func owns(all map[string][]int, node int) (names []string) {
	for name, own := range all {
		if slices.Contains(own, node) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// busiest is the node that owns most.
func busiest(m *chaos.Mesh, all map[string][]int) *chaos.Node {
	return slices.MaxFunc(m.Running(), func(a, b *chaos.Node) int { return len(owns(all, a.Index)) - len(owns(all, b.Index)) })
}

// fedBy waits until the field is read by the owners of all sources.
func fedBy(t *testing.T, f *field, all map[string][]int, patience time.Duration) {
	t.Helper()
	for name, own := range all {
		for _, node := range own {
			eventually(t, fmt.Sprintf("node %d reads %s", node, name), patience, func() error {
				for _, c := range f.callsOf(name) {
					if c.node == known(node) && c.to > 0 {
						return nil
					}
				}
				return fmt.Errorf("it does not")
			})
		}
	}
}

func deadOwner(t *testing.T) {
	f := newField(t, 100*time.Millisecond)
	m := fed(t, chaos.Config{Nodes: 5})
	linked(t, m, 20*time.Second)
	active(t, m, 20*time.Second)
	names := sow(t, m, f, 40)
	before := agreed(t, m, len(names), 1, 10*time.Second)
	fedBy(t, f, before, 10*time.Second)
	dead := busiest(m, before)
	dead.Kill()
	killed := time.Now()
	atDeath, _ := f.last()
	var slowest time.Duration
	for _, name := range owns(before, dead.Index) {
		eventually(t, name+" goes on", 15*time.Second, func() error {
			for _, c := range f.callsOf(name) {
				if c.node != known(dead.Index) && c.begin.After(killed) && c.to > c.from {
					slowest = max(slowest, c.begin.Sub(killed))
					return nil
				}
			}
			return fmt.Errorf("nobody reads it")
		})
	}
	t.Logf("the last of %d sources went on after %s", len(owns(before, dead.Index)), slowest.Round(time.Millisecond))
	most := 10 * time.Second // a machine that is busy with other tests makes all of it later
	if long() {
		most = 5 * time.Second
	}
	if slowest > most {
		t.Errorf("a source of a dead node went on after %s: want %s", slowest, most)
	}
	after := agreed(t, m, len(names), 1, 10*time.Second)
	for name, own := range before {
		if slices.Contains(own, dead.Index) == slices.Equal(own, after[name]) {
			t.Errorf("%s, owned by %v, is owned by %v after node %d died", name, own, after[name], dead.Index)
		}
		if c := f.callsOf(name); !slices.Contains(own, dead.Index) && slices.ContainsFunc(c, func(c call) bool { return c.node != known(own[0]) && c.begin.After(killed) }) {
			t.Errorf("%s, owned by %v, was read by others too after node %d died", name, own, dead.Index)
		}
	}
	last := f.stop()
	for _, name := range names {
		for _, n := range m.Running() {
			order, double := whole(t, n, name, last, 10*time.Second)
			if len(double) > 0 {
				t.Errorf("%s holds %d of %s twice: %v", n.Name, len(double), name, double)
			}
			if !slices.IsSorted(order) {
				t.Errorf("%s has %s in another order than it came", n.Name, name)
			}
		}
	}
	// What it stored and told nobody comes back with it: what was on its way then, and no more.
	if err := dead.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	linked(t, m, 20*time.Second)
	doubles := 0
	for _, name := range names {
		_, double := whole(t, dead, name, last, 20*time.Second)
		doubles += len(double)
		for number, ids := range double {
			if number > atDeath || number <= atDeath-onTheWay(t, m) {
				t.Errorf("with node %d back %s has %d twice, as %v; it died at %d", dead.Index, name, number, ids, atDeath)
			}
		}
	}
	t.Logf("with the dead node came %d doubles of %d sources", doubles, len(owns(before, dead.Index)))
}
