package feeds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"anode/testkit/feeds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, h http.Handler) *feeds.Server {
	t.Helper()
	s, err := feeds.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// dial connects; reads fail after ten seconds.
func dial(t *testing.T, s *feeds.Server) *websocket.Conn {
	t.Helper()
	ws, answer, err := websocket.DefaultDialer.Dial(s.SocketURL("/ws"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if err := ws.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	return ws
}

// frames reads until the connection ends.
func frames(ws *websocket.Conn) (all []string, err error) {
	for {
		_, body, err := ws.ReadMessage()
		if err != nil {
			return all, err
		}
		all = append(all, string(body))
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestScriptIsPlayedAndClosedNormally(t *testing.T) {
	socket := feeds.NewSocket(feeds.Play(feeds.Send("hello"), feeds.Await(2), feeds.Send("a", "b")))
	ws := dial(t, start(t, socket))
	if _, body, err := ws.ReadMessage(); err != nil || string(body) != "hello" {
		t.Fatalf("%q, %v", body, err)
	}
	for _, text := range []string{"one", "two"} {
		if err := ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := frames(ws)
	if fmt.Sprint(got) != "[a b]" || !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Fatalf("%v, %v", got, err)
	}
	if r := socket.Received(); len(r) != 2 || string(r[1].Body) != "two" || r[1].Connection != 1 || r[1].Binary {
		t.Fatalf("received %+v", r)
	}
	if f := socket.Faults(); len(f) != 0 {
		t.Fatalf("faults %v", f)
	}
}

func TestScriptsAreTakenInOrderAndTheLastIsRepeated(t *testing.T) {
	socket := feeds.NewSocket(feeds.Refuse(feeds.TooMany(1500*time.Millisecond)), feeds.Play(feeds.Send("1")), feeds.Play(feeds.Send("2")))
	s := start(t, socket)
	_, answer, err := websocket.DefaultDialer.Dial(s.SocketURL("/"), nil)
	if !errors.Is(err, websocket.ErrBadHandshake) || answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "2" {
		t.Fatalf("%v %v", answer, err)
	}
	_ = answer.Body.Close()
	for _, want := range []string{"1", "2", "2"} {
		if got, _ := frames(dial(t, s)); len(got) != 1 || got[0] != want {
			t.Fatalf("%v, want %s", got, want)
		}
	}
	if socket.Handshakes() != 4 {
		t.Fatalf("%d handshakes", socket.Handshakes())
	}
}

func TestFaultsOfConnections(t *testing.T) {
	for name, c := range map[string]struct {
		step  feeds.Step
		count int
		ended func(error) bool
	}{
		"garbage comes and the end is clean": {feeds.Garbage(9), 9, func(err error) bool { return websocket.IsCloseError(err, 1000) }},
		"a reset is an error":                {feeds.Cut(), 0, isReset},
		"a half close is an end without a close frame": {feeds.HalfClose(), 0, func(err error) bool {
			return websocket.IsCloseError(err, websocket.CloseAbnormalClosure)
		}},
		"a cut in a frame is no message": {feeds.CutInFrame(`{"a":12345}`, 4), 0, func(err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) || websocket.IsCloseError(err, websocket.CloseAbnormalClosure)
		}},
		"a close has its code":   {feeds.Close(4429, "slow down"), 0, func(err error) bool { return websocket.IsCloseError(err, 4429) }},
		"a dripped frame is one": {feeds.Drip(`{"a":12345}`, 0), 1, func(err error) bool { return websocket.IsCloseError(err, 1000) }},
		"long frames have long heads": {func(c *feeds.Conn) error {
			for _, n := range []int{125, 126, 70_000} {
				if err := feeds.Drip(strings.Repeat("x", n)[:n], 0)(c); err != nil {
					return err
				}
			}
			return nil
		}, 3, func(err error) bool { return websocket.IsCloseError(err, 1000) }},
		"an oversize message passes its limit": {feeds.Oversize(100_000), 0, func(err error) bool { return errors.Is(err, websocket.ErrReadLimit) }},
	} {
		t.Run(name, func(t *testing.T) {
			ws := dial(t, start(t, feeds.NewSocket(feeds.Play(c.step))))
			ws.SetReadLimit(80_000)
			got, err := frames(ws)
			if len(got) != c.count || !c.ended(err) {
				t.Fatalf("%d messages, then %v (%T)", len(got), err, err)
			}
		})
	}
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

func TestSilenceLastsUntilTheClientLeaves(t *testing.T) {
	socket := feeds.NewSocket()
	s := start(t, socket)
	ws := dial(t, s)
	if err := ws.SetReadDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := frames(ws); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("got %v, want a time-out", err)
	}
}

func TestServerCutsWhatIsOpen(t *testing.T) {
	s := start(t, feeds.NewSocket())
	first, second := dial(t, s), dial(t, s)
	if open, ever := s.Connections(); open != 2 || ever != 2 {
		t.Fatalf("%d open of %d", open, ever)
	}
	s.Cut()
	for _, ws := range []*websocket.Conn{first, second} {
		if _, err := frames(ws); !isReset(err) {
			t.Fatalf("ended with %v", err)
		}
	}
	if open, ever := s.Connections(); open != 0 || ever != 2 {
		t.Fatalf("%d open of %d after the cut", open, ever)
	}
}

func TestCloseEndsAClientThatDoesNotRead(t *testing.T) {
	endless := func(c *feeds.Conn) error {
		for {
			if err := c.Text(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
	}
	socket := feeds.NewSocket(feeds.Play(endless))
	s, err := feeds.Start(socket)
	if err != nil {
		t.Fatal(err)
	}
	dial(t, s)
	done := make(chan error, 1)
	go func() { done <- s.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-within(t).Done():
		t.Fatal("Close hangs")
	}
	if err := s.Close(); err != nil {
		t.Fatalf("closed twice: %v", err)
	}
}

func TestAwaitSeesWhatClientsSend(t *testing.T) {
	socket := feeds.NewSocket()
	ws := dial(t, start(t, socket))
	if err := ws.WriteMessage(websocket.BinaryMessage, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := socket.Await(within(t), func(s *feeds.Socket) bool { return len(s.Received()) == 1 }); err != nil {
		t.Fatal(err)
	}
	if r := socket.Received(); !r[0].Binary {
		t.Fatalf("%+v", r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := socket.Await(ctx, func(*feeds.Socket) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func capture(t *testing.T, text string) *feeds.Capture {
	t.Helper()
	c, err := feeds.ReadCapture(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func replay(t *testing.T, cfg feeds.ReplayConfig) feeds.Step {
	t.Helper()
	step, err := feeds.Replay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func TestReplayDividesIntervals(t *testing.T) {
	c := capture(t, "100.0: a\n100.4: b\n101.0: c\n")
	ws := dial(t, start(t, feeds.NewSocket(feeds.Play(replay(t, feeds.ReplayConfig{Capture: c, Speed: 5})))))
	var at []time.Time
	for range 3 {
		if _, _, err := ws.ReadMessage(); err != nil {
			t.Fatal(err)
		}
		at = append(at, time.Now())
	}
	// Waiting is never shorter than asked; how much longer is the machine's matter.
	for i, least := range []time.Duration{80 * time.Millisecond, 200 * time.Millisecond} {
		if d := at[i+1].Sub(at[0]); d < least-20*time.Millisecond || d > 5*time.Second {
			t.Errorf("frame %d came %s after the first, want about %s", i+1, d, least)
		}
	}
}

func TestReplayWaitsForTheClientAsCaptured(t *testing.T) {
	c := capture(t, "wss://a/ <-> 1.0\n1.0: hello\nwss://a/ <- 1.1: sub\n1.2: a\n1.3: b\nwss://a/ <- 1.4: sub2\n1.5: c\n")
	socket := feeds.NewSocket(feeds.Play(replay(t, feeds.ReplayConfig{Capture: c, Await: feeds.AsCaptured})))
	ws := dial(t, start(t, socket))
	for _, step := range []struct {
		want string
		send string
	}{{"hello", "x"}, {"a", ""}, {"b", "y"}, {"c", ""}} {
		if _, body, err := ws.ReadMessage(); err != nil || string(body) != step.want {
			t.Fatalf("%q, %v, want %s", body, err, step.want)
		}
		if step.send != "" {
			if err := ws.WriteMessage(websocket.TextMessage, []byte(step.send)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReplayOfAPart(t *testing.T) {
	c := capture(t, "1.0: a\n1.1: b\n1.2: c\n1.3: d\n")
	socket := feeds.NewSocket(
		feeds.Play(replay(t, feeds.ReplayConfig{Capture: c, Count: 2}), feeds.Cut()),
		feeds.Play(replay(t, feeds.ReplayConfig{Capture: c, From: 2, Await: 1})))
	s := start(t, socket)
	// What was sent before a reset may be lost with it: that is what a reset is.
	if got, err := frames(dial(t, s)); len(got) > 2 || !isReset(err) {
		t.Fatalf("%v %v", got, err)
	}
	ws := dial(t, s)
	if err := ws.WriteMessage(websocket.TextMessage, []byte("go on")); err != nil {
		t.Fatal(err)
	}
	if got, _ := frames(ws); fmt.Sprint(got) != "[c d]" {
		t.Fatalf("%v", got)
	}
}

func TestReplayNamesAllFaults(t *testing.T) {
	_, err := feeds.Replay(feeds.ReplayConfig{Speed: -1, Await: -2, From: -1})
	for _, want := range []string{"Capture", "Speed", "Await", "From"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in: %v", want, err)
		}
	}
}
