package chaos_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// torn are edits that both sides of a partition make.
type torn struct {
	m    *chaos.Mesh
	f    *field
	a, b *chaos.Node
}

// prepare registers what is to be edited, and gives how many sources that are.
func (e *torn) prepare(t *testing.T) int {
	register(t, e.a, e.f.spec("sse", "edit.both"), e.f.spec("sse", "edit.pause"), e.f.spec("sse", "edit.remove"), e.f.spec("sse", "edit.one"))
	return 4
}

// edit edits while they are parted, and gives how many sources there are afterwards.
func (e *torn) edit(t *testing.T) int {
	edit(t, e.a, "edit.both", e.f.spec("sse", "edit.both", "labels: {by: a}"))
	edit(t, e.b, "edit.both", e.f.spec("sse", "edit.both", "labels: {by: b}"))
	steer(t, e.a, "edit.pause", "pause")
	edit(t, e.b, "edit.pause", e.f.spec("sse", "edit.pause", "labels: {by: b}"))
	if status, _, err := e.a.Do(t.Context(), "DELETE", "/api/v1/sources/edit.remove", "", nil); err != nil || status != 204 {
		t.Fatalf("remove: %d %v", status, err)
	}
	edit(t, e.a, "edit.one", e.f.spec("sse", "edit.one", "labels: {by: a}"))
	register(t, e.a, e.f.spec("sse", "edit.new.a"), e.f.spec("sse", "edit.new.both", "labels: {by: a}"))
	register(t, e.b, e.f.spec("sse", "edit.new.b"), e.f.spec("sse", "edit.new.both", "labels: {by: b}"))
	return 6
}

// check looks whether all nodes tell the same, and what lost.
func (e *torn) check(t *testing.T, sources int, patience time.Duration) {
	versions := alike(t, e.m, sources, patience)
	for _, name := range []string{"edit.new.a", "edit.new.b", "edit.new.both", "edit.both"} {
		if versions[name] == "" || strings.HasSuffix(versions[name], "paused") {
			t.Errorf("%s has the version %q", name, versions[name])
		}
	}
	if !strings.HasSuffix(versions["edit.pause"], "paused") {
		t.Errorf("what one side paused and the other replaced is not paused: %q", versions["edit.pause"])
	}
	for _, name := range []string{"edit.both", "edit.new.both"} {
		lost := e.a // it heard of both: its own, and the one that stays
		if strings.HasSuffix(versions[name], e.a.ID()) {
			lost = e.b
		}
		eventually(t, lost.Name+" tells that its edit of "+name+" lost", 10*time.Second, func() error {
			var log struct {
				Items []struct{ Source, Event, Version string }
			}
			if err := lost.Get(t.Context(), "/api/v1/events?limit=1000", &log); err != nil {
				return err
			}
			for _, event := range log.Items {
				if event.Event == "superseded" && event.Source == name && strings.HasSuffix(event.Version, lost.ID()) {
					return nil
				}
			}
			return fmt.Errorf("%+v", log.Items)
		})
	}
}

func edits(t *testing.T) {
	if via() != chaos.Proxied {
		t.Skip("needs ways that can be cut")
	}
	f := newField(t, 100*time.Millisecond)
	m := fed(t, chaos.Config{Nodes: 3, Via: chaos.Proxied})
	linked(t, m, 20*time.Second)
	active(t, m, 20*time.Second)
	e := &torn{m, f, m.Node(0), m.Node(2)}
	before := e.prepare(t)
	alike(t, m, before, 5*time.Second)
	m.Ways.Part([]int{0, 1}, []int{2}, chaos.Way{Hole: true})
	after := e.edit(t)
	m.Ways.Heal()
	e.check(t, after, 20*time.Second)
}

// partition parts a mesh whose two sides then run all sources.
func partition(t *testing.T) {
	if !long() {
		t.Skip("it takes two minutes: ANODE_LONG=1")
	}
	if via() != chaos.Proxied {
		t.Skip("needs ways that can be cut")
	}
	f := newField(t, 100*time.Millisecond)
	m := fed(t, chaos.Config{Nodes: 5, Via: chaos.Proxied})
	linked(t, m, 20*time.Second)
	active(t, m, 20*time.Second)
	names := sow(t, m, f, 30)
	e := &torn{m, f, m.Node(0), m.Node(4)}
	edited := e.prepare(t)
	fedBy(t, f, agreed(t, m, len(names)+edited, 1, 10*time.Second), 10*time.Second)
	begun, _ := f.last()
	for _, name := range names { // what is on its way later was made later
		for _, n := range m.Nodes() {
			whole(t, n, name, begun, 20*time.Second)
		}
	}
	m.Ways.Part([]int{0, 1}, []int{2, 3, 4}, chaos.Way{Hole: true})
	parted := time.Now()
	for _, name := range names {
		eventually(t, "both sides read "+name, 20*time.Second, func() error {
			if readers := f.readers(name, time.Second); len(readers) < 2 {
				return fmt.Errorf("%v do", readers)
			}
			return nil
		})
	}
	t.Logf("both sides run all after %s", time.Since(parted).Round(time.Millisecond))
	edited = e.edit(t)
	<-time.After(25*time.Second - time.Since(parted))
	m.Ways.Heal()
	healed := time.Now()
	healedAt, _ := f.last()
	for _, name := range names {
		eventually(t, name+" has one owner", 60*time.Second, func() error {
			if readers := f.readers(name, time.Second); len(readers) != 1 {
				return fmt.Errorf("%v read it", readers)
			}
			return nil
		})
	}
	alone := time.Since(healed)
	ended, _ := f.last()
	t.Logf("one owner each %s after the end", alone.Round(time.Millisecond))
	if alone > 35*time.Second {
		t.Errorf("a source had two owners for %s after the partition: want 35 s", alone)
	}
	e.check(t, len(names)+edited, 30*time.Second)
	<-time.After(3 * time.Second)
	last, late := f.stop(), onTheWay(t, m)
	doubles, after := 0, 0
	for _, name := range names {
		for i, n := range m.Nodes() {
			_, double := whole(t, n, name, last, 30*time.Second)
			for number, ids := range double {
				if number <= begun || number > ended || !both(f.callsOf(name), number, late) && number > healedAt {
					t.Errorf("%s holds %d of %s twice, as %v; they were parted from %d to %d, and two ran until %d", n.Name, number, name, ids, begun, healedAt, ended)
				}
				if i == 0 && number > healedAt {
					after++
				}
			}
			if i == 0 {
				doubles += len(double)
			}
		}
	}
	t.Logf("%d numbers a source during the partition, %d until one owner was left; %d doubles, %d of them of after its end", healedAt-begun, ended-healedAt, doubles, after)
}

// readers are the nodes that have a connection to a source's feed now, or polled it lately.
func (f *field) readers(source string, lately time.Duration) (nodes []string) {
	now := time.Now()
	for _, c := range f.callsOf(source) {
		if c.status == 200 && (c.end.IsZero() || strings.HasPrefix(source, "rest") && now.Sub(c.end) < lately) && !slices.Contains(nodes, c.node) {
			nodes = append(nodes, c.node)
		}
	}
	return nodes
}
