package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anode/client"
)

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
