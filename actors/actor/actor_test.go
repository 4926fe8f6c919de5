package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"anode/messages/command"
)

// script is an actor made of functions.
type script struct {
	started func(*Context) error
	receive func(*Context, any)
	stopped func(*Context)
}

func (s script) Started(ctx *Context) error {
	if s.started == nil {
		return nil
	}
	return s.started(ctx)
}

func (s script) Receive(ctx *Context, message any) {
	if s.receive != nil {
		s.receive(ctx, message)
	}
}

func (s script) Stopped(ctx *Context) {
	if s.stopped != nil {
		s.stopped(ctx)
	}
}

func (s script) make() Actor { return s }

// inBubble runs a test in virtual time with a system that is stopped at its end.
func inBubble(t *testing.T, test func(t *testing.T, s *System)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := NewSystem(Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
		}()
		test(t, s)
	})
}

func spawn(t *testing.T, s *System, spec Spec) *Ref {
	t.Helper()
	ref, err := s.Spawn(spec)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestMessagesComeInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		var got []int
		ref := spawn(t, s, Spec{Name: "a", New: script{receive: func(_ *Context, m any) { got = append(got, m.(int)) }}.make})
		for i := range 100 {
			if !ref.Tell(i) {
				t.Fatalf("message %d was refused", i)
			}
		}
		synctest.Wait()
		if len(got) != 100 || !slices.IsSorted(got) {
			t.Fatalf("got %v", got)
		}
	})
}

func TestAskIsAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		ref := spawn(t, s, Spec{Name: "a", New: script{receive: func(ctx *Context, m any) {
			switch m {
			case "now":
				ctx.Respond(1, nil)
				ctx.Respond(2, nil)
			case "error":
				ctx.Respond(nil, command.ErrNotFound)
			case "later":
				answer := ctx.Later()
				ctx.Go("answer", func(context.Context) error { answer(3, nil); return nil })
			case "panic":
				panic("no")
			}
		}}.make})
		for _, c := range []struct {
			question string
			want     any
			err      error
		}{
			{"now", 1, nil},
			{"error", nil, command.ErrNotFound},
			{"later", 3, nil},
			{"unknown", nil, command.ErrUnavailable},
			{"panic", nil, command.ErrUnavailable},
		} {
			got, err := ref.Ask(t.Context(), c.question)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s: %v, %v; want %v, %v", c.question, got, err, c.want, c.err)
			}
		}
	})
}

func TestAskOfABusyActorEndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		free := make(chan struct{})
		ref := spawn(t, s, Spec{Name: "a", New: script{receive: func(*Context, any) { <-free }}.make})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := ref.Ask(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, command.ErrUnconfirmed) {
			t.Errorf("got %v", err)
		}
		close(free)
	})
}

func TestAFullMailboxRefusesAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		s, err := NewSystem(Config{Logger: slog.New(slog.DiscardHandler), Registerer: reg})
		if err != nil {
			t.Fatal(err)
		}
		free := make(chan struct{})
		ref := spawn(t, s, Spec{Name: "a", Limit: 2, LimitBytes: 10, New: script{receive: func(*Context, any) { <-free }}.make})
		ref.Tell("held by Receive")
		synctest.Wait()
		if !ref.TryTell("large", 50) || ref.TryTell("no bytes left", 1) || !ref.Tell("second") || ref.Tell("third") {
			t.Error("admission is wrong")
		}
		if n := testutil.ToFloat64(s.metrics.dropped.WithLabelValues("actor/a")); n != 2 {
			t.Errorf("counted %v, want 2", n)
		}
		if _, err := reg.Gather(); err != nil {
			t.Error(err)
		}
		close(free)
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
	})
}

func TestAFailedActorIsStartedAgainForEver(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		var lives, siblings atomic.Int32
		spawn(t, s, Spec{Name: "sibling", New: script{started: func(*Context) error { siblings.Add(1); return nil }}.make})
		ref := spawn(t, s, Spec{
			Name: "a", Backoff: Backoff{Min: time.Second, Max: 4 * time.Second, ResetAfter: time.Hour},
			New: script{started: func(*Context) error { return fmt.Errorf("life %d", lives.Add(1)) }}.make,
		})
		time.Sleep(10 * time.Minute)
		if n := lives.Load(); n < 150 {
			t.Errorf("started %d times in ten minutes", n)
		}
		view := ref.View()
		if view.Restarts+1 < uint64(lives.Load()) || view.LastFail != fmt.Sprintf("life %d", lives.Load()) {
			t.Errorf("view %+v after %d lives", view, lives.Load())
		}
		if siblings.Load() != 1 {
			t.Error("the sibling was disturbed")
		}
		if ref.Tell("x") && view.State != "running" {
			t.Error("took a message in a pause")
		}
	})
}

func TestAChildEndsWithItsParent(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		var log []string
		child := script{stopped: func(ctx *Context) { log = append(log, ctx.Self().Path()) }}
		var children []*Ref
		parent := spawn(t, s, Spec{Name: "p", Backoff: Backoff{Min: time.Second}, New: script{
			started: func(ctx *Context) error {
				ref, err := ctx.Spawn(Spec{Name: "c", New: child.make})
				children = append(children, ref)
				return err
			},
			receive: func(*Context, any) { panic("p") },
			stopped: func(ctx *Context) { log = append(log, ctx.Self().Path()) },
		}.make})
		parent.Tell("fail")
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(children) != 2 || children[0] == children[1] {
			t.Fatalf("%d children", len(children))
		}
		select {
		case <-children[0].Done():
		default:
			t.Error("the child outlived its parent")
		}
		if err := parent.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"/p/c", "/p", "/p/c", "/p"}; !slices.Equal(log, want) {
			t.Errorf("stopped %v, want %v", log, want)
		}
		if n := len(s.Tree().Children); n != 0 {
			t.Errorf("%d actors are left in the tree", n)
		}
	})
}

