package source

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"anode/actors/expr"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
)

// The most of one submission: what a message makes beyond goes in several.
const (
	mostDrafts      = 1024
	mostDraftsBytes = 1 << 20
)

// Line is what one connection hands its feed's messages to, and what it tells of itself. Walks and Settle
// belong to the goroutine that runs the connector; all else is safe for any, and messages that are fed at once
// wait for each other.
type Line struct {
	cfg   *Config
	board *board
	job   *job
	begun time.Time
	// tell tells the source's actor; what is refused is told by the end of the connection.
	tell func(message any)
	gen  uint64

	standing, good, data atomic.Bool
	// stood is when the connection stood, or brought something, first, in Unix ns; 0 is not yet.
	stood atomic.Int64
	// refused tells that the journal did not store something.
	refused atomic.Bool
	// stale asks to be told of the next data.
	stale atomic.Bool
	// receipt follows the message that is fed; nil is none. The job's turn guards it.
	receipt *receipt
	// held counts waits for the journal: the feed is not read then, and its silence is ours.
	held      atomic.Int32
	heldUntil atomic.Int64 // Unix ns
	waits     waits
	// askable tells that the feed gives what was not stored again.
	askable atomic.Bool
	// sockets tells those who look at frames its sockets apart.
	sockets sockets
	// chain has nothing stored after something that was not.
	chain *command.Chain
	// cut tells that a message was taken in part: no state is stored any more, and no message taken.
	cut atomic.Bool
	// seen tells that the last message had records that were known before, walked that the present walk
	// brought some.
	seen, walked bool
	// page is what the last message said of the page that it was.
	page transform.Page
	// host is what was connected to last.
	host atomic.Pointer[string]
	// again tells that the journal refused some of what the connection before brought.
	again bool
	// holder brings what the spec's limit holds.
	holder holder
}

// Opened tells that the connection stands and the feed was asked for what it is to send.
func (l *Line) Opened() {
	l.Heard()
	if l.standing.CompareAndSwap(false, true) {
		l.stood.Store(l.cfg.Clock().UnixNano())
		l.tell(opened{l.gen})
	}
}

// Heard tells that bytes came: the connection's transport lives.
func (l *Line) Heard() { l.board.transport.Store(l.cfg.Clock().UnixNano()) }

// Understood tells that the feed speaks as it should, be it that it has nothing new. Messages that
// can be parsed do so by themselves.
func (l *Line) Understood() { l.board.protocol.Store(l.cfg.Clock().UnixNano()) }

// Worked tells that the feed did what it is there for, be it without data: earlier failures do not count
// any more. Data does so by itself.
func (l *Line) Worked() {
	l.good.Store(true)
	l.board.good.Store(l.cfg.Clock().UnixNano())
}

// Quiet tells that nothing is asked of the feed until then, so that no sign of life is awaited.
func (l *Line) Quiet(until time.Time) {
	l.board.quietUntil.Store(until.UnixNano())
	if l.job.trial != nil {
		l.job.trial.quiet(until)
	}
}

// AsksAgain tells that what the journal does not take is asked of the feed again: it is not counted as lost.
func (l *Line) AsksAgain() { l.askable.Store(true) }

// Renewed tells that a connection took the place of another one, without an end in between.
func (l *Line) Renewed() { l.board.connects.Add(1) }

// Again tells that the journal did not take all that the connection before brought: it is to be asked for
// again.
func (l *Line) Again() bool { return l.again }

// Filtered counts a message that the spec does not ask for.
func (l *Line) Filtered() {
	l.Understood()
	l.board.filtered.Add(1)
	if l.job.trial != nil {
		l.job.trial.passedOver()
	}
}

// Unreadable counts and reports a message of so many bytes that can't be handed on. frame is it, or its
// beginning.
func (l *Line) Unreadable(reason string, frame []byte, size int, meta transform.Meta) {
	l.Heard()
	if len(frame) == size {
		l.came(frame, &meta)
	}
	l.board.failed.Add(1)
	l.Report(reason, frame, size)
}

// Secret resolves secrets for a host, which may have a port.
func (l *Line) Secret(host string) transform.Secret {
	return func(name string) (string, error) {
		if name == expr.KeySecret {
			return "", errors.New("it is known to auth.sign.value only")
		}
		value, err := l.cfg.Secrets.get(name, host)
		if err == nil {
			l.job.hidden.note(value)
		}
		return value, err
	}
}

// OwnSecret resolves a secret that does not leave this node, so that it may go to any host.
func (l *Line) OwnSecret(name string) (string, error) {
	value, err := l.cfg.Secrets.read(name)
	if err == nil {
		l.job.hidden.note(value)
	}
	return value, err
}

// Hide puts asterisks where a text that people see has a secret that was used.
func (l *Line) Hide(text string) string { return l.job.hidden.hide(text) }

// Feed takes a message. It blocks while the journal has no room for what the message makes. What the
// spec's rules want of the connection comes back, in order. An error ends the connection: the
// journal did not take records, or ctx ended. The message is the line's from now on.
func (l *Line) Feed(ctx context.Context, message []byte, meta transform.Meta) ([]transform.Action, error) {
	return l.feed(ctx, message, meta, nil)
}

