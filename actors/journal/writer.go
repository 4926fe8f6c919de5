package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	probes  <-chan probe
	written chan<- written
	number  numberer
	known   *recogniser
	sealed  time.Time
}

// probe answers who asked whether the journal can write now.
type probe func(any, error)

// written is a group that is in the journal and not yet answered.
type written struct {
	submissions []command.Submission
	outcomes    []command.Outcome
	sizes       []int
	// at is when it was taken, numbered the batches that it made.
	at       time.Time
	numbered need
	// repeats are, of each submission, the batches that its duplicates may be in, the zero need for those of the group;
	// nil where there are none. They are known only where they matter.
	repeats [][]need
	// probe is answered after a sync, too.
	probe probe
	err   error
}

// run works until ctx ends, then takes what is left in the inbox, and closes written.
func (w *writer) run(ctx context.Context) {
	defer close(w.written)
	for {
		select {
		case <-w.inbox.ready:
			for w.pause(ctx) && w.group() {
				w.answerProbes()
				w.remote() // by turns: neither shuts the other out
			}
		case <-w.inbox.remotes.ready:
			for w.remote() {
				w.answerProbes()
				w.group()
			}
		case p := <-w.probes:
			w.probe(p)
		case <-w.inbox.moves.ready:
			w.renumber()
		case <-ctx.Done():
			w.renumber()
			for w.group() {
			}
			for w.remote() {
			}
			return
		}
	}
}

// answerProbes answers what was asked meanwhile, so that a steady inflow shuts nobody out.
func (w *writer) answerProbes() {
	for {
		select {
		case p := <-w.probes:
			w.probe(p)
		default:
			return
		}
	}
}

// probe refuses where the journal takes nothing; else the next sync answers.
func (w *writer) probe(answer probe) {
	if stats := w.cfg.Journal.Stats(); stats.Full != "" || stats.Refused != "" {
		answer(nil, fmt.Errorf("%w: the journal takes no records: %w", command.ErrUnavailable, errors.New(stats.Full+stats.Refused)))
		return
	}
	w.written <- written{probe: answer}
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
	w.renumber() // what was submitted after it was asked for is numbered so
	submissions := w.inbox.take(groupDrafts)
	if len(submissions) == 0 {
		return false
	}
	out := written{at: time.Now(), submissions: submissions, outcomes: make([]command.Outcome, len(submissions)), sizes: make([]int, len(submissions))}
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
	sifted, fresh := w.sift(out, now)
	if len(sifted.drafts) == 0 {
		return nil
	}
	g, err := w.number.seal(now, sifted)
	if err != nil {
		w.known.unlearn(fresh)
		return fmt.Errorf("%w: %w", command.ErrUnavailable, err)
	}
	held, err := w.append(g.sealed)
	if err != nil {
		w.known.unlearn(fresh)
		return err
	}
	w.number.commit(&g)
	place(out.outcomes, g.positions)
	w.cover(out, &g, now)
	stored := make([]command.StoredBatch, len(g.sealed))
	for i := range g.sealed {
		stored[i] = command.StoredBatch{Sealed: g.sealed[i], Batch: g.batches[i], Live: true, Late: held[i] == storage.HeldLate}
		w.metrics.in.Add(float64(g.sealed[i].Count))
	}
	w.cfg.Announce(command.Stored{Batches: stored})
	return nil
}

// mark stands in an outcome for a place that is given after sealing.
var mark = messages.Position{Sequence: 1}

// cover notes what the group has made as not covered.
func (w *writer) cover(out *written, g *sealedGroup, now time.Time) {
	if w.cfg.Ack != AckPeer {
		return
	}
	first, last := &g.sealed[0], &g.sealed[len(g.sealed)-1]
	out.numbered = need{first.Epoch, messages.Range{From: first.Sequence, To: last.Sequence}}
	ms := now.UnixMilli() // readings run ahead of a clock that was set back
	w.inbox.covers.number(stretch{
		epoch: first.Epoch, Range: out.numbered.Range, from: min(ms, first.First.Millis()), to: max(ms, last.Last.Millis()),
	}, now.Add(-w.cfg.Window).UnixMilli())
}

// sift gives the drafts that are not duplicates, and the identities noted for them.
// Outcomes get a mark for each. What comes after a break of its chain is refused.
func (w *writer) sift(out *written, now time.Time) (sifted load, fresh []messages.Identity) {
	for i := range out.submissions {
		s, outcome := &out.submissions[i], &out.outcomes[i]
		if err := s.Chain.Broken(); err != nil {
			outcome.Err = err
			continue
		}
		state := free
		outcome.Positions = make([]messages.Position, len(s.Drafts))
		for j := range s.Drafts {
			if s.Recognise && s.Drafts[j].HasIdentity() {
				identity := s.Drafts[j].Identity()
				if at, known := w.known.meet(identity, now); known {
					w.repeat(out, i, at, now)
					continue
				}
				fresh = append(fresh, identity)
			}
			outcome.Positions[j] = mark
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

// repeat notes what a duplicate of what came at a Unix ms has to wait for: it acknowledges that.
func (w *writer) repeat(out *written, submission int, ms int64, now time.Time) {
	if w.cfg.Ack != AckPeer {
		return
	}
	if out.repeats == nil {
		out.repeats = make([][]need, len(out.submissions))
	}
	needs := &out.repeats[submission]
	all := w.inbox.covers.numbered(ms)
	if ms == now.UnixMilli() {
		all = append(all, need{}) // it may be in this group
	}
	for _, n := range all {
		if !slices.Contains(*needs, n) {
			*needs = append(*needs, n)
		}
	}
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
func (w *writer) append(sealed []wire.Sealed) ([]storage.Held, error) {
	start := time.Now()
	held, err := w.cfg.Journal.Append(storage.Own, sealed)
	w.metrics.appends.Observe(time.Since(start).Seconds())
	if err != nil {
		return nil, seamError(err)
	}
	for i, h := range held {
		if h == storage.HeldNew || h == storage.HeldLate {
			continue
		}
		// Somebody numbered with this node's key in this epoch: nothing is acknowledged that is not stored.
		id := sealed[i].ID()
		w.cfg.Logger.Error("another batch of this node is held at the place of the next", "epoch", id.Epoch, "seq", id.Sequence)
		err := w.renew(id.Epoch, messages.Position{})
		return nil, errors.Join(fmt.Errorf("%w: batch %s stands there already", command.ErrUnconfirmed, id), err)
	}
	return held, nil
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
