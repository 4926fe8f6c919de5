package gossip

import (
	"context"
	"fmt"

	"anode/actors/actor"
	"anode/messages/command"
)

// gossipActor is one incarnation: it owns a loop, and has a child for each link.
type gossipActor struct {
	gossip *Gossip
	loop   *loop
}

// What the loop tells its actor: to run a link, and that one is down.
type (
	linked struct{ peer *peer }
	ended  struct{ peer *peer }
)

// Started implements actor.Starter.
func (a *gossipActor) Started(ctx *actor.Context) error {
	l, err := newLoop(a.gossip, ctx.Self())
	if err != nil {
		return err
	}
	a.loop = l
	ctx.Go("loop", l.run)
	return nil
}

// Stopped implements actor.Stopper.
func (a *gossipActor) Stopped(*actor.Context) { a.gossip.loop.CompareAndSwap(a.loop, nil) }

// Receive implements actor.Actor.
func (a *gossipActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case linked:
		a.link(ctx, m.peer)
	case ended:
		if m.peer.ref != nil {
			ctx.Stop(m.peer.ref)
		}
	case command.Component:
		look(ctx, a.loop, m, a.loop.component)
	case command.Peers:
		look(ctx, a.loop, m, a.loop.peers)
	}
}

// link makes the child that runs a link.
func (a *gossipActor) link(ctx *actor.Context, p *peer) {
	ref, err := ctx.Spawn(actor.Spec{Name: fmt.Sprintf("link-%d-%s", p.number, p.id), New: func() actor.Actor { return &linkActor{p} }})
	p.ref = ref
	if err != nil && !p.ran.Swap(true) {
		p.link.Close("this node is stopping")
		ctx.Go("refuse", func(life context.Context) error {
			p.over(p.link.Run(life))
			return nil
		})
	}
}

// look answers a question from what the loop knows.
func look[A any](ctx *actor.Context, l *loop, _ command.Question[A], view func() A) {
	answer := ctx.Later()
	ctx.Go("look", func(life context.Context) error {
		seen := make(chan A, 1)
		if !l.callBy(life, func() { seen <- view() }) {
			answer(nil, fmt.Errorf("%w: gossip is stopping", command.ErrUnavailable))
			return nil
		}
		select {
		case v := <-seen:
			answer(v, nil)
		case <-l.ended:
			answer(nil, fmt.Errorf("%w: gossip is stopping", command.ErrUnavailable))
		}
		return nil
	})
}