func (l *Line) feed(ctx context.Context, message []byte, meta transform.Meta, receipt *receipt) ([]transform.Action, error) {
	if err := l.spare(ctx); err != nil {
		return nil, err
	}
	if err := l.job.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.job.turn.give()
	l.receipt = receipt
	defer func() { l.receipt = nil }()
	if l.cut.Load() {
		return nil, errLeft
	}
	if err := l.recall(); err != nil {
		return nil, err
	}
	if s := l.job.standby; s != nil {
		if err := s.look(ctx, l); err != nil {
			l.cut.Store(true)
			return nil, err
		}
	}
	l.Heard()
	l.stood.CompareAndSwap(0, l.cfg.Clock().UnixNano())
	at := l.came(message, &meta)
	if t := l.job.trial; t != nil {
		t.begin(at, message)
		t.sample(at, message, &meta)
		defer t.settled()
	}
	state, err := l.enterState(ctx, &meta)
	if err != nil {
		return nil, err
	}
	take := func(r *transform.Result) error { return l.take(ctx, r, state) }
	result, err := l.job.pipeline.FeedTo(ctx, message, meta, take)
	behind := l.job.standby.holds() // then what moves the state comes behind what is held, else with it
	whole := err == nil && ctx.Err() == nil
	if whole {
		l.seen, l.page = result.Seen, result.Page
	}
	if whole && !behind {
		l.move(state, result.Since, meta.Cursor)
	}
	if err == nil {
		err = l.take(ctx, &result, state)
	}
	if whole && behind && err == nil {
		l.move(state, result.Since, meta.Cursor)
	}
	if err != nil {
		l.cut.Store(true)
		return nil, err
	}
	l.holder.arm(l)
	return result.Actions, nil
}

// take takes over what became of a message, or of a part of it.
func (l *Line) take(ctx context.Context, result *transform.Result, state *state) error {
	if ctx.Err() != nil { // what failed may have failed for that
		l.job.pipeline.Forget(result.Drafts)
		return context.Cause(ctx)
	}
	if l.job.trial != nil {
		l.job.trial.done(result)
	}
	if result.Decoded {
		l.Understood()
	}
	l.count(result)
	if result.Data {
		l.brought()
	}
	if len(result.Drafts) > 0 {
		l.walked = true
		l.job.states.brought(state)
	}
	return l.submit(ctx, result.Drafts, state)
}

// count takes over what made no draft.
func (l *Line) count(r *transform.Result) {
	l.receipt.dropped(&r.Dropped)
	b := l.board
	b.filtered.Add(r.Dropped.Filtered)
	b.duplicate.Add(r.Dropped.Duplicate)
	b.limited.Add(r.Dropped.Limited)
	b.missing.Add(r.Missing)
	b.failed.Add(r.Dropped.Failed)
	b.untimed.Add(r.Untimed)
	if shown := uint64(len(r.Failures)); r.Faults > shown {
		b.errors.Add(r.Faults - shown)
		b.suppressed.Add(r.Faults - shown)
	}
	for i := range r.Failures {
		l.report(&r.Failures[i])
	}
}

// brought notes that a message made a record.
func (l *Line) brought() {
	l.good.Store(true)
	l.data.Store(true)
	now := l.cfg.Clock()
	l.waits.restart(now)
	l.board.data.Store(now.UnixNano())
	l.board.good.Store(now.UnixNano())
	l.revive()
}

// revive tells a source that was shown as stale that something came.
func (l *Line) revive() {
	if l.stale.CompareAndSwap(true, false) {
		l.tell(fresh{l.gen})
	}
}

// Report counts an error and puts it on $errors.<source>, with the frame that it is about, of which
// size bytes came.
func (l *Line) Report(reason string, frame []byte, size int) {
	l.report(&transform.Failure{Reason: reason, Frame: frame, Size: size})
}

func (l *Line) report(f *transform.Failure) {
	l.board.errors.Add(1)
	if l.job.trial != nil {
		l.job.trial.failed(f.Reason, f.Frame)
		return
	}
	if !l.job.reports.take(l.cfg.Clock()) {
		l.board.suppressed.Add(1)
		return
	}
	shown := *f
	shown.Reason = l.Hide(f.Reason)
	complaint := clip(shown.Reason, mostErrorText)
	l.board.complaint.Store(&complaint)
	l.cfg.reporter.say(errorDraft(l.board, &shown, &l.job.hidden))
}

// submit hands drafts to the journal, in pieces: the state that they made goes with the last. Without
// drafts it goes alone, where it may.
func (l *Line) submit(ctx context.Context, drafts []messages.Draft, state *state) error {
	if len(drafts) == 0 {
		return l.sealAlone(ctx, false)
	}
	if s := l.job.standby; s != nil && s.active.Load() {
		l.board.duplicate.Add(uint64(s.hold(drafts)))
		return nil
	}
	return l.number(ctx, drafts, state)
}

// spare waits until no more is held back than may be.
func (l *Line) spare(ctx context.Context) error {
	if s := l.job.standby; s != nil && s.full() {
		defer l.hold()()
		return s.room(ctx)
	}
	return nil
}

