package gossip

import (
	"context"
	"time"

	"anode/actors/gossip/core"
	"anode/messages/wire/frame"
)

const (
	// mostRegistered is how many events of this node wait for the loop; beyond, all are fetched.
	mostRegistered = 4096
	// registryEvery is how often the registry's events are fetched, should one have been lost on the way.
	registryEvery = time.Minute
)

// Register spreads events that this node decided and stored; of none, what the mesh has and the registry does not is told to it
// soon. It does not block.
func (g *Gossip) Register(events []frame.Event) {
	if l := g.loop.Load(); l != nil {
		l.mail.register(events)
	}
}

// registrar fetches what the registry holds: at the start, when some of it was left out, and now and then.
func (l *loop) registrar(ctx context.Context) error {
	if l.cfg.Events == nil {
		<-ctx.Done()
		return nil
	}
	failing := false
	for soon := l.refetch; ; {
		events, err := l.cfg.Events(ctx)
		pause := registryEvery
		if err != nil {
			if pause = time.Second; !failing && ctx.Err() == nil {
				l.log.Warn("the registry does not say what it holds, and is asked again each second: other nodes don't hear of it", "error", err)
			}
			failing = true
		} else {
			failing = false
			held := make(map[string]frame.Event, len(events))
			for i := range events {
				held[events[i].Key] = events[i]
			}
			l.callBy(ctx, func() {
				l.act(func(now core.Now) { l.core.Register(now, events) })
				if beyond := l.core.Beyond(held); len(beyond) > 0 {
					l.learn(beyond)
				}
			})
		}
		if !wait(ctx, soon, pause) {
			return nil
		}
	}
}

// learn gives the registry what other nodes decided; what it has no room for now it gets with the next pulse, with all else.
func (l *loop) learn(events []frame.Event) {
	if l.cfg.Learn != nil && !l.cfg.Learn(events) {
		l.relearn = true
	}
}

// learnAgain gives the registry all events, where some were left out.
func (l *loop) learnAgain() {
	if l.relearn && l.cfg.Learn(l.core.Events()) {
		l.relearn = false
	}
}
