package source_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// gapReports are what $errors tells of holes.
func (b *bench) gapReports(name string) (all []string) {
	for _, text := range b.intake.on(messages.Stream("$errors." + name)) {
		var r struct {
			Reason string
			Gap    *struct {
				Per      string
				From, To int64
			}
		}
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			b.t.Fatal(err)
		}
		if r.Gap != nil {
			all = append(all, fmt.Sprintf("%s %d-%d", r.Gap.Per, r.Gap.From, r.Gap.To))
		}
	}
	return all
}

// metric is a counter of a source, with a further label or none.
func (b *bench) metric(name string, labels ...string) float64 {
	b.t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			has := make(map[string]bool)
			for _, l := range m.GetLabel() {
				has[l.GetValue()] = true
			}
			if !slices.ContainsFunc(labels, func(l string) bool { return !has[l] }) {
				return m.GetCounter().GetValue()
			}
		}
	}
	b.t.Fatalf("no metric %s of %v", name, labels)
	return 0
}

func TestHolesInTheNumberingAreReported(t *testing.T) {
	b := newBench(t, nil)
	listen(b, "key: .s\nsequence: {value: .n, per: .s}",
		feeds.Play(feeds.Send(`{"s":"A","n":1}`, `{"s":"A","n":4}`, `{"s":"B","n":7}`, `{"s":"A","n":"x"}`, `{"s":"A","n":5}`), feeds.Silence()))
	b.awaitRecords("w", 5)
	b.await("both are told", func() bool { return b.intake.count("$errors.w") >= 2 })
	if got := b.gapReports("w"); len(got) != 1 || got[0] != "A 2-3" {
		t.Errorf("holes %q", got)
	}
	status := b.awaitState("w", command.SourceRunning)
	if status.Errors != 2 || status.Dropped.Failed != 0 || status.Records != 5 || !strings.HasPrefix(status.LastError, "sequence: is neither") {
		t.Errorf("status %+v", status)
	}
	if got := b.metric("anode_source_missing_total", "w"); got != 2 {
		t.Errorf("%v missing", got)
	}
}

func TestAHoleConnectsAnew(t *testing.T) {
	b := newBench(t, nil)
	socket := listen(b, "sequence: {value: ., on_gap: reconnect}\nliveness: {transport: 0, protocol: 0}",
		feeds.Play(feeds.Send("1", "2", "5", "6"), feeds.Silence()), feeds.Play(feeds.Send("7"), feeds.Silence()))
	b.awaitRecords("w", 4) // 6 was not read any more
	if err := socket.Await(t.Context(), func(s *feeds.Socket) bool { return s.Handshakes() >= 2 }); err != nil {
		t.Fatal(err)
	}
	b.await("both holes are told", func() bool { return len(b.gapReports("w")) == 2 })
	b.awaitError("w", "sequence: 1 is missing: 6")
	status := b.awaitState("w", command.SourceRunning)
	if got := strings.Join(b.gapReports("w"), ","); got != " 3-4, 6-6" {
		t.Errorf("holes %q", got)
	}
	if status.Restarts != 1 {
		t.Errorf("status %+v", status)
	}
}

// A feed whose numbers always jump does not connect without end, and brings all that it has.
func TestAFeedThatAlwaysJumpsIsNotAStorm(t *testing.T) {
	b := newBench(t, nil)
	var steps []feeds.Step
	for i := range 400 {
		steps = append(steps, feeds.Send(fmt.Sprint(2*i)), feeds.Pause(5*time.Millisecond))
	}
	socket := feeds.NewSocket(feeds.Play(append(steps, feeds.Silence())...))
	b.put("name: w\nkind: websocket\nurl: %s\nsequence: {value: ., on_gap: reconnect}\nbackoff: {min: 200ms, max: 60s}", b.serve(socket).SocketURL("/x"))
	begun := time.Now()
	b.awaitRecords("w", 600)
	took := time.Since(begun)
	most := 2
	for wait := 200 * time.Millisecond; wait < took; wait *= 2 {
		most++
		took -= wait
	}
	if n := socket.Handshakes(); n < 2 || n > most {
		t.Errorf("%d connections in %s, at most %d are meant", n, time.Since(begun), most)
	}
}

func TestConflateBringsTheNewest(t *testing.T) {
	b := newBench(t, nil)
	listen(b, "key: .k\nlimit: {policy: conflate, every: 200ms}",
		feeds.Play(feeds.Send(`{"k":"a","n":1}`, `{"k":"a","n":2}`, `{"k":"b","n":3}`, `{"k":"a","n":4}`), feeds.Silence()))
	if got := strings.Join(b.awaitRecords("w", 3), " "); got != `{"k":"a","n":1} {"k":"b","n":3} {"k":"a","n":4}` {
		t.Errorf("records %s", got)
	}
	status := b.awaitState("w", command.SourceRunning)
	if status.Records != 3 || status.Dropped.Limited != 1 || status.Errors != 0 {
		t.Errorf("status %+v", status)
	}
	if got := b.metric("anode_source_dropped_total", "w", "limited"); got != 1 {
		t.Errorf("%v limited", got)
	}
}

func TestWhatIsHeldComesAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		last feeds.Step
		end  func(b *bench)
	}{
		{"of a connection", feeds.Close(1000, ""), func(*bench) {}},
		{"of a connection that is cut", feeds.Cut(), func(*bench) {}},
		{"by pausing", feeds.Silence(), func(b *bench) { b.pause("w", true) }},
		{"by removing", feeds.Silence(), func(b *bench) { b.remove("w") }},
		{"by draining", feeds.Silence(), func(b *bench) {
			if err := b.Drain(b.t.Context()); err != nil {
				b.t.Error(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			listen(b, "limit: {policy: conflate, every: 1h}", feeds.Play(feeds.Send("1", "2", "3"), c.last), feeds.Play(feeds.Silence()))
			b.await("all is read", func() bool {
				status, _ := b.Status("w")
				return status.Dropped.Limited == 1
			})
			if c.name[:2] == "by" && b.intake.count("w") != 1 {
				t.Errorf("records %v", b.intake.on("w"))
			}
			c.end(b)
			if got := strings.Join(b.awaitRecords("w", 2), " "); got != "1 3" {
				t.Errorf("records %s", got)
			}
		})
	}
}

// breaks is a connector that fails, in a way that none should, with something held.
type breaks struct{}

func (c *breaks) Run(ctx context.Context, line *source.Line) error {
	for _, text := range []string{"1", "2"} {
		if _, err := line.Feed(ctx, []byte(text), transform.Meta{}); err != nil {
			return err
		}
	}
	panic("a fault of the connector")
}
func (*breaks) Close() {}

func TestWhatIsHeldComesWhereAConnectorPanics(t *testing.T) {
	b := newBench(t, func(cfg *source.Config) {
		cfg.Kinds["rest"] = func(source.Setup) (source.Connector, error) { return &breaks{}, nil }
	})
	b.put("name: w\nkind: rest\nurl: http://127.0.0.1:1/\nlimit: {policy: conflate, every: 1h}")
	b.awaitError("w", "the source failed in this node and is started again")
	if got := strings.Join(b.awaitRecords("w", 2)[:2], " "); got != "1 2" {
		t.Errorf("records %s", got)
	}
}

// What the journal refuses when its turn comes ends the connection, and passes again.
func TestHeldAndRefused(t *testing.T) {
	b := newBench(t, nil)
	listen(b, "native_id: .\nlimit: {policy: conflate, every: 300ms}", feeds.Play(feeds.Send("1", "2"), feeds.Silence()), feeds.Play(feeds.Send("1", "2"), feeds.Silence()))
	b.awaitRecords("w", 1)
	b.intake.set(false, fmt.Errorf("no: %w", command.ErrUnavailable))
	b.awaitError("w", "the journal does not take records")
	b.intake.set(false, nil)
	if got := strings.Join(b.awaitRecords("w", 2), " "); got != "1 2" {
		t.Errorf("records %s", got)
	}
}

// A state is not sealed before the records that it covers, also where limit holds them, and is where it always holds some.
func TestSinceIsNotAheadOfWhatIsHeld(t *testing.T) {
	b := newBench(t, nil)
	feed := newNumbers(5, 5)
	b.put("name: p\nkind: rest\nurl: %s\n%skey: '.n %% 2'\nlimit: {policy: conflate, every: 150ms}", b.serve(feed).URL("/"), incremental)
	for upTo := int64(10); b.intake.count("$state.p") < 10; upTo += 5 { // there is always more
		b.await("what comes after the newest is asked for", func() bool { return feed.last.Load() >= upTo-5 })
		feed.upTo.Store(upTo)
	}
	newest := map[int]int{}
	states := 0
	for _, d := range b.intake.snapshot() {
		if d.Stream == "p" {
			var r struct{ N int }
			if err := json.Unmarshal(d.Payload, &r); err != nil {
				t.Fatal(err)
			}
			newest[r.N%2] = max(newest[r.N%2], r.N)
		}
		if d.Stream != "$state.p" {
			continue
		}
		states++
		var s savedState
		if err := json.Unmarshal(d.Payload, &s); err != nil {
			t.Fatal(err)
		}
		var since int
		if err := json.Unmarshal(s.Since, &since); err != nil {
			t.Fatal(err)
		}
		for n := since; n > since-2 && n > 0; n-- { // the newest of each key
			if newest[n%2] < n {
				t.Errorf("the state says %d, and %d is not stored", since, n)
			}
		}
	}
	if states < 10 {
		t.Errorf("%d states", states)
	}
}
