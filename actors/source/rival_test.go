package source_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages"
	"anode/messages/spec"
)

// Where the views of nodes differ, two take themselves for the first. That costs what both number before either hears of the other, and no
// more: one of them gives way, and takes up again what the other one leaves when it ends.
func TestOfTwoThatAreFirstOneGivesWay(t *testing.T) {
	for _, dies := range []string{"a", "b"} {
		t.Run(dies+" dies", func(t *testing.T) {
			eachKind(t, func(t *testing.T, s *spec.Spec, seed uint64) {
				m := newMesh(t, seed, "a", "b")
				defer m.close()
				m.feed.every = 60 * time.Millisecond
				for _, n := range m.nodes {
					n.run(s, &source.Role{Owners: 2})
				}
				for _, n := range m.nodes {
					n.awaitRunning()
				}
				life, end := context.WithCancel(t.Context())
				var feeding sync.WaitGroup
				feeding.Go(func() { m.feed.emit(life) })
				time.Sleep(30 * time.Second)
				survivor := m.node("b")
				if dies == "b" {
					survivor = m.node("a")
				}
				m.stop(m.node(messages.NodeID(dies)))
				time.Sleep(10 * time.Second)
				end()
				feeding.Wait()
				time.Sleep(5 * time.Second)
				upTo := m.feed.newest()
				twice := m.check(survivor, upTo)
				t.Logf("%d values, %d twice", upTo, twice)
				if twice > 10 {
					t.Errorf("of %d values %d are there twice", upTo, twice)
				}
			})
		})
	}
}