// TestManyChildrenEndInTheTimeOfOne: each takes nine seconds.
func TestManyChildrenEndInTheTimeOfOne(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		slow := script{started: func(ctx *Context) error {
			ctx.Go("slow", func(life context.Context) error {
				<-life.Done()
				time.Sleep(9 * time.Second)
				return nil
			})
			return nil
		}}
		ended := 0
		parent := spawn(t, s, Spec{Name: "p", New: script{
			started: func(ctx *Context) error {
				for n := range 1000 {
					if _, err := ctx.Spawn(Spec{Name: fmt.Sprint("c", n), New: slow.make}); err != nil {
						return err
					}
				}
				return nil
			},
			stopped: func(ctx *Context) { ended = len(ctx.Self().Children()) },
		}.make})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := parent.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if ended != 0 {
			t.Errorf("%d children outlived their parent", ended)
		}
	})
}

func TestTheTopEndsTheYoungestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewSystem(Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		var log []string
		for n := range 5 {
			spawn(t, s, Spec{Name: fmt.Sprint(n), New: script{stopped: func(ctx *Context) { log = append(log, ctx.Self().Name()) }}.make})
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
		if want := []string{"4", "3", "2", "1", "0"}; !slices.Equal(log, want) {
			t.Errorf("stopped %v, want %v", log, want)
		}
	})
}

func TestAStoppedChildIsNotStartedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		lives := 0
		ref := spawn(t, s, Spec{Name: "a", Backoff: Backoff{Min: time.Hour, Max: time.Hour}, New: script{
			started: func(*Context) error { lives++; return errors.New("always") },
		}.make})
		synctest.Wait()
		if err := ref.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Hour)
		if lives != 1 {
			t.Errorf("started %d times", lives)
		}
		if _, err := s.Spawn(Spec{Name: "a", New: script{}.make}); err != nil {
			t.Errorf("its name is not free: %v", err)
		}
	})
}

func TestAGoroutineEndsWithItsActorAndItsFailureIsTheActors(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		var ended, lives atomic.Int32
		ref := spawn(t, s, Spec{Name: "a", New: script{
			started: func(ctx *Context) error {
				lives.Add(1)
				ctx.Go("wait", func(ctx context.Context) error { <-ctx.Done(); ended.Add(1); return ctx.Err() })
				return nil
			},
			receive: func(ctx *Context, m any) {
				ctx.Go("fail", func(context.Context) error {
					if m == "panic" {
						panic("p")
					}
					return errors.New("e")
				})
			},
		}.make})
		for i, m := range []string{"panic", "error"} {
			ref.Tell(m)
			time.Sleep(time.Minute)
			synctest.Wait()
			if ended.Load() != int32(i+1) || lives.Load() != int32(i+2) {
				t.Errorf("after %s: %d ended, %d lives", m, ended.Load(), lives.Load())
			}
		}
	})
}

func TestATimerIsStoppedOrComesOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		var got []any
		var pending *Timer
		ref := spawn(t, s, Spec{Name: "a", New: script{receive: func(ctx *Context, m any) {
			got = append(got, m)
			switch m {
			case "start":
				ctx.After(time.Second, "tick")
				pending = ctx.After(time.Hour, "never")
			case "stop":
				pending.Stop()
			case "die":
				ctx.After(time.Second, "after death")
				ctx.Fail(errors.New("d"))
			}
		}}.make})
		ref.Tell("start")
		time.Sleep(time.Minute)
		ref.Tell("stop")
		time.Sleep(2 * time.Hour)
		ref.Tell("die")
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := []any{"start", "tick", "stop", "die"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestNamesAreUniqueAmongSiblings(t *testing.T) {
	inBubble(t, func(t *testing.T, s *System) {
		spawn(t, s, Spec{Name: "a", New: script{}.make})
		if _, err := s.Spawn(Spec{Name: "a", New: script{}.make}); !errors.Is(err, command.ErrExists) {
			t.Errorf("got %v", err)
		}
		for _, bad := range []Spec{{Name: "", New: script{}.make}, {Name: "a/b", New: script{}.make}, {Name: "c"}} {
			if _, err := s.Spawn(bad); err == nil {
				t.Errorf("took %q", bad.Name)
			}
		}
	})
}

func TestPausesGrowToTheirBound(t *testing.T) {
	b := Backoff{Min: time.Second, Max: time.Minute}
	for failures, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 7: time.Minute, 1000: time.Minute} {
		var high time.Duration
		for range 2000 {
			high = max(high, b.Pause(failures))
		}
		if high > most || high < most*9/10 {
			t.Errorf("%d failures: up to %s, want nearly %s", failures, high, most)
		}
	}
}

func BenchmarkTell(b *testing.B) {
	s, err := NewSystem(Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	n := 0
	ref, err := s.Spawn(Spec{Name: "a", Limit: 1 << 30, New: script{receive: func(*Context, any) {
		if n++; n == b.N {
			close(done)
		}
	}}.make})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		ref.Tell("x")
	}
	<-done
	b.StopTimer()
	_ = s.Stop(context.Background())
}
