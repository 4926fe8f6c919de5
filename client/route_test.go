package client

import (
	"testing"
	"time"
)

func TestPausesAreDrawnBelowADoublingBound(t *testing.T) {
	c, err := New(Config{MinPause: 100 * time.Millisecond, MaxPause: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	highest := make([]time.Duration, 8)
	for range 2000 {
		r := newRoute(c)
		for i := range highest {
			highest[i] = max(highest[i], r.next(0))
		}
	}
	for i, bound := range []time.Duration{100, 200, 400, 800, 1000, 1000, 1000, 1000} {
		bound *= time.Millisecond
		if highest[i] >= bound || highest[i] < bound*9/10 {
			t.Errorf("the longest of 2000 pauses before attempt %d is %s, want just below %s", i+2, highest[i], bound)
		}
	}
}

func TestPausesBeginAnewAfterASteadyConnection(t *testing.T) {
	c, err := New(Config{MinPause: time.Millisecond, MaxPause: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r := newRoute(c)
	for range 20 {
		r.next(time.Second)
	}
	if pause := r.next(steady); pause >= time.Millisecond {
		t.Errorf("paused %s", pause)
	}
}

func TestNodesWithoutTLSAreNotLearnedBesideServersWithIt(t *testing.T) {
	c, err := New(Config{Servers: []string{"https://one"}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRoute(c)
	for _, text := range []string{"http://two", "https://one", "https://three", "https://three"} {
		r.learn(text)
	}
	if len(r.list) != 2 || r.list[1].String() != "https://three" {
		t.Errorf("learned %v", r.list)
	}
}
