package chaos_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// busy is the most calls of a field that began within any span.
func (f *field) busy(span time.Duration) (most int) {
	var at []time.Time
	f.mu.Lock()
	for _, list := range f.calls {
		for _, c := range list {
			at = append(at, c.begin)
		}
	}
	f.mu.Unlock()
	slices.SortFunc(at, time.Time.Compare)
	from := 0
	for i := range at {
		for at[i].Sub(at[from]) >= span {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// many has many slow sources of one host, whose budget all nodes share.
func many(t *testing.T) {
	const aSecond = 20 // the budget
	nodes, count := 4, 120
	if long() {
		nodes, count = 5, 1000
	}
	f := newField(t, 0)
	m := fed(t, chaos.Config{Nodes: nodes, Down: []int{nodes - 1}})
	linked(t, m, 20*time.Second)
	active(t, m, 20*time.Second)
	begin := time.Now()
	var names []string
	for i := range count {
		name := fmt.Sprintf("many.%d", i)
		register(t, m.Node(i%(nodes-1)), fmt.Sprintf("name: %s\nkind: rest\nurl: %s\nrest: {every: 60s}\nbudget: {requests: %d/s}\nheaders: {X-Node: \"${secret:who}\"}\n", name, f.server.URL("/rest/"+name), aSecond))
		names = append(names, name)
	}
	t.Logf("registered in %s", time.Since(begin).Round(time.Millisecond))
	before := agreed(t, m, count, 1, 20*time.Second)
	even(t, m, before)
	eventually(t, "all were polled", time.Duration(count/aSecond)*time.Second*2+20*time.Second, func() error {
		for _, name := range names {
			if len(f.callsOf(name)) == 0 {
				return fmt.Errorf("%s was not", name)
			}
		}
		return nil
	})
	took := time.Since(begin)
	t.Logf("all were polled after %s: at most %d requests within a second, %d within five", took.Round(time.Millisecond), f.busy(time.Second), f.busy(5*time.Second))
	within(t, f, aSecond)

	late := m.Node(nodes - 1)
	if err := late.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	activated(t, late, 40*time.Second)
	joined := settled(t, m, count, func(all map[string][]int) bool { return len(owns(all, late.Index)) > 0 })
	moved := 0
	for name, own := range before {
		if !slices.Equal(own, joined[name]) {
			if moved++; !slices.Contains(joined[name], late.Index) {
				t.Errorf("%s moved from %v to %v as node %d came", name, own, joined[name], late.Index)
			}
		}
	}
	even(t, m, joined)
	t.Logf("%d of %d moved to the %dth node", moved, count, nodes)

	dead := m.Node(0)
	dead.Kill()
	left := settled(t, m, count, func(all map[string][]int) bool { return len(owns(all, dead.Index)) == 0 })
	moved = 0
	for name, own := range joined {
		if !slices.Equal(own, left[name]) {
			if moved++; !slices.Contains(own, dead.Index) {
				t.Errorf("%s moved from %v to %v as node %d died", name, own, left[name], dead.Index)
			}
		}
	}
	if want := len(owns(joined, dead.Index)); moved != want {
		t.Errorf("%d moved, of %d that the dead node had", moved, want)
	}
	even(t, m, left)
	t.Logf("%d of %d moved from the dead node; at most %d requests within a second, %d within five", moved, count, f.busy(time.Second), f.busy(5*time.Second))
	within(t, f, aSecond)
}

// settled waits until all agree on owners of which something holds.
func settled(t *testing.T, m *chaos.Mesh, count int, holds func(all map[string][]int) bool) (all map[string][]int) {
	t.Helper()
	eventually(t, "they move", 20*time.Second, func() error {
		if all = agreed(t, m, count, 1, 20*time.Second); !holds(all) {
			return errors.New("they have not moved")
		}
		return nil
	})
	return all
}

// even demands that no node has a quarter, or four sources, more or less than the mean: of many, as few are made even only within a minute.
func even(t *testing.T, m *chaos.Mesh, all map[string][]int) {
	t.Helper()
	running := m.Running()
	mean := float64(len(all)) / float64(len(running))
	var counts []int
	for _, n := range running {
		counts = append(counts, len(owns(all, n.Index)))
		if off := float64(counts[len(counts)-1]) - mean; long() && max(off, -off) > max(mean/4, 4) {
			t.Errorf("%s has %.0f more than the mean of %.0f", n.Name, off, mean)
		}
	}
	t.Logf("sources of the nodes: %v", counts)
}

// within demands that a field got no more than a budget, but for what came late on its way. Where nodes know of each other's changes at different
// times there may be some more, for that long.
func within(t *testing.T, f *field, aSecond int) {
	t.Helper()
	const long = 5
	if most := f.busy(long * time.Second); most > long*aSecond*11/10 {
		t.Errorf("%d requests within %d s: the budget is %d/s", most, long, aSecond)
	}
}
