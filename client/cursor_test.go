package client_test

import (
	"fmt"
	"sync"
	"testing"

	"anode/client"
	"anode/messages"
)

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
