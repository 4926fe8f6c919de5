package actor_test

import (
	"testing"

	"anode/actors/actor"
)

func TestMissingNamesAllInOrder(t *testing.T) {
	const want = "hub: Clock is required\nhub: Journal is required\nhub: Logger is required"
	for range 20 { // a map has no order
		if err := actor.Missing("hub", map[string]bool{"Logger": true, "Journal": true, "Nodes": false, "Clock": true}); err == nil || err.Error() != want {
			t.Fatalf("%v", err)
		}
	}
	if err := actor.Missing("hub", map[string]bool{"Nodes": false}); err != nil {
		t.Fatal(err)
	}
}
