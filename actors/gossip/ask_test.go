package gossip_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"anode/actors/gossip"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

// counts answers a question with so many parts as it says, and an end.
func counts(_ context.Context, from messages.NodeID, question []byte, reply func([]byte) error) []byte {
	var n int
	if _, err := fmt.Sscan(string(question), &n); err != nil {
		return []byte("what?")
	}
	for i := range n {
		if err := reply(fmt.Appendf(nil, "%d", i)); err != nil {
			return nil
		}
	}
	return []byte("for " + from)
}

func TestAQuestionIsAnsweredInParts(t *testing.T) {
	a, b := pair(t, func(c *gossip.Config) { c.Answer = counts })
	var parts []string
	err := a.Ask(t.Context(), b.id, []byte("3"), func(part []byte) error {
		parts = append(parts, string(part))
		return nil
	})
	must(t, err)
	if got, want := strings.Join(parts, " "), "0 1 2 for "+string(a.id); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWhoCannotBeReachedIsSaidToBeSilent(t *testing.T) {
	a, _ := pair(t, nil)
	none := func([]byte) error { return nil }
	for name, id := range map[string]messages.NodeID{"a stranger": "aaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		if err := a.Ask(t.Context(), id, []byte("?"), none); !errors.Is(err, gossip.ErrSilent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.Ask(t.Context(), a.id, []byte("?"), none); !errors.Is(err, command.ErrInvalid) {
		t.Errorf("itself: %v", err)
	}
}

// Who does not want more says so, and the answer ends.
func TestAnAnswerEndsWhenNobodyListens(t *testing.T) {
	ended := make(chan error, 1)
	a, b := pair(t, func(c *gossip.Config) {
		c.Answer = func(ctx context.Context, _ messages.NodeID, _ []byte, reply func([]byte) error) []byte {
			for {
				if err := reply(bytes.Repeat([]byte("x"), 1000)); err != nil {
					ended <- err
					return nil
				}
			}
		}
	})
	enough := errors.New("enough")
	taken := 0
	err := a.Ask(t.Context(), b.id, []byte("for ever"), func([]byte) error {
		if taken++; taken == 5 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
	<-ended
}

// The node that answers dies: who asked is told, and does not wait.
func TestAQuestionEndsWithItsLink(t *testing.T) {
	asked := make(chan struct{})
	a, b := pair(t, func(c *gossip.Config) {
		c.Answer = func(ctx context.Context, _ messages.NodeID, _ []byte, _ func([]byte) error) []byte {
			close(asked)
			<-ctx.Done()
			return nil
		}
	})
	told := make(chan error, 1)
	go func() { told <- a.Ask(t.Context(), b.id, []byte("?"), func([]byte) error { return nil }) }()
	<-asked
	b.stop(false)
	if err := <-told; !errors.Is(err, gossip.ErrSilent) {
		t.Errorf("%v", err)
	}
}

func TestWithoutWhoAnswersThereIsAnEmptyAnswer(t *testing.T) {
	a, b := pair(t, nil)
	parts := 0
	must(t, a.Ask(t.Context(), b.id, []byte("?"), func(part []byte) error {
		if parts++; len(part) > 0 {
			t.Errorf("%q", part)
		}
		return nil
	}))
	if parts != 1 {
		t.Errorf("%d parts", parts)
	}
}

// Events that one node decides come to the other one's registry, when that has room for them; and what was decided
// before they met comes too.
func TestEventsOfTheRegistrySpread(t *testing.T) {
	event := func(g *gossiper, key string) frame.Event {
		return frame.Event{Key: key, Revision: 1, HLC: 1, Node: g.id, Body: []byte(key)}
	}
	a := newGossiper(t, nil)
	var fetched atomic.Int32
	a.cfg.Events = func(context.Context) ([]frame.Event, error) {
		fetched.Add(1)
		return []frame.Event{event(a, "before")}, nil
	}
	b := newGossiper(t, nil)
	b.deaf = true
	a.start()
	b.start(a.addr)
	await(t, "they are linked", func() bool { return a.linked() == 1 && b.linked() == 1 })
	a.Register([]frame.Event{event(a, "now")})
	b.mu.Lock()
	b.deaf = false
	b.mu.Unlock()
	await(t, "it learns both", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		keys := make(map[string]bool)
		for _, e := range b.learnt {
			keys[e.Key] = true
		}
		return keys["before"] && keys["now"]
	})
	if fetched.Load() == 0 {
		t.Error("what is stored was not fetched")
	}
}

// What a peer asks ends no more than its answer.
func TestAPanicInAnAnswerIsAnEmptyOne(t *testing.T) {
	a, b := pair(t, func(c *gossip.Config) {
		c.Answer = func(context.Context, messages.NodeID, []byte, func([]byte) error) []byte { panic("a fault") }
	})
	for range 2 {
		must(t, a.Ask(t.Context(), b.id, []byte("?"), func(part []byte) error {
			if len(part) > 0 {
				t.Errorf("%q", part)
			}
			return nil
		}))
	}
}

// What does not fit into a frame would end the link: who asks gets an empty answer, and a question of that size is refused.
func TestAnAnswerThatIsTooLongIsAnEmptyOne(t *testing.T) {
	long := make([]byte, frame.Max)
	a, b := pair(t, func(c *gossip.Config) {
		c.Answer = func(_ context.Context, _ messages.NodeID, _ []byte, reply func([]byte) error) []byte {
			if err := reply(long); err == nil {
				return []byte("a part of it was sent")
			}
			return long
		}
	})
	for range 2 {
		must(t, a.Ask(t.Context(), b.id, []byte("?"), func(part []byte) error {
			if len(part) > 0 {
				t.Errorf("%d bytes: %.30q", len(part), part)
			}
			return nil
		}))
	}
	if err := a.Ask(t.Context(), b.id, long, func([]byte) error { return nil }); !errors.Is(err, command.ErrInvalid) {
		t.Errorf("a long question: %v", err)
	}
}
