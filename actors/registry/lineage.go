package registry

import (
	"slices"
	"strconv"
	"strings"

	"anode/messages"
	"anode/messages/spec"
)

// follow notes in an event what its register held before: the lineage that lets others tell whether one edit knew another.
func (e *event) follow(before *event) {
	if before == nil {
		return
	}
	e.Line = slices.Clone(before.Line)
	if n := len(e.Line); n == 0 || runNode(e.Line[n-1]) != before.Node {
		e.Line = append(e.Line, before.version())
	}
	e.Line = e.Line[max(0, len(e.Line)-mostRuns):]
	e.Was = slices.Clone(before.Was)
	if s := specHash(before); s != "" && !slices.Contains(e.Was, s) {
		e.Was = append(e.Was, s)
	}
	e.Was = e.Was[max(0, len(e.Was)-mostWas):]
}

// hashStart is how much of a spec's hash is remembered.
const hashStart = 16

// specHash is the beginning of the hash of an event's spec; empty where it has none that can be read.
func specHash(e *event) string {
	if e.Spec == nil {
		return ""
	}
	s, err := spec.Parse(e.Spec, false)
	if err != nil {
		return ""
	}
	return s.Hash[:hashStart]
}

// had tells whether the source has a spec of that hash, or had it before.
func (e *entry) had(hash string) bool {
	if e == nil || e.spec == nil || len(hash) < hashStart {
		return false
	}
	return e.parsed != nil && e.parsed.Hash == hash || slices.Contains(e.spec.Was, hash[:hashStart])
}

// run reads a version of a Line.
func run(version string) (revision uint64, node messages.NodeID, ok bool) {
	number, name, ok := strings.Cut(version, "-")
	revision, err := strconv.ParseUint(number, 10, 64)
	return revision, messages.NodeID(name), ok && err == nil
}

func runNode(version string) messages.NodeID {
	_, node, _ := run(version)
	return node
}

// supersedes tells whether an event holds its register in place of another one that its node did not know: of two edits
// at once it is the one that stays.
func (e *event) supersedes(o *event) bool {
	if e.compare(o) <= 0 {
		return false
	}
	if e.Revision == o.Revision {
		return e.Node != o.Node
	}
	for i := len(e.Line) - 1; i >= 0; i-- {
		revision, node, ok := run(e.Line[i])
		if !ok {
			return false
		}
		if revision <= o.Revision {
			return node != o.Node // the run's events up to there are that node's
		}
	}
	return false // older than what it remembers
}

// lostEdit is how an event is called that another one overrode which did not know it.
const lostEdit = "superseded"

// mostLater is how many later events of its register an event of the log is held against.
const mostLater = 64

// superseded are the events of a log that lost.
func superseded(log []*event) map[*event]bool {
	of := make(map[string][]*event)
	for _, e := range log {
		of[registerKey(e)] = append(of[registerKey(e)], e)
	}
	lost := make(map[*event]bool)
	for _, list := range of {
		slices.SortFunc(list, (*event).compare)
		for i, e := range list {
			for _, later := range list[i+1 : min(i+1+mostLater, len(list))] {
				if later.supersedes(e) {
					lost[e] = true
					break
				}
			}
		}
	}
	return lost
}
