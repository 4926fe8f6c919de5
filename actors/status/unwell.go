package status

import (
	"fmt"
	"slices"
	"time"

	"anode/messages/command"
	"anode/messages/units"
)

// unwellGap is for how long nobody may have said that a source is not well for what comes then to be the same: a source that fails on one node
// moves, and fails on the next one, where it takes it a moment to find out.
const unwellGap = 2 * time.Minute

// unwell is a source of which this node or another one says that it is not well: since when, and when that was said last.
type unwell struct{ since, last time.Time }

// hears takes in what is said of a source at a time: of several beginnings the first counts.
func (u unwell) hears(since, at time.Time) unwell {
	if u.last.IsZero() || at.Sub(u.last) > unwellGap || since.Before(u.since) {
		u.since = since
	}
	u.last = at
	return u
}

// hearUnwell takes in what other nodes say of sources. It is kept for a while, as the source may come here.
func (f *fold) hearUnwell(told []command.AlarmView) {
	now := make(map[string]unwell)
	for name, u := range f.unwell {
		if f.last.at.Sub(u.last) <= unwellGap {
			now[name] = u
		}
	}
	for i := range told {
		if a := &told[i]; a.Source != "" {
			now[a.Source] = now[a.Source].hears(a.Since, f.last.at)
		}
	}
	f.unwell = now
}

// lasts gives the alarm of a source the beginning of that it is not well, on whichever node; however often it was tried since.
func (f *fold) lasts(s *command.SourceView, a command.AlarmView) command.AlarmView {
	if version, had := f.versions[s.Name]; had && version != s.Version {
		delete(f.unwell, s.Name)
	}
	u := f.unwell[s.Name].hears(a.Since, f.last.at)
	f.unwell[s.Name] = u
	a.Since = u.since
	return a
}

// recovers forgets that a source was not well, once it has run here for long enough, or is to do nothing.
func (f *fold) recovers(s *command.SourceView) {
	if s.Status.State == command.SourcePaused || s.Status.State == command.SourceRunning && f.last.at.Sub(s.Status.Since) >= settled {
		delete(f.unwell, s.Name)
	}
}

// owned tells that a source is this node's, and not only until another one runs it: that one tells how it is.
func (f *fold) owned(s *command.SourceView) bool {
	return len(s.Status.Owners) == 0 || slices.Contains(s.Status.Owners, f.self)
}

// mostOwnerless is how many sources that nobody owns have an alarm of their own.
const mostOwnerless = 10

// ownerless are the alarms of sources that no node can own, each under its key.
func ownerless(list []command.OwnerlessView) map[string]command.AlarmView {
	all := make(map[string]command.AlarmView)
	for i := range list[:min(len(list), mostOwnerless)] {
		o := &list[i]
		all["ownerless "+o.Source] = command.AlarmView{
			Severity: command.SeverityWarning, Source: o.Source,
			Reason: fmt.Sprintf("source %s runs nowhere: no node can be its owner: %s", o.Source, o.Reason), Hint: hints["placement"],
		}
	}
	if more := len(list) - mostOwnerless; more > 0 {
		all["ownerless"] = command.AlarmView{
			Severity: command.SeverityWarning, Reason: fmt.Sprintf("%s more that no node can own", units.Count(more, "source")), Hint: hints["placement"],
		}
	}
	return all
}
