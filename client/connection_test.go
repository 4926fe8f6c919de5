package client_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/client"
)

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
