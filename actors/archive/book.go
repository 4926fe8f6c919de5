package archive

import (
	"time"

	"anode/messages"
	"anode/storage"
)

// epochKey names an epoch of an origin.
type epochKey struct {
	origin messages.NodeID
	epoch  uint64
}

// piece is a run of batches of one epoch.
type piece struct {
	epochKey
	messages.Range
}

// book is what is known of one epoch that this node archives. A sequence that is held is in exactly one of the sets below it.
type book struct {
	epochKey
	held messages.Ranges
	// todo are to be written, flying are being written, written were acknowledged, confirming are being confirmed.
	todo, flying, written, confirming, confirmed messages.Ranges
	// suspect were acknowledged just before the archive was away, and are written again whatever it confirms. again are those of which that
	// was so once, until they are settled: it is not done twice, or connections that come and go would have all written for ever.
	suspect, again messages.Ranges
	// refused were refused by the archive for a reason that may stay, absent could not be read.
	refused, absent messages.Ranges
	// stuck were refused when that was looked at last, and released then and the time before: the journal does not keep these for it.
	stuck, released messages.Ranges
	// fresh were confirmed lately, oldest first: they were not read back since a minute had passed.
	fresh []freshRuns
	// old is what was not archived before the start, as far as is known; nothing after the archive has said it.
	old messages.Ranges
	// note is what a confirm of written says besides.
	note  note
	tally tally
}

// freshRuns were confirmed, or found confirmed, at a time.
type freshRuns struct {
	runs  messages.Ranges
	at    time.Time
	found bool
}

// note is what is told of an epoch with its progress.
type note struct {
	// top is the highest sequence, and index that of its last record.
	top   uint64
	index uint32
	hlc   messages.HLC
	begun bool
	prior messages.Position
}

// join takes in what another one says.
func (n *note) join(o note) {
	if o.top > n.top {
		n.top, n.index = o.top, o.index
	}
	n.hlc = max(n.hlc, o.hlc)
	if o.begun {
		n.begun, n.prior = true, o.prior
	}
}

// sort puts what is held and nowhere else into todo.
func (b *book) sort() {
	b.todo = b.held.Minus(b.confirmed.Minus(b.suspect)).Minus(b.flying).Minus(b.written).Minus(b.confirming).Minus(b.refused).Minus(b.absent)
}

// survey takes in all that is held from a floor on, and gives how many batches are gone that were not archived.
func (b *book) survey(held messages.Ranges, floor uint64) (lost uint64) {
	for _, set := range []messages.Ranges{b.todo, b.absent, b.refused} {
		lost += set.Minus(messages.Ranges{{From: floor, To: messages.MaxSequence}}).Minus(b.confirmed).Len()
	}
	b.held, b.absent = held, nil
	b.suspect, b.again = b.suspect.Above(floor), b.again.Above(floor)
	b.stuck, b.released = b.stuck.Above(floor), b.released.Above(floor)
	b.refused = b.refused.Above(floor)
	b.sort()
	b.tally.keep(b.behind())
	return lost
}

// hear takes in that a batch is held.
func (b *book) hear(sequence uint64) {
	b.held = b.held.Add(messages.Range{From: sequence, To: sequence})
	b.absent = b.absent.Drop(messages.Range{From: sequence, To: sequence})
	for _, set := range []messages.Ranges{b.confirmed, b.flying, b.written, b.confirming, b.refused} {
		if set.Has(sequence) {
			return
		}
	}
	b.todo = b.todo.Add(messages.Range{From: sequence, To: sequence})
}

// take moves up to a number of batches from todo to flying: the newest or the oldest. todo must not be empty.
func (b *book) take(newest bool, most int) piece {
	run := b.todo[0]
	if newest {
		run = b.todo[len(b.todo)-1]
		run.From = max(run.From, run.To-min(run.To, uint64(most-1)))
	} else {
		run.To = min(run.To, run.From+uint64(most-1))
	}
	b.todo, b.flying = b.todo.Drop(run), b.flying.Add(run)
	return piece{b.epochKey, run}
}

// wrote takes in that a run that was flying was acknowledged.
func (b *book) wrote(run messages.Range, n note) {
	b.flying, b.written, b.suspect = b.flying.Drop(run), b.written.Add(run), b.suspect.Drop(run)
	b.stuck, b.released = b.stuck.Drop(run), b.released.Drop(run)
	b.note.join(n)
}

// back takes in that a run that was flying was not written.
func (b *book) back(run messages.Range) {
	b.flying = b.flying.Drop(run)
	b.todo = b.todo.Add(run)
}

// missed takes in that a run that was flying could not be read.
func (b *book) missed(run messages.Range) {
	b.flying, b.absent = b.flying.Drop(run), b.absent.Add(run)
}

