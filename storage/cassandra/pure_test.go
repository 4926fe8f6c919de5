package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gocql/gocql"
	"pgregory.net/rapid"

	"anode/messages"
	"anode/storage"
)

// TestASessionWithoutAConnectionIsReplacedSoon: after a server was killed and came back, gocql was seen to have a control connection and no other
// until the session was replaced.
func TestASessionWithoutAConnectionIsReplacedSoon(t *testing.T) {
	for _, c := range []struct {
		err  error
		away time.Duration
		want bool
	}{
		{nil, time.Hour, false},
		{gocql.ErrNoConnections, 2 * time.Second, false},
		{fmt.Errorf("probe: %w", gocql.ErrNoConnections), 4 * time.Second, true},
		{gocql.ErrTimeoutNoResponse, 4 * time.Second, false},
		{gocql.ErrTimeoutNoResponse, 31 * time.Second, true},
	} {
		if got := worthless(c.err, c.away); got != c.want {
			t.Errorf("%v for %s: %v", c.err, c.away, got)
		}
	}
}

// TestWhatIsAskedOfASessionThatWasReplacedSaysNothingOfTheDatabase: who still has it is told that it is closed.
func TestWhatIsAskedOfASessionThatWasReplacedSaysNothingOfTheDatabase(t *testing.T) {
	a := &Archive{log: slog.New(slog.DiscardHandler), now: time.Now}
	a.answers(gocql.ErrNoConnections)
	a.answers(gocql.ErrSessionClosed)
	if !errors.Is(a.away, gocql.ErrNoConnections) {
		t.Errorf("it is away for %v", a.away)
	}
	a.answers(nil)
	a.answers(gocql.ErrSessionClosed)
	if a.away != nil {
		t.Errorf("it is away for %v", a.away)
	}
}

// TestASessionThatWasReplacedIsNotAskedAgain: who has an old session is told at once, and gets the new one with the next question.
func TestASessionThatWasReplacedIsNotAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Archive{ctx: t.Context(), now: time.Now, log: slog.New(slog.DiscardHandler)}
		asked, began := 0, time.Now()
		err := a.try(t.Context(), func(context.Context) error { asked++; return gocql.ErrSessionClosed })
		if asked != 1 || time.Since(began) > 0 || !errors.Is(err, storage.ErrAway) {
			t.Errorf("it is asked %d times in %s: %v", asked, time.Since(began), err)
		}
	})
}

func TestCredentials(t *testing.T) {
	for text, want := range map[string]credentials{
		"user: joe\npassword: a:b c\n":       {"joe", "a:b c"},
		"# of the archive\n\njoe:pass:word ": {"joe", "pass:word"},
		"password:x\r\nuser:y\r\n":           {"y", "x"},
		"user:x":                             {"user", "x"},
		"":                                   {},
		"joe":                                {},
		"joe:":                               {},
		":x":                                 {},
		"user: a\nuser: b":                   {},
		"user: a\npasswd: b":                 {},
		"user: a\npassword: b\nmore: c":      {},
	} {
		got, err := parseCredentials(text)
		if got != want || (err == nil) != (want.user != "") {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestWhatIsWrongWithCredentialsTellsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("user: joe\nsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readCredentials(file)
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "joe") {
		t.Errorf("%v", err)
	}
	if _, err := readCredentials(file + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add("user: a\npassword: b")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseCredentials(text); err == nil && (c.user == "" || c.password == "") {
			t.Errorf("%q gives %+v", text, c)
		}
	})
}

func TestReplicationInCQL(t *testing.T) {
	nodes := map[string]int{"b": 5, "a": 2}
	for _, c := range []struct {
		r    Replication
		dc   string
		want string
	}{
		{Replication{}, "", "'a': 2, 'b': 3"},
		{Replication{}, "a", "'a': 2"},
		{Replication{Factor: 2}, "", "'a': 2, 'b': 2"},
		{Replication{Factor: 3}, "b", "'b': 3"},
		{Replication{DCs: map[string]int{"b": 1, "a": 4}}, "a", "'a': 4, 'b': 1"},
	} {
		want := "{'class': 'NetworkTopologyStrategy', " + c.want + "}"
		if got := c.r.options(c.dc, nodes); got != want {
			t.Errorf("%+v in %q is %s, want %s", c.r, c.dc, got, want)
		}
	}
	has := map[string]string{"class": "x", "a": "3", "b": "2"}
	for _, c := range []struct {
		r  Replication
		dc string
		is bool
	}{
		{Replication{Factor: 3}, "a", true},
		{Replication{Factor: 3}, "", false},
		{Replication{Factor: 2}, "b", true},
		{Replication{DCs: map[string]int{"a": 3, "b": 2}}, "", true},
		{Replication{DCs: map[string]int{"a": 3, "c": 2}}, "", false},
	} {
		if c.r.is(has, c.dc) != c.is {
			t.Errorf("%+v in %q is %v", c.r, c.dc, !c.is)
		}
	}
}

// TestNodesAreCountedWhoeverIsAsked: each question may be answered by another node, and no node is its own peer.
func TestNodesAreCountedWhoeverIsAsked(t *testing.T) {
	type node struct {
		name, dc string
		down     bool
	}
	for _, c := range []struct {
		name  string
		nodes []node
		want  map[string]int
	}{
		{"one", []node{{name: "a", dc: "x"}}, map[string]int{"x": 1}},
		{"two centers", []node{{name: "a", dc: "x"}, {name: "b", dc: "y"}}, map[string]int{"x": 1, "y": 1}},
		{"one of two up", []node{{name: "a", dc: "x"}, {name: "b", dc: "y", down: true}}, map[string]int{"x": 1, "y": 1}},
		{"three", []node{{name: "a", dc: "x"}, {name: "b", dc: "y"}, {name: "c", dc: "y"}}, map[string]int{"x": 1, "y": 2}},
		{"what is left of one", []node{{name: "a", dc: "x"}, {name: "b", down: true}}, map[string]int{"x": 1}},
	} {
		for turn := range 6 {
			asked := turn
			got, err := countByCenter(func(table string) (map[gocql.UUID]string, string, error) {
				for c.nodes[asked%len(c.nodes)].down {
					asked++
				}
				at := asked % len(c.nodes)
				asked++
				says := make(map[gocql.UUID]string)
				for i, n := range c.nodes {
					if (i == at) == (table == "system.local") {
						says[gocql.UUID{byte(i)}] = n.dc
					}
				}
				return says, c.nodes[at].name, nil
			})
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("%s, from turn %d: %v, %v, want %v", c.name, turn, got, err, c.want)
			}
		}
	}
}

