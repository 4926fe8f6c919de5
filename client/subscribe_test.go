package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/client"
	"anode/messages"
)

// within is a context that fails the test before the test's own end does.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// ids collects the ids of n records.
func ids(t testing.TB, sub *client.Subscription, n int) []string {
	t.Helper()
	var list []string
	for event, err := range sub.All(within(t)) {
		if err != nil {
			t.Fatalf("after %d records: %v", len(list), err)
		}
		if r, ok := event.(*client.Record); ok {
			if list = append(list, r.ID); len(list) == n {
				break
			}
		}
	}
	return list
}

func TestResumesExactlyOverCuts(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			journal := newCutJournal(seed)
			script := func(_ int, s *subscriberOf) { journal.serve(s) }
			one, two := newFakeNode(t, script), newFakeNode(t, script)
			sub := subscribe(t, newClient(t, one.URL, two.URL), client.Subscribe{Start: "earliest"})
			got := map[string][]string{}
			for _, id := range ids(t, sub, journal.total()) {
				origin, _, _ := strings.Cut(id, "-")
				got[origin] = append(got[origin], id)
			}
			for origin, want := range journal.records {
				if !slices.Equal(got[origin], want) {
					t.Errorf("of %s came %v, want %v", origin, got[origin], want)
				}
			}
			if one.connections.Load() == 0 || two.connections.Load() == 0 {
				t.Errorf("connections: %d and %d, both servers should have been used", one.connections.Load(), two.connections.Load())
			}
		})
	}
}

// cutJournal serves the records of three origins, cuts connections at random places, repeats what was
// seen, and sends broken messages.
type cutJournal struct {
	records map[string][]string
	mu      sync.Mutex
	random  *rand.Rand
}

func newCutJournal(seed uint64) *cutJournal {
	j := &cutJournal{records: map[string][]string{}, random: rand.New(rand.NewPCG(seed, 1))}
	for _, origin := range []string{"a", "b", "c"} {
		for epoch := range 2 {
			for sequence := range 30 {
				for index := range j.random.IntN(4) {
					j.records[origin] = append(j.records[origin], fmt.Sprintf("%s-%d-%d-%d", origin, epoch+9, sequence+1, index))
				}
			}
		}
	}
	return j
}

func (j *cutJournal) total() (n int) {
	for _, list := range j.records {
		n += len(list)
	}
	return n
}

func (j *cutJournal) serve(s *subscriberOf) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var at messages.Cursor
	if string(s.asked.Start) != `"earliest"` {
		at = s.after()
	}
	if j.random.IntN(10) == 0 {
		return
	}
	s.subscribed(at.List()...)
	for range j.random.IntN(12) {
		origin := []string{"a", "b", "c"}[j.random.IntN(3)]
		list := j.records[origin]
		next, _ := slices.BinarySearchFunc(list, at, func(id string, at messages.Cursor) int {
			p, _ := messages.ParsePosition(id)
			return map[bool]int{true: -1, false: 1}[at.Covers(p)]
		})
		from := max(0, next-j.random.IntN(3)) // what was seen may come again
		to := min(len(list), next+1+j.random.IntN(6))
		if from >= to {
			s.say(`{"op":"cursor","sub":%q,"after":[]}`, s.asked.Sub)
			continue
		}
		s.records(list[to-1], list[from:to]...)
		p, _ := messages.ParsePosition(list[to-1])
		at.Advance(p)
		if j.random.IntN(4) == 0 {
			s.live()
		}
	}
	switch j.random.IntN(5) {
	case 0:
		s.say(`{"op":"records","sub":"0","records":[{"id":"no place"}]}`)
	case 1:
		s.say(`{"op":`)
	case 2:
		s.end(4503, "shutting down")
	case 3:
		_ = s.WriteMessage(websocket.BinaryMessage, []byte("x"))
	}
}

