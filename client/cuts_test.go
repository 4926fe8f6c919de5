package client_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"anode/client"
	"anode/messages"
)

func TestResumesExactlyOverCuts(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			journal := newCutJournal(seed)
			script := func(_ int, s *subscriberOf) { journal.serve(s) }
			one, two := newFakeNode(t, script), newFakeNode(t, script)
			sub := subscribe(t, newClient(t, one.URL, two.URL), client.Subscribe{Start: "earliest"})
			got := map[string][]string{}
			for _, id := range ids(t, sub, journal.total()) {
				origin, _, _ := strings.Cut(id, "-")
				got[origin] = append(got[origin], id)
			}
			for origin, want := range journal.records {
				if !slices.Equal(got[origin], want) {
					t.Errorf("of %s came %v, want %v", origin, got[origin], want)
				}
			}
			if one.connections.Load() == 0 || two.connections.Load() == 0 {
				t.Errorf("connections: %d and %d, both servers should have been used", one.connections.Load(), two.connections.Load())
			}
		})
	}
}

// cutJournal serves the records of three origins, cuts connections at random places, repeats what was
// seen, and sends broken messages.
type cutJournal struct {
	records map[string][]string
	mu      sync.Mutex
	random  *rand.Rand
}

func newCutJournal(seed uint64) *cutJournal {
	j := &cutJournal{records: map[string][]string{}, random: rand.New(rand.NewPCG(seed, 1))}
	for _, origin := range []string{"a", "b", "c"} {
		for epoch := range 2 {
			for sequence := range 30 {
				for index := range j.random.IntN(4) {
					j.records[origin] = append(j.records[origin], fmt.Sprintf("%s-%d-%d-%d", origin, epoch+9, sequence+1, index))
				}
			}
		}
	}
	return j
}

func (j *cutJournal) total() (n int) {
	for _, list := range j.records {
		n += len(list)
	}
	return n
}

func (j *cutJournal) serve(s *subscriberOf) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var at messages.Cursor
	if string(s.asked.Start) != `"earliest"` {
		at = s.after()
	}
	if j.random.IntN(10) == 0 {
		return
	}
	s.subscribed(at.List()...)
	for range j.random.IntN(12) {
		origin := []string{"a", "b", "c"}[j.random.IntN(3)]
		list := j.records[origin]
		next, _ := slices.BinarySearchFunc(list, at, func(id string, at messages.Cursor) int {
			p, _ := messages.ParsePosition(id)
			return map[bool]int{true: -1, false: 1}[at.Covers(p)]
		})
		from := max(0, next-j.random.IntN(3)) // what was seen may come again
		to := min(len(list), next+1+j.random.IntN(6))
		if from >= to {
			s.say(`{"op":"cursor","sub":%q,"after":[]}`, s.asked.Sub)
			continue
		}
		s.records(list[to-1], list[from:to]...)
		p, _ := messages.ParsePosition(list[to-1])
		at.Advance(p)
		if j.random.IntN(4) == 0 {
			s.live()
		}
	}
	switch j.random.IntN(5) {
	case 0:
		s.say(`{"op":"records","sub":"0","records":[{"id":"no place"}]}`)
	case 1:
		s.say(`{"op":`)
	case 2:
		s.end(4503, "shutting down")
	case 3:
		_ = s.WriteMessage(websocket.BinaryMessage, []byte("x"))
	}
}
