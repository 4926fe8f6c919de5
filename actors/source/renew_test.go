package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/testkit/feeds"
)

// listenRenewed is listen with a renewal that no spec may have, for it is so quick.
func listenRenewed(b *bench, renew time.Duration, fields string, scripts ...feeds.Script) (*feeds.Socket, *feeds.Server) {
	b.t.Helper()
	socket := feeds.NewSocket(scripts...)
	server := b.serve(socket)
	s, err := spec.Parse(fmt.Appendf(nil, "name: w\nkind: websocket\nurl: %s\nbackoff: {min: 10ms, max: 50ms}\n%s", server.SocketURL("/x"), fields), true)
	if err != nil {
		b.t.Fatal(err)
	}
	s.WebSocket.Renew = spec.Duration(renew)
	b.list[s.Name] = source.Assignment{Spec: s}
	b.assign()
	return socket, server
}

// numbered sends the numbers of one feed, which goes on over all connections: each gets what is new while
// it stands, once it has subscribed.
func numbered(pause time.Duration) feeds.Step {
	begun := time.Now()
	now := func() int64 { return int64(time.Since(begun) / pause) }
	return func(c *feeds.Conn) error {
		if err := c.Await(1); err != nil {
			return err
		}
		for last := now(); ; {
			for ; last < now(); last++ {
				if err := c.Text(fmt.Appendf(nil, `{"n":%d}`, last+1)); err != nil {
					return err
				}
			}
			if err := c.Pause(pause); err != nil {
				return err
			}
		}
	}
}

func TestARenewedConnectionLosesNothing(t *testing.T) {
	b := newBench(t, nil)
	socket, server := listenRenewed(b, 1200*time.Millisecond, "native_id: .n\nwebsocket: {open: [subscribe]}", feeds.Play(numbered(2*time.Millisecond)))
	most := 0
	b.await("four connections", func() bool {
		open, _ := server.Connections()
		most = max(most, open)
		return socket.Handshakes() >= 4
	})
	records := b.intake.on("w")
	numbers := make([]int, len(records))
	for i, record := range records {
		if _, err := fmt.Sscanf(record, `{"n":%d}`, &numbers[i]); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(numbers[:len(numbers)-10]) // the two connections take turns
	for i, n := range numbers[:len(numbers)-20] {
		if n != numbers[0]+i {
			t.Fatalf("record %d is %d, want %d", i, n, numbers[0]+i)
		}
	}
	status := b.awaitState("w", command.SourceRunning)
	if most != 2 || status.Errors != 0 || status.Dropped.Duplicate == 0 || status.Restarts < 2 || len(records) < 300 {
		t.Errorf("%d connections at once, %d records, %+v", most, len(records), status)
	}
	b.awaitStates("w", "connecting running")
	if n := len(b.states("w")); n != 2 {
		t.Errorf("a renewal changed the state: %v, %s", b.states("w"), b.intake.on("$sources.w"))
	}
}

func TestAnExclusiveConnectionIsRenewedAfterItsEnd(t *testing.T) {
	var open, most atomic.Int32
	guard := func(step feeds.Step) feeds.Script {
		return feeds.Play(func(c *feeds.Conn) error {
			now := open.Add(1)
			defer open.Add(-1)
			for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
			}
			return step(c)
		})
	}
	b := newBench(t, nil)
	socket, _ := listenRenewed(b, 60*time.Millisecond, "native_id: .n\nexclusive: true\nwebsocket: {open: [subscribe]}", guard(numbered(2*time.Millisecond)))
	b.await("five connections", func() bool { return socket.Handshakes() >= 5 })
	for i := range 5 {
		b.await("a restart", func() bool { return b.Restart("w") })
		n := socket.Handshakes()
		b.await("it is there again", func() bool { return socket.Handshakes() > n })
		s := *b.list["w"].Spec
		s.Hash = fmt.Sprint(i) // another one
		b.list["w"] = source.Assignment{Spec: &s}
		b.assign()
		b.await("it is there again", func() bool { return socket.Handshakes() > n+1 })
	}
	if most.Load() != 1 {
		t.Errorf("%d connections at once", most.Load())
	}
	if status := b.awaitState("w", command.SourceRunning); status.Errors != 0 {
		t.Errorf("%+v", status)
	}
}

