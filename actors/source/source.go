package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"anode/actors/actor"
	"anode/messages/command"
	"anode/messages/spec"
)

// What a source's actor is told.
type (
	// reassigned: what is to be has changed.
	reassigned struct{}
	// restart: connect anew, without a pause.
	restart struct{}
	// opened and fresh: a connection stands, and brought data after it was stale.
	opened struct{ gen uint64 }
	fresh  struct{ gen uint64 }
	// refused: the journal did not store what a connection brought.
	refused struct{ gen uint64 }
	// knock: something is pushed to a source that waits for the journal, which takes records again.
	knock struct{}
	// ended: a connection is over; cause is why this node ended it, if it did.
	ended struct {
		gen        uint64
		err, cause error
	}
	// retry, watch and say are timers: a pause is over, a clock may be late, a change can be told.
	retry struct{ gen uint64 }
	watch struct{ gen uint64 }
	say   struct{}
)

// sourceActor is one incarnation of a source. It decides; its goroutine reads the feed.
type sourceActor struct {
	cfg   *Config
	board *board

	job    *job
	paused bool
	policy policy
	// attempt is the connection that is made or stands; nil in a pause. gen numbers them.
	attempt *attempt
	gen     uint64
	retry   *actor.Timer
	watcher *actor.Timer

	// stale tells that data was late and did not come since; dataWait is for how long it may be silent.
	stale    bool
	dataWait time.Duration

	states  *bucket
	skipped uint64
	unsaid  *stateReport
}

// attempt is one connection.
type attempt struct {
	gen    uint64
	line   *Line
	cancel context.CancelCauseFunc
}

// Started implements actor.Starter.
func (s *sourceActor) Started(ctx *actor.Context) error {
	s.states = newBucket(statesAtOnce, statesASecond)
	s.adopt(ctx, true)
	return nil
}

// Stopped implements actor.Stopper.
func (s *sourceActor) Stopped(*actor.Context) {
	if s.job != nil {
		s.job.close()
	}
	s.board.inbox.Load().shut(errBroken)
	// Should it be for a failure of its own, nobody else says so until the next incarnation.
	if before := s.board.shown.Load(); before.state != command.SourcePaused && before.state != command.SourceFailed {
		s.board.shown.Store(&shown{state: command.SourceBackoff, since: s.cfg.Clock(), lastError: "the source failed in this node and is started again"})
	}
}

// Receive implements actor.Actor.
func (s *sourceActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case reassigned:
		s.adopt(ctx, false)
	case restart:
		s.restart(ctx)
	case opened:
		if s.attempt != nil && m.gen == s.gen {
			s.opened(ctx)
			s.watcher.Stop()
			s.watch(ctx) // the clock of data runs from now on
		}
	case fresh:
		if s.attempt != nil && m.gen == s.gen {
			s.fresh(ctx)
		}
	case knock:
		if s.attempt == nil && !s.paused && s.job != nil && s.job.refused {
			s.retry.Stop()
			s.begin(ctx)
		}
	case refused:
		if s.attempt != nil && m.gen == s.gen {
			s.attempt.cancel(errRefused)
		}
	case ended:
		if s.attempt != nil && m.gen == s.gen {
			s.ended(ctx, m)
		}
	case retry:
		if s.attempt == nil && m.gen == s.gen && !s.paused {
			s.begin(ctx)
		}
	case watch:
		if s.attempt != nil && m.gen == s.gen {
			s.watch(ctx)
		}
	case say:
		s.say(ctx)
	}
}

// adopt makes the source what it is to be. A connection that stands in the way ends first; its end
// comes back here, with again.
func (s *sourceActor) adopt(ctx *actor.Context, again bool) {
	want := s.board.want.Load()
	same := s.job != nil && s.job.does(want)
	if !again && same && s.paused == want.Paused {
		s.job.reroled()
		return
	}
	if s.attempt != nil {
		s.attempt.cancel(errReassigned)
		return
	}
	s.retry.Stop()
	s.paused = want.Paused
	if !same {
		if s.job != nil {
			s.job.close()
			s.job = nil
		}
		job, err := newJob(s.cfg, want.Spec, want.Registered)
		if err != nil {
			s.board.errors.Add(1)
			s.show(ctx, shown{state: command.SourceFailed, lastError: err.Error()})
			return
		}
		s.job = job
		job.attach(s.board)
	}
	s.fromScratch()
	if s.job.spec.Kind != spec.KindPush {
		s.board.inbox.Load().shut(fmt.Errorf("%w: source %s is of kind %s now", command.ErrNotPush, s.board.name, s.job.spec.Kind))
	}
	if s.paused {
		s.job.ignore()
		s.cfg.hosts.release(s.job)
		s.show(ctx, shown{state: command.SourcePaused})
		return
	}
	s.job.heed()
	s.begin(ctx)
}

