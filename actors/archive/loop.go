package archive

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// errAway is what a conversation ends with when the archive was seen to be away: it may have forgotten what it is told of.
var errAway = errors.New("the archive is away")

// loop is what one incarnation of the actor does. What follows the channels is the loop's goroutine's alone.
type loop struct {
	a   *Archiver
	log *slog.Logger
	// loads go to writers, results come back; talks go to the talker, heardBack comes back. ended is closed when there are no more.
	loads     chan load
	results   chan result
	talks     chan talk
	heardBack chan talked
	ended     chan struct{}
	// asks are who wants to know how archiving is.
	asks chan func(command.ArchiveView, error)

	desk   desk
	roster roster
	gate   gate
	alarm  alarm
	health health
	// outer ends with the loop. writing is the context of what is under way: it ends when the archive is away, with which a new life begins.
	outer   context.Context
	writing context.Context
	stop    context.CancelCauseFunc
	life    int
	flying  int
	// talking is the conversation under way; nil is none.
	talking *talk
	// mean is about how many bytes a batch has when it is opened.
	mean float64
	// When things were done last.
	confirmedAt, surveyedAt, lookedAt, retriedAt, releasedAt, pinnedAt, wroteAt time.Time
	// settled: it is known who there is. stale: that changed.
	settled, stale bool
	// noted is what was confirmed, as the state has it.
	noted []byte
	// unreached: at the last look the archive could not be reached.
	unreached bool
	// untold: what others are to be told of the archive changed, and they were not.
	untold bool
	// foreign are origins that were heard of since the survey, and are other nodes' to archive.
	foreign map[messages.NodeID]bool
}

func newLoop(a *Archiver) *loop {
	now := a.cfg.Clock()
	return &loop{
		a: a, log: a.cfg.Logger,
		loads: make(chan load, writers), results: make(chan result, writers), talks: make(chan talk, 1), heardBack: make(chan talked, 1), ended: make(chan struct{}),
		asks: make(chan func(command.ArchiveView, error), mostAsks),
		desk: desk{takes: a.cfg.Archive.Takes(), forgets: a.cfg.Archive.TTL() > 0},
		roster: roster{
			self: a.cfg.Node, has: Register(a.cfg.Archive), alone: a.cfg.Alone, grace: a.cfg.Grace, begun: now,
			missed: make(map[messages.NodeID]time.Time),
		},
		mean: 4096, retriedAt: now, releasedAt: now, untold: true,
	}
}

// run archives until life ends, and then for a little what can still be.
func (l *loop) run(life context.Context) {
	defer close(l.ended)
	var cancel context.CancelFunc
	l.outer, cancel = context.WithCancel(context.WithoutCancel(life))
	defer cancel()
	l.begin()
	l.recall()
	defer func() { l.stop(context.Canceled) }()
	beats := time.NewTicker(beat)
	defer beats.Stop()
	gathering := time.NewTimer(0)
	defer gathering.Stop()
	waits := false
	l.replan()
	for {
		select {
		case <-life.Done():
			l.finish()
			return
		case <-l.a.wake:
			if !waits {
				waits = true
				gathering.Reset(gather)
			}
		case <-gathering.C:
			waits = false
			l.hear()
			l.dispatch()
		case <-l.a.plan:
			l.stale = true // with the next beat: in a large mesh much changes at once
		case answer := <-l.asks:
			answer(l.view(), nil)
		case r := <-l.results:
			l.result(&r)
			l.dispatch()
		case t := <-l.heardBack:
			l.answer(&t)
			l.dispatch()
		case <-beats.C:
			l.beat()
			l.dispatch()
		}
	}
}

// begin begins a life of what is written: nothing of an earlier one counts as written.
func (l *loop) begin() {
	if l.stop != nil {
		l.stop(errAway)
	}
	l.life++
	l.writing, l.stop = context.WithCancelCause(l.outer)
}

