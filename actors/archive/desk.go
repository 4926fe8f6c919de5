package archive

import (
	"cmp"
	"slices"
	"time"

	"anode/messages"
	"anode/storage"
)

// desk is what is known of all origins that this node archives. It is pure, and the loop's alone.
type desk struct {
	takes messages.Pattern
	// forgets: the archive has a TTL.
	forgets bool
	pace    pace
	// shelves are the origins, in order of name; turn is whose is next.
	shelves []*shelf
	turn    int
	// guests are the origins that others archive.
	guests map[messages.NodeID]*guest
	// recalled is what was confirmed of origins and epochs before the start, for the lag of those that are not known.
	recalled map[messages.NodeID]map[uint64]messages.Ranges
	// talking are the notes of what is being confirmed.
	talking map[epochKey]note
}

// pace is how soon the journal may drop what is confirmed. full: it has no room.
type pace struct{ full bool }

// read is how often what is not settled is read back, and settle how long after it was confirmed it is settled.
func (p pace) read() time.Duration {
	if p.full {
		return fullEvery
	}
	return readEvery
}

func (p pace) settle() time.Duration {
	if p.full {
		return fullAfter
	}
	return settleAfter
}

// shelf is one origin.
type shelf struct {
	origin messages.NodeID
	books  []*book // oldest first
	// known: the archive has said what it has. Before, only what is heard of is to be written, and nothing is taken.
	known bool
	// recalled: what it had before the start is known.
	recalled bool
	// newest: the next turn takes the newest.
	newest bool
	// readAt is when what is confirmed was read back.
	readAt time.Time
	// low is the oldest batch that is not confirmed, and lowMs when it was received; 0 where that is not known.
	low   messages.BatchID
	lowMs int64
}

// find gives an origin's shelf; nil is none.
func (d *desk) find(origin messages.NodeID) *shelf {
	if i, ok := d.search(origin); ok {
		return d.shelves[i]
	}
	return nil
}

func (d *desk) search(origin messages.NodeID) (int, bool) {
	return slices.BinarySearchFunc(d.shelves, origin, func(s *shelf, o messages.NodeID) int { return cmp.Compare(s.origin, o) })
}

// book gives an epoch's book, made where it is missing.
func (s *shelf) book(epoch uint64) *book {
	i, ok := slices.BinarySearchFunc(s.books, epoch, func(b *book, n uint64) int { return cmp.Compare(b.epoch, n) })
	if !ok {
		s.books = slices.Insert(s.books, i, &book{epochKey: epochKey{s.origin, epoch}})
	}
	return s.books[i]
}

// at gives the book of an epoch that this node archives; nil is none: the origin became another node's.
func (d *desk) at(key epochKey) *book {
	if s := d.find(key.origin); s != nil {
		return s.book(key.epoch)
	}
	return nil
}

// survey takes in all that is held, and whose this node archives: what is not held any more, and other nodes', is forgotten. It gives how many
// batches are gone that were not archived.
func (d *desk) survey(held messages.Digest, mine func(messages.NodeID) bool) (lost uint64) {
	d.shelves = slices.DeleteFunc(d.shelves, func(s *shelf) bool { return !mine(s.origin) })
	d.invite(held, mine)
	for origin, epochs := range held {
		if !mine(origin) {
			continue
		}
		i, ok := d.search(origin)
		if !ok {
			d.shelves = slices.Insert(d.shelves, i, &shelf{origin: origin})
		}
		s := d.shelves[i]
		lost += s.survey(epochs)
		if had, is := d.recalled[origin]; is && !s.known {
			s.recall(epochs, had)
		}
	}
	return lost
}

func (s *shelf) survey(epochs []messages.EpochDigest) (lost uint64) {
	for i := range epochs {
		e := &epochs[i]
		b, now := s.book(e.Epoch), heldOf(e)
		if !s.known {
			now = b.held.Minus(b.held.Minus(now))
		}
		lost += b.survey(now, e.Floor)
	}
	s.books = slices.DeleteFunc(s.books, func(b *book) bool { // the journal has forgotten it
		return len(b.flying) == 0 && !slices.ContainsFunc(epochs, func(e messages.EpochDigest) bool { return e.Epoch == b.epoch })
	})
	return lost
}

// recall takes in what was confirmed before the start, for the lag alone.
func (s *shelf) recall(epochs []messages.EpochDigest, had map[uint64]messages.Ranges) {
	s.recalled = true
	for i := range epochs {
		s.book(epochs[i].Epoch).old = heldOf(&epochs[i]).Minus(had[epochs[i].Epoch])
	}
}

