package chaos_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// An exclusive source's feed sees one node at a time, whoever dies, stops or comes. What a partition or a frozen node does to it is not
// promised.
func exclusive(t *testing.T) {
	seed := seeded(t)
	f := newField(t, 100*time.Millisecond)
	m := fed(t, chaos.Config{Nodes: 3})
	linked(t, m, 20*time.Second)
	active(t, m, 20*time.Second)
	var names []string
	for i := range 9 {
		kind := kinds()[i%len(kinds())]
		name := fmt.Sprintf("only.%s.%d", kind, i)
		spec := f.spec(kind, name, "exclusive: true")
		names = append(names, name)
		register(t, m.Node(i%3), spec)
	}
	all := agreed(t, m, len(names), 1, 10*time.Second)
	fedBy(t, f, all, 10*time.Second)
	rounds := 1
	if long() {
		rounds = 8
	}
	moved := 0
	for round := range rounds {
		n := m.Node(int(seed+uint64(round)) % 3)
		moved += len(owns(all, n.Index))
		if round%2 == 0 { // a drain, and a join
			if err := n.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		} else {
			n.Kill()
		}
		gone := settled(t, m, len(names), func(all map[string][]int) bool { return len(owns(all, n.Index)) == 0 })
		fedSince(t, f, gone, time.Now(), 15*time.Second)
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		activated(t, n, 40*time.Second)
		all = agreed(t, m, len(names), 1, 10*time.Second)
		fedSince(t, f, all, time.Now(), 15*time.Second)
	}
	if moved == 0 {
		t.Error("nothing moved: this test shows nothing")
	}
	last := f.stop()
	for _, name := range names {
		for _, c := range f.callsOf(name) {
			if others := slices.DeleteFunc(slices.Clone(c.beside), func(node string) bool { return node == c.node }); len(others) > 0 {
				t.Errorf("%s: %s came while %v was there, at %s", name, c.node, others, c.begin.Format(time.TimeOnly))
			}
			if len(c.beside) > 0 {
				t.Errorf("%s: %s had two connections, at %s", name, c.node, c.begin.Format(time.TimeOnly))
			}
		}
		whole(t, m.Node(0), name, last, 10*time.Second)
	}
	t.Logf("%d moves of %d sources", 2*moved, len(names))
}

// fedSince waits until all owners read the field after a time, or have a connection then.
func fedSince(t *testing.T, f *field, all map[string][]int, since time.Time, patience time.Duration) {
	t.Helper()
	for name, own := range all {
		for _, node := range own {
			eventually(t, fmt.Sprintf("node %d reads %s", node, name), patience, func() error {
				calls := f.callsOf(name)
				for _, c := range calls {
					if c.node == known(node) && c.status == 200 && (c.end.IsZero() || c.end.After(since)) {
						return nil
					}
				}
				return fmt.Errorf("it does not")
			})
		}
	}
}
