package core

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"anode/messages/wire/frame"
)

// registry is the winning events of all registers, and hashes over them. Events spread as they come; where
// hashes differ the winning ones are exchanged, so one that was lost is only late.
type registry struct {
	events  map[string]frame.Event
	buckets [frame.Buckets]uint64
}

func newRegistry(events []frame.Event) registry {
	r := registry{events: make(map[string]frame.Event, len(events))}
	for i := range events {
		r.take(&events[i])
	}
	return r
}

// take folds an event in. It tells whether it won.
func (r *registry) take(e *frame.Event) bool {
	old, ok := r.events[e.Key]
	if ok && compareEvents(e, &old) <= 0 {
		return false
	}
	bucket := &r.buckets[bucketOf(e.Key)]
	if ok {
		*bucket ^= eventHash(&old)
	}
	*bucket ^= eventHash(e)
	r.events[e.Key] = *e
	return true
}

// compareEvents orders values of one register: revision, then reading, then node. Equal ones that differ, which
// only a fault of their node makes, are ordered by their bodies, so that all agree.
func compareEvents(a, b *frame.Event) int {
	return cmp.Or(
		cmp.Compare(a.Revision, b.Revision),
		cmp.Compare(a.HLC, b.HLC),
		cmp.Compare(a.Node, b.Node),
		strings.Compare(string(a.Body), string(b.Body)),
	)
}

func bucketOf(key string) int { return int(mix(fnv(fnvBasis, key)) % frame.Buckets) }

func eventHash(e *frame.Event) uint64 {
	h := fnv(fnvBasis, e.Key)
	h = mix(h ^ e.Revision)
	h = mix(h ^ uint64(e.HLC))
	return mix(fnv(fnv(h, string(e.Node)), string(e.Body)))
}

// hash is over all.
func (r *registry) hash() uint64 {
	var h uint64
	for i, b := range r.buckets {
		if b != 0 {
			h ^= mix(b + uint64(i))
		}
	}
	return h
}

func (r *registry) hashes() []uint64 { return slices.Clone(r.buckets[:]) }

// differing are the events of the buckets that others have other sums of, in order.
func (r *registry) differing(hashes []uint64) []frame.Event {
	var list []frame.Event
	for _, key := range slices.Sorted(maps.Keys(r.events)) {
		if b := bucketOf(key); hashes[b] != r.buckets[b] {
			list = append(list, r.events[key])
		}
	}
	return list
}

// Events are the winning events, by key.
func (c *Core) Events() []frame.Event {
	list := make([]frame.Event, 0, len(c.registry.events))
	for _, key := range slices.Sorted(maps.Keys(c.registry.events)) {
		list = append(list, c.registry.events[key])
	}
	return list
}

// RegistryHash is over all winning events: nodes that have the same ones have the same.
func (c *Core) RegistryHash() uint64 { return c.registry.hash() }

// Beyond are the winning events that others do not hold, by key.
func (c *Core) Beyond(others map[string]frame.Event) []frame.Event {
	var list []frame.Event
	for key := range c.registry.events {
		e := c.registry.events[key]
		if other, ok := others[key]; !ok || compareEvents(&e, &other) != 0 {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b frame.Event) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// register spreads events of this node.
func (c *Core) register(events []frame.Event) { c.spreadEvents(c.fold(events), nil) }

// fold takes events in and gives those that won.
func (c *Core) fold(events []frame.Event) []frame.Event {
	var won []frame.Event
	for i := range events {
		if c.registry.take(&events[i]) {
			won = append(won, events[i])
		}
	}
	return won
}

// learn takes in a peer's events, or what it has other than this node. Those that lose are told of, too: of two edits at once the
// registry names the one that is superseded.
func (c *Core) learn(l *link, r *frame.Registry) {
	var won, lost []frame.Event
	for i := range r.Events {
		e := &r.Events[i]
		if c.registry.take(e) {
			won = append(won, *e)
		} else if held := c.registry.events[e.Key]; compareEvents(e, &held) != 0 {
			lost = append(lost, *e)
		}
	}
	if len(won)+len(lost) > 0 {
		c.put(Output{Kind: Learn, Peer: l.peer, Events: slices.Concat(won, lost)})
	}
	c.spreadEvents(won, l)
	if len(r.Hashes) != frame.Buckets || len(l.greeting) > 0 {
		return // while something waits to be told the hashes differ for that: a later digest shows what is left
	}
	if !r.Answer {
		c.send(l, &frame.Registry{Hashes: c.registry.hashes(), Answer: true}, Control)
	}
	c.sendEvents(l, c.registry.differing(r.Hashes))
}

// mostGreeting is how many frames wait for a link before live events are left out: where the hashes of a later
// digest differ it is told. So what waits is bounded by the registry and the records of status.
const mostGreeting = 64

func (c *Core) spreadEvents(events []frame.Event, but *link) {
	for slot := range c.live.each {
		switch l := c.slots[slot]; {
		case l == but:
		case len(l.greeting) >= mostGreeting:
			c.stats.Postponed += uint64(len(events))
		default:
			c.sendEvents(l, events)
		}
	}
}

// sendEvents tells events, as fast as the link takes them. One that can't travel was refused where it was decided.
func (c *Core) sendEvents(l *link, events []frame.Event) {
	if len(events) == 0 {
		return
	}
	parts, err := frame.SplitRegistry(&frame.Registry{Events: events})
	if err != nil {
		c.stats.Ignored++
	}
	for _, part := range parts {
		l.greeting = append(l.greeting, part)
	}
	c.greetOn(l)
}