// heldOf are the sequences that are held of an epoch.
func heldOf(e *messages.EpochDigest) messages.Ranges {
	if e.Head < e.Floor {
		return nil
	}
	return messages.Ranges{{From: e.Floor, To: e.Head}}.Minus(e.Holes)
}

// hear takes in a batch that was stored, where it is of an origin that this node archives.
func (d *desk) hear(n *heard) {
	if b := d.at(n.epochKey); b != nil {
		b.tally.note(n.sequence, n.count)
		b.hear(n.sequence)
	}
}

// take gives the next pieces to be written, of so many batches together at most.
func (d *desk) take(most int) (load []piece) {
	share := max(1, most/2)
	for idle := 0; most > 0 && idle < len(d.shelves); {
		if d.turn >= len(d.shelves) {
			d.turn = 0
		}
		s := d.shelves[d.turn]
		d.turn++
		p, ok := s.take(min(share, most))
		if !ok {
			idle++
			continue
		}
		idle = 0
		most -= int(p.To - p.From + 1)
		load = append(load, p)
	}
	return load
}

// take gives the next piece of an origin: the newest and the oldest in turns.
func (s *shelf) take(most int) (piece, bool) {
	if !s.known {
		return piece{}, false
	}
	open := func(b *book) bool { return len(b.todo) > 0 }
	i := slices.IndexFunc(s.books, open)
	if i < 0 {
		return piece{}, false
	}
	s.newest = !s.newest
	if s.newest {
		for i = len(s.books) - 1; !open(s.books[i]); i-- {
		}
	}
	return s.books[i].take(s.newest, most), true
}

// due tells whether something is to be written.
func (d *desk) due() bool {
	return slices.ContainsFunc(d.shelves, func(s *shelf) bool {
		return s.known && slices.ContainsFunc(s.books, func(b *book) bool { return len(b.todo) > 0 })
	})
}

// each calls visit with every book.
func (d *desk) each(visit func(*shelf, *book)) {
	for _, s := range d.shelves {
		for _, b := range s.books {
			visit(s, b)
		}
	}
}

// confirm gives what the archive is to be told; confirmed or unconfirmed follows.
func (d *desk) confirm() (list []storage.Archived) {
	d.talking = make(map[epochKey]note)
	d.each(func(_ *shelf, b *book) {
		n := b.note
		if a, ok := b.confirm(d.takes); ok {
			list = append(list, a)
			d.talking[b.epochKey] = n
		}
	})
	return list
}

// confirmed takes in that the archive has noted what it was told.
func (d *desk) confirmed(now time.Time) {
	d.each(func(_ *shelf, b *book) { b.confirms(now) })
}

// unconfirmed takes in that the archive has not noted what it was told, and was there all the time.
func (d *desk) unconfirmed() {
	d.each(func(_ *shelf, b *book) {
		if len(b.confirming) > 0 {
			b.unconfirmed(d.talking[b.epochKey])
		}
	})
}

// doubt takes in that the archive was away.
func (d *desk) doubt(now time.Time) {
	d.each(func(s *shelf, b *book) {
		if s.known {
			b.doubt(now)
		}
	})
}

// readBack takes in what the archive has of some origins, or of all where that is nil, as it was asked at a time. It gives how many
// batches are not confirmed any more, of those that are held and of those that are not. Of epochs that the journal does not know nothing is kept.
func (d *desk) readBack(list []storage.Archived, of []messages.NodeID, asked time.Time) (forgotten, lost uint64) {
	wanted := make(map[messages.NodeID]map[uint64]messages.Ranges, len(d.shelves))
	for _, s := range d.shelves {
		wanted[s.origin] = nil
	}
	for origin := range d.guests {
		wanted[origin] = nil
	}
	if of != nil {
		clear(wanted)
		for _, origin := range of {
			wanted[origin] = nil
		}
	}
	for i := range list {
		a := &list[i]
		has, is := wanted[a.Origin]
		if !is || !a.Streams.Covers(d.takes) {
			continue
		}
		if has == nil {
			has = make(map[uint64]messages.Ranges)
			wanted[a.Origin] = has
		}
		has[a.Epoch] = union(has[a.Epoch], a.Runs)
	}
	for _, s := range d.shelves {
		has, is := wanted[s.origin]
		if !is {
			continue
		}
		for _, b := range s.books {
			f, l := b.readBack(has[b.epoch], asked, d.pace.settle(), d.forgets)
			forgotten, lost = forgotten+f, lost+l
		}
		s.known, s.readAt = true, asked
	}
	for origin, g := range d.guests {
		if has, is := wanted[origin]; is {
			*g = guest{has, asked}
		}
	}
	return forgotten, lost
}