// replan takes in who there is.
func (l *loop) replan() {
	now := l.a.cfg.Clock()
	if list := l.a.members.Load(); list != nil {
		l.roster.members(*list, now)
	}
	if all := l.a.archives.Load(); all != nil {
		l.roster.archives = *all
	}
	l.survey(now)
}

// survey looks at all that the journal holds, and whose this node archives.
func (l *loop) survey(now time.Time) {
	l.surveyedAt, l.stale, l.foreign = now, false, make(map[messages.NodeID]bool)
	if lost := l.desk.survey(l.a.cfg.Journal.Digest(), l.roster.plan(now)); lost > 0 {
		l.health.lost += lost
		l.health.lostAt = now
		l.lost(lost, "the journal dropped batches before they were archived")
	}
	l.settled = l.roster.settled(now)
	l.note()
	l.pin(now)
}

// lost takes in that batches are neither in the journal nor in the archive.
func (l *loop) lost(batches uint64, how string) {
	l.a.metrics.lost.Add(float64(batches))
	l.log.Error("batches are lost to the archive", "batches", batches, "how", how)
}

// pin tells the journal what to keep.
func (l *loop) pin(now time.Time) {
	if l.pinnedAt = now; l.settled {
		l.a.pins.Store(l.desk.pins(room(l.a.cfg.Journal.Stats())))
	}
}

// hear takes in what was stored.
func (l *loop) hear() {
	list, missed := l.a.news.take()
	if missed || slices.ContainsFunc(list, l.strange) {
		l.survey(l.a.cfg.Clock())
	}
	for i := range list {
		l.desk.hear(&list[i])
	}
}

// strange tells of an origin that was not heard of before and is this node's to archive.
func (l *loop) strange(n heard) bool {
	if l.foreign[n.origin] || l.desk.find(n.origin) != nil {
		return false
	}
	mine := l.roster.plan(l.a.cfg.Clock())(n.origin)
	l.foreign[n.origin] = !mine
	return mine
}

// dispatch gives the writers what they have room for.
func (l *loop) dispatch() {
	for l.gate.open && l.flying < writers {
		most := int(min(mostBatches, max(1, aimBytes/l.mean)))
		pieces := l.desk.take(most)
		if len(pieces) == 0 {
			return
		}
		l.flying++
		l.loads <- load{pieces, l.life, l.writing}
	}
}

// result takes in what became of a load.
func (l *loop) result(r *result) {
	l.flying--
	if r.batches > 0 {
		l.mean += (float64(r.bytes)/float64(r.batches) - l.mean) / 8
	}
	stale := r.life != l.life
	for i := range r.done {
		d := &r.done[i]
		if b := l.desk.at(d.epochKey); b != nil && stale {
			b.back(d.Range) // the archive may have forgotten it
		} else if b != nil {
			b.wrote(d.Range, d.note)
		}
	}
	for _, list := range []struct {
		pieces []piece
		move   func(*book, messages.Range)
	}{{r.back, (*book).back}, {r.absent, (*book).missed}, {r.refused, (*book).refuse}} {
		for _, p := range list.pieces {
			if b := l.desk.at(p.epochKey); b != nil {
				list.move(b, p.Range)
			}
		}
	}
	if len(r.done) > 0 && !stale {
		l.wroteAt = l.a.cfg.Clock()
		l.well()
		l.a.metrics.batches.Add(float64(batchesOf(r.done)))
	}
	if r.unread != nil {
		l.log.Error("batches can't be read, and are not archived; they are tried again while the journal holds them", "batches", r.unreadable, "error", r.unread)
	}
	if r.refusal != nil {
		l.health.refusal = r.refusal.Error()
		l.a.metrics.refused.Add(float64(len(r.refused)))
		l.log.Error("the archive refuses batches; they are tried again", "batches", len(r.refused), "error", r.refusal)
	}
	if r.err != nil && !stale {
		l.shut(r.err)
	}
}