func TestCloseCodes(t *testing.T) {
	for code, final := range map[int]bool{
		1008: true, 1009: true, 4400: true, 4401: true,
		1000: false, 1001: false, 1011: false, 4408: false, 4429: false, 4503: false,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			node := newFakeNode(t, func(n int, s *subscriberOf) {
				s.subscribed()
				if n == 1 {
					s.end(code, "the reason")
					s.stay()
					return
				}
				s.records("a-1-1-0", "a-1-1-0")
				s.stay()
			})
			sub := subscribe(t, newClient(t, node.URL), client.Subscribe{})
			event, err := sub.Next(within(t))
			var p *client.Problem
			switch {
			case final && (!errors.As(err, &p) || p.Status != code || p.Detail != "the reason" || p.Code == ""):
				t.Errorf("got %v, %v, want the close code as a problem", event, err)
			case final && node.connections.Load() != 1:
				t.Errorf("%d connections, want 1", node.connections.Load())
			case !final && err != nil:
				t.Errorf("got %v, want a record of the second connection", err)
			}
			if final {
				if _, again := sub.Next(within(t)); !errors.Is(again, err) {
					t.Errorf("a later Next gives %v, want the same error", again)
				}
			}
		})
	}
}

func TestConnectsAnewAfterWhatIsNoProtocol(t *testing.T) {
	for name, broken := range map[string]func(s *subscriberOf){
		"silence":       func(s *subscriberOf) { s.subscribed(); s.stay() },
		"cut":           func(*subscriberOf) {},
		"not JSON":      func(s *subscriberOf) { s.say("hello") },
		"binary":        func(s *subscriberOf) { _ = s.WriteMessage(websocket.BinaryMessage, []byte("{}")) },
		"early records": func(s *subscriberOf) { s.records("a-1-1-0", "a-1-1-0") },
		"no position":   func(s *subscriberOf) { s.subscribed(); s.records("a-1-1", "a-1-9-0") },
		"no cursor":     func(s *subscriberOf) { s.subscribed("what") },
		"no gap":        func(s *subscriberOf) { s.subscribed(); s.say(`{"op":"gap","sub":"0","from":"x","to":"y"}`) },
		"unavailable": func(s *subscriberOf) {
			s.say(`{"op":"error","sub":"0","code":"unavailable","message":"wait"}`)
			s.stay()
		},
		"half a frame":         func(s *subscriberOf) { _, _ = s.UnderlyingConn().Write([]byte{0x81, 0x7e, 0xff}) },
		"a frame of nonsense":  func(s *subscriberOf) { _, _ = s.UnderlyingConn().Write([]byte{0xff, 0xff, 0xff}); s.stay() },
		"unknown op, then cut": func(s *subscriberOf) { s.subscribed(); s.say(`{"op":"weather","sub":"0"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := newFakeNode(t, func(n int, s *subscriberOf) {
				if n == 1 {
					broken(s)
					return
				}
				s.subscribed()
				s.records("a-1-1-1", "a-1-1-0", "a-1-1-1")
				s.stay()
			})
			c, err := client.New(client.Config{Servers: []string{node.URL}, Silence: 200 * time.Millisecond, MinPause: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			sub := subscribe(t, c, client.Subscribe{})
			if got := ids(t, sub, 2); got[0] != "a-1-1-0" || got[1] != "a-1-1-1" {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMessageAboveTheReadLimitIsFinal(t *testing.T) {
	node := newFakeNode(t, func(_ int, s *subscriberOf) {
		s.subscribed()
		s.say(`{"op":"records","sub":"0","padding":%q}`, strings.Repeat("x", 2<<20))
		s.stay()
	})
	_, err := subscribe(t, newClient(t, node.URL), client.Subscribe{}).Next(within(t))
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != "too_large" {
		t.Errorf("got %v, want too_large", err)
	}
}

func TestLastIsAskedAgainUntilLive(t *testing.T) {
	var starts []string
	var mu sync.Mutex
	node := newFakeNode(t, func(n int, s *subscriberOf) {
		mu.Lock()
		starts = append(starts, string(s.asked.Start))
		mu.Unlock()
		switch n {
		case 1: // cut in the middle of the three
			s.subscribed("a-1-5-0", "@7")
			s.records("a-1-4-0", "a-1-3-0", "a-1-4-0")
		case 2: // one more has come meanwhile
			s.subscribed("a-1-6-0", "@7")
			s.records("a-1-6-0", "a-1-4-0", "a-1-5-0", "a-1-6-0")
			s.live()
			s.records("a-1-7-0", "a-1-7-0")
		default:
			s.subscribed(s.after().List()...)
			s.records("a-1-8-0", "a-1-7-0", "a-1-8-0")
			s.stay()
		}
	})
	sub := subscribe(t, newClient(t, node.URL), client.Subscribe{Start: "last:3"})
	if got := ids(t, sub, 2); fmt.Sprint(got) != "[a-1-3-0 a-1-4-0]" {
		t.Errorf("at first came %v", got)
	}
	if at, ok := sub.Cursor(); ok {
		t.Errorf("before the first live the cursor is %v, want none", at)
	}
	if got := ids(t, sub, 4); fmt.Sprint(got) != "[a-1-5-0 a-1-6-0 a-1-7-0 a-1-8-0]" {
		t.Errorf("then came %v", got)
	}
	want := `[{"last":3} {"last":3} {"after":["a-1-7-0","@7"]}]`
	if got := fmt.Sprint(starts); got != want {
		t.Errorf("starts %s, want %s", got, want)
	}
	if at, ok := sub.Cursor(); !ok || at.String() != "a-1-8-0,@7" {
		t.Errorf("cursor %v, %t", at, ok)
	}
}

func TestCursorKeepsTheHighestOfAllThatNamesPlaces(t *testing.T) {
	resumed := make(chan messages.Cursor, 1)
	node := newFakeNode(t, func(n int, s *subscriberOf) {
		if n > 1 {
			resumed <- s.after()
			s.subscribed("a-1-1-0")
			s.live()
			s.stay()
			return
		}
		s.subscribed("a-1-5-0", "b-3-1-0", "@1234")
		s.records("a-1-6-1", "a-1-6-0")                                  // the pos is higher than the last record
		s.say(`{"op":"cursor","sub":"0","after":["b-2-9-0","c-1-1-0"]}`) // one lower, one new
		s.say(`{"op":"gap","sub":"0","origin":"d","from":"d-0-0-0","to":"d-4-4-4","reason":"retention"}`)
		s.say(`{"op":"records","sub":"other","stream":"s","pos":"a-9-9-9","records":[]}`)
	})
	sub := subscribe(t, newClient(t, node.URL), client.Subscribe{})
	var seen []string
	for event, err := range sub.All(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, fmt.Sprintf("%T", event))
		if g, ok := event.(client.Gap); ok && (g.Reason != messages.ReasonRetention || g.To.String() != "d-4-4-4" || g.Origin != "d") {
			t.Errorf("gap %+v", g)
		}
		if _, ok := event.(client.Live); ok {
			break
		}
	}
	if got := (<-resumed).String(); got != "a-1-6-1,b-3-1-0,c-1-1-0,d-4-4-4,@1234" {
		t.Errorf("resumed after %s", got)
	}
	if got := fmt.Sprint(seen); got != "[*client.Record client.Progress client.Gap client.Live]" {
		t.Errorf("events %s", got)
	}
}

func TestCursorIsExactBetweenRecordsOfAMessage(t *testing.T) {
	node := newFakeNode(t, func(_ int, s *subscriberOf) {
		s.subscribed()
		s.records("a-1-2-7", "a-1-1-0", "a-1-1-1", "a-1-2-0")
		s.stay()
	})
	sub := subscribe(t, newClient(t, node.URL), client.Subscribe{Start: "earliest"})
	for _, want := range []string{"a-1-1-0", "a-1-1-1", "a-1-2-7"} {
		ids(t, sub, 1)
		if at, ok := sub.Cursor(); !ok || at.String() != want {
			t.Errorf("cursor %v, want %s", at, want)
		}
	}
	if sub.Buffered() != 0 {
		t.Errorf("%d events wait after the last", sub.Buffered())
	}
}

func TestEphemeralRecordsHaveNoPlace(t *testing.T) {
	node := newFakeNode(t, func(_ int, s *subscriberOf) {
		s.subscribed("a-1-1-0")
		for range 2 {
			s.say(`{"op":"records","sub":"0","stream":"$status.a","records":[{"stream":"$status.a","time":"2026-11-22T10:00:00Z","received":"2026-11-22T10:00:00Z","data":1}]}`)
		}
		s.stay()
	})
	sub := subscribe(t, newClient(t, node.URL), client.Subscribe{Streams: []string{"$status."}})
	if got := ids(t, sub, 2); got[0] != "" || got[1] != "" {
		t.Errorf("got %v", got)
	}
}

func TestAsksForAllThatWasSaid(t *testing.T) {
	asked := make(chan string, 1)
	node := newFakeNode(t, func(_ int, s *subscriberOf) {
		text, err := json.Marshal(s.asked)
		if err != nil {
			t.Error(err)
		}
		asked <- string(text)
		s.subscribed()
		s.live()
		s.stay()
	})
	sub := subscribe(t, newClient(t, node.URL), client.Subscribe{
		Streams: []string{"market.", "lab.*.temp"}, Start: "time:2026-11-22T10:00:00Z", Where: `.data.n > 1 and .key == "<"`, Unique: true, Policy: "conflate:250ms",
	})
	if _, err := sub.Next(within(t)); err != nil {
		t.Fatal(err)
	}
	want := `{"op":"subscribe","sub":"0","streams":["market.\u003e","lab.*.temp"],"start":{"time":"2026-11-22T10:00:00Z"},` +
		`"where":".data.n \u003e 1 and .key == \"\u003c\"","unique":true,"policy":{"conflate":"250ms"}}`
	if got := <-asked; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
}

func TestSubscribeNamesAllFaults(t *testing.T) {
	_, err := newClient(t).Subscribe(client.Subscribe{Streams: []string{"a..b"}, Start: "yesterday", Policy: "hope"})
	for _, part := range []string{"a..b", "yesterday", "hope"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %q", err, part)
		}
	}
}

func TestEndsWithItsContextAndGoesOnWithAnother(t *testing.T) {
	node := newFakeNode(t, func(n int, s *subscriberOf) {
		if n == 1 {
			s.subscribed("a-1-1-0")
			s.records("a-1-2-0", "a-1-2-0")
			s.stay()
			return
		}
		if got := s.after().String(); got != "a-1-2-0" {
			t.Errorf("resumed after %s", got)
		}
		s.subscribed("a-1-2-0")
		s.records("a-1-3-0", "a-1-3-0")
		s.stay()
	})
	sub := subscribe(t, newClient(t, node.URL), client.Subscribe{})
	ids(t, sub, 1)
	ctx, cancel := context.WithCancelCause(context.Background())
	reason := errors.New("enough")
	time.AfterFunc(20*time.Millisecond, func() { cancel(reason) })
	if _, err := sub.Next(ctx); !errors.Is(err, reason) {
		t.Errorf("got %v, want the context's cause", err)
	}
	if got := ids(t, sub, 1); got[0] != "a-1-3-0" {
		t.Errorf("got %v", got)
	}
	sub.Close()
	if _, err := sub.Next(within(t)); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestContextEndsThePauseBetweenAttempts(t *testing.T) {
	c, err := client.New(client.Config{Servers: []string{deadServer(t)}, MinPause: time.Hour, MaxPause: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := subscribe(t, c, client.Subscribe{}).Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// deadServer is a URL where nobody listens.
func deadServer(t testing.TB) string {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

func TestNextServerWhereOneIsDown(t *testing.T) {
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"status":503,"code":"unavailable","detail":"joining"}`)
	}))
	defer busy.Close()
	node := newFakeNode(t, func(_ int, s *subscriberOf) {
		s.subscribed()
		s.records("a-1-1-0", "a-1-1-0")
		s.stay()
	})
	sub := subscribe(t, newClient(t, deadServer(t), busy.URL, node.URL), client.Subscribe{GiveUp: true})
	ids(t, sub, 1)
	if sub.Server() != node.URL {
		t.Errorf("connected to %q", sub.Server())
	}
}

