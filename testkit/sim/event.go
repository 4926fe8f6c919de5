package sim

import (
	"anode/actors/gossip/core"
	"anode/messages/wire/frame"
)

// kind says what an event is.
type kind uint8

const (
	// arrive: a frame comes out of a link at one end.
	arrive kind = iota + 1
	// tick: a core asked to be called.
	tick
	// stored: the journal has finished the first of what waits to be appended.
	stored
	// publish: an origin of a load seals its next batch.
	publish
	// heard: a part of a frame comes out of a narrow link.
	heard
	// drained: a frame of a narrow link has left its queue.
	drained
	// hung: the other end of a link has closed it.
	hung
	// enter: newcomers may come in whose place is free now.
	enter
	// dial, knock, failed and shake are the steps of dialling: the call goes out, it comes in, nobody answers,
	// the link is up at the side that called.
	dial
	knock
	failed
	shake
	// serve: the journal has read what a peer pulled.
	serve
	// survey: what a cohort's members are is looked at again. view: some of them hear of it; sight: one does that
	// was paused.
	survey
	view
	sight
	// act: an action of the script. due: what one has put off. wake: a pause ends.
	act
	due
	wake
	// keep: a node's journal looks after its retention. show: it publishes its status.
	keep
	show
	// check: the whole is looked at.
	check
)

// event is something that happens at a time. The kind says which fields are set.
type event struct {
	kind kind
	// side is the end of a link.
	side uint8
	// node is where it happens, life the start of the node that it is for: one that has died since
	// hears nothing of it.
	node int32
	life uint32
	link *link
	// frame is what arrives.
	frame frame.Frame
	n     int64
	extra any
}

// happen does what an event says.
func (s *Sim) happen(e *event) {
	var n *node
	if e.node >= 0 {
		n = s.nodes[e.node]
	}
	switch e.kind {
	case arrive, heard, hung, drained, shake:
		s.happenToLink(n, e)
	case act:
		s.perform(int(e.n))
	case due:
		do := s.todo[e.n]
		s.todo[e.n] = nil
		do()
	case survey:
		s.survey(e.extra.(*cohort)) //nolint:forcetypeassert // the kind says so
	case view:
		s.show(e.extra.(*glance)) //nolint:forcetypeassert // the kind says so
	case publish:
		s.publishNext(n, e.extra.(*stream)) //nolint:forcetypeassert // the kind says so
	case check:
		s.look()
	case knock:
		s.knock(n, e.extra.(*call)) //nolint:forcetypeassert // the kind says so
	default:
		if n.up && n.life == e.life {
			s.happenAt(n, e)
		}
	}
}

// happenAt does what an event says that is for one life of a node.
func (s *Sim) happenAt(n *node, e *event) {
	switch e.kind {
	case wake:
		s.resume(n)
		return
	case dial:
		s.dialNow(n, e.extra.(*call)) //nolint:forcetypeassert // the kind says so
		return
	case stored:
		s.stored(n)
		return
	}
	if n.paused {
		n.backlog = append(n.backlog, *e)
		return
	}
	switch e.kind {
	case tick:
		s.tick(n, e.n)
	case failed:
		s.missed(n, e)
	case serve:
		s.serveNow(n, e.extra.(*asked)) //nolint:forcetypeassert // the kind says so
	case sight:
		n.core.Members(s.clock(n), e.extra.(*core.Members)) //nolint:forcetypeassert // the kind says so
		s.drain(n)
	case enter:
		s.admit(n)
	case keep:
		s.keep(n)
	case show:
		s.publishStatus(n)
	}
}

// now is the time as a node's core has it.
func (s *Sim) clock(n *node) core.Now {
	return core.Now{Mono: s.mono(n), Wall: s.wall(n)}
}
