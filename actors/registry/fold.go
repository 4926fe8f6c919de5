package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"anode/messages"
	"anode/messages/spec"
)

// The kinds of events.
const (
	registered = "registered"
	replaced   = "replaced"
	removed    = "removed"
	paused     = "paused"
	resumed    = "resumed"
)

// What an event is to a version that can't read it: it holds its register nevertheless.
const (
	unreadSpec  = "unread spec"
	unreadPause = "unread pause"
)

// formatVersion is of stored events.
const formatVersion = 1

// The bounds of what an event remembers of those before it.
const (
	mostWas  = 32
	mostRuns = 16
)

// event is one change of a source.
type event struct {
	Version  int             `json:"v"`
	Source   string          `json:"source"`
	Kind     string          `json:"kind"`
	Revision uint64          `json:"revision"`
	HLC      messages.HLC    `json:"hlc"`
	Node     messages.NodeID `json:"node"`
	// Spec is the document of a registered or replaced source.
	Spec json.RawMessage `json:"spec,omitempty"`
	// Born names the registration, as no other of that name is.
	Born string `json:"born,omitempty"`
	// Line is what the register held before, as the event's node knew it: in runs of events of one node, each by the version
	// of its first, the newest last, at most 16 of them. So who has two events can tell whether one knew the other.
	Line []string `json:"line,omitempty"`
	// Was are beginnings of the hashes of the specs that the source had before, the newest last, at most 32. So a node that lost
	// its disk can tell a document that was applied and edited since from a new one.
	Was []string `json:"was,omitempty"`

	// body is the event as it is stored and travels, byte by byte the same everywhere. fault says why an unread one is unread.
	body  []byte
	fault error
}

// ofPause tells which of its source's two registers the event is of.
func (e *event) ofPause() bool { return e.Kind == paused || e.Kind == resumed || e.Kind == unreadPause }

func (e *event) unread() bool { return e.Kind == unreadSpec || e.Kind == unreadPause }

// compare orders events of one register: the higher holds it. Equal stamps of unequal events, which only a fault of their node
// makes, are ordered by their bodies: the mesh orders them so, too.
func (e *event) compare(o *event) int {
	return cmp.Or(cmp.Compare(e.Revision, o.Revision), cmp.Compare(e.HLC, o.HLC), cmp.Compare(e.Node, o.Node), bytes.Compare(e.body, o.body))
}

// beginning is the same of a registration and of the event that was made with it for the source's other register.
func (e *event) beginning() string { return fmt.Sprintf("%s %s@%d", e.Source, e.version(), e.HLC) }

// entry is a source, or what is left of a removed one.
type entry struct {
	// spec holds the last of registered, replaced and removed; pause the last of paused and resumed.
	spec, pause *event
	// parsed is of spec; nil when removed, or when this version can't read it.
	parsed *spec.Spec
	// fault says why parsed is nil although the source was not removed.
	fault error
}

func (e *entry) live() bool { return e.spec != nil && e.spec.Kind != removed }

func (e *entry) paused() bool { return e.pause != nil && e.pause.Kind == paused }

// register is that of the two which an event is of.
func (e *entry) register(of *event) **event {
	if of.ofPause() {
		return &e.pause
	}
	return &e.spec
}

// home is the node at which the source was registered; empty where that can't be read.
func (e *entry) home() messages.NodeID {
	switch {
	case !e.live() || e.spec.unread():
		return ""
	case e.spec.Born == "":
		return e.spec.Node
	}
	version, _, _ := strings.Cut(e.spec.Born, "@")
	_, node, _ := strings.Cut(version, "-")
	return messages.NodeID(node)
}

// last is the event that changed the source last.
func (e *entry) last() *event {
	if e.spec == nil || e.pause != nil && e.pause.compare(e.spec) > 0 {
		return e.pause
	}
	return e.spec
}

// sources is the fold of all events of sources.
type sources struct {
	entries map[string]*entry
	// clock is the last reading that this node gave an event. No other node's moves it.
	clock messages.HLC
	live  int
	// order are the names of those that were not removed, sorted, but for changed ones: those that came or went since.
	order, changed []string
	// horizon is the highest revision of a removal that was forgotten: other nodes may still have it.
	horizon uint64
}

func newSources() *sources { return &sources{entries: make(map[string]*entry)} }

// holder is the event that holds the register of another one; nil where none does.
func (s *sources) holder(of *event) *event {
	if at := s.entries[of.Source]; at != nil {
		return *at.register(of)
	}
	return nil
}

// apply joins an event; it tells whether that holds a register now.
func (s *sources) apply(e *event) bool {
	at := s.entries[e.Source]
	if at == nil {
		at = &entry{}
		s.entries[e.Source] = at
	}
	register := at.register(e)
	if *register != nil && (*register).compare(e) >= 0 {
		return false
	}
	was := at.live()
	*register = e
	if register == &at.spec {
		at.parsed, at.fault = e.parse()
	}
	if is := at.live(); is != was {
		s.changed = append(s.changed, e.Source)
		if is {
			s.live++
		} else {
			s.live--
		}
	}
	return true
}

// parse reads the spec of an event that has one.
func (e *event) parse() (*spec.Spec, error) {
	switch e.Kind {
	case removed:
		return nil, nil
	case unreadSpec:
		return nil, e.fault
	}
	parsed, err := spec.Parse(e.Spec, false)
	if err == nil && parsed.Name != e.Source {
		return nil, fmt.Errorf("it is the spec of %q", parsed.Name)
	}
	if err != nil {
		return nil, err
	}
	return parsed, nil
}

// get gives a source that was not removed, or nil.
func (s *sources) get(name string) *entry {
	if e := s.entries[name]; e != nil && e.live() {
		return e
	}
	return nil
}

// names are the sources that were not removed, sorted. The list is not to be changed. Only what came since the last time is sorted: of many sources
// that are registered one by one each asks for it.
func (s *sources) names() []string {
	if len(s.changed) == 0 {
		return s.order
	}
	slices.Sort(s.changed)
	merged, old := make([]string, 0, s.live), s.order
	for _, name := range slices.Compact(s.changed) {
		n, was := slices.BinarySearch(old, name)
		if merged, old = append(merged, old[:n]...), old[n:]; was {
			old = old[1:]
		}
		if s.get(name) != nil {
			merged = append(merged, name)
		}
	}
	merged = append(merged, old...)
	s.order, s.changed = merged, nil
	return merged
}

// forget drops the oldest removals above so many, and tells which. What comes of them later is below the horizon.
func (s *sources) forget(most int) (names []string) {
	if len(s.entries)-s.live <= most {
		return nil
	}
	for name, e := range s.entries {
		if !e.live() {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.entries[a].last().HLC, s.entries[b].last().HLC), strings.Compare(a, b))
	})
	names = names[:len(names)-most]
	for _, name := range names {
		s.horizon = max(s.horizon, s.entries[name].last().Revision)
		delete(s.entries, name)
	}
	return names
}

// forgotten tells whether a removal that others still have is of a source that was forgotten here, or would be at once.
func (s *sources) forgotten(e *event, most int) bool {
	return e.Kind == removed && s.entries[e.Source] == nil && e.Revision <= s.horizon && len(s.entries)-s.live >= most
}