func TestGoesToNodesThatWereTold(t *testing.T) {
	other := newFakeNode(t, func(_ int, s *subscriberOf) {
		s.subscribed(s.after().List()...)
		s.records("a-1-2-0", "a-1-2-0")
		s.stay()
	})
	first := newFakeNode(t, func(_ int, s *subscriberOf) {
		s.say(`{"op":"subscribed","sub":"0","after":["a-1-1-0"],"node":"n","nodes":[%q,"ftp://no","::"]}`, other.URL)
		s.end(4503, "shutting down")
		s.stay()
	})
	sub := subscribe(t, newClient(t, first.URL), client.Subscribe{})
	if got := ids(t, sub, 1); got[0] != "a-1-2-0" || sub.Server() != other.URL {
		t.Errorf("got %v of %s", got, sub.Server())
	}
}

func TestGivesUpWhereNobodyAnswersAtFirst(t *testing.T) {
	sub := subscribe(t, newClient(t, deadServer(t), deadServer(t)), client.Subscribe{GiveUp: true})
	if _, err := sub.Next(within(t)); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want a refused connection", err)
	}
}

func TestRefusals(t *testing.T) {
	handshake := func(status int) func(*testing.T) string {
		return func(t *testing.T) string {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer secret" {
					t.Errorf("Authorization %q", r.Header.Get("Authorization"))
				}
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(status)
				fmt.Fprintf(w, `{"status":%d,"code":"refused","detail":"no"}`, status)
			}))
			t.Cleanup(s.Close)
			return s.URL
		}
	}
	for name, of := range map[string]struct {
		server       func(*testing.T) string
		status       int
		code, detail string
	}{
		"401": {handshake(401), 401, "refused", "no"},
		"403": {handshake(403), 403, "refused", "no"},
		"an error message": {func(t *testing.T) string {
			return newFakeNode(t, func(_ int, s *subscriberOf) {
				s.say(`{"op":"error","sub":"0","code":"invalid_filter","message":"1 + is no expression"}`)
				s.stay()
			}).URL
		}, 0, "invalid_filter", "1 + is no expression"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := client.New(client.Config{Servers: []string{of.server(t)}, Token: "secret", MinPause: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = subscribe(t, c, client.Subscribe{}).Next(within(t))
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != of.status || p.Code != of.code || p.Detail != of.detail {
				t.Errorf("got %v, want %d %s", err, of.status, of.code)
			}
		})
	}
}