func TestWidth(t *testing.T) {
	const kib = 1 << 10
	for _, c := range []struct {
		bytes int64
		span  time.Duration
		want  width
	}{
		{300, 0, byMinute}, // one record, and nothing known
		{300, 9 * time.Minute, byMinute},
		{300, 10 * time.Minute, byDay},
		{5 * kib * 600, 10 * time.Minute, byHour},
		{400 * kib * 600, 10 * time.Minute, byMinute},
		{1000 * kib * 600, 10 * time.Minute, bySecond},
		{1000 * kib, time.Millisecond, bySecond},
		{100 * kib, time.Millisecond, byMinute},
	} {
		got := pickWidth(c.bytes, c.span)
		if got != c.want {
			t.Errorf("%d bytes in %s: %s, want %s", c.bytes, c.span, got, c.want)
		}
		if back, err := parseWidth(got.String()); err != nil || back != got {
			t.Errorf("%s reads as %s, %v", got, back, err)
		}
	}
	if _, err := parseWidth("week"); err == nil {
		t.Error("week is taken")
	}
}

// A bucket holds its ms, and lies in one day.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 1<<47).Draw(t, "ms")
		w := rapid.SampledFrom([]width{byDay, byHour, byMinute, bySecond}).Draw(t, "width")
		start := w.bucket(ms)
		if start > ms || ms >= start+int64(w) || start%int64(w) != 0 {
			t.Fatalf("%d is in the %s from %d", ms, w, start)
		}
		d := dayOf(ms)
		if dayOf(start) != d || dayOf(start+int64(w)-1) != d || int64(d)*int64(byDay) > ms {
			t.Fatalf("%d is of day %d, its %s of %d to %d", ms, d, w, dayOf(start), dayOf(start+int64(w)-1))
		}
	})
	if got := time.UnixMilli(int64(dayOf(1_700_000_000_000)) * int64(byDay)).UTC().Format(time.DateTime); got != "2023-11-14 00:00:00" {
		t.Error(got)
	}
}

// draw makes batches of a few origins and streams.
func draw(t *rapid.T) []*messages.Batch {
	var list []*messages.Batch
	for i := range rapid.IntRange(0, 12).Draw(t, "batches") {
		b := &messages.Batch{}
		b.Origin = messages.NodeID(rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "origin"))
		b.Epoch, b.Sequence = 7, uint64(i+1)
		hlc := messages.HLCFromMillis(rapid.Int64Range(86_390_000, 86_410_000).Draw(t, "ms")) + messages.HLC(rapid.IntRange(0, 1<<17).Draw(t, "counter"))
		b.First = hlc
		index := uint32(0)
		for _, stream := range []messages.Stream{"s.a", "s.b", "t.c"} {
			n := rapid.IntRange(0, 5).Draw(t, "records")
			if n == 0 {
				continue
			}
			g := messages.Group{Stream: stream}
			for range n {
				r := messages.Record{Position: messages.Position{Origin: b.Origin, Epoch: 7, Sequence: b.Sequence, Index: index}, HLC: hlc}
				r.Stream, r.Payload = stream, make([]byte, rapid.IntRange(0, 400).Draw(t, "size"))
				g.Records = append(g.Records, r)
				hlc += messages.HLC(rapid.SampledFrom([]int{1, 1, 1 << 16, 1 << 24}).Draw(t, "step"))
				index++
			}
			b.Groups = append(b.Groups, g)
		}
		list = append(list, b)
	}
	return list
}