// well takes in that the archive takes what it is given.
func (l *loop) well() {
	if l.gate.well() {
		l.log.Info("the archive takes records again", "after", l.a.cfg.Clock().Sub(l.gate.since).Round(time.Millisecond))
	}
}

func batchesOf(list []done) (n uint64) {
	for i := range list {
		n += list[i].To - list[i].From + 1
	}
	return n
}

// shut takes in that the archive does not take anything now: what it has not confirmed it may have forgotten.
func (l *loop) shut(err error) {
	now := l.a.cfg.Clock()
	if l.gate.shut(err.Error(), now) {
		l.log.Warn("the archive is away: what is stored waits in the journal", "error", err)
	}
	l.begin()
	l.desk.doubt(now)
	if l.talking != nil {
		l.talking.cancel(errAway)
	}
}

// say begins a conversation.
func (l *loop) say(t talk) {
	t.life, t.begun = l.life, l.a.cfg.Clock()
	t.ctx, t.cancel = context.WithCancelCause(l.outer)
	l.talking = &t
	l.talks <- t
}

// answer takes in how a conversation went.
func (l *loop) answer(t *talked) {
	t.cancel(nil)
	l.talking = nil
	now := l.a.cfg.Clock()
	switch {
	case t.life != l.life: // it was away meanwhile, and all of it is in doubt
		if t.err == nil && t.confirm == nil {
			l.gate.next = now
		}
	case t.err != nil && (t.confirm == nil || errors.Is(t.err, storage.ErrAway)):
		l.shut(t.err)
	case t.err != nil:
		l.desk.unconfirmed()
		l.log.Error("the archive does not confirm; it is told again", "error", t.err)
	case t.confirm != nil:
		l.desk.confirmed(now)
	default:
		l.has(t, now)
	}
}

// has takes in what the archive has.
func (l *loop) has(t *talked, now time.Time) {
	unread := len(l.desk.unread())
	forgotten, lost := l.desk.readBack(t.has, t.of, t.begun)
	if forgotten > 0 {
		l.a.metrics.forgotten.Add(float64(forgotten))
		l.log.Warn("the archive has forgotten what it had confirmed: it is written again", "batches", forgotten)
	}
	if lost > 0 {
		l.health.erased += lost
		l.health.erasedAt = now
		l.lost(lost, "the archive has forgotten what it had confirmed, and the journal has dropped it")
	}
	l.gate.open = true
	if unread > 0 {
		l.survey(now)
	}
	l.look(now)
}

// beat does what is due.
func (l *loop) beat() {
	now := l.a.cfg.Clock()
	away := l.a.cfg.Archive.Stats().Away
	switch {
	case l.gate.open && away != "":
		l.shut(errors.New(away))
	case l.unreached && away == "":
		l.gate.next = now // it came back
	}
	l.unreached = away != ""
	l.tell()
	if l.stale {
		l.replan()
	} else if now.Sub(l.surveyedAt) >= surveyEvery || !l.settled && l.roster.settled(now) {
		l.survey(now)
	}
	if l.gate.open && l.flying == 0 && !l.desk.due() {
		l.well()
	}
	if now.Sub(l.releasedAt) >= releaseEvery { // before all are tried again
		l.release(now)
	}
	if now.Sub(l.retriedAt) >= refusedFor {
		l.retriedAt = now
		l.desk.retry()
	}
	if now.Sub(l.lookedAt) >= time.Second {
		l.look(now)
	}
	l.desk.pace.full = l.a.cfg.Journal.Stats().Full != ""
	if since := now.Sub(l.pinnedAt); since >= surveyEvery/2 || l.desk.pace.full && since >= time.Second {
		l.pin(now)
	}
	if l.talking == nil {
		l.converse(now)
	}
}

// tell tells others what the archive is, when that changed: who archives what goes by it.
func (l *loop) tell() {
	if has := Register(l.a.cfg.Archive); has != l.roster.has {
		l.roster.has, l.stale, l.untold = has, true, true
	}
	if l.untold {
		l.untold = l.a.cfg.Changed != nil && !l.a.cfg.Changed(l.roster.has)
	}
}

