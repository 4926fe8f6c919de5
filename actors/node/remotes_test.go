package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/gossip"
	"anode/messages"
	"anode/messages/command"
)

// Who lists very many sources, and how many do, must not take the places of what placement asks.
func TestWhoAskHowSourcesAreAtOnceShareTheAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sources, people = 20_000, 30
		names := make([]string, sources)
		for i := range names {
			names[i] = fmt.Sprint("s", i)
		}
		var r remotes
		var mu sync.Mutex
		open, most, asked := 0, 0, 0
		ask := func(_ context.Context, _ messages.NodeID, some []string) (map[string]command.SourceStatus, error) {
			mu.Lock()
			open++
			asked++
			most = max(most, open)
			mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			open--
			mu.Unlock()
			list := make(map[string]command.SourceStatus)
			for _, name := range some {
				list[name] = command.SourceStatus{State: command.SourceRunning}
			}
			return list, nil
		}
		var asking sync.WaitGroup
		for range people {
			asking.Go(func() {
				if n := len(r.of(t.Context(), "owner", names, ask)); n != sources {
					t.Errorf("one is told of %d", n)
				}
			})
		}
		asking.Wait()
		if asked != sources/mostStatuses || most != mostStatusAsks || len(r.turns) != 0 {
			t.Errorf("%d questions, %d at once, %d turns are left", asked, most, len(r.turns))
		}
	})
}

// Who waits for another's questions waits no longer than he has time, and goes on where that one gave up.
func TestWhoWaitsForAnothersQuestionsIsNotHeldUpByThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r remotes
		slow := func(ctx context.Context, _ messages.NodeID, _ []string) (map[string]command.SourceStatus, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		quick := func(context.Context, messages.NodeID, []string) (map[string]command.SourceStatus, error) {
			return map[string]command.SourceStatus{"s": {State: command.SourceRunning}}, nil
		}
		begun := time.Now()
		within := func(d time.Duration, node messages.NodeID, ask ask) int {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			return len(r.of(ctx, node, []string{"s"}, ask))
		}
		var asking sync.WaitGroup
		asking.Go(func() { within(time.Second, "owner", slow) })
		synctest.Wait()
		asking.Go(func() {
			if n := within(time.Second/2, "owner", quick); n != 0 || time.Since(begun) != time.Second/2 {
				t.Errorf("who has less time is told of %d after %s", n, time.Since(begun))
			}
		})
		asking.Go(func() {
			if n := within(2*time.Second, "owner", quick); n != 1 || time.Since(begun) != time.Second {
				t.Errorf("who has more is told of %d after %s", n, time.Since(begun))
			}
		})
		asking.Go(func() {
			if n := within(time.Second, "another", func(context.Context, messages.NodeID, []string) (map[string]command.SourceStatus, error) {
				return nil, errors.New("no")
			}); n != 0 || time.Since(begun) != 0 {
				t.Errorf("another node was waited for for %s", time.Since(begun))
			}
		})
		asking.Wait()
	})
}

func TestPlacesAreLeftForWhatPlacementAsks(t *testing.T) {
	var a asking
	var leave []func()
	enter := func(node messages.NodeID, want int) {
		t.Helper()
		for n := 0; ; n++ {
			l, err := a.enter(node)
			if err != nil {
				if n != want || !errors.Is(err, command.ErrTooMany) {
					t.Errorf("%s: %d have room, want %d: %v", node, n, want, err)
				}
				return
			}
			leave = append(leave, l)
		}
	}
	enter("first", mostAsking)
	for i := range mostAskingAll/mostAsking - 1 {
		enter(messages.NodeID(fmt.Sprint("n", i)), mostAsking)
	}
	enter("last", mostAskingAll%mostAsking)
	for _, l := range leave {
		l()
	}
	if a.all != 0 || len(a.open) != 0 {
		t.Errorf("%d are left, of %d nodes", a.all, len(a.open))
	}
	if mostAsking >= gossip.MostAnswering || mostAskingAll >= gossip.MostAsked {
		t.Error("they take all places")
	}
}
