package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"anode/actors/actor"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// mostChanges is how many changes may wait while one is saved; more are refused.
const mostChanges = 256

// retry is the pause after a disk that refused to store what other nodes decided.
const retry = time.Second

// mostInARow is how many batches of other nodes' events are stored before a change that waits has its turn. An edit is
// better decided when all is known.
const mostInARow = 256

// change is a command that changes what is stored. Changes are decided one after another, each on
// what the one before has left; the disk is not waited for by the actor, which answers questions meanwhile.
type change struct {
	// decide says what is to be stored; nothing is a change that is done already.
	decide func() (batch, error)
	// tell answers, with the error where it was not done.
	tell func(error)
}

func events(list []*event, err error) (batch, error) { return batch{events: list}, err }

// saved tells how storing a batch went. found is what other nodes decided; nil is a change of this one.
type saved struct {
	change change
	batch  *batch
	found  *found
	err    error
}

// Learnt brings events that other nodes decided, of whatever origin: the mesh's highest of their registers, or others that lost to
// them. They must not be changed.
type Learnt struct{ Events []frame.Event }

// again has what could not be stored tried again.
type again struct{}

// answers makes the tell of a change that answers a question with a view of what came of it.
func answers[A any](ctx *actor.Context, _ command.Question[A], view func(error) (A, error)) func(error) {
	answer := ctx.Later()
	return func(err error) {
		a, err := view(err)
		if err != nil {
			answer(nil, err)
			return
		}
		answer(a, nil)
	}
}

// change takes a change in.
func (r *registryActor) change(ctx *actor.Context, c change) {
	if len(r.changes) >= mostChanges {
		c.tell(fmt.Errorf("%w: the registry is busy", command.ErrUnavailable))
		return
	}
	r.changes = append(r.changes, c)
	r.decide(ctx)
}

// learn takes in what other nodes decided.
func (r *registryActor) learn(ctx *actor.Context, m Learnt) {
	for i := range m.Events {
		r.heard.put(&m.Events[i])
	}
	r.decide(ctx)
}

// decide decides what waits, up to the first that is to be stored: what was heard first, so that an edit knows it. Nothing is decided
// while something is stored, so that what is decided is above all that holds then.
func (r *registryActor) decide(ctx *actor.Context) {
	for !r.saving {
		switch {
		case r.heard.len() > 0 && !r.waits && (len(r.changes) == 0 || r.inARow < mostInARow):
			r.inARow++
			f := weigh(r.heard.take(), r.sources, r.others, r.store.logged)
			r.skip(&f)
			if !f.empty() {
				r.save(ctx, saved{batch: &f.batch, found: &f})
			}
		case len(r.changes) > 0:
			r.inARow = 0
			c := r.changes[0]
			r.changes = r.changes[1:]
			b, err := c.decide()
			if err != nil || b.empty() {
				c.tell(err)
				continue
			}
			r.save(ctx, saved{change: c, batch: &b})
		default:
			return
		}
	}
}

// skip notes what is not stored: removals of sources that were forgotten.
func (r *registryActor) skip(f *found) {
	for _, e := range f.skipped {
		r.cfg.Logger.Debug("a removal that was forgotten here is not stored again", "source", e.Source, "version", e.version())
	}
}

// save stores a batch, in a goroutine.
func (r *registryActor) save(ctx *actor.Context, s saved) {
	for _, e := range s.batch.events {
		s.batch.more = append(s.batch.more, r.store.over(e)...)
	}
	s.batch.forgotten, s.batch.horizon = r.forgotten, r.sources.horizon
	r.saving = true
	self := ctx.Self()
	ctx.Go("save", func(life context.Context) error {
		s.err = r.store.save(s.batch)
		if !self.Tell(s) && life.Err() == nil {
			return errors.New("the mailbox has no room for a change that was saved") // it is learnt at the next start
		}
		return nil
	})
}

// saved folds what was stored, tells whom it concerns, and goes on.
func (r *registryActor) saved(ctx *actor.Context, m *saved) {
	r.saving = false
	if m.err != nil {
		r.unsaved(ctx, m)
		r.decide(ctx)
		return
	}
	r.forgotten = r.forgotten[len(m.batch.forgotten):]
	for _, e := range m.batch.events {
		r.sources.apply(e)
		r.store.replaced(e)
	}
	for i := range m.batch.values {
		r.others.apply(&m.batch.values[i])
		delete(r.store.damaged, m.batch.values[i].Key)
	}
	r.forgotten = append(r.forgotten, r.sources.forget(mostRemoved)...)
	if m.found == nil {
		r.spread(m.batch)
	} else {
		m.found.tell(r.cfg.Logger)
	}
	r.follow(ctx, m.batch)
	if m.found == nil {
		m.change.tell(nil)
	}
	r.decide(ctx)
}

// unsaved takes a batch back: who asked is told, and what others decided is tried again.
func (r *registryActor) unsaved(ctx *actor.Context, m *saved) {
	if m.found == nil {
		m.change.tell(fmt.Errorf("%w: the registry can't be saved: %w", command.ErrUnavailable, m.err))
		return
	}
	r.cfg.Logger.Error("what other nodes decided about sources can't be saved, and is tried again", "error", m.err)
	for _, e := range m.batch.events {
		w := e.wire()
		r.heard.put(&w)
	}
	for i := range m.batch.values {
		r.heard.put(&m.batch.values[i])
	}
	r.waits = true
	ctx.After(retry, again{})
}

// spread tells the mesh what this node decided.
func (r *registryActor) spread(b *batch) {
	list := slices.Clone(b.values)
	for _, e := range b.events {
		r.sources.clock = max(r.sources.clock, e.HLC)
		e.tell(nil, r.cfg.Logger)
		list = append(list, e.wire())
	}
	for i := range b.values {
		r.sources.clock = max(r.sources.clock, b.values[i].HLC)
	}
	if r.cfg.Spread != nil && len(list) > 0 {
		r.cfg.Spread(list)
	}
}

// follow tells whom it concerns what a batch changed.
func (r *registryActor) follow(ctx *actor.Context, b *batch) {
	if len(b.events) > 0 {
		r.cfg.Sources.Assign(r.assignments()) // told again soon where it was refused
	}
	nodes, bans := false, false
	for i := range b.values {
		nodes = nodes || strings.HasPrefix(b.values[i].Key, keyNode)
		bans = bans || strings.HasPrefix(b.values[i].Key, keyBan)
	}
	if nodes {
		r.tellNodes(ctx)
	}
	if bans {
		r.tellBans()
	}
}
