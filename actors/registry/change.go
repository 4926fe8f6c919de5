package registry

import (
	"context"
	"errors"
	"fmt"

	"anode/actors/actor"
	"anode/messages/command"
	"anode/storage"
)

// mostChanges is how many changes may wait while one is saved; more are refused.
const mostChanges = 256

// change is a command that changes what is stored. Changes are decided one after another, each on
// what the one before has left; the disk is not waited for by the actor, which answers questions meanwhile.
type change struct {
	// decide says what is to be stored; nothing is a change that is done already.
	decide func() (decided, error)
	// tell answers, with the error where it was not done.
	tell func(error)
}

// decided is what a change stores.
type decided struct {
	events []*event
	more   []storage.Change
}

func events(list []*event, err error) (decided, error) { return decided{events: list}, err }

// saved tells how storing a change went, with the removed sources that were forgotten.
type saved struct {
	change    change
	events    []*event
	forgotten int
	err       error
}

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

// decide decides what waits, up to the first that is to be stored.
func (r *registryActor) decide(ctx *actor.Context) {
	for !r.saving && len(r.changes) > 0 {
		c := r.changes[0]
		r.changes = r.changes[1:]
		d, err := c.decide()
		if err != nil || len(d.events)+len(d.more) == 0 {
			c.tell(err)
			continue
		}
		for _, e := range d.events {
			d.more = append(d.more, r.store.over(e)...)
		}
		r.saving = true
		self, forgotten := ctx.Self(), r.forgotten
		ctx.Go("save", func(life context.Context) error {
			err := r.store.save(forgotten, d.events, d.more...)
			if !self.Tell(saved{c, d.events, len(forgotten), err}) && life.Err() == nil {
				return errors.New("the mailbox has no room for a change that was saved") // it is learnt at the next start
			}
			return nil
		})
	}
}

// saved folds what was stored, tells the sources, and goes on.
func (r *registryActor) saved(ctx *actor.Context, m *saved) {
	r.saving = false
	if m.err != nil {
		m.change.tell(fmt.Errorf("%w: the registry can't be saved: %w", command.ErrUnavailable, m.err))
		r.decide(ctx)
		return
	}
	r.forgotten = r.forgotten[m.forgotten:]
	for _, e := range m.events {
		r.sources.apply(e)
		r.store.replaced(e)
	}
	for name, ok := r.sources.forgettable(mostRemoved); ok; name, ok = r.sources.forgettable(mostRemoved) {
		delete(r.sources.entries, name)
		r.forgotten = append(r.forgotten, name)
	}
	r.cfg.Sources.Assign(r.assignments()) // told again soon where it was refused
	m.change.tell(nil)
	r.decide(ctx)
}
