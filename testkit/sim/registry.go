package sim

import (
	"cmp"
	"slices"

	"anode/messages/wire/frame"
)

// registry is what a node has stored of the registry: the winner of each register.
type registry struct {
	winners map[string]frame.Event
}

// learn takes events in.
func (r *registry) learn(events []frame.Event) {
	if r.winners == nil {
		r.winners = make(map[string]frame.Event)
	}
	for _, e := range events {
		if old, ok := r.winners[e.Key]; !ok || wins(&e, &old) {
			r.winners[e.Key] = e
		}
	}
}

func wins(a, b *frame.Event) bool {
	return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.HLC, b.HLC), cmp.Compare(a.Node, b.Node)) > 0
}

// events are the winners, in order of key.
func (r *registry) events() []frame.Event {
	list := make([]frame.Event, 0, len(r.winners))
	for _, e := range r.winners {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b frame.Event) int { return cmp.Compare(a.Key, b.Key) })
	return list
}
