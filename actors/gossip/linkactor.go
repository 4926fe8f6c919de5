package gossip

import (
	"context"

	"anode/actors/actor"
)

// linkActor runs a peer's link. A link runs once: an incarnation after that has nothing to do.
type linkActor struct{ peer *peer }

// Started implements actor.Starter.
func (a *linkActor) Started(ctx *actor.Context) error {
	p := a.peer
	if p.ran.Swap(true) {
		p.over(nil)
		return nil
	}
	ctx.Go("link", func(life context.Context) error {
		ended := false
		defer func() {
			if !ended { // a panic: the link is of no use any more
				p.link.Close("a fault in this node")
				p.over(nil)
			}
		}()
		err := p.link.Run(life)
		ended = true
		p.over(err)
		return nil
	})
	return nil
}

// Receive implements actor.Actor.
func (*linkActor) Receive(*actor.Context, any) {}

// over tells the loop that the link is down.
func (p *peer) over(err error) { p.loop.call(func() { p.loop.down(p, err) }) }
