package session

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/messages/command"
)

// talkative is a source whose rules send so many bytes for each message. It tells of each that is pushed.
type talkative struct {
	sends  int
	pushed chan struct{}
}

// Ask implements command.Asker.
func (s *talkative) Ask(context.Context, any) (any, error) { return command.Pusher(s), nil }

// Reserve implements command.Pusher.
func (s *talkative) Reserve(context.Context, int) error { return nil }

// Push implements command.Pusher.
func (s *talkative) Push(_ context.Context, _ command.PushMessage, done func(command.Pushed, error)) error {
	s.pushed <- struct{}{}
	done(command.Pushed{Accepted: 1, Sent: [][]byte{make([]byte, s.sends)}}, nil)
	return nil
}

// Close implements command.Pusher.
func (s *talkative) Close() {}

// A sender that pushes and reads nothing of what the rules send is not read on: what waits for it would gather without a bound.
func TestASenderThatDoesNotReadIsNotReadOn(t *testing.T) {
	const sends, messages = 256 << 10, 6 * mostUnanswered
	source := &talkative{sends: sends, pushed: make(chan struct{}, messages)}
	s, err := New(Config{Node: source, Intake: noIntake{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	server := httptest.NewServer(http.HandlerFunc(s.ServePush))
	defer server.Close()
	conn, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatalf("%v: %v", err, answer)
	}
	defer conn.Close()
	for range messages {
		if err := conn.WriteMessage(websocket.TextMessage, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	pushed := 0
	for idle := false; !idle; {
		select {
		case <-source.pushed:
			pushed++
		case <-time.After(500 * time.Millisecond):
			idle = true
		}
	}
	if most := messages - mostUnanswered; pushed > most {
		t.Errorf("%d messages of %d bytes each are answered, and none is read", pushed, sends)
	}
	got := 0
	for got < messages*sends {
		_, text, err := conn.ReadMessage()
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		if len(text) == sends {
			got += sends
		}
	}
}

// noIntake takes no records.
type noIntake struct{}

// Submit implements command.Intake.
func (noIntake) Submit(context.Context, command.Submission) error { return command.ErrUnavailable }
