package source_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"anode/actors/source"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// listen serves scripts at /x and listens to them.
func listen(b *bench, fields string, scripts ...feeds.Script) *feeds.Socket {
	b.t.Helper()
	socket := feeds.NewSocket(scripts...)
	b.put("name: w\nkind: websocket\nurl: %s\nbackoff: {min: 10ms, max: 50ms}\n%s", b.serve(socket).SocketURL("/x"), fields)
	return socket
}

// sent are what clients sent, with the number of the connection.
func sent(s *feeds.Socket) (all []string) {
	for _, m := range s.Received() {
		all = append(all, fmt.Sprintf("%d %s", m.Connection, m.Body))
	}
	return all
}

func (b *bench) awaitSent(s *feeds.Socket, n int) []string {
	b.t.Helper()
	if err := s.Await(b.t.Context(), func(s *feeds.Socket) bool { return len(s.Received()) >= n }); err != nil {
		b.t.Fatal(err)
	}
	return sent(s)
}

func TestFramesOpenAndRulesAnswer(t *testing.T) {
	b := newBench(t, nil)
	socket := listen(b, `stream: 'm.{s}'
on:
  - {when: 'has("ping")', send: {pong: 1.10}}
transform: {where: '.type == "trade"'}
websocket: {open: [{op: subscribe, n: 9007199254740993}, hello], subprotocols: [v1.test]}`,
		feeds.Script{Subprotocols: []string{"v1.test"}, Steps: []feeds.Step{
			feeds.Await(2), feeds.Send(`{"ping":1}`), feeds.Await(1),
			feeds.Send(`{"type":"trade","s":"A","p":1.10}`, `{"type":"other"}`, `{"type":"trade","s":"B/C"}`), feeds.Silence(),
		}})
	b.awaitRecords("m.B_C", 1)
	if got := b.intake.on("m.A"); len(got) != 1 || got[0] != `{"type":"trade","s":"A","p":1.10}` {
		t.Errorf("records %v", got)
	}
	want := []string{`1 {"n":9007199254740993,"op":"subscribe"}`, "1 hello", `1 {"pong":1.10}`}
	if got := b.awaitSent(socket, 3); !slices.Equal(got, want) {
		t.Errorf("sent %v", got)
	}
	status := b.awaitState("w", command.SourceRunning)
	if status.Dropped.Filtered != 2 || status.Records != 2 || status.Errors != 0 || status.Restarts != 0 {
		t.Errorf("status %+v", status)
	}
}

func TestExpressionsSeeFrameStateAndMeta(t *testing.T) {
	b := newBench(t, nil)
	socket := listen(b, `on:
  - {when: 'has("ping")', send: {pong: '${.frame.ping}', text: 'n=${.frame.ping}'}}
  - {when: '.event == "subscribed"', set: '{(.chan | tostring): .symbol}'}
transform: {where: 'type == "array"', split: '.[1:][]', map: '{s: $state[$meta.url | if test("secret") then "no" else "7" end], p: .}'}
stream: 'm.{s}'
websocket: {open: [{id: '${1 + 1}', none: '${null}', list: ['${.item}', a]}]}`,
		feeds.Play(feeds.Await(1), feeds.Send(`{"ping":9007199254740993}`), feeds.Await(1),
			feeds.Send(`{"event":"subscribed","chan":7,"symbol":"BTC"}`, `[7,1.10,2]`), feeds.Silence()))
	if got := b.awaitRecords("m.BTC", 2); strings.Join(got, " ") != `{"p":1.10,"s":"BTC"} {"p":2,"s":"BTC"}` {
		t.Errorf("records %v", got)
	}
	want := []string{`1 {"id":2,"list":["a"]}`, `1 {"pong":9007199254740993,"text":"n=9007199254740993"}`}
	if got := b.awaitSent(socket, 2); !slices.Equal(got, want) {
		t.Errorf("sent %v", got)
	}
}