// refuse takes in that the archive refuses a run that was flying.
func (b *book) refuse(run messages.Range) {
	b.flying, b.refused = b.flying.Drop(run), b.refused.Add(run)
}

// release has the journal not be kept from its retention by what was refused the last time, too, and gives how many batches these are that
// were not released before.
func (b *book) release() (more uint64) {
	again := b.stuck.Both(b.refused).Minus(b.released)
	b.released, b.stuck = union(b.released, again), b.refused.Minus(nil)
	return again.Len()
}

// confirm moves what is written to confirming, and gives what to tell the archive; false is nothing.
func (b *book) confirm(takes messages.Pattern) (storage.Archived, bool) {
	if len(b.written) == 0 {
		return storage.Archived{}, false
	}
	b.confirming, b.written = b.written, nil
	n := b.note
	b.note = note{}
	return storage.Archived{
		Origin: b.origin, Epoch: b.epoch, Streams: takes, Runs: append(messages.Ranges(nil), b.confirming...),
		Begun: n.begun, Prior: n.prior, HeadIndex: n.index, HeadHLC: n.hlc,
	}, true
}

// confirms takes in that what was being confirmed is.
func (b *book) confirms(at time.Time) {
	if len(b.confirming) == 0 {
		return
	}
	b.fresh = append(b.fresh, freshRuns{runs: b.confirming, at: at})
	b.confirmed, b.confirming = union(b.confirmed, b.confirming), nil
}

// unconfirmed takes in that what was being confirmed may not be, and is still in the archive.
func (b *book) unconfirmed(n note) {
	b.written, b.confirming = union(b.written, b.confirming), nil
	n.join(b.note)
	b.note = n
}

// doubt takes in that the archive may have forgotten what it acknowledged and did not confirm, and of what it confirmed a moment ago the
// rows: they need not be on the same one of its nodes as the progress.
func (b *book) doubt(now time.Time) {
	b.suspect = union(union(b.suspect, b.written), b.confirming)
	for i := range b.fresh {
		if f := &b.fresh[i]; !f.found && now.Sub(f.at) < settleAfter {
			once := f.runs.Minus(b.again).Both(b.held)
			b.suspect, b.again, f.runs = union(b.suspect, once), union(b.again, once), f.runs.Minus(once)
		}
	}
	b.written, b.confirming, b.note = nil, nil, note{}
	b.sort()
}

// readBack takes in what the archive said that was asked at a time. It gives how many batches it does not confirm any more: forgotten are
// held, and written again, lost are not. An archive that forgets by itself may forget an epoch as a whole.
func (b *book) readBack(confirmed messages.Ranges, asked time.Time, after time.Duration, forgets bool) (forgotten, lost uint64) {
	b.old = nil
	missing := b.confirmed.Minus(confirmed)
	held := missing.Both(b.held)
	forgotten = held.Len()
	if len(confirmed) > 0 || !forgets {
		lost = missing.Minus(held).Len()
	}
	b.settle(asked, after)
	if more := confirmed.Minus(b.confirmed); len(more) > 0 {
		b.fresh = append(b.fresh, freshRuns{more, asked, true})
	}
	b.confirmed = confirmed
	b.sort()
	return forgotten, lost
}

// settle takes in that the archive was asked at a time, and remembers what it confirmed so long before: that is on its disk.
func (b *book) settle(asked time.Time, after time.Duration) {
	for len(b.fresh) > 0 && asked.Sub(b.fresh[0].at) >= after {
		b.again = b.again.Minus(b.fresh[0].runs)
		b.fresh = b.fresh[1:]
	}
}

// settled are the sequences that the journal may drop: no time alone makes them so.
func (b *book) settled() messages.Ranges {
	settled := b.confirmed.Minus(b.suspect).Minus(b.open())
	for i := range b.fresh {
		settled = settled.Minus(b.fresh[i].runs)
	}
	return union(settled, b.released)
}

// open are the sequences that are held and not confirmed.
func (b *book) open() messages.Ranges {
	open := b.todo.Minus(nil)
	for _, set := range []messages.Ranges{b.flying, b.written, b.confirming, b.refused} {
		open = union(open, set)
	}
	return open
}

// behind are those of which the lag is: open, and what is known from before the start.
func (b *book) behind() messages.Ranges { return union(b.open(), b.old) }

// oldest is the lowest sequence that is held and not confirmed; 0 is none.
func (b *book) oldest() (oldest uint64) {
	for _, set := range []messages.Ranges{b.todo, b.flying, b.written, b.confirming, b.refused, b.old} {
		if len(set) > 0 && (oldest == 0 || set[0].From < oldest) {
			oldest = set[0].From
		}
	}
	return oldest
}

// union is a set of all in two, which it shares nothing with.
func union(a, b messages.Ranges) messages.Ranges {
	sum := a.Minus(nil)
	for _, run := range b {
		sum = sum.Add(run)
	}
	return sum
}
