package status

import (
	"cmp"
	"fmt"
	"maps"
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
	// peers is the mesh; nil when there is none, or it was not told.
	peers *command.PeersView
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
	now  counted
	past []counted // within rateWindow and the one before, oldest first
	mesh mesh
	// alarms are those that this node has, which it tells others; seen are those about others.
	alarms, seen alarms
	// versions are those of the sources' specs that have an alarm.
	versions map[string]string
	// barren is what is watched of each source.
	barren map[string]barren
	// unwell are sources that are not well, or were lately, on any node.
	unwell map[string]unwell
}

// alarms are alarms by what is wrong.
type alarms map[string]command.AlarmView

// keep adds an alarm, with its beginning where it stood before.
func (a alarms) keep(before alarms, key string, alarm command.AlarmView, at time.Time) {
	if was, had := before[key]; had && alarm.Since.IsZero() {
		alarm.Since = was.Since
	}
	if alarm.Since.IsZero() {
		alarm.Since = at.UTC()
	}
	a[key] = alarm
}

// apply takes in a sample, and gives what of peers is not shown. Where a component did not answer, its counter is no zero: rates stay as they were.
func (f *fold) apply(s sample) (refused []refusal) {
	f.last = s
	in, inKnown := s.figure("journal", "records_in")
	out, outKnown := s.figure("hub", "records_out")
	if inKnown && outKnown {
		f.now = counted{at: s.at, in: in, out: out, streams: s.streams}
		f.count(f.now)
	}
	if s.peers != nil {
		refused = f.mesh.apply(*s.peers, s.at, f.self)
		seen := make(alarms)
		f.mesh.raise(f.self, func(key string, a command.AlarmView) { seen.keep(f.seen, key, a, s.at) })
		f.seen = seen
	}
	f.hearUnwell(f.mesh.told())
	f.raise()
	return refused
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

// raise makes the alarms of what is wrong at this node now; one that stays keeps its beginning.
func (f *fold) raise() {
	now := make(alarms)
	raise := func(key string, a command.AlarmView) {
		a.Node = f.self
		now.keep(f.alarms, key, a, f.last.at)
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
		f.recovers(s)
		if wrong && f.owned(s) {
			raise("source "+s.Name, f.lasts(s, a))
			versions[s.Name] = s.Version
		}
	}
	f.barren, f.versions = watched, versions
	unwell := len(now)
	for _, c := range f.last.components {
		if c.Name == "sources" && c.State == command.StateDegraded && unwell > 0 {
			continue // those that are not well say so themselves
		}
		if c.Name == "gossip" && f.mesh.view.Banned != nil {
			continue // it is told below
		}
		if c.Name == "placement" && c.State == command.StateDegraded {
			for key, a := range ownerless(c.Ownerless) { // none where another node tells it
				raise(key, a)
			}
			continue
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
		raise("component "+c.Name, command.AlarmView{Severity: severity, Reason: c.Name + ": " + c.Detail, Hint: hint(&c)})
	}
	if b := f.mesh.view.Banned; b != nil {
		raise("banned", shutOut(b))
	}
	for i := range f.mesh.view.Problems {
		p := &f.mesh.view.Problems[i]
		raise("problem "+p.About, command.AlarmView{Severity: command.SeverityWarning, Since: p.Since.UTC(), Reason: problem(p), Hint: p.Hint})
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
	"gossip":      "`anode status` shows the links; look at the log, and whether nodes reach each other's mesh ports by TCP and UDP",
	"placement":   "`anode source show NAME` says why; look at the labels that it asks for (nodes), at --label and --own of the nodes, and whether those are up",
	"registry":    "the node's log names what is damaged; register those sources again",
}

// hint is a component's own, or that of its name.
func hint(c *command.ComponentView) string { return cmp.Or(c.Hint, hints[c.Name]) }

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

// own are this node's alarms.
func (f *fold) own() []command.AlarmView { return inOrder(slices.Collect(maps.Values(f.alarms))) }

// alarmList is the alarms of the whole mesh.
func (f *fold) alarmList() []command.AlarmView {
	return inOrder(slices.Concat(slices.Collect(maps.Values(f.alarms)), slices.Collect(maps.Values(f.seen)), f.mesh.told()))
}

// inOrder sorts alarms: the worst first, then the oldest.
func inOrder(list []command.AlarmView) []command.AlarmView {
	slices.SortFunc(list, func(a, b command.AlarmView) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), a.Since.Compare(b.Since), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Reason, b.Reason))
	})
	return nonNil(list)
}

// node fills in what changes of a node's view.
func (f *fold) node(fixed command.NodeView) command.NodeView {
	v := fixed
	v.State, v.Self = command.NodeAlive, true
	if told := f.mesh.self(v.ID); told != nil {
		v.Mesh, v.HTTP = cmp.Or(told.Mesh, v.Mesh), cmp.Or(told.HTTP, v.HTTP)
		if told.State == command.NodeDraining {
			v.State = told.State
		}
	}
	if f.mesh.view.Links != nil {
		v.Links = f.mesh.view.Links
	}
	v.Sources = len(f.last.sources)
	figure := func(component, name string) float64 {
		n, _ := f.last.figure(component, name)
		return n
	}
	v.Subscribers = int(figure("subscribers", "sessions"))
	v.Journal = command.JournalView{Records: uint64(figure("journal", "records")), Bytes: int64(figure("journal", "bytes"))}
	v.Rates = f.rates()
	ms := func(component, name string) float64 { return hundredths(figure(component, name) * 1000) }
	v.Latency = command.LatencyView{
		MeshP50: ms("gossip", "mesh_delivery_p50"), MeshP99: ms("gossip", "mesh_delivery_p99"),
		DeliveryP50: ms("hub", "delivery_p50"), DeliveryP99: ms("hub", "delivery_p99"),
	}
	if v.Links == nil {
		v.Links = []command.LinkView{}
	}
	if v.Labels == nil {
		v.Labels = map[string]string{}
	}
	return v
}
