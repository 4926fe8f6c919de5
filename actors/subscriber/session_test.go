package subscriber_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/hub"
	"anode/actors/internal/sessiontest"
	"anode/actors/subscriber"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/testkit/storagetest"
)

// filled is a World whose journal has so many batches of one record.
func filled(t *testing.T, batches int, cfg sessiontest.Config) (*sessiontest.World, *storagetest.Origin) {
	t.Helper()
	w := sessiontest.NewWorld(t, cfg)
	o := storagetest.NewOrigin("a", 1, time.Now().UnixMilli())
	for n := range batches {
		w.Store(true, o.Next(t, draft("s.x", fmt.Sprint(n))))
	}
	synctest.Wait()
	return w, o
}

// TestUnsubscribeInMidCatchUp ends a reading at once; the name is free again, and the new one is
// not touched by what was on its way for the old.
func TestUnsubscribeInMidCatchUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, o := filled(t, 500, sessiontest.Config{Hub: hub.Config{Slack: 1000}})
		defer w.Stop()
		c := sessiontest.NewClient(t, "client", sessiontest.NewPipe(3000, false))
		session := w.Open(c.Out)
		first := ask(command.Start{Earliest: true}, ">")
		first.Sub = "1"
		for _, op := range []any{first, command.Subscribe{Sub: "2", Streams: []string{">"}}} {
			if err := session.Ask(t.Context(), op); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if err := session.Ask(t.Context(), command.Unsubscribe{Sub: "1"}); err != nil {
			t.Fatal(err)
		}
		w.Store(true, o.Next(t, draft("s.x", "more")))
		settle(c)
		r := c.Sub("1")
		if got := len(r.IDs); got == 0 || got > 30 || !r.Closed || r.Lives > 0 {
			t.Errorf("%d records came, closed is %t: want a few and the end", got, r.Closed)
		}
		wants(t, "the other subscription", data(c.Sub("2")), "more")
		if err := session.Ask(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		settle(c)
		if got := len(c.Sub("1").IDs); got != 501 {
			t.Errorf("under the name again %d records came, want 501", got)
		}
		session.Hangup()
	})
}

// TestNameAgainWhileSlow: what the hub told of a subscription that ended is not taken for the next
// of that name.
func TestNameAgainWhileSlow(t *testing.T) {
	for seed := range 30 {
		bubble(t, func(t *testing.T) {
			w, o := filled(t, 3, sessiontest.Config{Hub: hub.Config{Slack: 300}})
			defer w.Stop()
			c, session := w.Subscribe(ask(command.Start{}, ">"))
			settle(c)
			c.Out.Take(400)
			for n := range 5 + seed {
				w.Store(true, o.Next(t, draft("s.x", fmt.Sprint("w", n))))
			}
			if err := session.Ask(t.Context(), command.Unsubscribe{Sub: "1"}); err != nil {
				t.Fatal(err)
			}
			again := ask(command.Start{}, ">")
			again.Sub = "1"
			if err := session.Ask(t.Context(), again); err != nil {
				t.Fatal(err)
			}
			settle(c)
			w.Store(true, o.Next(t, draft("s.x", "z")))
			settle(c)
			session.Hangup()
		})
	}
}

// TestSubscriptionsAreIndependent: each of a connection has its own copy, order and cursor.
func TestSubscriptionsAreIndependent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, o := filled(t, 200, sessiontest.Config{Hub: hub.Config{Slack: 2000}})
		defer w.Stop()
		c := sessiontest.NewClient(t, "client", sessiontest.NewPipe(20_000, false))
		session := w.Open(c.Out)
		for _, s := range []command.Subscribe{
			{Sub: "old", Streams: []string{">"}, Start: command.Start{Earliest: true}},
			{Sub: "new", Streams: []string{"s.x"}},
			{Sub: "some", Streams: []string{"s.*"}, Start: command.Start{Earliest: true}, Where: "19"},
			{Sub: "none", Streams: []string{"t.>"}, Start: command.Start{Earliest: true}},
		} {
			if err := session.Ask(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 50 {
			w.Store(true, o.Next(t, draft("s.x", fmt.Sprint(200+n))))
			c.Read(5000)
			time.Sleep(time.Millisecond)
		}
		for range 20 {
			settle(c)
		}
		time.Sleep(16 * time.Second) // the cursor says it where no record does
		settle(c)
		for sub, want := range map[string]int{"old": 250, "new": 50, "some": 11, "none": 0} {
			if got := len(c.Sub(sub).IDs); got != want {
				t.Errorf("%s got %d records, want %d", sub, got, want)
			}
			if at := c.Sub(sub).At["a"]; at.Sequence != 250 {
				t.Errorf("%s stands at %s, want the 250th", sub, at)
			}
		}
		session.Hangup()
	})
}

// TestHangupInMidCatchUp ends the reader with its connection, whoever hangs up.
func TestHangupInMidCatchUp(t *testing.T) {
	for name, end := range map[string]func(c *sessiontest.Client, s command.Session){
		"the client": func(c *sessiontest.Client, s command.Session) {
			c.Out.Close()
			s.Hangup()
		},
		"the gateway": func(_ *sessiontest.Client, s command.Session) { s.Hangup() },
		"with a code": func(_ *sessiontest.Client, s command.Session) { s.Close(command.CloseGoingAway, "") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w, _ := filled(t, 500, sessiontest.Config{Hub: hub.Config{Slack: 1000}})
				c := sessiontest.NewClient(t, "client", sessiontest.NewPipe(3000, false))
				session := w.Open(c.Out)
				first := ask(command.Start{Earliest: true}, ">")
				first.Sub = "1"
				if err := session.Ask(t.Context(), first); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				end(c, session)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				select {
				case <-session.Gone():
				default:
					t.Error("the connection has not ended")
				}
				session.Hangup()
				synctest.Wait()
				if n := len(w.Subs.Children()); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
				w.Stop() // it fails when a goroutine is left
			})
		})
	}
}