func TestASlowMessageIsNoSilence(t *testing.T) {
	const silence = 300 * time.Millisecond
	node := newFakeNode(t, func(_ int, s *subscriberOf) {
		s.subscribed()
		text := fmt.Sprintf(`{"op":"records","sub":"0","pos":"a-1-1-0","records":[%s]}`, recordJSON("a-1-1-0"))
		frame := append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...)
		for part := range slices.Chunk(frame, len(frame)/6) {
			_, _ = s.UnderlyingConn().Write(part) // the client may have gone
			time.Sleep(silence / 3)               // slower in all than the silence, never as long at once
		}
		s.stay()
	})
	c, err := client.New(client.Config{Servers: []string{node.URL}, Silence: silence, MinPause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ids(t, subscribe(t, c, client.Subscribe{}), 1)
	if n := node.connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestPlacesThatFallDeliverNothingTwice(t *testing.T) {
	node := newFakeNode(t, func(_ int, s *subscriberOf) {
		s.subscribed("b-1-1-0")
		s.records("a-1-1-0", "a-1-5-0") // the pos is below its record
		s.records("a-1-2-0", "a-1-2-0", "a-1-5-0", "b-1-1-0")
		s.subscribed("a-1-1-0")
		s.records("a-1-6-0", "a-1-5-0", "a-1-6-0")
		s.stay()
	})
	sub := subscribe(t, newClient(t, node.URL), client.Subscribe{})
	if got := fmt.Sprint(ids(t, sub, 2)); got != "[a-1-5-0 a-1-6-0]" {
		t.Errorf("got %s", got)
	}
	if at, _ := sub.Cursor(); at.String() != "a-1-6-0,b-1-1-0" {
		t.Errorf("cursor %s", at)
	}
}

func TestHundredsOfSubscriptionsLeaveNothingBehind(t *testing.T) {
	node := newFakeNode(t, func(n int, s *subscriberOf) {
		s.subscribed()
		s.live()
		if n%3 == 0 {
			return
		}
		s.stay()
	})
	c := newClient(t, node.URL)
	ctx, cancel := context.WithCancel(within(t))
	var all sync.WaitGroup
	for range 200 {
		sub := subscribe(t, c, client.Subscribe{})
		all.Go(func() {
			for _, err := range sub.All(ctx) {
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	time.AfterFunc(100*time.Millisecond, cancel)
	all.Wait() // that nothing is left is goleak's to find
}
