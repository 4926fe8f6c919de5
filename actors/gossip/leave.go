package gossip

import (
	"context"
	"time"

	"anode/actors/gossip/link"
	"anode/messages/wire/frame"
)

const (
	// leavePatience is how long the end may take: what is queued goes within a link's Farewell.
	leavePatience = link.Farewell + 500*time.Millisecond
	// farewell is what peers are told.
	farewell = "the node is stopping"
)

// Retire has no batch of a peer taken any more, and is for who is about to stop the journal: core would take that for one that is stuck, and
// leave the peers before they have what is sealed last. Leave follows.
func (g *Gossip) Retire(ctx context.Context) {
	if l := g.loop.Load(); l != nil {
		l.callBy(ctx, func() { l.retired = true })
	}
}

// Leave sends what was sealed last, says goodbye to all peers, and waits until that was heard: 1.5 s at most, and no
// longer than ctx. After it the node has no part in the mesh; its actor is to be stopped.
func (g *Gossip) Leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leavePatience)
	defer cancel()
	l := g.loop.Load()
	if l == nil {
		return
	}
	gone := make(chan struct{})
	if !l.callBy(ctx, func() { l.leave(gone) }) {
		return
	}
	select {
	case <-gone:
	case <-l.ended:
	case <-ctx.Done():
	}
}

// leave says goodbye; gone is closed when all have heard it.
func (l *loop) leave(gone chan struct{}) {
	if l.leaving {
		close(gone)
		return
	}
	l.read()
	for whole := false; !whole; {
		whole = l.catchUp()
	}
	l.leaving, l.gone = true, gone
	for id := range l.dials {
		l.hangUp(id)
	}
	for _, p := range l.links {
		p.closing = farewell
		p.link.Send(&frame.Bye{Reason: farewell}, link.Repair) // behind all that waits
		p.link.Close(farewell)
	}
	l.spawn("leave", func() {
		if err := l.list.Leave(time.Second); err != nil {
			l.log.Debug("the mesh could not be told that the node leaves", "error", err)
		}
		l.call(func() {
			l.left = true
			l.parted()
		})
	})
}

// parted tells who waits for it that all have heard that the node goes.
func (l *loop) parted() {
	if l.left && len(l.links) == 0 && l.gone != nil {
		close(l.gone)
		l.gone = nil
	}
}
