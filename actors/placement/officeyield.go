package placement

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"anode/actors/actor"
	"anode/messages/command"
	"anode/messages/spec"
)

const (
	// levelEvery is how often it is looked whether sources are even.
	levelEvery = time.Minute
	// levelSoon is the pause before that after a node came or went: others may do the same.
	levelSoon = 10 * time.Second
	// FirstRetry is how long a node that yields a source, as it does not work there, waits before it finds whether it does now. Each
	// time that it has come back and failed again within LastRetry the wait is doubled, to LastRetry at most.
	FirstRetry = 5 * time.Minute
	LastRetry  = time.Hour
	// probePatience is how long a probe may take: a slow connection, and a budget's pace.
	probePatience = 20 * time.Second
	// mostProbes is how many run at once: people's tries have room beside them.
	mostProbes = 2
	// probeAgain is the wait after one for which there was no room.
	probeAgain = 10 * time.Second
)

// ownYield is a source that this node does not want. It says so again and again, until nothing is to be levelled, or it is found that
// the source works here, or that can only be found by owning it.
type ownYield struct {
	reason string
	level  bool
	// spec is what was yielded: another one is looked at at once.
	spec string
	// retry is when it is found whether it works here; wait was the pause before that.
	retry, wait time.Duration
	probing     bool
}

// comeback is a source that came back, or was to: when, and the wait for the next time should it fail again soon.
type comeback struct{ at, wait time.Duration }

// probed is what a probe found.
type probed struct {
	source, spec string
	err          error
}

// tend looks at what does not work here, and whether sources are even.
func (a *officeActor) tend(ctx *actor.Context) {
	now := a.now()
	maps.DeleteFunc(a.comebacks, func(_ string, c comeback) bool { return now >= c.at+LastRetry })
	changed := false
	if !a.cfg.Alone && a.before != nil {
		changed = a.yieldUnfit(now)
		if now-a.levelAt >= levelEvery {
			a.levelAt = now
			changed = a.level() || changed
		}
	}
	changed = a.retry(ctx, now) || changed
	a.declare(changed, now)
}

// endYield ends a yield: the source may come back here.
func (a *officeActor) endYield(name string, now time.Duration) {
	if y := a.yields[name]; !y.level {
		a.comebacks[name] = comeback{at: now, wait: min(2*y.wait, LastRetry)}
	}
	delete(a.yields, name)
}

// yieldUnfit yields what runs here and does not work.
func (a *officeActor) yieldUnfit(now time.Duration) (changed bool) {
	for name := range a.runs {
		if y, yields := a.yields[name]; yields && !y.level || len(a.yields) >= MaxYields {
			continue
		}
		reason, unfit := a.unfit(name)
		if !unfit {
			continue
		}
		wait := FirstRetry
		if c, came := a.comebacks[name]; came {
			wait = c.wait
		}
		y := ownYield{reason: reason, retry: now + wait, wait: wait}
		if e := a.entry(name); e != nil {
			y.spec = e.hash()
		}
		a.yields[name], changed = y, true
		a.cfg.Logger.Warn("a source does not work on this node: another one is to try", "source", name, "reason", reason, "again_in", wait)
	}
	return a.yieldUnread() || changed
}

// unfit tells that this node is the wrong one for a source that runs here, and why: also where it can't begin it at all, as its version does not
// know the kind, or does not do what the spec asks for.
func (a *officeActor) unfit(name string) (reason string, unfit bool) {
	if reason, unfit = a.cfg.Run.Unfit(name); unfit {
		return reason, true
	}
	if i := a.find(name); i < 0 || a.sources.list[i].Paused || a.sources.list[i].Everywhere {
		return "", false
	}
	status, here := a.cfg.Run.Status(name)
	return status.LastError, here && status.State == command.SourceFailed
}

// reasonUnread is why a source is yielded that runs where a later version is.
const reasonUnread = "the version of this node can't read its spec"

