package placement

import (
	"time"
)

// drain begins to hand over; who waits for it is told when nothing is left.
func (a *officeActor) drain(done func(any, error)) {
	if !a.drains {
		a.drains, a.drainBy = true, a.now()+drainPatience
		if len(a.runs) > 0 {
			a.cfg.Logger.Info("draining: sources are handed over", "sources", len(a.runs))
		}
		a.stays = true
	}
	a.drained = append(a.drained, done)
}

// endDrain answers who drains, when all is handed over or it took too long. Without a plan there is nothing.
func (a *officeActor) endDrain(now time.Duration, plan *Plan) {
	if len(a.drained) == 0 {
		return
	}
	var held []string
	if plan != nil {
		held = plan.Owed()
	}
	if len(held) > 0 && now < a.drainBy && !a.cfg.Alone && len(plan.roster.nodes) > 1 {
		return
	}
	if len(held) > 0 {
		a.cfg.Logger.Warn("not all sources could be handed over: others take them up once this node has left", "sources", len(held), "which", someOf(held))
	}
	for _, answer := range a.drained {
		answer(struct{}{}, nil)
	}
	a.drained = nil
}

// tellStays says once, as the node begins to drain, what no other node can take over.
func (a *officeActor) tellStays(plan *Plan) {
	if !a.stays {
		return
	}
	a.stays = false
	if names := a.stayers(plan); len(names) > 0 {
		a.cfg.Logger.Warn("no other node can own some sources: they do not run until this node is back", "sources", len(names), "which", someOf(names))
	}
}

// stayers are the sources that no other node can take over; where there is no other node, that needs no words.
func (a *officeActor) stayers(plan *Plan) []string {
	if plan == nil || !a.drains || a.cfg.Alone || len(plan.roster.nodes) < 2 {
		return nil
	}
	return plan.Stays()
}

// someOf are the first of many names.
func someOf(names []string) []string { return names[:min(len(names), fewMoves)] }

// Owed are the sources that run here and that another node is to take over, and has not yet.
func (o *Office) Owed() []string {
	if plan := o.plan.Load(); plan != nil {
		return someOf(plan.Owed())
	}
	return nil
}
