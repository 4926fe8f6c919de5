package registry

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

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

// formatVersion is of stored events.
const formatVersion = 1

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
}

// compare orders events of one register: the higher holds it.
func (e *event) compare(o *event) int {
	return cmp.Or(cmp.Compare(e.Revision, o.Revision), cmp.Compare(e.HLC, o.HLC), cmp.Compare(e.Node, o.Node))
}

// lostEdit is how an event is called that another one overrode which did not know it.
const lostEdit = "superseded"

// superseded are the events of a log that lost: of two nodes' edits of one register at the same revision
// the lower one.
func superseded(log []*event) map[*event]bool {
	type place struct {
		register string
		revision uint64
	}
	highest := make(map[place]*event)
	for _, e := range log {
		at := place{registerKey(e), e.Revision}
		if other := highest[at]; other == nil || e.compare(other) > 0 {
			highest[at] = e
		}
	}
	lost := make(map[*event]bool)
	for _, e := range log {
		if winner := highest[place{registerKey(e), e.Revision}]; winner.Node != e.Node && winner.compare(e) > 0 {
			lost[e] = true
		}
	}
	return lost
}

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

// last is the event that changed the source last.
func (e *entry) last() *event {
	if e.spec == nil || e.pause != nil && e.pause.compare(e.spec) > 0 {
		return e.pause
	}
	return e.spec
}

// sources is the fold of all events.
type sources struct {
	entries map[string]*entry
	clock   messages.HLC
	live    int
}

func newSources() *sources { return &sources{entries: make(map[string]*entry)} }

// apply joins an event; it tells whether that holds a register now.
func (s *sources) apply(e *event) bool {
	s.clock = max(s.clock, e.HLC)
	at := s.entries[e.Source]
	if at == nil {
		at = &entry{}
		s.entries[e.Source] = at
	}
	register := &at.spec
	if e.Kind == paused || e.Kind == resumed {
		register = &at.pause
	}
	if *register != nil && (*register).compare(e) >= 0 {
		return false
	}
	was := at.live()
	*register = e
	if register == &at.spec {
		at.parsed, at.fault = nil, nil
		if e.Kind != removed {
			at.parsed, at.fault = spec.Parse(e.Spec, false)
		}
	}
	switch is := at.live(); {
	case is && !was:
		s.live++
	case was && !is:
		s.live--
	}
	return true
}

// get gives a source that was not removed, or nil.
func (s *sources) get(name string) *entry {
	if e := s.entries[name]; e != nil && e.live() {
		return e
	}
	return nil
}

// names are the sources that were not removed, sorted.
func (s *sources) names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.entries)), func(name string) bool { return !s.entries[name].live() })
}

// forgettable is the source whose removal is the oldest, when more than most removals are kept.
func (s *sources) forgettable(most int) (string, bool) {
	if len(s.entries)-s.live <= most {
		return "", false
	}
	oldest := ""
	for name, e := range s.entries {
		if !e.live() && (oldest == "" || e.last().HLC < s.entries[oldest].last().HLC) {
			oldest = name
		}
	}
	return oldest, oldest != ""
}
