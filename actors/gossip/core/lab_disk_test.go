package core_test

import (
	"cmp"
	"maps"
	"slices"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// disk is what survives the end of a node's process.
type disk struct {
	// epoch is the last that the node began, clock the last reading that it gave.
	epoch    uint64
	clock    messages.HLC
	shelves  map[flowKey]*shelf
	horizons map[messages.NodeID]uint64
	registry map[string]frame.Event
	// recent are the last that were appended, oldest first: a power cut may take them.
	recent []*wire.Sealed
}

// flowKey names an epoch of an origin.
type flowKey struct {
	origin messages.NodeID
	epoch  uint64
}

func newDisk() *disk {
	return &disk{shelves: make(map[flowKey]*shelf), horizons: make(map[messages.NodeID]uint64), registry: make(map[string]frame.Event)}
}

// shelf is what is held of one flow.
type shelf struct {
	held map[uint64]*wire.Sealed
	// floor: nothing is held below it. head is the highest that was ever known to exist, last its reading.
	floor, head uint64
	last        messages.HLC
	// first is the flow's first batch, once it was held: it names the prior.
	first *wire.Sealed
	given messages.Ranges
}

// flow gives the shelf of a flow, made where it is missing.
func (d *disk) flow(origin messages.NodeID, epoch uint64) *shelf {
	key := flowKey{origin, epoch}
	if d.shelves[key] == nil {
		d.shelves[key] = &shelf{held: make(map[uint64]*wire.Sealed), floor: 1}
	}
	return d.shelves[key]
}

// at is the batch that is held at a place, or nil.
func (d *disk) at(id messages.BatchID) *wire.Sealed {
	if s := d.shelves[flowKey{id.Origin, id.Epoch}]; s != nil {
		return s.held[id.Sequence]
	}
	return nil
}

// lacks tells whether a batch is absent, and neither dropped nor forgotten. One that was given up is lacked, too: who
// turns out to hold it is to be asked.
func (d *disk) lacks(id messages.BatchID) bool {
	s := d.shelves[flowKey{id.Origin, id.Epoch}]
	if s == nil {
		return id.Epoch > d.horizons[id.Origin]
	}
	return id.Sequence >= s.floor && s.held[id.Sequence] == nil
}

// mostRecent is how many batches a power cut takes at most.
const mostRecent = 10

// store puts a batch in.
func (d *disk) store(b *wire.Sealed) {
	s := d.flow(b.Origin, b.Epoch)
	s.held[b.Sequence] = b
	s.head, s.last = max(s.head, b.Sequence), max(s.last, b.Last)
	s.given = s.given.Drop(messages.Range{From: b.Sequence, To: b.Sequence})
	if b.Sequence == 1 {
		s.first = b
	}
	if d.recent = append(d.recent, b); len(d.recent) > mostRecent {
		d.recent = d.recent[1:]
	}
}

// cut loses the batches that were appended last, as a power cut does.
func (d *disk) cut(count int) {
	for _, b := range d.recent[max(0, len(d.recent)-count):] {
		s := d.flow(b.Origin, b.Epoch)
		if delete(s.held, b.Sequence); s.first == b {
			s.first = nil
		}
		if s.head == b.Sequence {
			s.head = max(highest(s.held), s.floor-1)
		}
		if s.head == 0 {
			delete(d.shelves, flowKey{b.Origin, b.Epoch})
		}
	}
	d.recent = nil
}

func highest(held map[uint64]*wire.Sealed) (most uint64) {
	for q := range held {
		most = max(most, q)
	}
	return most
}

// raise drops all below a floor.
func (s *shelf) raise(floor uint64) {
	s.floor = max(s.floor, floor)
	s.head = max(s.head, floor-1)
	s.given = s.given.Above(s.floor)
	maps.DeleteFunc(s.held, func(q uint64, _ *wire.Sealed) bool { return q < s.floor })
}

// lose damages what is held in a range.
func (s *shelf) lose(r messages.Range) {
	maps.DeleteFunc(s.held, func(q uint64, _ *wire.Sealed) bool { return r.From <= q && q <= r.To })
}

func (s *shelf) giveUp(r messages.Range) {
	for q := r.From; q <= r.To; q++ {
		if s.held[q] == nil && q >= s.floor {
			s.given = s.given.Add(messages.Range{From: q, To: q})
		}
	}
}

// forget drops all knowledge of an epoch that was emptied.
func (d *disk) forget(key flowKey) {
	delete(d.shelves, key)
	d.horizons[key.origin] = max(d.horizons[key.origin], key.epoch)
}

// keys are the flows that are known, in order.
func (d *disk) keys() []flowKey {
	return slices.SortedFunc(maps.Keys(d.shelves), func(a, b flowKey) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.epoch, b.epoch))
	})
}

// restore makes the lines of what is held, as a journal does when it is opened.
func (d *disk) restore() messages.Lines {
	lines := make(messages.Lines)
	for _, origin := range slices.Sorted(maps.Keys(d.horizons)) {
		lines.Open(origin).Forget(d.horizons[origin])
	}
	for _, key := range d.keys() {
		s, line := d.shelves[key], lines.Open(key.origin)
		if s.floor > 1 {
			line.Recall(messages.EpochDigest{Epoch: key.epoch, Floor: s.floor, Head: s.floor - 1, HeadIndex: messages.IndexEnd, HeadHLC: s.last})
		}
		if s.first != nil {
			line.Name(key.epoch, s.first.Prior)
		}
		for _, q := range slices.Sorted(maps.Keys(s.held)) {
			line.Hold(&s.held[q].Header)
		}
		if top := max(highest(s.held), s.floor-1); s.head > top {
			line.Lose(key.epoch, messages.Range{From: top + 1, To: s.head})
		}
		for _, r := range s.given {
			line.GiveUp(key.epoch, r)
		}
	}
	return lines
}

// last is the highest position of an origin that is held or known to exist.
func (d *disk) last(origin messages.NodeID) (best messages.Position) {
	for key, s := range d.shelves {
		if key.origin == origin && s.head > 0 && key.epoch > best.Epoch {
			best = messages.Position{Origin: origin, Epoch: key.epoch, Sequence: s.head}
		}
	}
	return best
}

// learn takes an event of the registry in, if it wins.
func (d *disk) learn(e frame.Event) {
	if old, ok := d.registry[e.Key]; !ok || cmp.Or(cmp.Compare(e.Revision, old.Revision), cmp.Compare(e.HLC, old.HLC), cmp.Compare(e.Node, old.Node)) > 0 {
		d.registry[e.Key] = e
	}
}

// events are the winning events, by key.
func (d *disk) events() []frame.Event {
	list := make([]frame.Event, 0, len(d.registry))
	for _, key := range slices.Sorted(maps.Keys(d.registry)) {
		list = append(list, d.registry[key])
	}
	return list
}