// number is submit for what is not held back.
func (l *Line) number(ctx context.Context, drafts []messages.Draft, state *state) error {
	for len(drafts) > 0 {
		n, size := piece(drafts)
		parcel := parcel{drafts: drafts[:n:n], size: size}
		if n == len(drafts) && !l.cut.Load() {
			parcel.bind(l.job.states.drawWith(state))
		}
		if err := l.enter(ctx, parcel); err != nil {
			l.cut.Store(true)
			l.job.pipeline.Forget(drafts)
			l.unstored(len(drafts))
			return err
		}
		drafts = drafts[n:]
	}
	return nil
}

// parcel is one submission.
type parcel struct {
	drafts, state []messages.Draft
	tickets       []ticket
	size          int
}

func (p *parcel) bind(state []messages.Draft, tickets []ticket) {
	p.state, p.tickets = state, tickets
	for i := range state {
		p.size += state[i].Size()
	}
}

// piece is how many drafts go in one submission, and their bytes.
func piece(drafts []messages.Draft) (n, size int) {
	for n < len(drafts) && n < mostDrafts {
		next := drafts[n].Size()
		if n > 0 && size+next > mostDraftsBytes {
			break
		}
		size += next
		n++
	}
	return n, size
}

func (l *Line) enter(ctx context.Context, p parcel) error {
	defer l.hold()()
	window, board, records := &l.job.window, l.board, len(p.drafts)
	if err := window.enter(ctx, p.size); err != nil {
		return err
	}
	board.inFlight.Add(int64(records))
	board.flight.enter()
	receipt := l.receipt
	receipt.enter()
	err := l.cfg.Intake.Submit(ctx, command.Submission{Drafts: p.drafts, State: p.state, Chain: l.chain, Done: func(o command.Outcome) {
		// What no peer confirms is stored: the source was held back so long, and goes on. Only who sent it is told.
		uncovered := errors.Is(o.Err, command.ErrUncovered)
		told := o.Err
		if uncovered {
			o.Err = nil
		}
		board.inFlight.Add(-int64(records))
		if o.Err == nil {
			now := l.cfg.Clock()
			board.records.Add(uint64(records))
			board.meter.add(now, uint64(records))
			l.job.states.stored(p.tickets, now)
		}
		l.chain.Break(o.Err)
		window.leave(p.size, p.drafts, o.Err)
		board.flight.leave()
		if o.Err != nil && l.refused.CompareAndSwap(false, true) {
			l.tell(refused{l.gen}) // the feed may be silent from now on
		}
		switch {
		case uncovered:
			receipt.leave(records, told)
			return
		case told != nil:
			receipt.leave(0, errJournal(told))
			return
		}
		receipt.leave(records, nil)
	}})
	if err != nil {
		board.inFlight.Add(-int64(records))
		window.leave(p.size, nil, nil)
		board.flight.leave()
		receipt.leave(0, nil) // the error comes back to who feeds
		return errJournal(err)
	}
	return nil
}

// journalError is an error of the journal, which says whose it is.
type journalError struct{ err error }

func (e *journalError) Error() string { return "the journal does not take records: " + e.err.Error() }
func (e *journalError) Unwrap() error { return e.err }

// errJournal says it once of an error that comes by several ways.
func errJournal(err error) error {
	var said *journalError
	if errors.As(err, &said) {
		return err
	}
	return &journalError{err}
}

// hold stops the clocks of liveness until what it returns is called.
func (l *Line) hold() (release func()) {
	l.waits.begin(l.cfg.Clock())
	l.held.Add(1)
	return func() {
		now := l.cfg.Clock()
		l.heldUntil.Store(now.UnixNano())
		l.waits.end(now)
		l.held.Add(-1)
	}
}

// recall takes back what the journal did not store, and tells why.
func (l *Line) recall() error {
	lost, err := l.job.window.takeLost()
	if err == nil {
		return nil
	}
	l.job.pipeline.Forget(lost)
	l.unstored(len(lost))
	return errJournal(err)
}

// settled is recall for who has not the turn, where nothing is on its way: what was not lost counts.
func (l *Line) settled(ctx context.Context) error {
	if err := l.job.turn.take(ctx); err != nil {
		return err
	}
	defer l.job.turn.give()
	if err := l.recall(); err != nil {
		return err
	}
	if l.whole() && l.job.window.clean() { // nobody fed meanwhile
		l.job.states.count()
	}
	return nil
}

func (l *Line) unstored(records int) {
	if !l.askable.Load() {
		l.board.unstored.Add(uint64(records))
	}
}

// Settle waits until the journal has all that was fed, as its durability says. An error tells that
// some was not stored; it is forgotten, so that it passes when the feed gives it again.
func (l *Line) Settle(ctx context.Context) error {
	defer l.hold()()
	if err := l.job.window.settle(ctx); err != nil {
		return err
	}
	return l.settled(ctx)
}

// whole tells that nothing is missing of what was fed so far.
func (l *Line) whole() bool { return !l.cut.Load() && l.chain.Broken() == nil }
