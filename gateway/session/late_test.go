package session

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"

	"anode/messages/command"
)

// slow is a node that opens a session only after who asked has given up.
type slow struct{ opens chan command.OpenSession }

// Ask implements command.Asker.
func (s slow) Ask(ctx context.Context, question any) (any, error) {
	open, _ := question.(command.OpenSession)
	s.opens <- open
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// A session that comes after its connection has given up is not taken, or nobody would ever hang it up; one that comes just before is hung up.
func TestASessionThatComesTooLateIsNotKept(t *testing.T) {
	node := slow{make(chan command.OpenSession, 1)}
	s, err := New(Config{Node: node, Intake: noIntake{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := s.open(httptest.NewRequest("GET", "/", nil), nil)
		ended <- err
	}()
	open := <-node.opens
	if open.Taken == nil {
		t.Fatal("the node can't know whether anybody still waits")
	}
	first := &hungUp{}
	if !open.Taken(first) {
		t.Error("a session in time is not taken")
	}
	s.Close()
	if err := <-ended; err == nil {
		t.Error("it is open")
	}
	if first.times != 1 {
		t.Errorf("the session that came in time was hung up %d times", first.times)
	}
	if open.Taken(&hungUp{}) {
		t.Error("a session is taken too late")
	}
}

// hungUp counts how often it was hung up.
type hungUp struct {
	command.Session
	times int
}

// Hangup implements command.Session.
func (h *hungUp) Hangup() { h.times++ }
