package status

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// at makes a sample so many seconds after the beginning.
func at(second int, in, out float64, sources ...command.SourceView) sample {
	return sample{
		at: time.Unix(1e9, 0).Add(time.Duration(second) * time.Second), sources: sources,
		components: []command.ComponentView{
			{Name: "journal", State: command.StateOK, Figures: map[string]float64{"records_in": in}},
			{Name: "hub", State: command.StateOK, Figures: map[string]float64{"records_out": out}},
			{Name: "sources", State: command.StateOK, Figures: map[string]float64{}},
		},
		streams: map[messages.Stream]uint64{"s": uint64(in)},
	}
}

func source(name, state string) command.SourceView {
	return command.SourceView{Name: name, Status: command.SourceStatus{State: state, Since: time.Unix(1e9, 0), LastError: "refused"}}
}

func reasons(f *fold) (list []string) {
	for _, a := range f.alarmList() {
		list = append(list, a.Severity+" "+a.Reason)
	}
	return list
}

func TestRatesAreOfTheLastTenSeconds(t *testing.T) {
	var f fold
	for second := range 60 {
		f.apply(at(second, float64(second*20), float64(second*3)))
	}
	if r := f.rates(); r.In != 20 || r.Out != 3 {
		t.Errorf("rates %+v, want 20 and 3", r)
	}
	if r := f.streamRates().of("s", 59*20, f.now.at); r != 20 {
		t.Errorf("the stream's rate is %v, want 20", r)
	}
	for second := range 30 {
		f.apply(at(60+second, 59*20, 59*3))
	}
	if r := f.rates(); r.In != 0 || r.Out != 0 {
		t.Errorf("rates %+v of a node that rests", r)
	}
}

