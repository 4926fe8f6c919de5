package status

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// sample is how everything was at one time.
type sample struct {
	at         time.Time
	components []command.ComponentView
	sources    []command.SourceView
	// streams are records held by stream; nil when this sample did not look.
	streams map[messages.Stream]uint64
}

// figure is a component's; not there where it did not answer.
func (s *sample) figure(component, name string) (float64, bool) {
	for i := range s.components {
		if s.components[i].Name == component {
			figure, ok := s.components[i].Figures[name]
			return figure, ok
		}
	}
	return 0, false
}

// rateWindow is the time that rates are taken over.
const rateWindow = 10 * time.Second

// counted is a counter at a time.
type counted struct {
	at      time.Time
	in, out float64
	streams map[messages.Stream]uint64
}

// fold is what is known from all samples.
type fold struct {
	self messages.NodeID
	last sample
	// now are the counters of the newest sample that has them.
	now    counted
	past   []counted // within rateWindow and the one before, oldest first
	alarms map[string]command.AlarmView
	// versions are those of the sources' specs that have an alarm.
	versions map[string]string
	// barren is what is watched of each source.
	barren map[string]barren
}

// apply takes in a sample. Where a component did not answer, its counter is no zero: rates stay as they were.
func (f *fold) apply(s sample) {
	f.last = s
	in, inKnown := s.figure("journal", "records_in")
	out, outKnown := s.figure("hub", "records_out")
	if inKnown && outKnown {
		f.now = counted{at: s.at, in: in, out: out, streams: s.streams}
		f.count(f.now)
	}
	f.raise()
}

// count keeps what rates are taken from: of counters that looked at streams, so that the list is
// short however often somebody asks.
func (f *fold) count(c counted) {
	if c.streams == nil {
		return
	}
	f.past = append(f.past, c)
	for len(f.past) > 2 && c.at.Sub(f.past[1].at) >= rateWindow {
		f.past = f.past[1:]
	}
}

// rates are records a second since about rateWindow ago.
func (f *fold) rates() command.RatesView {
	from, span, ok := f.base()
	if !ok {
		return command.RatesView{}
	}
	return command.RatesView{In: rate(f.now.in-from.in, span), Out: rate(f.now.out-from.out, span)}
}

// base is the oldest counter that is kept, and the seconds since.
func (f *fold) base() (counted, float64, bool) {
	if len(f.past) == 0 {
		return counted{}, 0, false
	}
	span := f.now.at.Sub(f.past[0].at).Seconds()
	return f.past[0], span, span > 0
}

// streamRates is what streams' rates are taken from. It does not change.
type streamRates struct{ from counted }

// streamRates are those since about rateWindow ago.
func (f *fold) streamRates() streamRates {
	from, _, _ := f.base()
	return streamRates{from}
}

// of is records a second of a stream that holds so many at a time.
func (r streamRates) of(stream messages.Stream, records uint64, at time.Time) float64 {
	span := at.Sub(r.from.at).Seconds()
	if r.from.streams == nil || span <= 0 {
		return 0
	}
	return rate(float64(records)-float64(r.from.streams[stream]), span)
}

// rate is a quotient with one decimal; retention may make a count fall, which is no negative rate.
func rate(count, seconds float64) float64 {
	return float64(int64(max(0, count/seconds)*10+0.5)) / 10
}