func TestARenewalThatFailsLeavesTheConnection(t *testing.T) {
	b := newBench(t, nil)
	var refuse atomic.Bool
	refuse.Store(true)
	second := feeds.Script{Instead: feeds.Status(429, "one connection only")}
	socket, server := listenRenewed(b, 100*time.Millisecond, "native_id: .n\nwebsocket: {open: [subscribe]}", feeds.Play(numbered(2*time.Millisecond)), second, second, second, feeds.Play(numbered(2*time.Millisecond)))
	b.awaitRecords("$errors.w", 3)
	if report := b.intake.on("$errors.w")[0]; !strings.Contains(report, "can't be renewed, and stays as it is: the feed answered the handshake with 429 Too Many Requests: one connection only") {
		t.Errorf("%s", report)
	}
	b.await("it is renewed at last", func() bool { s, _ := b.Status("w"); return s.Restarts == 1 && s.State == command.SourceRunning })
	b.await("one connection is left", func() bool { open, _ := server.Connections(); return open == 1 })
	if n := socket.Handshakes(); n < 5 {
		t.Errorf("%d handshakes", n)
	}
}

func TestAFeedThatEndsTheOldConnectionForTheNewIsRenewed(t *testing.T) {
	b := newBench(t, nil)
	second := make(chan struct{})
	listenRenewed(b, 600*time.Millisecond, "", feeds.Play(feeds.Send("1"), feeds.Until(second), feeds.Close(4001, "another session")),
		feeds.Play(func(*feeds.Conn) error { close(second); return nil }, feeds.Pause(50*time.Millisecond), feeds.Send("2"), feeds.Silence()), feeds.Refuse(feeds.Status(503, "")))
	if got := b.awaitRecords("w", 2); strings.Join(got, "") != "12" {
		t.Errorf("%v", got)
	}
	b.await("it counts as one renewal", func() bool { s, _ := b.Status("w"); return s.Restarts == 1 && s.State == command.SourceRunning })
}

func TestEachConnectionHasAStateOfItsOwn(t *testing.T) {
	b := newBench(t, nil)
	both := make(chan struct{})
	said := func(c *feeds.Conn) error { // the same channel is another symbol on each connection
		if err := feeds.Send(fmt.Sprintf(`{"event":"subscribed","chan":7,"symbol":"S%d"}`, c.Number()))(c); err != nil {
			return err
		}
		if c.Number() == 2 {
			close(both)
		}
		if err := feeds.Until(both)(c); err != nil {
			return err
		}
		return feeds.Send(fmt.Sprintf(`[7,%d]`, c.Number()))(c)
	}
	listenRenewed(b, 2*time.Second, `on: [{when: '.event == "subscribed"', set: '{(.chan | tostring): .symbol}'}]
transform: {where: 'type == "array"', map: '{s: $state[.[0] | tostring], c: .[1], n: ($state | length)}'}`, feeds.Play(said, feeds.Silence()), feeds.Play(said, feeds.Silence()), feeds.Refuse(feeds.Status(503, "")))
	got := b.awaitRecords("w", 2)
	slices.Sort(got)
	if strings.Join(got, "") != `{"c":1,"n":1,"s":"S1"}{"c":2,"n":1,"s":"S2"}` {
		t.Errorf("%v", got)
	}
}

func TestItemsAreAskedForInOpenFrames(t *testing.T) {
	b := newBench(t, nil)
	socket := listen(b, `items: [BTC-USD, {a: 1.10}, 9007199254740993, x, y]
on: [{when: 'has("ping")', send: 'pong ${.items | length}'}]
websocket:
  batch: 2
  open: [{login: '${.items | length}'}, {subscribe: '${.item}', of: '${.items | length}'}, {args: '${.items}'}, bye]`,
		feeds.Play(feeds.Await(10), feeds.Send(`{"ping":1}`), feeds.Silence()))
	want := []string{
		`{"login":2}`, `{"login":2}`, `{"login":1}`,
		`{"of":5,"subscribe":"BTC-USD"}`, `{"of":5,"subscribe":{"a":1.10}}`, `{"of":5,"subscribe":9007199254740993}`, `{"of":5,"subscribe":"x"}`, `{"of":5,"subscribe":"y"}`,
		`{"args":["BTC-USD",{"a":1.10}]}`, `{"args":[9007199254740993,"x"]}`, `{"args":["y"]}`, `bye`, `pong 5`,
	}
	got := b.awaitSent(socket, len(want))
	for i := range want {
		if got[i] != "1 "+want[i] {
			t.Errorf("frame %d is %s, want %s", i, got[i], want[i])
		}
	}
}

func TestManyOpenFramesDoNotHoldUpTheReading(t *testing.T) {
	b := newBench(t, nil)
	var items []string
	for i := range 140 { // the source sends 100 at once and then 50 a second
		items = append(items, fmt.Sprint(i))
	}
	socket := listen(b, "liveness: {transport: 400ms, protocol: 400ms}\nitems: ["+strings.Join(items, ",")+"]\nwebsocket: {open: [{s: '${.item}'}]}",
		feeds.Play(heartbeats))
	b.awaitRecords("w", 100)
	got := b.awaitSent(socket, 140)
	for i := range 140 {
		if want := fmt.Sprintf(`1 {"s":%d}`, i); got[i] != want {
			t.Fatalf("frame %d is %s", i, got[i])
		}
	}
	if status := b.awaitState("w", command.SourceRunning); status.Restarts != 0 {
		t.Errorf("%+v", status)
	}
}

