package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// window are the numbers that were made during a fault.
type window struct {
	way      string
	from, to int64
}

// around is the fault during which a number was made, or close to which; -1 is none. Close to a node's death and to another fault it is of that.
func around(windows []window, number int64) int {
	const near = 20
	found := -1
	for i, w := range windows {
		if w.from-near <= number && number <= w.to+near && (found < 0 || windows[found].way == "kill") {
			found = i
		}
	}
	return found
}

// oneLatency is how long two nodes may both number, on a machine with twenty times the work that it can do, until either hears of the other, or
// the second one of the first. How soon one gives way where nothing is late, actors/source tests.
const oneLatency = 5 * time.Second

// spells are the times in which values came that are there twice for no fault of the test: as nodes take each other for dead that are not, two take
// themselves for the first until one hears of the other; where a disk or a process stands still for longer than the second one holds back, that
// numbers what the first one has numbered.
func spells(received []time.Time) (lengths []time.Duration) {
	slices.SortFunc(received, time.Time.Compare)
	for i, at := range received {
		if i == 0 || at.Sub(received[i-1]) > time.Second {
			lengths = append(lengths, 0)
			continue
		}
		lengths[len(lengths)-1] += at.Sub(received[i-1])
	}
	return lengths
}

// With two owners the end of one in any way costs no value. What both numbered before either heard of the other is there twice, and counted: of a
// node that dies hardly anything, of one that is cut off or stands still what came meanwhile.
func twoOwners(t *testing.T) {
	seed := seeded(t)
	rng := rand.New(rand.NewPCG(seed, 5))
	faults, count := 5, 6
	if long() {
		faults, count = 50, 12
	}
	f := newField(t, 100*time.Millisecond)
	m := fed(t, chaos.Config{Nodes: 5, Via: via()})
	linked(t, m, 20*time.Second)
	active(t, m, 20*time.Second)
	names := sow(t, m, f, count, "redundancy: 2")
	counted := 0.0 // what processes that were killed had counted
	crossed := func(n *chaos.Node) float64 {
		v, err := n.Metric(t.Context(), "anode_source_crossed_total")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ways := []string{"kill", "freeze"}
	if via() == chaos.Proxied {
		ways = append(ways, "cut", "hole")
	}
	var windows []window
	for i := range faults {
		all := agreed(t, m, count, 2, 20*time.Second)
		fedSince(t, f, all, time.Now(), 15*time.Second)
		own := all[names[rng.IntN(count)]]
		n := m.Node(own[rng.IntN(len(own))])
		way := ways[i%len(ways)]
		length := time.Duration(500+rng.IntN(5000)) * time.Millisecond
		t.Logf("%s %s for %s, an owner of %d", way, n.Name, length, len(owns(all, n.Index)))
		before := crossed(n)
		w := window{way: way}
		w.from, _ = f.last()
		switch way {
		case "kill":
			n.Kill()
			counted += before
			<-time.After(length)
			if err := n.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		case "freeze":
			if err := n.Freeze(); err != nil {
				t.Fatal(err)
			}
			<-time.After(length)
			if err := n.Thaw(); err != nil {
				t.Fatal(err)
			}
		default:
			m.Ways.Around(n.Index, chaos.Way{Cut: way == "cut", Hole: way == "hole"})
			<-time.After(length)
			m.Ways.Around(n.Index, chaos.Way{})
		}
		linked(t, m, 40*time.Second)
		w.to, _ = f.last()
		windows = append(windows, w)
	}
	last, late := f.stop(), onTheWay(t, m)
	doubles, during := 0, make(map[string]int)
	for _, name := range names {
		for i, n := range m.Nodes() {
			_, double := whole(t, n, name, last, 20*time.Second)
			if i == 0 {
				doubles += len(double)
			}
			var received []time.Time
			var unexplained []chaos.Record
			for number, records := range double {
				at := around(windows, number)
				switch {
				case at < 0:
					received = append(received, records[0].Received)
					unexplained = append(unexplained, records...)
				case windows[at].way == "kill" && !both(f.callsOf(name), number, late):
					t.Errorf("%s holds %d of %s twice, as %v: %v", n.Name, number, name, records, windows)
				case i == 0:
					during[windows[at].way]++
				}
			}
			list := spells(received)
			if i == 0 && len(list) > 0 {
				during["no fault"] += len(received)
				t.Logf("of %s some came twice for no fault, in times of %v", name, list)
			}
			if len(list) > faults+1 || len(list) > 0 && slices.Max(list) > oneLatency {
				t.Errorf("%s holds %d of %s twice, for no fault, in times of %v: %v %v", n.Name, len(received), name, list, windows, unexplained)
			}
		}
	}
	for _, n := range m.Nodes() {
		counted += crossed(n)
	}
	t.Logf("%d of %d are there twice, %v; %.0f were counted", doubles, int(last)*count, during, counted)
	// What a node counted of a source goes when it owns it no more. Each of two owners counts, where it hears of the other's.
	if float64(doubles) > 2*counted {
		t.Errorf("%d are there twice, and %.0f were counted", doubles, counted)
	}
}

// edit replaces a source at a node.
func edit(t *testing.T, n *chaos.Node, name, spec string) {
	t.Helper()
	if status, body, err := n.Do(t.Context(), "PUT", "/api/v1/sources/"+name, "application/yaml", []byte(spec)); err != nil || status >= 300 {
		t.Fatalf("%s replaces %s: %d %.300s %v", n.Name, name, status, body, err)
	}
}

// alike waits until all nodes that run have the same sources, and gives their versions.
func alike(t *testing.T, m *chaos.Mesh, sources int, patience time.Duration) (versions map[string]string) {
	t.Helper()
	eventually(t, "the sources are the same everywhere", patience, func() error {
		versions = nil
		for _, n := range m.Running() {
			all, err := sourcesOf(t.Context(), n)
			if err != nil {
				return err
			}
			if len(all) != sources {
				return fmt.Errorf("%s has %d sources", n.Name, len(all))
			}
			mine := make(map[string]string)
			for name, s := range all {
				mine[name] = s.Version
				if s.Status.State == "paused" {
					mine[name] += " paused"
				}
				if versions != nil && versions[name] != mine[name] {
					return fmt.Errorf("%s has %s in version %s, elsewhere it is %s", n.Name, name, mine[name], versions[name])
				}
			}
			versions = mine
		}
		return nil
	})
	return versions
}
