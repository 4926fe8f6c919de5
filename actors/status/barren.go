package status

import (
	"fmt"
	"time"

	"anode/messages/command"
	"anode/messages/units"
)

const (
	// barrenFor is how long all messages of a source fail before that is an alarm.
	barrenFor = time.Minute
	// barrenErrors is how many it takes at least: one odd message is none.
	barrenErrors = 3
)

// barren is what is watched of a running source: whether nothing but failures came of its messages for a time.
type barren struct {
	// since is when the first failure was seen after what was good; zero where there is none.
	since time.Time
	// good and errors are the source's counters before that.
	good, errors uint64
	met          bool
}

// next looks at a source again; of one that does not run nothing is known, and it tells why itself.
func (b barren) next(s *command.SourceView, at time.Time) barren {
	if s.Status.State != command.SourceRunning {
		return barren{}
	}
	dropped := &s.Status.Dropped
	good, errors := s.Status.Records+dropped.Filtered+dropped.Duplicate+dropped.Limited, s.Status.Errors
	switch {
	case !b.met, good != b.good, errors < b.errors:
		return barren{good: good, errors: errors, met: true}
	case errors > b.errors && b.since.IsZero():
		b.since = at
	}
	return b
}

// alarm tells of a source of which nothing but failures came for long enough.
func (b barren) alarm(s *command.SourceView, at time.Time) (command.AlarmView, bool) {
	failed := s.Status.Errors - b.errors
	if b.since.IsZero() || at.Sub(b.since) < barrenFor || failed < barrenErrors {
		return command.AlarmView{}, false
	}
	a := command.AlarmView{
		Severity: command.SeverityWarning, Source: s.Name, Since: b.since.UTC(),
		Reason: fmt.Sprintf("source %s runs, and all its messages fail: %s and no record, the last: %s", s.Name, units.Count(failed, "error"), s.Status.LastError),
		Hint:   "correct its spec: `anode source try` shows which message fails, and with what",
	}
	if s.Status.Hint != "" {
		a.Hint = s.Status.Hint
	}
	return a, true
}