func TestAnItemHasNoPlaceInTheAddressOfAll(t *testing.T) {
	b := newBench(t, nil)
	s := parse(t, "name: w\nkind: websocket\nurl: 'wss://h/${.item}'\nheaders: {X-A: '${.items[0]}', X-B: '${.item}'}\nitems: [a]")
	faults := b.Check(s)
	if len(faults) != 2 || faults[0].Path != "/url" || faults[1].Path != "/headers/X-B" || !strings.Contains(faults[0].Message, "use .items") {
		t.Errorf("%v", faults)
	}
}

// zipped is a text as gzip.
func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func TestBinaryFramesAreDecoded(t *testing.T) {
	b := newBench(t, nil)
	socket := listen(b, `websocket: {decode: [gzip]}
on: [{when: 'has("ping")', send: {pong: '${.frame.ping}'}}, {when: '. == "Ping"', send: Pong}]
transform: {where: 'type == "object" and has("n")'}`,
		feeds.Play(feeds.SendBinary(zipped(`{"ping":1492420473027}`)), feeds.Await(1), feeds.SendBinary(zipped("Ping")), feeds.Await(1),
			feeds.SendBinary([]byte(`{"n":1}`)), feeds.SendBinary(zipped(`{"n":2}`)[:12]), feeds.SendBinary(zipped(strings.Repeat("x", source.MaxMessage+1))),
			feeds.Send(`{"n":3}`), feeds.SendBinary(zipped(`{"n":4.0}`)), feeds.Silence()))
	if got := b.awaitRecords("w", 2); strings.Join(got, "") != `{"n":3}{"n":4.0}` {
		t.Errorf("%v", got)
	}
	if got := b.awaitSent(socket, 2); !slices.Equal(got, []string{`1 {"pong":1492420473027}`, "1 Pong"}) {
		t.Errorf("sent %v", got)
	}
	status := b.awaitState("w", command.SourceRunning)
	if status.Dropped.Failed != 3 || status.Errors != 3 || status.Restarts != 0 {
		t.Errorf("%+v", status)
	}
	reports := b.awaitRecords("$errors.w", 3)
	if !strings.Contains(reports[0], "decode: gzip") || !strings.Contains(reports[1], "cut") || !strings.Contains(reports[2], "unpacks to more than 16 MiB") {
		t.Errorf("%.300v", reports)
	}
}

func TestStreamsOfItems(t *testing.T) {
	b := newBench(t, nil)
	api := feeds.NewREST(map[string][]http.Handler{
		"/a": {feeds.Events(feeds.Say("id: 1\ndata: 1\n\n")), feeds.Events(feeds.Say("id: 2\ndata: 2\n\n"), feeds.Hold())},
		"/b": {feeds.Events(feeds.Say("id: x\ndata: 1\n\n"), feeds.Hold())},
	})
	b.put("name: e\nkind: sse\nurl: '%s'\nitems: [a, b]\nbackoff: {min: 10ms}\nstream: 'm.{i}'\ntransform: {map: '{i: $meta.item, v: .}'}", b.serve(api).URL("/${.item}"))
	b.awaitRecords("m.a", 2)
	b.awaitRecords("m.b", 1)
	if status := b.awaitState("e", command.SourceRunning); status.Restarts != 0 || status.Errors != 0 {
		t.Errorf("the end of one stream ended the other: %+v", status)
	}
	b.await("a restart", func() bool { return b.Restart("e") })
	b.awaitRecords("m.b", 2)
	b.awaitRecords("m.a", 3)
	byTarget := make(map[string][]string)
	for _, r := range api.Requests() {
		byTarget[r.Target] = append(byTarget[r.Target], r.Header.Get("Last-Event-ID"))
	}
	if !slices.Equal(byTarget["/a"], []string{"", "1", "2"}) || !slices.Equal(byTarget["/b"], []string{"", "x"}) {
		t.Errorf("sent %q", byTarget)
	}
}

func TestAFailingStreamOfSeveralEndsAllAndIsNamed(t *testing.T) {
	b := newBench(t, nil)
	api := feeds.NewREST(map[string][]http.Handler{
		"/a": {feeds.Events(feeds.Say("data: 1\n\n"), feeds.Hold())}, "/b": {feeds.Status(403, "not you"), feeds.Events(feeds.Say("data: 2\n\n"), feeds.Hold())},
	})
	b.put("name: e\nkind: sse\nurl: '%s'\nitems: [a, b]\nbackoff: {min: 10ms, max: 10ms}", b.serve(api).URL("/${.item}"))
	b.awaitError("e", "403 Forbidden: not you")
	b.awaitRecords("e", 2)
}