func TestLatenciesAreToldInMilliseconds(t *testing.T) {
	var f fold
	s := at(1, 0, 0)
	s.components[1].Figures["delivery_p99"] = 0.01234
	s.components = append(s.components, command.ComponentView{Name: "gossip", Figures: map[string]float64{"mesh_delivery_p50": 0.0005, "mesh_delivery_p99": 0.004}})
	f.apply(s)
	if got, want := f.node(command.NodeView{}).Latency, (command.LatencyView{MeshP50: 0.5, MeshP99: 4, DeliveryP99: 12.34}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestCountersThatWereHighAlreadyAreNoRate: of a status actor that was started again.
func TestCountersThatWereHighAlreadyAreNoRate(t *testing.T) {
	var f fold
	for second := range 5 {
		f.apply(at(second, float64(1e6+second), 1e6))
		if r := f.rates(); r.In > 1 || r.Out != 0 {
			t.Errorf("after %d s: rates %+v, want at most 1 and 0", second, r)
		}
	}
}

// TestAComponentThatDoesNotAnswerIsNoRate: neither when it is silent nor when it answers again.
func TestAComponentThatDoesNotAnswerIsNoRate(t *testing.T) {
	var f fold
	for second := range 60 {
		s := at(second, float64(second*20), 0)
		if second >= 20 && second < 40 {
			s.components[0] = command.ComponentView{Name: "journal", State: command.StateFailed, Detail: "it did not answer"}
		}
		f.apply(s)
		if r := f.rates(); second > 0 && r.In != 20 {
			t.Errorf("after %d s: %v records a second, want 20", second, r.In)
		}
	}
}

func TestASourceThatIsNotWellRaisesOneAlarm(t *testing.T) {
	var f fold
	s := at(0, 0, 0, source("a", command.SourceBackoff), source("b", command.SourceRunning))
	s.components[2].State, s.components[2].Detail = command.StateDegraded, "2 sources: 1 backoff, 1 running"
	f.apply(s)
	if got, want := reasons(&f), []string{"warning source a is waiting to try again: refused"}; !slices.Equal(got, want) {
		t.Errorf("alarms %q, want %q", got, want)
	}
	// Where the sources can't be listed their component says it; that it failed is said whatever they say.
	s.sources = nil
	f.apply(s)
	if got, want := reasons(&f), []string{"warning sources: 2 sources: 1 backoff, 1 running"}; !slices.Equal(got, want) {
		t.Errorf("alarms %q, want %q", got, want)
	}
	s.sources = []command.SourceView{source("a", command.SourceFailed)}
	s.components[2].State, s.components[2].Detail = command.StateFailed, "it did not answer"
	f.apply(s)
	if got, want := reasons(&f), []string{"critical source a has failed: refused", "critical sources: it did not answer"}; !slices.Equal(got, want) {
		t.Errorf("alarms %q, want %q", got, want)
	}
}

func TestASourceThatRestsRaisesNoAlarm(t *testing.T) {
	var f fold
	a := source("a", command.SourceBackoff)
	a.Status.Resting = true
	f.apply(at(0, 0, 0, a))
	if got := reasons(&f); len(got) != 0 {
		t.Errorf("alarms %q", got)
	}
}

func TestTheHintOfASourceIsThatOfItsError(t *testing.T) {
	for hint, want := range map[string]string{"": "check the feed's URL and whether", "the feed wants credentials": "the feed wants credentials"} {
		var f fold
		a := source("a", command.SourceBackoff)
		a.Status.Hint = hint
		f.apply(at(0, 0, 0, a))
		if list := f.alarmList(); len(list) != 1 || !strings.HasPrefix(list[0].Hint, want) {
			t.Errorf("alarms %+v", list)
		}
	}
}

// TestTheLogTellsOnce of a component that is not well, of what changes about that, and of its end.
func TestTheLogTellsOnce(t *testing.T) {
	var log strings.Builder
	s := &statusActor{cfg: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	var before []command.ComponentView
	for _, state := range []string{
		command.StateOK, command.StateDegraded, command.StateDegraded, command.StateFailed, command.StateFailed,
		command.StateOK, command.StateOK,
	} {
		now := []command.ComponentView{
			{Name: "journal", State: state, Detail: "the disk is full"},
			{Name: "sources", State: state, Detail: "1 backoff"},
			{Name: "gossip", State: command.StateOff, Detail: "this version runs one node"},
		}
		s.log(before, now)
		before = now
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), "level=")
		line, _, _ = strings.Cut(line, " hint=")
		got = append(got, line)
	}
	want := []string{
		`WARN msg="a component is not well" component=journal state=degraded reason="the disk is full"`,
		`ERROR msg="a component is not well" component=journal state=failed reason="the disk is full"`,
		`INFO msg="a component is well again" component=journal`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("log\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnAlarmKeepsItsBeginningAndEnds(t *testing.T) {
	var f fold
	bad := func(second int, state string) {
		s := at(second, 0, 0)
		s.components[0].State, s.components[0].Detail = state, fmt.Sprint("detail ", second)
		f.apply(s)
	}
	bad(1, command.StateDegraded)
	bad(9, command.StateFailed)
	list := f.alarmList()
	if len(list) != 1 || !list[0].Since.Equal(time.Unix(1e9+1, 0)) || list[0].Severity != command.SeverityCritical || list[0].Reason != "journal: detail 9" || list[0].Hint == "" {
		t.Errorf("alarms %+v, want one that is critical since the first second", list)
	}
	s := at(9, 0, 0)
	s.components[0].State, s.components[0].Hint = command.StateDegraded, "its own"
	if f.apply(s); f.alarmList()[0].Hint != "its own" || list[0].Hint == "its own" {
		t.Errorf("hints %q and %q, want its own only where it has one", list[0].Hint, f.alarmList()[0].Hint)
	}
	if f.apply(at(10, 0, 0)); len(f.alarmList()) != 0 {
		t.Errorf("alarms %+v, want none", f.alarmList())
	}
}

// TestASourceWhoseMessagesAllFailRaisesAnAlarm after a minute, until one of them is good.
func TestASourceWhoseMessagesAllFailRaisesAnAlarm(t *testing.T) {
	var f fold
	s := source("a", command.SourceRunning)
	s.Status.LastError = "map: no such field"
	look := func(second int, good, errors uint64, want ...string) {
		t.Helper()
		s.Status.Dropped.Filtered, s.Status.Errors = good, errors
		f.apply(at(second, 0, 0, s))
		if got := reasons(&f); !slices.Equal(got, want) {
			t.Errorf("after %d s: alarms %q, want %q", second, got, want)
		}
	}
	look(0, 0, 0)
	look(2, 0, 1)
	look(61, 0, 30)
	look(62, 0, 30, "warning source a runs, and all its messages fail: 30 errors and no record, the last: map: no such field")
	if a := f.alarmList()[0]; !a.Since.Equal(at(2, 0, 0).at) || a.Source != "a" || !strings.Contains(a.Hint, "anode source try") {
		t.Errorf("%+v", a)
	}
	look(64, 1, 31)
	look(66, 1, 32)
	look(126, 1, 33) // two odd messages of a feed that is silent since
	look(128, 1, 34, "warning source a runs, and all its messages fail: 3 errors and no record, the last: map: no such field")
}

// TestAFlappingSourceKeepsItsAlarm: between two failures it connects and runs for a while; only one that goes on running,
// is paused, or has another spec is well.
func TestAFlappingSourceKeepsItsAlarm(t *testing.T) {
	var f fold
	look := func(second int, state, version string, since int, want ...string) {
		t.Helper()
		s := source("a", state)
		s.Version, s.Status.Since = version, at(since, 0, 0).at
		f.apply(at(second, 0, 0, s))
		if got := reasons(&f); !slices.Equal(got, want) {
			t.Errorf("after %d s: alarms %q, want %q", second, got, want)
		}
	}
	const alarm = "warning source a is waiting to try again: refused"
	look(0, command.SourceConnecting, "1", 0)
	look(2, command.SourceBackoff, "1", 1, alarm)
	look(4, command.SourceConnecting, "1", 3, alarm)
	look(6, command.SourceRunning, "1", 5, alarm)
	look(8, command.SourceBackoff, "1", 7, alarm)
	look(10, command.SourceRunning, "1", 9, alarm)
	look(39, command.SourceRunning, "1", 9)
	look(42, command.SourceBackoff, "1", 41, alarm)
	look(44, command.SourceConnecting, "2", 43)
	look(46, command.SourceBackoff, "2", 45, alarm)
	look(48, command.SourcePaused, "2", 47)
}