// yieldUnread yields what this version can't read: others that can think that it may be this node's.
func (a *officeActor) yieldUnread() (changed bool) {
	for _, name := range a.unread {
		if y, yields := a.yields[name]; yields && !y.level && y.spec == "" || !yields && len(a.yields) >= MaxYields {
			continue
		}
		a.yields[name], changed = ownYield{reason: reasonUnread, wait: FirstRetry}, true
		a.cfg.Logger.Warn("a source can't be read by the version of this node: another one is to run it", "source", name)
	}
	return changed
}

// longest are the yields for what does not work here, those that wait longest to be looked at first: where probes take longer than the pause
// between them, each source has its turn all the same.
func (a *officeActor) longest() []string {
	return slices.SortedFunc(maps.Keys(a.yields), func(one, other string) int {
		return cmp.Or(cmp.Compare(a.yields[one].retry, a.yields[other].retry), cmp.Compare(one, other))
	})
}

// retry finds of what is yielded whether it works here now, where it is time to.
func (a *officeActor) retry(ctx *actor.Context, now time.Duration) (changed bool) {
	changed = a.heedSpecs()
	for _, name := range a.longest() {
		y, e := a.yields[name], a.entry(name)
		if y.level || e == nil || e.Spec == nil || now < y.retry || y.probing || e.Paused || a.drains {
			continue
		}
		switch _, here := a.runs[name]; {
		case here: // nobody else can either
			if _, unfit := a.unfit(name); !unfit {
				a.endYield(name, now)
				changed = true
				continue
			}
			y.retry = now + y.wait
			a.yields[name] = y
		case e.Spec.Exclusive || a.cfg.Probe == nil: // two connections at once there must not be
			a.endYield(name, now)
			changed = true
		case a.probes < mostProbes:
			y.probing = true
			a.yields[name] = y
			a.probe(ctx, name, e.Spec)
		}
	}
	return changed
}

// heedSpecs looks at what was yielded of other specs: what is registered no more is not, and what was replaced is looked at before all else.
func (a *officeActor) heedSpecs() (changed bool) {
	for name, y := range a.yields {
		if y.level {
			continue
		}
		e := a.entry(name)
		switch {
		case e == nil:
			delete(a.yields, name)
			changed = true
		case e.hash() != y.spec:
			y.spec, y.retry, y.wait = e.hash(), 0, FirstRetry
			a.yields[name] = y
		}
	}
	return changed
}

// probe finds whether a source works here without owning it.
func (a *officeActor) probe(ctx *actor.Context, name string, s *spec.Spec) {
	a.probes++
	self, find := ctx.Self(), a.cfg.Probe
	ctx.Go("probe", func(life context.Context) error {
		err := find(life, s, probePatience)
		return tellUntil(life, self, probed{name, s.Hash, err})
	})
}

// found takes in what a probe found.
func (a *officeActor) found(m *probed) {
	a.probes--
	y, yields := a.yields[m.source]
	if !yields || !y.probing {
		return
	}
	now := a.now()
	y.probing = false
	switch {
	case m.spec != y.spec:
	case m.err == nil:
		a.cfg.Logger.Info("a source that did not work on this node works now: it may come back", "source", m.source)
		a.endYield(m.source, now)
		a.declare(true, now)
		return
	case errors.Is(m.err, command.ErrTooMany):
		y.retry = now + probeAgain
	default:
		y.retry, y.reason = now+y.wait, m.err.Error()
	}
	a.yields[m.source] = y
}

// entry is a source of the registry; nil is none.
func (a *officeActor) entry(name string) *Entry {
	if a.entries == nil {
		return nil
	}
	at, ok := slices.BinarySearchFunc(*a.entries, name, func(e Entry, name string) int { return cmp.Compare(e.Name, name) })
	if !ok {
		return nil
	}
	return &(*a.entries)[at]
}

// level yields what makes this node's part of the mesh even.
func (a *officeActor) level() (changed bool) {
	wanted := make(map[string]bool)
	for _, name := range a.before.Level() {
		wanted[name] = true
	}
	for name, y := range a.yields {
		if y.level && !wanted[name] {
			delete(a.yields, name)
			changed = true
		}
	}
	for name := range wanted {
		if _, yields := a.yields[name]; !yields && len(a.yields) < MaxYields {
			a.yields[name] = ownYield{reason: LevelReason, level: true}
			changed = true
		}
	}
	return changed
}
