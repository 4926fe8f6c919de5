package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// met is what a registry tells its mesh.
type met struct {
	mu     sync.Mutex
	spread []frame.Event
	nodes  map[messages.NodeID]Register
	banned map[messages.NodeID]command.BanView
}

// take gives what was spread since.
func (m *met) take() []frame.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.spread
	m.spread = nil
	return list
}

// meet makes an office part of a mesh.
func (m *met) meet(cfg *Config) {
	cfg.Spread = func(list []frame.Event) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.spread = append(m.spread, list...)
	}
	cfg.Nodes = func(all map[messages.NodeID]Register) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.nodes = all
	}
	cfg.Banned = func(all map[messages.NodeID]command.BanView) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.banned = all
	}
}

func (m *met) bans() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint(slices.Sorted(maps.Keys(m.banned)))
}

// learn has an office learn events, and waits until they are folded.
func (o *office) learn(t *testing.T, list ...frame.Event) {
	t.Helper()
	if !o.ref.Tell(Learnt{list}) {
		t.Fatal("the mailbox is full")
	}
	o.settled(t, list)
}

// settled waits until what is held is at least so much.
func (o *office) settled(t *testing.T, list []frame.Event) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		held, err := ask(o, Held{})
		if err != nil {
			t.Fatal(err)
		}
		missing := slices.ContainsFunc(list, func(e frame.Event) bool {
			return !slices.ContainsFunc(held, func(h frame.Event) bool { return h.Key == e.Key && compareWire(&h, &e) >= 0 })
		})
		if !missing {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it was never learnt: %v of %v", held, list)
		}
	}
}

func (o *office) log(t *testing.T) string {
	t.Helper()
	events, err := ask(o, command.Events{})
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	for _, e := range events {
		log = append(log, e.Event+" "+e.Version)
	}
	return strings.Join(log, ", ")
}

// by is an event of another node.
func by(t *testing.T, node messages.NodeID, kind string, revision uint64, url int, line ...string) frame.Event {
	t.Helper()
	e := event{Source: "a", Kind: kind, Revision: revision, HLC: messages.HLC(revision + uint64(url)), Node: node, Line: line}
	if kind == registered || kind == replaced {
		e.Spec, e.Born = document("a", url), "1-"+string(node)+"@1"
	}
	return wireOf(t, e)
}
