package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
)

// groupDrafts is about how many drafts one write takes: several batches.
const groupDrafts = 4 * messages.MaxBatchRecords

// writer seals and appends; it alone does. It belongs to one run of the actor.
type writer struct {
	cfg     Config
	inbox   *Inbox
	metrics *metrics
	calls   <-chan call
	written chan<- written
	number  numberer
	known   *recogniser
	sealed  time.Time
}

// call is a question that the writer answers: to append batches that were sealed elsewhere, or,
// without any, whether the journal can write now.
type call struct {
	store  *command.Store
	answer func(any, error)
}

// written is a group that is in the journal and not yet answered.
type written struct {
	submissions []command.Submission
	outcomes    []command.Outcome
	sizes       []int
	// probe is answered after a sync, too.
	probe func(any, error)
	err   error
}

// run works until ctx ends, then takes what is left in the inbox, and closes written.
func (w *writer) run(ctx context.Context) {
	defer close(w.written)
	for {
		select {
		case <-w.inbox.ready:
			for w.pause(ctx) && w.group() {
				w.answerCalls()
				w.remote() // by turns: neither shuts the other out
			}
		case <-w.inbox.remotes.ready:
			for w.remote() {
				w.answerCalls()
				w.group()
			}
		case c := <-w.calls:
			w.call(c)
		case <-ctx.Done():
			for w.group() {
			}
			for w.remote() {
			}
			return
		}
	}
}

// answerCalls answers what was asked meanwhile, so that a steady inflow shuts nobody out.
func (w *writer) answerCalls() {
	for {
		select {
		case c := <-w.calls:
			w.call(c)
		default:
			return
		}
	}
}

func (w *writer) call(c call) {
	if c.store != nil {
		c.answer(w.store(*c.store))
		return
	}
	if stats := w.cfg.Journal.Stats(); stats.Full != "" || stats.Refused != "" {
		c.answer(nil, fmt.Errorf("%w: the journal takes no records: %w", command.ErrUnavailable, errors.New(stats.Full+stats.Refused)))
		return
	}
	w.written <- written{probe: c.answer}
}

// pause waits until the next seal may come. It is false when ctx has ended.
func (w *writer) pause(ctx context.Context) bool {
	wait := w.cfg.SealEvery - w.cfg.Clock().Sub(w.sealed)
	if wait <= 0 || wait > w.cfg.SealEvery { // the clock may have stepped back
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// group writes what waits in the inbox, up to a bound. It is false when nothing does.
func (w *writer) group() bool {
	submissions := w.inbox.take(groupDrafts)
	if len(submissions) == 0 {
		return false
	}
	out := written{submissions: submissions, outcomes: make([]command.Outcome, len(submissions)), sizes: make([]int, len(submissions))}
	for i := range submissions {
		out.sizes[i] = submissions[i].Size()
	}
	handed := false
	defer func() {
		if !handed { // a panic: nobody may wait for ever
			abandon(w.cfg.Logger, w.inbox, []written{out})
		}
	}()
	if err := w.write(&out); err != nil {
		out.fail(err)
		out.breakChains()
	}
	handed = true
	w.written <- out
	return true
}

// write seals and appends the group's drafts and fills in its outcomes.
func (w *writer) write(out *written) error {
	now := w.cfg.Clock()
	w.sealed = now
	w.known.expire(now)
	sifted, fresh := w.sift(out.submissions, out.outcomes, now)
	if len(sifted.drafts) == 0 {
		return nil
	}
	g, err := w.number.seal(now, sifted)
	if err != nil {
		w.known.unlearn(fresh)
		return fmt.Errorf("%w: %w", command.ErrUnavailable, err)
	}
	if err := w.append(storage.Own, g.sealed); err != nil {
		w.known.unlearn(fresh)
		return err
	}
	w.number.commit(&g)
	place(out.outcomes, g.positions)
	stored := make([]command.StoredBatch, len(g.sealed))
	for i := range g.sealed {
		stored[i] = command.StoredBatch{Sealed: g.sealed[i], Batch: g.batches[i], Live: true}
		w.metrics.in.Add(float64(g.sealed[i].Count))
	}
	w.cfg.Announce(command.Stored{Batches: stored})
	return nil
}

// mark stands in an outcome for a place that is given after sealing.
var mark = messages.Position{Sequence: 1}

// sift gives the drafts that are not duplicates, and the identities noted for them.
// Outcomes get a mark for each. What comes after a break of its chain is refused.
func (w *writer) sift(submissions []command.Submission, outcomes []command.Outcome, now time.Time) (sifted load, fresh []messages.Identity) {
	for i := range submissions {
		s := &submissions[i]
		if err := s.Chain.Broken(); err != nil {
			outcomes[i].Err = err
			continue
		}
		state := free
		outcomes[i].Positions = make([]messages.Position, len(s.Drafts))
		for j := range s.Drafts {
			if s.Recognise && s.Drafts[j].HasIdentity() {
				identity := s.Drafts[j].Identity()
				if w.known.meet(identity, now) {
					continue
				}
				fresh = append(fresh, identity)
			}
			outcomes[i].Positions[j] = mark
			sifted.add(s.Drafts[j], record)
			state = bound
		}
		for _, d := range s.State {
			sifted.add(d, state)
			state = bound
		}
	}
	return sifted, fresh
}

// place puts the positions where the marks are, in order.
func place(outcomes []command.Outcome, positions []messages.Position) {
	for i := range outcomes {
		for j := range outcomes[i].Positions {
			if outcomes[i].Positions[j] == mark {
				outcomes[i].Positions[j], positions = positions[0], positions[1:]
			}
		}
	}
}

// append writes sealed batches of this node, and says in the seam's words why not.
func (w *writer) append(family storage.Family, sealed []wire.Sealed) error {
	start := time.Now()
	_, err := w.cfg.Journal.Append(family, sealed)
	w.metrics.appends.Observe(time.Since(start).Seconds())
	return seamError(err)
}

func seamError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrFull):
		return fmt.Errorf("%w: %w", command.ErrStorageFull, err)
	default:
		return fmt.Errorf("%w: %w", command.ErrUnavailable, err)
	}
}