func TestAHandshakeThatHangsHindersNoEnd(t *testing.T) {
	for _, exclusive := range []string{"false", "true"} {
		b := newBench(t, nil)
		socket := listen(b, "exclusive: "+exclusive, feeds.Refuse(feeds.Hang()))
		b.await("it connects", func() bool { return socket.Handshakes() == 1 })
		begun := time.Now()
		b.pause("w", true)
		b.awaitState("w", command.SourcePaused)
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("exclusive: %s: it took %s", exclusive, took)
		}
	}
}

func TestAnExclusivePollIsNeverThereTwice(t *testing.T) {
	var open, most, ever atomic.Int32
	b := newBench(t, nil)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ever.Add(1)
		now := open.Add(1)
		defer open.Add(-1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		if strings.HasPrefix(r.URL.Path, "/to") {
			http.Redirect(w, r, "/x", http.StatusFound)
			return
		}
		feeds.Dribble("[1,2,3,4,5,6,7,8]", 2*time.Millisecond).ServeHTTP(w, r)
	})
	server := b.serve(handler)
	atOnce := 0
	for i := range 20 {
		b.put("name: p\nkind: rest\nurl: %s/to%d\nexclusive: true\nrest: {every: 10ms}\nbackoff: {min: 10ms, max: 10ms}", server.URL(""), i/2)
		n := ever.Load()
		b.await("it polls", func() bool {
			now, _ := server.Connections()
			atOnce = max(atOnce, now)
			return ever.Load() > n+int32(i%5)
		})
		if i%2 == 0 {
			b.await("a restart", func() bool { return b.Restart("p") })
		}
	}
	if most.Load() != 1 || atOnce > 1 {
		t.Errorf("%d requests at once, %d connections", most.Load(), atOnce)
	}
	if status := b.awaitState("p", command.SourceRunning); status.Records == 0 {
		t.Errorf("%+v", status)
	}
}

func TestAnExclusiveStreamIsNeverThereTwice(t *testing.T) {
	var open, most, ever atomic.Int32
	b := newBench(t, nil)
	server := b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ever.Add(1)
		now := open.Add(1)
		defer open.Add(-1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		feeds.Events(feeds.Say("data: 1\n\n"), feeds.Hold()).ServeHTTP(w, r)
	}))
	b.put("name: e\nkind: sse\nurl: %s\nexclusive: true", server.URL("/"))
	for i := range 20 {
		b.await("it is there", func() bool { return ever.Load() > int32(i) })
		if i%2 == 0 {
			b.await("a restart", func() bool { return b.Restart("e") })
			continue
		}
		b.put("name: e\nkind: sse\nurl: %s?%d\nexclusive: true", server.URL("/"), i)
	}
	b.await("it is there", func() bool { return ever.Load() > 20 })
	if most.Load() != 1 {
		t.Errorf("%d at once", most.Load())
	}
}

// brittle is a language whose templates panic where they say "boom".
type brittle struct{ transform.Language }

func (b brittle) Template(value any) (transform.Template, error) {
	t, err := b.Language.Template(value)
	if value == "boom" {
		return boom{t}, err
	}
	return t, err
}

type boom struct{ transform.Template }

func (boom) Eval(context.Context, any, transform.Env, transform.Secret) (any, bool, error) {
	panic("boom")
}

func TestAPanicBesideTheReadingCostsOnlyItsSource(t *testing.T) {
	for name, c := range map[string]struct {
		fields string
		renew  time.Duration
	}{
		"the keeper":        {"websocket: {ping: {every: 20ms, send: boom}}", 0},
		"many open frames":  {"websocket: {open: [" + strings.Repeat("a, ", 64) + "boom]}", 0},
		"renewed":           {"websocket: {open: [boom]}", time.Hour},
		"a stream of items": {"", -1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(cfg *source.Config) { cfg.Language = brittle{cfg.Language} })
			if c.renew >= 0 {
				listenRenewed(b, c.renew, c.fields, feeds.Play(feeds.Silence()))
				b.awaitError("w", "the source failed in this node and is started again")
				return
			}
			rest := parse(t, "name: p\nkind: rest\nurl: '"+b.serve(feeds.JSON("1")).URL("/")+"'\nheaders: {X-A: boom}")
			b.list["p"] = source.Assignment{Spec: rest}
			s := parse(t, "name: w\nkind: sse\nurl: '"+b.serve(feeds.Events(feeds.Hold())).URL("/${.item}")+"'\nitems: [a, b]\nheaders: {X-A: boom}")
			b.list["w"] = source.Assignment{Spec: s}
			b.assign()
			b.awaitError("w", "the source failed in this node and is started again")
			b.awaitError("p", "the source failed in this node and is started again")
		})
	}
}
