package gossip

import (
	"reflect"
	"testing"

	"anode/messages"
)

func TestLostIsWhatTheJournalLacksAndTheCoreBelievesHeld(t *testing.T) {
	digest := func(floor, head uint64, holes ...messages.Range) *messages.EpochDigest {
		return &messages.EpochDigest{Epoch: 1, Floor: floor, Head: head, Holes: holes}
	}
	for name, c := range map[string]struct {
		believed, is *messages.EpochDigest
		want         messages.Ranges
	}{
		"the same":                    {digest(1, 9, messages.Range{From: 3, To: 4}), digest(1, 9, messages.Range{From: 3, To: 4}), nil},
		"a batch was damaged":         {digest(1, 9), digest(1, 9, messages.Range{From: 5, To: 5}), messages.Ranges{{From: 5, To: 5}}},
		"beside a hole":               {digest(1, 9, messages.Range{From: 3, To: 4}), digest(1, 9, messages.Range{From: 3, To: 6}), messages.Ranges{{From: 5, To: 6}}},
		"above the core's head":       {digest(1, 9), digest(1, 20, messages.Range{From: 10, To: 12}), nil},
		"below the core's floor":      {digest(4, 9), digest(1, 9, messages.Range{From: 2, To: 3}), nil},
		"what the core waits to hear": {digest(1, 9, messages.Range{From: 3, To: 4}), digest(1, 9), nil},
	} {
		if got := lost(c.believed, c.is); !reflect.DeepEqual(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestCommonIsWhatTwoLooksFound(t *testing.T) {
	a := messages.Ranges{{From: 1, To: 5}, {From: 8, To: 9}}
	b := messages.Ranges{{From: 4, To: 8}}
	if got, want := common(a, b), (messages.Ranges{{From: 4, To: 5}, {From: 8, To: 8}}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := common(a, nil); len(got) != 0 {
		t.Errorf("%v, want nothing", got)
	}
}
