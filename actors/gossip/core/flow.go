package core

import (
	"slices"
	"time"

	"anode/messages"
)

// flow is one epoch of an origin as it spreads: the tree by which it comes and goes, what the peers hold of it,
// and what is asked for.
type flow struct {
	origin *origin
	epoch  uint64

	// parent is the slot of the link by which the flow comes, nobody where that is not known. eager are the
	// links to which it is pushed. proven: the parent has brought something since it became the parent.
	// ledAt is since when it is the parent.
	parent int
	ledAt  time.Duration
	eager  mask
	proven bool
	// helper is the link that brought the last batch that was missed, helpedAt when.
	helper   int
	helpedAt time.Duration
	// chosen is the batch by which the parent was chosen last: of two choices that cross, the later batch's stays.
	// before are the links to which the batches before it are pushed: those of the tree that was.
	chosen uint64
	before mask
	// rival is the link that brought batch rivalAt before the parent did. strays counts batches from others
	// than the parent since the parent brought one, repairs the pulls that were answered since then.
	rival   int
	rivalAt uint64
	strays  int
	repairs int

	// known is what each link's peer holds, by slot.
	known []known
	// hi is the highest sequence that is known to exist; hlc the highest reading heard of.
	hi  uint64
	hlc messages.HLC
	// marks are what hi was a while ago, to tell fresh holes from old ones.
	marks [2]mark

	// arriving are batches that wait to be appended, coming is the set of them.
	arriving arrivals
	coming   messages.Ranges

	// base: what is at or below it is old, and fetched newest first. based: it was found.
	base  uint64
	based bool
	// wantAt is when what is missing up to wantTo is to be asked for; 0 is not at all.
	// wantedAt is since when.
	wantAt, wantedAt time.Duration
	wantTo           uint64
	pulls            []*pull
	// avoid are links of which a pull brought nothing, tries how many there were in a row.
	avoid mask
	tries int
	// restUntil is when it may be asked for again after several that brought nothing.
	restUntil time.Duration
	// size is how many bytes a batch has, about.
	size  int
	sized bool
	// denied are what peers said they don't hold, by slot; stuck are holes that nobody holds.
	denied map[int]messages.Ranges
	stuck  []stuck
	// backHLC is how far back the backfill is; isOld: the backfill has it.
	backHLC messages.HLC
	isOld   bool

	// dirty: its head is to be announced.
	dirty bool
	// due is when the agenda has it; place where in it, -1 nowhere.
	due   time.Duration
	place int
}

func (c *Core) newFlow(o *origin, epoch uint64) *flow {
	f := &flow{origin: o, epoch: epoch, parent: nobody, rival: nobody, helper: nobody, place: -1, eager: c.live, size: 1 << 10}
	if e, ok := o.line.Epoch(epoch); ok {
		f.hi, f.hlc = e.Head, e.HeadHLC
		if !c.opened && o.id != c.cfg.Node && len(e.Holes) > 0 && e.Holes[0].From == e.Floor && e.Holes[0].To < e.Head {
			// A backfill that did not end goes on: it had brought what is above. An epoch of which nothing is held is
			// none, nor is damage.
			f.base = e.Holes[0].To
		}
	}
	if epoch >= o.first && o.first != 0 {
		f.based = true
	}
	f.marks = [2]mark{{c.now.Mono, f.hi}, {c.now.Mono, f.hi}}
	i, _ := o.search(epoch)
	o.flows = slices.Insert(o.flows, i, f)
	return f
}

// held is what the journal holds of the epoch.
func (f *flow) held() messages.EpochDigest {
	if e, ok := f.origin.line.Epoch(f.epoch); ok {
		return e
	}
	return messages.EpochDigest{Epoch: f.epoch, Floor: 1}
}

// holds tells whether a batch is held, waits to be appended, or is not wanted any more.
func (f *flow) holds(sequence uint64) bool {
	e := f.held()
	return sequence < e.Floor || sequence <= e.Head && !messages.Ranges(e.Holes).Has(sequence) || f.coming.Has(sequence)
}

// top is the highest sequence that is held or waits to be appended.
func (f *flow) top() uint64 {
	top := f.held().Head
	if n := len(f.coming); n > 0 {
		top = max(top, f.coming[n-1].To)
	}
	return top
}

// mark is how much of a flow was known to exist at a time.
type mark struct {
	at time.Duration
	hi uint64
}

// raise notes that sequences up to one exist.
func (f *flow) raise(c *Core, hi uint64) {
	if hi <= f.hi {
		return
	}
	if c.now.Mono-f.marks[1].at >= c.cfg.Fresh/2 {
		f.marks[0], f.marks[1] = f.marks[1], mark{c.now.Mono, f.hi}
	}
	f.hi = hi
}

// fresh tells whether it was first heard of a sequence no longer ago than Fresh; beyond half of that it may
// say no.
func (f *flow) fresh(c *Core, sequence uint64) bool {
	switch now := c.now.Mono; {
	case sequence <= f.base || now-f.marks[1].at >= c.cfg.Fresh:
		return false
	case now-f.marks[0].at >= c.cfg.Fresh:
		return sequence > f.marks[1].hi
	}
	return sequence > f.marks[0].hi
}

// forget drops all that is known of a peer whose link is down.
func (f *flow) forget(slot int) {
	if slot < len(f.known) {
		f.known[slot] = known{}
	}
	delete(f.denied, slot)
	if f.rival == slot {
		f.rival = nobody
	}
	f.before &^= 1 << slot
	if f.helper == slot {
		f.helper = nobody
	}
	f.avoid &^= 1 << slot
}
