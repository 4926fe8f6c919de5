package archive

import (
	"context"
	"fmt"

	"anode/actors/actor"
	"anode/messages/command"
)

// archiveActor is one incarnation: it owns a loop, writers and a talker.
type archiveActor struct {
	a *Archiver
	// asks are questions for the loop.
	asks chan<- func(command.ArchiveView, error)
}

// Started implements actor.Starter.
func (s *archiveActor) Started(ctx *actor.Context) error {
	l := newLoop(s.a)
	s.asks = l.asks
	for range writers {
		ctx.Go("writer", func(context.Context) error { l.writer(); return nil })
	}
	ctx.Go("talker", func(context.Context) error { l.talker(); return nil })
	ctx.Go("loop", func(life context.Context) error { l.run(life); return nil })
	return nil
}

// Receive implements actor.Actor.
func (s *archiveActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case command.Component:
		actor.Answer(ctx, m, s.a.view(), nil)
	case command.Archive:
		answer := ctx.Later()
		select {
		case s.asks <- func(v command.ArchiveView, err error) { answer(v, err) }:
		default:
			answer(nil, fmt.Errorf("%w: too many ask at once how the archive is", command.ErrUnavailable))
		}
	}
}