func TestACleanEndAfterDataReconnectsAtOnce(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: w\nkind: websocket\nurl: %s\nbackoff: {min: 1h, max: 1h}", b.serve(feeds.NewSocket(
		feeds.Play(feeds.Send(`1`)), feeds.Play(feeds.Send(`2`), feeds.Close(1001, "we restart")), feeds.Play(feeds.Send(`3`), feeds.Silence()))).SocketURL("/"))
	b.awaitRecords("w", 3)
	status := b.awaitState("w", command.SourceRunning)
	if status.Restarts != 2 || status.Errors != 0 || slices.Contains(b.states("w"), command.SourceBackoff) {
		t.Errorf("%+v %v", status, b.states("w"))
	}
}

func TestManyShortConnectionsAreSlowedDown(t *testing.T) {
	b := newBench(t, nil)
	socket := feeds.NewSocket(feeds.Play(feeds.Send(`1`)))
	b.put("name: w\nkind: websocket\nurl: %s\nbackoff: {min: 1h, max: 1h}", b.serve(socket).SocketURL("/"))
	b.awaitState("w", command.SourceBackoff)
	if n := socket.Handshakes(); n != 4 {
		t.Errorf("%d connections before the first pause", n)
	}
}

func TestConnectionsThatFailAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name, fields string
		script       feeds.Script
		want         string
		max          int // of records before the end
	}{
		{name: "a refused handshake", script: feeds.Refuse(feeds.Status(401, "who are you?")), want: "the feed answered the handshake with 401 Unauthorized: who are you?"},
		{name: "a redirected handshake", script: feeds.Refuse(feeds.Redirect("/y")), want: "the feed answered the handshake with 302 Found"},
		{name: "an end without data", script: feeds.Play(), want: "before it brought data"},
		{name: "an end with words", script: feeds.Play(feeds.Close(1000, "bye now")), want: `bye now`},
		{name: "a policy", script: feeds.Play(feeds.Close(1008, "not you")), want: "the feed closed the connection with 1008: not you"},
		{name: "a cut", script: feeds.Play(feeds.Send("1"), feeds.Cut()), want: "", max: 1},
		{name: "a cut in a frame", script: feeds.Play(feeds.CutInFrame(`{"a":"b"}`, 4)), want: ""},
		{name: "a half-close", script: feeds.Play(feeds.Send("1"), feeds.HalfClose(), feeds.Silence()), want: "the feed cut the connection", max: 1},
		{name: "too much", script: feeds.Play(feeds.Oversize(source.MaxMessage + 1)), want: source.ErrTooLarge.Error()},
		{name: "a rule", fields: "on: [{when: '.error', fail: 'it says no'}]", script: feeds.Play(feeds.Send(`{"error":1}`), feeds.Silence()), want: "it says no"},
		{name: "silence", fields: "liveness: {protocol: 50ms}", script: feeds.Play(feeds.Silence()), want: "no message that can be read came for 50ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			listen(b, c.fields, c.script, feeds.Play(feeds.Send(`"good"`), feeds.Pause(20*time.Millisecond), feeds.Send(`"good"`), feeds.Silence()))
			b.awaitRecords("w", c.max+2)
			b.await("it runs", func() bool { s, _ := b.Status("w"); return s.State == command.SourceRunning || c.name == "silence" })
			status, _ := b.Status("w")
			if !strings.Contains(status.LastError, c.want) || status.LastError == "" || status.Errors == 0 || status.Restarts == 0 {
				t.Errorf("want %q: %+v", c.want, status)
			}
		})
	}
}

func TestSilenceOfTheTransportReconnects(t *testing.T) {
	b := newBench(t, nil)
	var handshakes atomic.Int32
	// A server that reads nothing, so that it answers no ping.
	server := b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := gorilla.Upgrader{}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		if handshakes.Add(1) == 1 {
			<-r.Context().Done()
			return
		}
		for conn.WriteMessage(gorilla.TextMessage, []byte("1")) == nil {
			time.Sleep(5 * time.Millisecond)
		}
	}))
	b.put("name: w\nkind: websocket\nurl: %s\nbackoff: {min: 10ms, max: 50ms}\nliveness: {transport: 60ms, protocol: 0}", server.SocketURL("/"))
	b.awaitRecords("w", 1)
	if status := b.awaitError("w", "nothing came for 60ms"); status.Restarts == 0 {
		t.Errorf("%+v", status)
	}
	server.Cut()
}