// unread are the origins of which it is not known what the archive has.
func (d *desk) unread() (list []messages.NodeID) {
	for _, s := range d.shelves {
		if !s.known {
			list = append(list, s.origin)
		}
	}
	return list
}

// mostAsked is how many origins are asked for one by one.
const mostAsked = 16

// doubtful are origins of which something was confirmed that is not settled, and that were not read back for a while: not more than are asked for
// one by one, first those for which that is longest ago. Where guests hold up the journal's retention, they are among them.
func (d *desk) doubtful(now time.Time, guests bool) (list []messages.NodeID) {
	type ask struct {
		origin messages.NodeID
		readAt time.Time
	}
	var due []ask
	for _, s := range d.shelves {
		fresh := func(b *book) bool { return len(b.fresh) > 0 }
		if s.known && now.Sub(s.readAt) >= d.pace.read() && slices.ContainsFunc(s.books, fresh) {
			due = append(due, ask{s.origin, s.readAt})
		}
	}
	for origin, g := range d.guests {
		if guests && g.due(now) {
			due = append(due, ask{origin, g.readAt})
		}
	}
	slices.SortFunc(due, func(a, b ask) int { return cmp.Or(a.readAt.Compare(b.readAt), cmp.Compare(a.origin, b.origin)) })
	for _, a := range due[:min(len(due), mostAsked)] {
		list = append(list, a.origin)
	}
	return list
}

// retry has what was refused be tried again.
func (d *desk) retry() {
	d.each(func(_ *shelf, b *book) {
		if len(b.refused) > 0 {
			b.refused = nil
			b.sort()
		}
	})
}

// release is book.release of all; where the archive took no other one lately, that it refuses says nothing of a batch.
func (d *desk) release(takes bool) (more uint64) {
	d.each(func(_ *shelf, b *book) {
		if !takes {
			b.stuck = nil
			return
		}
		more += b.release()
	})
	return more
}

// lag is how much is not archived.
type lag struct {
	records, batches, refused uint64
	// fromMs is when the oldest record of it was received, as far as that is known; 0 is not.
	fromMs int64
	// origins is how many are archived, unread of how many it is not known what the archive has, recalled of how many more that is known
	// from before the start alone.
	origins, unread, recalled int
}

// lag sums up. A batch of which nothing was heard has so many records on average.
func (d *desk) lag(average float64) (l lag) {
	var records float64
	d.each(func(_ *shelf, b *book) {
		open := b.behind()
		records += b.tally.records(open, average)
		l.batches += open.Len()
		l.refused += b.refused.Len()
	})
	l.records, l.origins = uint64(records+0.5), len(d.shelves)
	for _, s := range d.shelves {
		switch {
		case s.known:
		case s.recalled:
			l.recalled++
		default:
			l.unread++
		}
		if s.low.Sequence > 0 && s.lowMs > 0 && (l.fromMs == 0 || s.lowMs < l.fromMs) {
			l.fromMs = s.lowMs
		}
	}
	return l
}

// lows finds the oldest batch of each origin that is not confirmed, and gives up to a number of shelves whose is another one than before.
func (d *desk) lows(most int) (list []*shelf) {
	for _, s := range d.shelves {
		low := messages.BatchID{Origin: s.origin}
		for _, b := range s.books {
			if low.Epoch, low.Sequence = b.epoch, b.oldest(); low.Sequence > 0 {
				break
			}
		}
		if low != s.low && (low.Sequence == 0 || len(list) < most) {
			s.low, s.lowMs = low, 0
			if low.Sequence > 0 {
				list = append(list, s)
			}
		}
	}
	return list
}

// pins is what the journal is to keep: everything of the origins that this node archives but what is settled, and what was refused for long;
// and of guests, where there is room, what is not archived.
func (d *desk) pins(room bool) *pins {
	p := &pins{settled: make(map[messages.NodeID]map[uint64]messages.Ranges, len(d.shelves)+len(d.guests))}
	for _, s := range d.shelves {
		of := make(map[uint64]messages.Ranges, len(s.books))
		for _, b := range s.books {
			of[b.epoch] = b.settled()
		}
		p.settled[s.origin] = of
	}
	for origin, g := range d.guests {
		if room {
			p.settled[origin] = g.confirmed
		}
	}
	return p
}

// pins is a snapshot for the journal. It is not changed.
type pins struct {
	// all: it is not known yet whose this node archives.
	all     bool
	settled map[messages.NodeID]map[uint64]messages.Ranges
}

// pinned tells whether something of a run is to be kept.
func (p *pins) pinned(origin messages.NodeID, epoch uint64, run messages.Range) bool {
	if p.all {
		return true
	}
	settled, mine := p.settled[origin]
	return mine && len(messages.Ranges{run}.Minus(settled[epoch])) > 0
}