// fromScratch forgets earlier failures.
func (s *sourceActor) fromScratch() {
	s.policy = policy{backoff: s.job.spec.Backoff}
	s.stale, s.dataWait = false, s.job.spec.Liveness.Data.Of()
	s.board.fit.forget()
}

func (s *sourceActor) restart(ctx *actor.Context) {
	switch {
	case s.paused || s.job == nil:
	case s.attempt != nil:
		s.attempt.cancel(errRestart)
	default:
		s.retry.Stop()
		s.fromScratch()
		s.begin(ctx)
	}
}

// begin makes a connection in a goroutine, which tells when it has ended.
func (s *sourceActor) begin(ctx *actor.Context) {
	s.gen++
	self, gen, job := ctx.Self(), s.gen, s.job
	life, cancel := context.WithCancelCause(context.Background())
	line := &Line{
		cfg: s.cfg, board: s.board, job: job, gen: gen, begun: s.cfg.Clock(), chain: &command.Chain{},
		tell: func(message any) { self.Tell(message) },
	}
	line.stale.Store(s.stale)
	line.askable.Store(job.states.from != "")
	s.attempt = &attempt{gen: gen, line: line, cancel: cancel}
	s.board.connects.Add(1)
	s.board.quietUntil.Store(0)
	state := s.board.carry(command.SourceConnecting)
	if s.stale {
		state.state, state.dataLate = command.SourceStale, true
	}
	s.show(ctx, state)
	s.watch(ctx)
	ctx.Go("feed", func(actorLife context.Context) error {
		stop := context.AfterFunc(actorLife, func() { cancel(context.Cause(actorLife)) })
		defer stop()
		err := job.run(life, line)
		cause := context.Cause(life)
		cancel(nil)
		if !self.Tell(ended{gen: gen, err: err, cause: cause}) && actorLife.Err() == nil {
			return errors.New("the mailbox has no room for the end of a connection")
		}
		return nil
	})
}

// opened shows a connection that stands.
func (s *sourceActor) opened(ctx *actor.Context) {
	s.board.fit.opened()
	state := s.board.carry(command.SourceRunning)
	state.standing = true
	if s.stale {
		state.state, state.dataLate = command.SourceStale, true
	}
	s.show(ctx, state)
}

// ended decides what comes after a connection.
func (s *sourceActor) ended(ctx *actor.Context, m ended) {
	line := s.attempt.line
	s.attempt = nil
	s.watcher.Stop()
	var of *late
	switch {
	case errors.Is(m.cause, errReassigned):
		s.adopt(ctx, true)
		return
	case errors.Is(m.cause, errRestart):
		s.fromScratch()
		s.begin(ctx)
		return
	case storageFailed(m.err):
	case errors.As(m.cause, &of):
		m.err = of
	}
	if want := s.board.want.Load(); want.Paused || !s.job.does(want) {
		s.adopt(ctx, true)
		return
	}
	now := s.cfg.Clock()
	pause, why := s.policy.next(ending{err: m.err, data: line.data.Load(), good: line.good.Load(), lived: now.Sub(line.begun)})
	if why != nil {
		s.board.errors.Add(1)
		s.board.fit.ended(blameOf(m.err), line.good.Load(), s.words(why), now)
	}
	if of != nil && of.clock == clockData {
		s.dataWait = nextDataWait(s.job.spec.Liveness.Data.Of(), s.dataWait)
		s.begin(ctx) // stale already
		return
	}
	if pause == 0 {
		s.begin(ctx)
		return
	}
	state := s.board.carry(command.SourceBackoff)
	state.nextAt = now.Add(pause)
	state.why, state.resting = why, why == nil
	if why != nil {
		state.lastError = s.words(why)
		state.hint = Advice(why, s.job.spec)
	}
	s.retry = ctx.After(pause, retry{s.gen})
	s.show(ctx, state)
}

// words is an error as people see it. It is hidden first: a secret that was cut is not found.
func (s *sourceActor) words(err error) string {
	return clip(s.job.hidden.hide(err.Error()), mostErrorText)
}

// mostErrorText bounds what a status shows of an error, in bytes.
const mostErrorText = 1024

