package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage/memory"
)

func TestInboxHoldsItsBoundAndLetsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := command.Submission{Drafts: []messages.Draft{draft("a", "")}}
		n := start(t, memory.NewJournal(memory.Config{Self: self}), nil, 3*one.Size())
		defer n.stop()
		blocked := make(chan struct{})
		n.journal.set(&n.journal.onSync, func() error { <-blocked; return nil })
		var told []<-chan answer
		for range 3 {
			told = append(told, n.submit(false, draft("a", "")))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := n.inbox.Submit(ctx, one); !errors.Is(err, command.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("submit to a full inbox: %v", err)
		}
		waited := make(chan error, 1)
		go func() { waited <- n.inbox.Submit(context.Background(), one) }()
		synctest.Wait()
		select {
		case err := <-waited:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		close(blocked)
		if err := <-waited; err != nil {
			t.Fatal(err)
		}
		for _, one := range told {
			if a := n.await(one); a.Err != nil {
				t.Fatal(a.Err)
			}
		}
	})
}

// A large submission must not be passed by small ones for as long as the queue is full, nor stop
// those behind it when it is given up.
func TestWhoWaitsForRoomIsTakenInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := command.Submission{Drafts: []messages.Draft{draft("a", "")}}
		n := start(t, memory.NewJournal(memory.Config{Self: self}), nil, 3*one.Size())
		defer n.stop()
		blocked := make(chan struct{})
		n.journal.set(&n.journal.onSync, func() error { <-blocked; return nil })
		for range 3 {
			n.submit(false, draft("a", ""))
		}
		synctest.Wait()
		var order []string
		wait := func(ctx context.Context, name string, drafts int) <-chan error {
			told := make(chan error, 1)
			s := command.Submission{Done: func(command.Outcome) { order = append(order, name) }}
			for range drafts {
				s.Drafts = append(s.Drafts, draft("a", ""))
			}
			go func() { told <- n.inbox.Submit(ctx, s) }()
			synctest.Wait()
			return told
		}
		ctx, cancel := context.WithCancel(t.Context())
		given := wait(ctx, "given up", 3)
		all := []<-chan error{wait(t.Context(), "large", 3)}
		for i := range 3 {
			all = append(all, wait(t.Context(), fmt.Sprint("small ", i), 1))
		}
		cancel()
		if err := <-given; !errors.Is(err, context.Canceled) {
			t.Fatalf("given up: %v", err)
		}
		close(blocked)
		for _, told := range all {
			if err := <-told; err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second) // of the bubble: all is answered then
		synctest.Wait()
		if got := strings.Join(order, ", "); got != "large, small 0, small 1, small 2" {
			t.Fatalf("answered are %s", got)
		}
	})
}

func TestClosedInboxRefusesAndWhatItHasIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, memory.NewJournal(memory.Config{Self: self}), nil, 1<<20)
		var told []<-chan answer
		for range 20 {
			told = append(told, n.submit(false, draft("a", "")))
		}
		n.stop()
		for _, one := range told {
			if a := n.await(one); a.Err != nil {
				t.Fatal(a.Err)
			}
		}
		if err := n.inbox.Submit(context.Background(), command.Submission{Drafts: []messages.Draft{draft("a", "")}}); !errors.Is(err, command.ErrUnavailable) {
			t.Fatalf("submit: %v", err)
		}
	})
}
