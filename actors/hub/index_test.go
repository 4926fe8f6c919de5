package hub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"anode/messages"
	"anode/messages/command"
)

// TestIndexAgreesWithPatterns lets feeds come and go, and asks for streams between, many of them twice.
func TestIndexAgreesWithPatterns(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	patterns := []messages.Pattern{">", "a.>", "a.*", "*.1", "a.1", "b.1", "b.2", "a.1.x", "c"}
	x := newIndex()
	var all []*feed
	for step := range 3000 {
		switch n := rnd.IntN(10); {
		case n < 2:
			f := &feed{spec: command.Subscription{Sub: fmt.Sprint(step)}}
			for range 1 + rnd.IntN(3) {
				f.spec.Streams = append(f.spec.Streams, patterns[rnd.IntN(len(patterns))])
			}
			all = append(all, f)
			x.add(f)
		case n < 4 && len(all) > 0:
			i := rnd.IntN(len(all))
			x.remove(all[i])
			all = slices.Delete(all, i, i+1)
		default:
			stream := messages.Stream([]string{"a.1", "a.2", "b.1", "b.2", "a.1.x", "c", "d.1"}[rnd.IntN(7)])
			got := x.feeds(stream)
			seen := make(map[*feed]bool)
			for _, f := range got {
				if seen[f] {
					t.Fatalf("step %d: %s gives %v twice", step, stream, f.spec.Streams)
				}
				seen[f] = true
			}
			for _, f := range all {
				if seen[f] != f.spec.Matches(stream) {
					t.Fatalf("step %d: %s gives %v: %t", step, stream, f.spec.Streams, seen[f])
				}
			}
			if len(got) > len(all) {
				t.Fatalf("step %d: %s gives feeds that have gone", step, stream)
			}
		}
	}
}

// TestIndexListStaysWhole: who ranges over an answer is not disturbed by who comes and goes.
func TestIndexListStaysWhole(t *testing.T) {
	x := newIndex()
	var all []*feed
	for i := range 5 {
		f := &feed{spec: command.Subscription{Sub: fmt.Sprint(i), Streams: []messages.Pattern{"a.*"}}}
		all = append(all, f)
		x.add(f)
	}
	list := x.feeds("a.1")
	whole := slices.Clone(list)
	x.remove(all[1])
	x.add(&feed{spec: command.Subscription{Streams: []messages.Pattern{"a.1"}}})
	x.feeds("a.1")
	if !slices.Equal(list, whole) {
		t.Error("the list has changed")
	}
	if got := len(x.feeds("a.1")); got != 5 {
		t.Errorf("%d feeds after one went and one came, want 5", got)
	}
}

// TestIdentitiesAreBounded forgets the oldest, keeps the newest, and stays small however often
// notes are taken back.
func TestIdentitiesAreBounded(t *testing.T) {
	x := newIdentities()
	identity := func(n int) messages.Identity { return messages.Identity{byte(n), byte(n >> 8), byte(n >> 16), 1} }
	for n := range mostIdentities + 10 {
		if !x.note(identity(n)) {
			t.Fatalf("%d was noted before", n)
		}
	}
	if len(x.seen) != mostIdentities {
		t.Errorf("%d are remembered, want %d", len(x.seen), mostIdentities)
	}
	if !x.note(identity(0)) {
		t.Error("the oldest is still remembered")
	}
	if x.note(identity(mostIdentities + 9)) {
		t.Error("the newest is forgotten")
	}
	for range 3 * mostIdentities {
		x.note(messages.Identity{9})
		x.forget([]messages.Identity{{9}})
	}
	if len(x.order) > 2*mostIdentities+1 {
		t.Errorf("%d notes are kept", len(x.order))
	}
	if !x.note(messages.Identity{9}) {
		t.Error("one that was taken back is still remembered")
	}
}