// raise makes the alarms of what is wrong now; one that stays keeps its beginning.
func (f *fold) raise() {
	now := make(map[string]command.AlarmView)
	raise := func(key string, a command.AlarmView) {
		a.Node = f.self
		if before, had := f.alarms[key]; had && a.Since.IsZero() {
			a.Since = before.Since
		}
		if a.Since.IsZero() {
			a.Since = f.last.at.UTC()
		}
		now[key] = a
	}
	watched, versions := make(map[string]barren, len(f.barren)), make(map[string]string)
	for i := range f.last.sources {
		s := &f.last.sources[i]
		b := f.barren[s.Name].next(s, f.last.at)
		watched[s.Name] = b
		a, wrong := sourceAlarm(s)
		if !wrong {
			a, wrong = b.alarm(s, f.last.at)
		}
		if before, had := f.alarms["source "+s.Name]; !wrong && had && f.unsettled(s) {
			a, wrong = before, true
		}
		if wrong {
			raise("source "+s.Name, a)
			versions[s.Name] = s.Version
		}
	}
	f.barren, f.versions = watched, versions
	unwell := len(now)
	for _, c := range f.last.components {
		if c.Name == "sources" && c.State == command.StateDegraded && unwell > 0 {
			continue // those that are not well say so themselves
		}
		severity := ""
		switch c.State {
		case command.StateDegraded:
			severity = command.SeverityWarning
		case command.StateFailed:
			severity = command.SeverityCritical
		default:
			continue
		}
		raise("component "+c.Name, command.AlarmView{Severity: severity, Reason: c.Name + ": " + c.Detail, Hint: hints[c.Name]})
	}
	f.alarms = now
}

// settled is how long a source runs before its alarm ends.
const settled = 30 * time.Second

// unsettled tells whether a source that had an alarm may have it again at once: it connects, or runs since lately. One
// with another spec begins anew.
func (f *fold) unsettled(s *command.SourceView) bool {
	if f.versions[s.Name] != s.Version {
		return false
	}
	switch s.Status.State {
	case command.SourceConnecting:
		return true
	case command.SourceRunning:
		return f.last.at.Sub(s.Status.Since) < settled
	}
	return false
}

// hints say what to look at when a component is not well.
var hints = map[string]string{
	"journal":     "look at the disk of --data: its space, its health, the kernel's log; `anode verify` checks the files of a stopped node",
	"hub":         "the node delivers more than it can: use fewer subscribers a node, or a longer --flush-interval",
	"sources":     "`anode source list` shows each source and its last error",
	"subscribers": "the node's log says why",
	"registry":    "the node's log names what is damaged; register those sources again",
}

func sourceAlarm(s *command.SourceView) (command.AlarmView, bool) {
	a := command.AlarmView{Severity: command.SeverityWarning, Source: s.Name, Since: s.Status.Since.UTC()}
	why := s.Status.LastError
	if why == "" {
		why = "it gave no reason"
	}
	switch s.Status.State {
	case command.SourceFailed:
		a.Severity = command.SeverityCritical
		a.Reason = fmt.Sprintf("source %s has failed: %s", s.Name, why)
		a.Hint = "correct its spec and register it again"
	case command.SourceBackoff:
		if s.Status.Resting {
			return a, false
		}
		a.Reason = fmt.Sprintf("source %s is waiting to try again: %s", s.Name, why)
		a.Hint = "check the feed's URL and whether it can be reached from this node; it is tried again for ever"
		if s.Status.Hint != "" {
			a.Hint = s.Status.Hint
		}
	case command.SourceStale:
		a.Reason = fmt.Sprintf("source %s is connected and brings no data", s.Name)
		a.Hint = "check what the feed was asked for; liveness.data says how long it may be silent"
	default:
		return a, false
	}
	return a, true
}

// alarmList is the alarms, the worst first, then the oldest.
func (f *fold) alarmList() []command.AlarmView {
	list := make([]command.AlarmView, 0, len(f.alarms))
	for _, a := range f.alarms {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b command.AlarmView) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), a.Since.Compare(b.Since), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

// node fills in what changes of a node's view.
func (f *fold) node(fixed command.NodeView) command.NodeView {
	v := fixed
	v.State, v.Self = "alive", true
	v.Sources = len(f.last.sources)
	figure := func(component, name string) float64 {
		n, _ := f.last.figure(component, name)
		return n
	}
	v.Subscribers = int(figure("subscribers", "sessions"))
	v.Journal = command.JournalView{Records: uint64(figure("journal", "records")), Bytes: int64(figure("journal", "bytes"))}
	v.Rates = f.rates()
	if v.Links == nil {
		v.Links = []command.LinkView{}
	}
	if v.Labels == nil {
		v.Labels = map[string]string{}
	}
	return v
}