// Grouped, each record that is taken is there once, in its partition, in order within it, and no chunk is above the bounds.
func TestGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batches := draw(t)
		limit, most := rapid.IntRange(200, 3000).Draw(t, "limit"), rapid.IntRange(1, 9).Draw(t, "rows")
		widths := make(map[streamDay]width)
		days, lines := look(batches, "s.*")
		for _, d := range days {
			widths[d] = rapid.SampledFrom([]width{byDay, byHour, byMinute, bySecond}).Draw(t, "width")
		}
		chunks := group(batches, "s.*", func(d streamDay) width {
			if widths[d] == 0 {
				t.Fatalf("%v was not looked at", d)
			}
			return widths[d]
		}, limit, most)
		got := make(map[messages.Position]bool)
		for _, c := range chunks {
			if len(c.records) == 0 || len(c.records) > most || c.bytes > limit && len(c.records) > 1 {
				t.Fatalf("a chunk has %d rows and %d bytes", len(c.records), c.bytes)
			}
			bytes, text := 0, 0
			for _, r := range c.records {
				w := widths[streamDay{r.Stream, r.Position.Origin, dayOf(r.HLC.Millis())}]
				if want := (partition{r.Stream, r.Position.Origin, w.bucket(r.HLC.Millis())}); c.partition != want || got[r.Position] {
					t.Fatalf("%s is in %+v, want %+v", r.Position, c.partition, want)
				}
				got[r.Position] = true
				bytes, text = bytes+rowSize(r), text+textSize(r)
			}
			if bytes != c.bytes || text != c.text {
				t.Fatalf("a chunk of %d, %d says %d, %d", bytes, text, c.bytes, c.text)
			}
			if len(c.records) > 1 {
				a, b := c.split()
				if !slices.Equal(append(slices.Clone(a.records), b.records...), c.records) || a.bytes+b.bytes != c.bytes || a.partition != c.partition {
					t.Fatal("halves are not the whole")
				}
			}
		}
		want, bytes := 0, int64(0)
		for _, b := range batches {
			for _, g := range b.Groups {
				if g.Stream != "t.c" {
					want += len(g.Records)
				}
			}
		}
		for _, s := range lines {
			bytes += s.bytes
		}
		if len(got) != want || (bytes > 0) != (want > 0) {
			t.Fatalf("%d records of %d", len(got), want)
		}
	})
}

func TestPace(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	p := newPace(20)
	if p.allowed() != firstFlight {
		t.Fatalf("it begins with %d", p.allowed())
	}
	for i := range 1000 { // answers come fast, but little is asked
		p.answered(at(i), time.Millisecond, false, false)
	}
	if p.allowed() != firstFlight {
		t.Errorf("idle, it is %d", p.allowed())
	}
	for i := range 1000 {
		p.answered(at(1000+i), time.Millisecond, true, false)
	}
	if p.allowed() != 20 {
		t.Errorf("at its bound it is %d, want 20", p.allowed())
	}
	for range 15 { // all that were under way when the database was overloaded
		p.answered(at(3000), 100*time.Millisecond, true, true)
	}
	if p.allowed() != 10 {
		t.Errorf("after one overload it is %d, want 10", p.allowed())
	}
	for i := range 9 {
		p.answered(at(4000+200*i), 100*time.Millisecond, true, true)
	}
	if p.allowed() != 1 {
		t.Errorf("after many it is %d, want 1", p.allowed())
	}
	p = newPace(20)
	p.answered(at(0), 10*time.Millisecond, true, false)
	before := p.limit
	for range 10 {
		p.answered(at(1000), 2*time.Second, true, false)
	}
	if p.limit >= before {
		t.Errorf("with long answers it is %g, was %g", p.limit, before)
	}
	if p := newPace(2); p.allowed() != 2 {
		t.Errorf("with a bound of 2 it begins with %d", p.allowed())
	}
}

func TestFlightHoldsItsBounds(t *testing.T) { synctest.Test(t, flightHoldsItsBounds) }

