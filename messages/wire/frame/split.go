package frame

import (
	"errors"
	"fmt"
	"slices"
)

const (
	// maxPart is the most bytes of a part that a Split… gives: two of them are less than what a link may queue.
	maxPart = Max / 2
	// maxRun is the most bytes of its list: the rest is for hashes and counts.
	maxRun = maxPart - 4<<10
)

// SplitHave announces flows in as many frames as are needed; none for none. They share the list, as
// those of all Split… do.
func SplitHave(flows []Held) []*Have {
	var parts []*Have
	for _, run := range runs(flows, (*Held).size) {
		parts = append(parts, &Have{Flows: run})
	}
	return parts
}

// SplitStatus carries records in as many frames as are needed; none for none.
func SplitStatus(records []Ephemeral) []*Status {
	var parts []*Status
	for _, run := range runs(records, (*Ephemeral).size) {
		parts = append(parts, &Status{Records: run})
	}
	return parts
}

// SplitVersions tells, or wants, versions in as many frames as are needed; none for none.
func SplitVersions(list []Stamp, want bool) []*Versions {
	var parts []*Versions
	for _, run := range runs(list, (*Stamp).size) {
		parts = append(parts, &Versions{Want: want, List: run})
	}
	return parts
}

// SplitDigest gives the digest itself where it is small. Else all that is no list of Holdings is in the
// first part, and the lists follow.
func SplitDigest(f *Digest) []*Digest {
	if f.Size() <= maxPart {
		return []*Digest{f}
	}
	first := *f
	first.Latest, first.Closed = nil, nil
	parts := []*Digest{&first}
	for _, run := range runs(f.Latest, (*Holding).size) {
		parts = append(parts, &Digest{Latest: run})
	}
	for _, run := range runs(f.Closed, (*Holding).size) {
		parts = append(parts, &Digest{Closed: run})
	}
	return parts
}

// SplitRegistry gives frames for all events that can travel, the first with Hashes and Answer, and an error
// that names those that can't.
func SplitRegistry(f *Registry) ([]*Registry, error) {
	events, err := sound(f.Events)
	parts := []*Registry{{Hashes: f.Hashes, Answer: f.Answer}}
	for i, run := range runs(events, (*Event).size) {
		if i > 0 {
			parts = append(parts, new(Registry))
		}
		parts[i].Events = run
	}
	return parts, err
}

// sound gives the events that can travel.
func sound(events []Event) ([]Event, error) {
	var faults []error
	for i := range events {
		if err := events[i].Check(); err != nil {
			faults = append(faults, fmt.Errorf("%w: event %d: %w", ErrFrame, i, err))
		}
	}
	if faults == nil {
		return events, nil
	}
	kept := slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return e.Check() != nil })
	return kept, errors.Join(faults...)
}

// runs cuts a list into runs of at most maxRun bytes. No part of a list has more.
func runs[T any](list []T, size func(*T) int) [][]T {
	var cut [][]T
	from, sum := 0, 0
	for i := range list {
		n := size(&list[i])
		if sum+n > maxRun {
			cut = append(cut, list[from:i:i])
			from, sum = i, 0
		}
		sum += n
	}
	if from < len(list) {
		cut = append(cut, list[from:])
	}
	return cut
}