// store appends batches of others, and tells which are new.
func (w *writer) store(s command.Store) ([]bool, error) {
	held, err := w.keep(s.Batches, s.Backfill)
	if err != nil {
		return nil, err
	}
	fresh := make([]bool, len(held))
	for i, h := range held {
		fresh[i] = h == storage.HeldNew || h == storage.HeldLate
	}
	return fresh, nil
}

// abandon answers groups of which nobody knows any more what became of them: after a panic, too,
// nobody may wait for ever. A Done that panics keeps no other from being told.
func abandon(log *slog.Logger, inbox *Inbox, groups []written) {
	for i := range groups {
		groups[i].fail(fmt.Errorf("%w: the journal failed", command.ErrUnconfirmed))
		groups[i].breakChains()
		for told := false; !told; {
			told = groups[i].tell(log, inbox)
		}
	}
}

// tell answers, and is false when that panicked and there may be others to tell.
func (g *written) tell(log *slog.Logger, inbox *Inbox) (done bool) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("who is told of an outcome panicked", "panic", p)
		}
	}()
	g.answer(inbox)
	return true
}

// fail gives all of the group one error, but those that have one of their own.
func (g *written) fail(err error) {
	g.err = err
	for i := range g.outcomes {
		if g.outcomes[i].Err == nil {
			g.outcomes[i] = command.Outcome{Err: err}
		}
	}
}

// breakChains has what follows a refused group refused too, before the next one is written.
func (g *written) breakChains() {
	for i := range g.submissions {
		g.submissions[i].Chain.Break(g.outcomes[i].Err)
	}
}

// answer tells all who submitted, and frees their room. Each is told once, however often it
// is called: should one of them panic, the next call goes on with the others.
func (g *written) answer(inbox *Inbox) {
	for len(g.submissions) > 0 {
		s, size, outcome := g.submissions[0], g.sizes[0], g.outcomes[0]
		g.submissions, g.sizes, g.outcomes = g.submissions[1:], g.sizes[1:], g.outcomes[1:]
		inbox.answer(&s, size, outcome)
	}
	if probe := g.probe; probe != nil {
		g.probe = nil
		probe(struct{}{}, g.err)
	}
}