func flightHoldsItsBounds(t *testing.T) {
	f := newFlight(2, 1<<10)
	ctx, cancel := context.WithCancelCause(t.Context())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.take(ctx, 2*maxFlightBytes)) // alone it may be large
	done := make(chan error, 1)
	go func() { done <- f.take(ctx, 1) }()
	synctest.Wait()
	if len(done) > 0 {
		t.Error("there was room beside more bytes than there may be")
	}
	f.give(2 * maxFlightBytes)
	must(<-done)
	must(f.take(ctx, 1))
	go func() { done <- f.take(ctx, 1) }()
	cause := errors.New("enough")
	cancel(cause)
	if err := <-done; !errors.Is(err, cause) {
		t.Errorf("three at a time: %v", err)
	}
}

func TestErrorsThatPass(t *testing.T) {
	ctx := t.Context()
	for _, err := range []error{
		gocql.ErrNoConnections, gocql.ErrTimeoutNoResponse, gocql.ErrConnectionClosed, gocql.ErrSessionClosed, gocql.ErrNoStreams, gocql.ErrUnavailable,
		answer(gocql.ErrCodeUnavailable), answer(gocql.ErrCodeOverloaded), answer(gocql.ErrCodeBootstrapping), answer(gocql.ErrCodeWriteTimeout),
		answer(gocql.ErrCodeReadTimeout), answer(gocql.ErrCodeWriteFailure), answer(gocql.ErrCodeCASWriteUnknown), answer(gocql.ErrCodeServer),
		answer(gocql.ErrCodeCredentials), answer(gocql.ErrCodeUnauthorized), errors.New("unable to create session: EOF"),
	} {
		if got := told(ctx, err); !errors.Is(got, storage.ErrAway) || !errors.Is(got, err) {
			t.Errorf("%v is told as %v", err, got)
		}
	}
	for _, err := range []error{
		answer(gocql.ErrCodeSyntax), answer(gocql.ErrCodeInvalid), answer(gocql.ErrCodeConfig), answer(gocql.ErrCodeProtocol),
		ErrNewerSchema, storage.ErrClosed,
	} {
		if got := told(ctx, fmt.Errorf("write: %w", err)); errors.Is(got, storage.ErrAway) || !errors.Is(got, err) {
			t.Errorf("%v is told as %v", err, got)
		}
	}
	for code, is := range map[int]bool{gocql.ErrCodeOverloaded: true, gocql.ErrCodeWriteTimeout: true, gocql.ErrCodeInvalid: false, gocql.ErrCodeCredentials: false} {
		if busy(answer(code)) != is {
			t.Errorf("code %#x: busy is %v", code, !is)
		}
	}
}

// forbidden is what a server says to a user who may not do something.
type forbidden string

func (f forbidden) Code() int       { return gocql.ErrCodeUnauthorized }
func (f forbidden) Message() string { return string(f) }
func (f forbidden) Error() string   { return string(f) }

func TestTheUserIsNotNamed(t *testing.T) {
	a := &Archive{ctx: t.Context(), now: time.Now, log: slog.New(slog.DiscardHandler), flight: newFlight(1, 1)}
	const said = "User joe has no MODIFY permission on <table k.records> or any of its parents"
	err := a.try(t.Context(), func(context.Context) error {
		a.now = func() time.Time { return time.Now().Add(time.Hour) } // its patience is over
		return fmt.Errorf("migrate: %w", forbidden(said))
	})
	const want = "archive away: migrate: the archive's user has no MODIFY permission on <table k.records> or any of its parents"
	if err == nil || err.Error() != want || !errors.Is(err, forbidden(said)) || !errors.Is(err, storage.ErrAway) {
		t.Errorf("the caller is told %v", err)
	}
	if away := a.Stats().Away; strings.Contains(away, "joe") || !strings.Contains(away, "MODIFY") {
		t.Errorf("the status says %q", away)
	}
	if text := unname(forbidden("joe may not")).Error(); strings.Contains(text, "joe") {
		t.Errorf("%q", text)
	}
}

func TestWhatIsMissingIsMadeAgain(t *testing.T) {
	for text, is := range map[string]bool{"unconfigured table records": true, "Keyspace 'k' does not exist": true, "Batch too large": false, "Undefined column name x": false} {
		err := fmt.Errorf("write: %w", refusal(text))
		if missing(err) != is || forGood(err) == is || refused(err) != (text == "Batch too large") {
			t.Errorf("%q: missing is %v, for good %v, refused %v", text, missing(err), forGood(err), refused(err))
		}
	}
}

// refusal is what a server says is wrong with what was asked.
type refusal string

func (r refusal) Code() int       { return gocql.ErrCodeInvalid }
func (r refusal) Message() string { return string(r) }
func (r refusal) Error() string   { return string(r) }

// answer is an error that a server answers with.
type answer int

func (a answer) Code() int       { return int(a) }
func (a answer) Message() string { return "as it says" }
func (a answer) Error() string   { return fmt.Sprintf("answer %#x", int(a)) }
