package placement

import (
	"context"
	"maps"
	"time"

	"anode/actors/actor"
	"anode/messages"
)

// standing is a question that has not the answer that is waited for: when it was asked first, and last.
type standing struct{ first, last time.Duration }

// next is when it is to be asked again.
func (s standing) next() time.Duration {
	return s.last + min(max((s.last-s.first)/2, askSoonest), officeTick)
}

// ask asks what the plan wants to know: what is new at once, what stands again and again; one question to a node at a time. It gives when
// to look again; false is never.
func (a *officeActor) ask(ctx *actor.Context, plan *Plan) (next time.Duration, waits bool) {
	about := make(map[messages.NodeID][]string)
	now, stand := a.now(), make(map[About]standing)
	for _, q := range plan.Questions() {
		s, asked := a.stands[q]
		if a.asking[q.Node] { // its answer has this looked at
			if asked {
				stand[q] = s
			}
			continue
		}
		if !asked || now >= s.next() {
			if !asked {
				s.first = now
			}
			s.last = now
			about[q.Node] = append(about[q.Node], q.Source)
		}
		stand[q] = s
		if at := s.next(); !waits || at < next {
			next, waits = at, true
		}
	}
	a.stands = stand
	for node, sources := range about {
		a.asking[node] = true
		self, asked := ctx.Self(), now
		ctx.Go("ask", func(life context.Context) error {
			bounded, cancel := context.WithTimeout(life, askPatience)
			defer cancel()
			list, err := a.cfg.Ask(bounded, node, sources)
			return tellUntil(life, self, said{node, sources, list, asked, err})
		})
	}
	return next, waits
}

// tellUntil tells an actor: where there is no room, a little later.
func tellUntil(life context.Context, to *actor.Ref, message any) error {
	for !to.Tell(message) {
		select {
		case <-time.After(tellPause):
		case <-life.Done():
			return nil
		}
	}
	return nil
}

// hear takes an answer in. One that failed is asked again.
func (a *officeActor) hear(ctx *actor.Context, m *said) {
	delete(a.asking, m.node)
	if m.err == nil && len(m.said) == len(m.sources) {
		for i, name := range m.sources {
			a.report(About{name, m.node}, Report{m.said[i], m.asked})
		}
	}
	a.plans(ctx)
}

// asked notes that who asks about an exclusive source wants to start it. It tells whether any is one.
func (a *officeActor) asked(m *sayTo) (starts bool) {
	for _, name := range m.sources {
		if i := a.find(name); i >= 0 && a.sources.list[i].Exclusive {
			a.report(About{name, m.node}, Report{SaidStarting, a.now()})
			starts = true
		}
	}
	return starts
}

func (a *officeActor) find(name string) int {
	if a.sources == nil {
		return -1
	}
	return a.sources.find(name)
}

// mostReports bounds what is kept of what nodes said. Beyond, only that they are starting a source is, which is of exclusive ones: those times the
// nodes. The rest is asked anew.
const mostReports = 1_000_000

// report takes in what a node said. That one wants to start an exclusive source is never forgotten for want of room: that it had stopped may
// still be on its way here, and would count.
func (a *officeActor) report(about About, r Report) {
	if len(a.reports) >= a.room {
		maps.DeleteFunc(a.reports, func(_ About, r Report) bool { return r.Said != SaidStarting })
		a.room = max(mostReports, 2*len(a.reports))
	}
	a.reports.Hear(about, r)
}
