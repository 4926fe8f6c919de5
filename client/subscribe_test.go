package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/client"
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