// release lets the journal drop what is refused for long.
func (l *loop) release(now time.Time) {
	more := l.desk.release(l.wroteAt.After(l.releasedAt)) // it takes others
	if l.releasedAt = now; more > 0 {
		l.a.metrics.released.Add(float64(more))
		l.log.Error("the archive refuses batches for long: the journal does not keep them beyond its retention any more", "batches", more, "refusal", l.health.refusal)
	}
}

// converse begins the conversation that is due.
func (l *loop) converse(now time.Time) {
	if !l.gate.open {
		if l.gate.due(now) {
			l.say(talk{})
		}
		return
	}
	if list := l.desk.unread(); len(list) > 0 {
		l.say(talk{of: list})
		return
	}
	if now.Sub(l.confirmedAt) >= confirmEvery {
		l.confirmedAt = now
		if list := l.desk.confirm(); len(list) > 0 {
			l.say(talk{confirm: list})
			return
		}
	}
	if list := l.desk.doubtful(now, l.a.cfg.Journal.Stats().Pinned > 0); len(list) > 0 {
		l.say(talk{of: list})
	}
}

// mostLooked is how many batches are read at a time to see how old they are.
const mostLooked = 64

// look sees how archiving is, for people.
func (l *loop) look(now time.Time) {
	l.lookedAt = now
	for _, s := range l.desk.lows(mostLooked) {
		if sealed, err := l.a.cfg.Journal.Read(s.low); err == nil {
			s.lowMs = sealed.First.Millis()
		}
	}
	h := &l.health
	h.lag, h.seconds = l.desk.lag(l.average()), 0
	if h.fromMs > 0 {
		h.seconds = max(0, now.Sub(time.UnixMilli(h.fromMs)).Seconds())
	}
	h.away, h.since, h.why = l.gate.trouble, l.gate.since, l.gate.why
	if stats := l.a.cfg.Archive.Stats(); stats.Refused {
		h.barred, h.helped, h.why = true, l.roster.helped(now), stats.Away
	} else {
		h.barred, h.helped = false, false
	}
	s := shown{health: *h}
	s.state, s.detail = l.alarm.next(h, now)
	l.a.shown.Store(&s)
}

// average is how many records a batch of the journal has.
func (l *loop) average() float64 {
	if stats := l.a.cfg.Journal.Stats(); stats.Batches > 0 {
		return float64(stats.Records) / float64(stats.Batches)
	}
	return 1
}

// finish writes what can still be written, and confirms it, within bounds.
func (l *loop) finish() {
	defer func() {
		l.note()
		l.look(l.a.cfg.Clock())
	}()
	until := time.NewTimer(endPatience)
	defer until.Stop()
	l.hear()
	if list := l.desk.unread(); len(list) > 0 && l.gate.open && l.talking == nil {
		l.say(talk{of: list})
	}
	l.dispatch()
	over := false
	for l.flying > 0 || l.talking != nil {
		select {
		case r := <-l.results:
			l.result(&r)
		case t := <-l.heardBack:
			l.answer(&t)
		case <-until.C:
			if over { // who has it does not come back
				return
			}
			over = true
			until.Reset(endPatience)
			l.stop(context.Canceled)
			if l.talking != nil {
				l.talking.cancel(context.Canceled)
			}
		}
		if !over {
			l.dispatch()
		}
	}
	if list := l.desk.confirm(); len(list) > 0 && l.gate.open {
		ctx, cancel := context.WithTimeout(l.outer, endPatience)
		defer cancel()
		if err := l.a.cfg.Archive.Confirm(ctx, l.a.cfg.Node, list); err != nil {
			l.log.Warn("what was written last is not confirmed: it is written again after the next start", "error", err)
		} else {
			l.desk.confirmed(l.a.cfg.Clock())
		}
	}
}