// watch looks at the clocks, and again when the next may be late.
func (s *sourceActor) watch(ctx *actor.Context) {
	line := s.attempt.line
	if line.held.Load() > 0 {
		s.watcher = ctx.After(time.Second, watch{s.gen})
		return
	}
	of, wait := s.late()
	switch {
	case s.stale && s.job.listens():
		s.wait(ctx)
	case of == nil && wait > 0:
		s.watcher = ctx.After(wait+time.Millisecond, watch{s.gen})
	case of == nil:
	case s.job.spec.Kind == spec.KindPush: // there is nobody to connect to
		s.wait(ctx)
	case of.clock == clockData:
		s.stale = true
		s.show(ctx, shown{state: command.SourceStale, dataLate: true, standing: line.standing.Load(), lastError: of.Error()})
		fallthrough
	default:
		s.attempt.cancel(of)
	}
}

// late finds the clock that is late, or how long it takes until one may be; 0 is never.
func (s *sourceActor) late() (*late, time.Duration) {
	b, line := s.board, s.attempt.line
	return check(s.job.spec.Liveness, s.dataWait, signs{
		begun: max(line.begun.UnixNano(), b.elsewhere.Load()), heldUntil: line.heldUntil.Load(), transport: b.transport.Load(), protocol: b.protocol.Load(),
		data: b.data.Load(), stood: line.stood.Load(), waited: line.waits.sum(), quietUntil: b.quietUntil.Load(),
	}, s.cfg.Clock().UnixNano())
}

// elsewherePause is between two looks at whether something was pushed to another node.
const elsewherePause = time.Second

// wait shows a source as stale to which nobody pushes, here or at another node, until somebody does.
func (s *sourceActor) wait(ctx *actor.Context) {
	line := s.attempt.line
	s.watcher.Stop()
	line.stale.Store(true)
	of, _ := s.late() // once more: from now on it is told of what comes
	if of == nil {
		s.stale = false
		line.stale.Store(false)
		s.opened(ctx)
		s.watch(ctx)
		return
	}
	if s.job.listens() {
		s.watcher = ctx.After(elsewherePause, watch{s.gen})
	}
	if s.stale && s.board.shown.Load().state == command.SourceStale {
		return // it is shown
	}
	s.stale = true
	s.show(ctx, shown{state: command.SourceStale, dataLate: of.clock == clockData, standing: true, lastError: of.Error()})
}

// fresh takes up a source that was stale.
func (s *sourceActor) fresh(ctx *actor.Context) {
	if s.job.spec.Kind == spec.KindPush {
		s.wait(ctx) // something came, but maybe not what is awaited
		return
	}
	s.stale, s.dataWait = false, s.job.spec.Liveness.Data.Of()
	s.opened(ctx)
}

// show publishes a state, and tells of it where it is another one.
func (s *sourceActor) show(ctx *actor.Context, next shown) {
	before, now := s.board.shown.Load(), s.cfg.Clock()
	next.since = before.since
	changed := before.state != next.state
	if changed {
		next.since = now
	}
	switch next.state {
	case command.SourceBackoff, command.SourceStale, command.SourceFailed: // they have reasons of their own
		s.board.complaint.Store(nil)
	}
	s.board.shown.Store(&next)
	if why := s.board.refusal(); why != nil {
		s.board.inbox.Load().shut(why)
	}
	if !changed {
		return
	}
	log := s.cfg.Logger.With("source", s.board.name)
	if next.well() {
		log.Debug("source", "state", next.state)
	} else {
		log.Warn("source is not well", "state", next.state, "reason", next.lastError)
	}
	s.announce(ctx, s.report(before.state, &next))
}

func (s *sourceActor) report(before string, next *shown) *stateReport {
	status := s.board.status(s.cfg.Node, s.cfg.Clock())
	r := &stateReport{
		Source: s.board.name, Node: s.cfg.Node, State: next.state, Since: next.since.UTC(), Before: before,
		NextAt: status.NextAt, Records: status.Records, Errors: status.Errors, Restarts: status.Restarts,
	}
	if !next.well() {
		r.Reason = next.lastError
	}
	return r
}

// announce puts a change on $sources.<name>. Where there were too many, the newest one waits.
func (s *sourceActor) announce(ctx *actor.Context, r *stateReport) {
	waiting := s.unsaid != nil
	if waiting {
		s.skipped++
		s.unsaid = nil
	}
	if s.states.take(s.cfg.Clock()) {
		r.Skipped, s.skipped = s.skipped, 0
		s.cfg.reporter.say(reportDraft(sourcesPrefix, s.board.name, r))
		return
	}
	s.unsaid = r
	if !waiting {
		ctx.After(time.Second, say{})
	}
}

// say tells of the change that waits.
func (s *sourceActor) say(ctx *actor.Context) {
	if r := s.unsaid; r != nil {
		s.unsaid = nil
		s.announce(ctx, r)
	}
}

// clip cuts a text for people.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:most], ""), len(text))
}