// TestPanicOfASession closes its connection with 4503, and no other.
func TestPanicOfASession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := sessiontest.Config{Session: subscriber.Config{Compile: func(string) (command.Filter, error) { panic("broken") }}}
		w, o := filled(t, 3, cfg)
		defer w.Stop()
		c, session := w.Subscribe(ask(command.Start{}, ">"))
		other, s2 := w.Subscribe(ask(command.Start{}, ">"))
		settle(c, other)
		if err := session.Ask(t.Context(), command.Subscribe{Sub: "2", Streams: []string{">"}, Where: "x"}); !errors.Is(err, command.ErrUnavailable) {
			t.Errorf("it was answered %v, want ErrUnavailable", err)
		}
		settle(c, other)
		if c.Ended == nil || c.Ended.Code != "4503" {
			t.Errorf("it ended with %+v, want 4503", c.Ended)
		}
		w.Store(true, o.Next(t, draft("s.x", "on")))
		settle(other)
		wants(t, "the other", data(other.Sub("1")), "on")
		time.Sleep(time.Minute)
		session.Hangup()
		s2.Hangup()
	})
}

// TestAReadingWhoseEndIsNotHeard closes the connection: a subscription that is thought to be read for
// would stand still for ever once it falls behind.
func TestAReadingWhoseEndIsNotHeard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		busy := make(chan struct{})
		cfg := sessiontest.Config{
			Hub:     hub.Config{Slack: 1000},
			Session: subscriber.Config{Compile: func(text string) (command.Filter, error) { <-busy; return sessiontest.NativeID(text), nil }},
		}
		w, _ := filled(t, 100, cfg)
		defer w.Stop()
		c := sessiontest.NewClient(t, "client", sessiontest.NewPipe(1000, false))
		session := w.Open(c.Out)
		first := ask(command.Start{Earliest: true}, ">")
		first.Sub = "1"
		if err := session.Ask(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		for n := range 1100 { // the first keeps the session busy, the others fill its mailbox
			go func() {
				_ = session.Ask(t.Context(), command.Subscribe{Sub: fmt.Sprint("more", n), Streams: []string{">"}, Where: "x"})
			}()
		}
		synctest.Wait()
		for range 20 {
			settle(c)
		}
		if got := len(c.Sub("1").IDs); got != 100 {
			t.Fatalf("%d records came, want all", got)
		}
		close(busy)
		settle(c)
		if c.Ended == nil || c.Ended.Code != "4503" {
			t.Errorf("it ended with %+v, want 4503", c.Ended)
		}
		time.Sleep(time.Minute)
		session.Hangup()
	})
}

// torn is a journal that fails to read from some sequence on.
type torn struct {
	storage.Journal
	from uint64
	err  error
}

// Read implements storage.Journal.
func (j *torn) Read(id messages.BatchID) (wire.Sealed, error) {
	if id.Sequence >= j.from {
		return wire.Sealed{}, j.err
	}
	return j.Journal.Read(id)
}

// TestJournalThatCannotBeRead closes the connection with 4503; a damaged batch is a hole that is waited for.
func TestJournalThatCannotBeRead(t *testing.T) {
	for _, test := range []struct {
		err  error
		ends bool
	}{{errors.New("disk is gone"), true}, {storage.ErrDamaged, false}} {
		bubble(t, func(t *testing.T) {
			broken := &torn{from: 3, err: test.err}
			cfg := sessiontest.Config{Session: subscriber.Config{Journal: broken}}
			w := sessiontest.NewWorld(t, cfg)
			defer w.Stop()
			broken.Journal = w.Journal
			o := storagetest.NewOrigin("a", 1, time.Now().UnixMilli())
			w.Store(true, o.Run(t, 5)...)
			c, session := w.Subscribe(ask(command.Start{Earliest: true}, ">"))
			settle(c)
			wants(t, "records", strings.Join(c.Sub("1").IDs, " "), "a-1-1-0 a-1-2-0")
			if test.ends != (c.Ended != nil && c.Ended.Code == "4503") {
				t.Errorf("%v: it ended with %+v", test.err, c.Ended)
			}
			session.Hangup()
		})
	}
}

// TestShutdown says 4503 to everyone, also in mid catch-up.
func TestShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, _ := filled(t, 500, sessiontest.Config{Hub: hub.Config{Slack: 1000}})
		live, _ := w.Subscribe(ask(command.Start{}, ">"))
		settle(live)
		c := sessiontest.NewClient(t, "reads", sessiontest.NewPipe(3000, false))
		if err := w.Open(c.Out).Ask(t.Context(), command.Subscribe{Sub: "1", Streams: []string{">"}, Start: command.Start{Earliest: true}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, ref := range []interface{ Stop(context.Context) error }{w.Subs, w.Actor} {
			if err := ref.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
		live.Read(0)
		if live.Ended == nil || live.Ended.Code != "4503" {
			t.Errorf("the live one ended with %+v, want 4503", live.Ended)
		}
		if !c.Out.Closed() {
			t.Error("the one that read is still open")
		}
		w.Stop()
	})
}
