package gossip

import (
	"testing"
	"time"

	"anode/actors/gossip/link"
)

func TestRefusalsOfAKindAreToldOnceInAWhile(t *testing.T) {
	var r refusals
	start := time.Now()
	if n := r.note(link.ReasonSecret, start); n != 1 {
		t.Errorf("the first is told as %d", n)
	}
	for i := range 100 {
		if n := r.note(link.ReasonSecret, start.Add(time.Duration(i)*10*time.Millisecond)); n != 0 {
			t.Fatalf("%d are told of at %d", n, i)
		}
	}
	if n := r.note(link.ReasonStranger, start.Add(time.Second)); n != 1 {
		t.Errorf("one of another kind is told as %d", n)
	}
	if n := r.note(link.ReasonSecret, start.Add(refusedEvery)); n != 101 {
		t.Errorf("%d are told of after a while, want 101", n)
	}
}
