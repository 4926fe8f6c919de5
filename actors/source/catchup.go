package source

import (
	"context"
	"math"
	"time"

	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/spec"
	"anode/storage"
)

// catchUp takes over what other nodes numbered. The turn is taken.
func (j *job) catchUp(ctx context.Context, b *board) error {
	copies, lost := j.learnt.take()
	if len(copies) == 0 && lost == 0 {
		return nil
	}
	now := j.cfg.Clock()
	for i := range copies {
		c := &copies[i]
		j.givesWay(c, j.takeCopy(&c.Copy, c.ms, b, now), now)
	}
	if lost == 0 {
		return nil
	}
	b.reread.Add(1)
	j.states.again(ctx)
	if err := j.rereadCopies(ctx, b, lost, now); err != nil {
		j.learnt.lose(lost)
		return err
	}
	return nil
}

// givesWay has this node go behind another one that numbers too, where that outranks it; crossed tells that both numbered this one. What is pushed
// is pushed to this node, and no other has it.
func (j *job) givesWay(c *heardCopy, crossed bool, now time.Time) {
	if j.standby == nil || j.spec.Kind == spec.KindPush {
		return
	}
	if j.rival.hears(c, crossed, now); crossed && j.rival.ahead(now) {
		j.standby.active.Store(true)
	}
}

// oldCredit is from which age on, in ms, a copy is none of what the own feed is still to bring.
const oldCredit = 60_000

// takeCopy takes over one, of a record that was received at a Unix ms by the clock of who numbered it. Crossed tells that this node numbered it
// too.
func (j *job) takeCopy(c *transform.Copy, ms int64, b *board, now time.Time) (crossed bool) {
	dedupe, s := j.pipeline.Dedupe(), j.standby
	if s.holds() && j.once(c) {
		s.taken.add(c.Datum(), ms)
	}
	switch {
	case s.cancel(c, j.once(c)):
		dedupe.Yield(c)
		b.yield()
	case s != nil && s.active.Load() && j.once(c):
		if j.awaits(c.Born(), now) {
			s.credit(c, now)
		}
	default:
		if crossed = dedupe.Learn(c, now); crossed {
			b.crossed.Add(1)
		}
	}
	return crossed
}

// once tells that a copy stands for one datum: there may be others that are the same, of which deduplication knows nothing.
func (j *job) once(c *transform.Copy) bool { return !c.Known() || j.pipeline.Dedupe().ByChange() }

// awaits tells that the own feed is still to bring what another owner received at a Unix ms.
func (j *job) awaits(born int64, now time.Time) bool {
	line := j.standby.present()
	return now.UnixMilli()-born < oldCredit && (line == nil && j.remembers() || line != nil && born >= j.brings(line))
}

// remembers tells that the feed may bring what came before its connection.
func (j *job) remembers() bool { return j.states.from != "" || j.spec.Kind != spec.KindWebSocket }

// brings is the Unix ms from when on a connection brings what comes. Of a feed without a memory a copy of something before that would be
// taken for one of what is the same and comes later.
func (j *job) brings(line *Line) int64 {
	stood := line.stood.Load()
	switch {
	case j.remembers():
		return 0
	case stood == 0:
		return math.MaxInt64
	}
	return time.Unix(0, stood).UnixMilli()
}

// rereadCopies reads what other nodes numbered since a Unix ms from the journal, as it was not learned. What this
// node numbered is among it, and known; what was learned all the same is passed over.
func (j *job) rereadCopies(ctx context.Context, b *board, since int64, now time.Time) error {
	dedupe := j.pipeline.Dedupe()
	if !dedupe.NativeIDs() {
		known := j.standby.takenSince(since)
		return j.readDrafts(ctx, since, func(r *messages.Record, ms int64) {
			origin := r.Position.Origin
			if origin == j.cfg.Node {
				return
			}
			c := dedupe.CopyOf(&r.Draft, j.cfg.learner.here(origin, ms))
			if datum := c.Datum(); known[datum] > 0 {
				known[datum]--
				return
			}
			j.takeCopy(&c, ms, b, now)
		})
	}
	return j.readIdentities(ctx, since, func(at storage.IdentityAt) {
		c := transform.IdentityCopy(at.Identity, at.Ms)
		if j.standby.cancel(&c, false) {
			dedupe.Yield(&c)
			b.yield()
			return
		}
		dedupe.Restore(at.Identity, at.Ms, now)
	})
}

// readIdentities reads the identities of the source's records since a Unix ms. What can't be read is told of.
func (j *job) readIdentities(ctx context.Context, since int64, take func(storage.IdentityAt)) error {
	for at, err := range j.cfg.Journal.Identities(since, &j.spec.Name) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			j.cfg.Logger.Warn("some of what was collected before can't be read; it may come twice", "source", j.spec.Name, "error", err)
			continue
		}
		take(at)
	}
	return nil
}