func TestPongsKeepAQuietFeedAlive(t *testing.T) {
	b := newBench(t, nil)
	socket := listen(b, "liveness: {transport: 500ms, protocol: 0}", feeds.Play(feeds.Silence()))
	b.awaitState("w", command.SourceRunning)
	time.Sleep(1500 * time.Millisecond) // three times the clock
	if n := socket.Handshakes(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// heartbeats come for ever.
func heartbeats(c *feeds.Conn) error {
	for {
		if err := c.Text([]byte(`{"type":"heartbeat"}`)); err != nil {
			return err
		}
		if err := c.Pause(5 * time.Millisecond); err != nil {
			return err
		}
	}
}

func TestDataThatIsLateMakesAFeedStale(t *testing.T) {
	b := newBench(t, nil)
	more := make(chan struct{})
	quiet := feeds.Play(heartbeats)
	begun := time.Now()
	socket := listen(b, "transform: {where: '.type == \"trade\"'}\nliveness: {data: 50ms}", quiet, quiet, quiet,
		feeds.Play(feeds.Until(more), feeds.Send(`{"type":"trade"}`), heartbeats))
	b.awaitState("w", command.SourceStale)
	if err := socket.Await(t.Context(), func(s *feeds.Socket) bool { return s.Handshakes() == 4 }); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 330*time.Millisecond {
		t.Errorf("the third reconnect came after %s, not 50 + 100 + 200 ms", took)
	}
	if status, _ := b.Status("w"); status.State != command.SourceStale || status.Data.OK || status.LastError == "" {
		t.Errorf("%+v", status)
	}
	close(more)
	status := b.awaitState("w", command.SourceRunning)
	if !status.Data.OK || status.Records != 1 {
		t.Errorf("%+v", status)
	}
	b.awaitState("w", command.SourceStale) // and again
	b.awaitStates("w", "connecting running stale running stale")
}

func TestASlowJournalHoldsTheFeedUp(t *testing.T) {
	b := newBench(t, nil)
	b.intake.set(true, nil)
	const frames = 3000
	payload := strings.Repeat("x", 8<<10)
	var written atomic.Int32
	socket := listen(b, "liveness: {transport: 400ms, protocol: 400ms}", feeds.Play(func(c *feeds.Conn) error {
		for i := range frames {
			if err := c.Text(fmt.Appendf(nil, `{"i":%d,"p":%q}`, i, payload)); err != nil {
				return err
			}
			written.Add(1)
		}
		return nil
	}, heartbeats))
	b.await("the feed stands still", func() bool {
		before := written.Load()
		time.Sleep(150 * time.Millisecond)
		return before > 0 && before == written.Load()
	})
	if n := written.Load(); n == frames {
		t.Fatal("the feed was read to its end without a journal")
	}
	time.Sleep(time.Second) // more than twice the clocks
	if status, _ := b.Status("w"); status.Restarts != 0 || status.Errors != 0 {
		t.Errorf("our own slowness counted as the feed's: %+v", status)
	}
	b.intake.set(false, nil)
	got := b.awaitRecords("w", frames)
	for i := range frames {
		if !strings.HasPrefix(got[i], fmt.Sprintf(`{"i":%d,`, i)) {
			t.Fatalf("record %d is %.20s", i, got[i])
		}
	}
	if socket.Handshakes() != 1 {
		t.Errorf("%d connections", socket.Handshakes())
	}
}

func TestWhatTheJournalRefusesOfASocketIsCounted(t *testing.T) {
	b := newBench(t, nil)
	b.intake.set(false, command.ErrStorageFull)
	listen(b, "native_id: .n", feeds.Play(feeds.Send(`{"n":1}`), feeds.Silence()))
	b.await("a record is lost", func() bool { s, _ := b.Status("w"); return s.Dropped.Failed > 0 && s.State == command.SourceBackoff })
	b.intake.set(false, nil)
	b.awaitRecords("w", 1)
	if status := b.awaitState("w", command.SourceRunning); status.Dropped.Duplicate != 0 {
		t.Errorf("what was not stored counted as seen: %+v", status)
	}
}

func TestAFeedThatAnswersWithErrorsOnlyIsLeftAloneMoreAndMore(t *testing.T) {
	b := newBench(t, nil)
	socket := feeds.NewSocket(feeds.Play(feeds.Send(`{"error":"who are you?"}`), feeds.Silence()))
	b.put("name: w\nkind: websocket\nurl: %s\nbackoff: {min: 10ms, max: 1h}\non: [{when: .error, fail: '${.frame.error}'}]", b.serve(socket).SocketURL("/"))
	b.await("a pause of a second", func() bool {
		s, _ := b.Status("w")
		return s.NextAt != nil && time.Until(*s.NextAt) > time.Second
	})
	if n := socket.Handshakes(); n > 40 {
		t.Errorf("%d connections before the first pause of a second", n)
	}
	if s, _ := b.Status("w"); s.LastError != "who are you?" {
		t.Errorf("%+v", s)
	}
}

func TestPingsOfTheApplication(t *testing.T) {
	for fields, want := range map[string]string{
		"websocket: {ping: {every: 20ms, send: {op: ping}}}": `1 {"op":"ping"}`,
		"websocket: {ping: {idle: 20ms}}":                    `1 ping`,
	} {
		b := newBench(t, nil)
		socket := listen(b, fields, feeds.Play(feeds.Silence()))
		if got := b.awaitSent(socket, 3); got[0] != want || got[2] != want {
			t.Errorf("%s: sent %v", fields, got)
		}
	}
	b := newBench(t, nil)
	socket := listen(b, "websocket: {ping: {idle: 200ms}}", feeds.Play(func(c *feeds.Conn) error {
		for c.Text([]byte("1")) == nil && c.Pause(10*time.Millisecond) == nil {
		}
		return nil
	}))
	b.awaitRecords("w", 40)
	if got := sent(socket); len(got) != 0 {
		t.Errorf("a feed that is not idle was sent %v", got)
	}
}

func TestGarbageIsNoEnd(t *testing.T) {
	b := newBench(t, nil)
	listen(b, "parse: json", feeds.Play(feeds.Garbage(70), feeds.SendBinary([]byte{0xff, 0}), feeds.Send(`{"a":1}`), feeds.Silence()))
	b.awaitRecords("w", 1)
	status := b.awaitState("w", command.SourceRunning)
	if status.Restarts != 0 || status.Dropped.Failed < 60 {
		t.Errorf("%+v", status)
	}
	b.await("ten reports", func() bool { return len(b.intake.on("$errors.w")) >= 10 })
	if n := len(b.intake.on("$errors.w")); n > 12 {
		t.Errorf("%d reports", n)
	}
}

func TestTheFeedIsToldGoodbye(t *testing.T) {
	codes := make(chan error, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := gorilla.Upgrader{}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			codes <- err
			return
		}
		defer conn.Close()
		_ = conn.WriteMessage(gorilla.TextMessage, []byte("1"))
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				codes <- err
				return
			}
		}
	}))
	defer server.Close()
	b := newBench(t, nil)
	b.put("name: w\nkind: websocket\nurl: ws%s", strings.TrimPrefix(server.URL, "http"))
	b.awaitRecords("w", 1)
	b.pause("w", true)
	if err := <-codes; !gorilla.IsCloseError(err, 1000) {
		t.Errorf("on pause: %v", err)
	}
	b.awaitState("w", command.SourcePaused)
	b.pause("w", false)
	b.awaitRecords("w", 2)
	b.await("a restart", func() bool { return b.Restart("w") })
	if err := <-codes; !gorilla.IsCloseError(err, 1000) {
		t.Errorf("on restart: %v", err)
	}
	b.awaitRecords("w", 3)
	b.remove("w")
	if err := <-codes; !gorilla.IsCloseError(err, 1000) {
		t.Errorf("on removal: %v", err)
	}
}

func TestAFeedThatAsksWithoutEndIsNotFlooded(t *testing.T) {
	b := newBench(t, nil)
	socket := listen(b, "on: [{when: 'has(\"ping\")', send: pong}]", feeds.Play(func(c *feeds.Conn) error {
		for c.Text([]byte(`{"ping":1}`)) == nil {
		}
		return nil
	}))
	b.awaitSent(socket, 100)
	begun := time.Now()
	b.awaitSent(socket, 125)
	if took := time.Since(begun); took < 300*time.Millisecond {
		t.Errorf("25 answers beyond the first hundred took %s", took)
	}
}
