package source

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// still makes a job's node one that can stand still: by time, which is the test's.
func (l *learning) still() *atomic.Int64 {
	var now atomic.Int64
	now.Store(int64(time.Hour))
	l.cfg.standstill = newStandstill()
	l.cfg.standstill.now = func() time.Duration { return time.Duration(now.Load()) }
	l.cfg.standstill.mark()
	l.job.attach(l.board)
	return &now
}

// brings feeds a datum as the source's connection does.
func (l *learning) brings(line *Line, n int) {
	l.t.Helper()
	d := datum("p", n)
	if _, err := line.Feed(l.t.Context(), d.Payload, metaNow()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *learning) line() *Line {
	return &Line{cfg: l.cfg, board: l.board, job: l.job, begun: time.Now(), chain: &command.Chain{}, tell: func(any) {}}
}

func TestANodeThatStoodStillNumbersWhatNobodyElseDid(t *testing.T) {
	for what, role := range map[string]Role{"the first of two owners": {Owners: 2}, "the only owner": {Owners: 1}, "one that hands over": {Owners: 1, Handing: true}} {
		for _, fields := range []string{"native_id: .n", ""} {
			t.Run(what+" "+fields, func(t *testing.T) {
				l, to := newLearning(t, fields), &noting{}
				l.cfg.Intake, l.job.restored = to, true
				now := l.still()
				l.board.want.Store(&Assignment{Spec: l.job.spec, Role: role})
				l.job.heed()
				line := l.line()
				l.job.standby.stand(t.Context(), line)
				line.Opened()
				l.brings(line, 1)
				now.Add(int64(20 * time.Second))
				copyOf := func(n int) messages.Draft {
					d := datum("p", n)
					if fields == "" {
						d.NativeID = ""
					}
					return d
				}
				l.learn(l.seal("other", copyOf(2)), l.seal("other", copyOf(9))) // before any message, or its actor, found that it stood still
				for n := 2; n <= 5; n++ {
					l.brings(line, n)
				}
				l.job.reroled()
				l.learn(l.seal("other", copyOf(4)))
				l.brings(line, 9)
				if len(to.ids) != 1 || l.job.standby.count.Load() == 0 {
					t.Fatalf("%d are numbered by one that stood still, %d held", len(to.ids), l.job.standby.count.Load())
				}
				l.cfg.standstill.over.Store(l.cfg.standstill.times.Load())
				l.brings(line, 6)
				want := 4 // 1, 3, 5, 6
				if len(to.ids) != want {
					t.Errorf("%v are numbered, want %d", to.ids, want)
				}
				if fields != "" && !slices.Equal(to.ids, []string{"1", "3", "5", "6"}) {
					t.Errorf("%v are numbered", to.ids)
				}
			})
		}
	}
}

// Others own the source by then: what only this node has is numbered before it stops here.
func TestWhatOnlyTheOneThatStoodStillHasIsNumberedAtItsEnd(t *testing.T) {
	l, to := newLearning(t, "native_id: .n"), &noting{}
	l.cfg.Intake, l.job.restored = to, true
	now := l.still()
	l.job.heed()
	line := l.line()
	now.Add(int64(20 * time.Second))
	for n := 1; n <= 3; n++ {
		l.brings(line, n)
	}
	l.learn(l.seal("other", datum("p", 2)))
	still := l.cfg.standstill
	still.settling.Store(now.Load() + int64(settleAfter))
	still.over.Store(still.times.Load())
	if l.job.role().Rank != 1 {
		t.Error("it is the first while it settles")
	}
	l.cfg.learner.runs.Store(true)
	l.job.close()
	if !slices.Equal(to.ids, []string{"1", "3"}) {
		t.Errorf("%v are numbered", to.ids)
	}
}

func TestWhatIsPushedIsNotHeldBack(t *testing.T) {
	l, to := newLearningOf(t, "name: p\nkind: push\nnative_id: .n"), &noting{}
	l.cfg.Intake, l.job.restored = to, true
	now := l.still()
	l.job.heed()
	now.Add(int64(20 * time.Second))
	l.brings(l.line(), 1)
	if !l.cfg.standstill.unsure() || len(to.ids) != 1 {
		t.Errorf("%v are numbered", to.ids)
	}
}

func TestAStandstillEndsWhenTheNodeHasCaughtUp(t *testing.T) {
	for _, c := range []struct {
		name         string
		stood, takes time.Duration
		unsure, sure time.Duration // for so long, and until then it doubts
	}{
		{"a busy machine", time.Second, time.Hour, 0, 0},
		{"a moment", 2 * time.Second, 700 * time.Millisecond, 700 * time.Millisecond, 700 * time.Millisecond},
		{"long", 20 * time.Second, 3 * time.Second, 3 * time.Second, 3*time.Second + settleAfter},
		{"without peers that answer", 20 * time.Second, time.Hour, mostUnsure, mostUnsure + settleAfter},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s := newStandstill()
				begun := time.Now()
				var paused atomic.Int64
				s.now = func() time.Duration { return time.Second + time.Since(begun) + time.Duration(paused.Load()) }
				var told, stood atomic.Int64
				go s.beats(ctx)
				go s.run(ctx, slog.New(slog.DiscardHandler), func(ctx context.Context, d time.Duration) {
					stood.Store(int64(d))
					_ = Sleep(ctx, c.takes)
				}, func() { told.Add(1) })
				time.Sleep(10*time.Second + beatEvery/2)
				if s.doubts() {
					t.Fatal("it doubts without a reason")
				}
				paused.Add(int64(c.stood))
				at := time.Now()
				for s.unsure() {
					time.Sleep(10 * time.Millisecond)
				}
				unsure := time.Since(at)
				for s.doubts() {
					time.Sleep(10 * time.Millisecond)
				}
				sure := time.Since(at)
				near := func(got, want time.Duration) bool { return got >= want && got < want+50*time.Millisecond }
				if !near(unsure, c.unsure) || !near(sure, c.sure) {
					t.Errorf("unsure for %s and not the first for %s, want %s and %s", unsure, sure, c.unsure, c.sure)
				}
				if got := time.Duration(stood.Load()); c.unsure > 0 && (got < c.stood || got > c.stood+beatEvery || told.Load() < 2) {
					t.Errorf("it stood still for %s, told %d times", got, told.Load())
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// A machine that slept goes on where its monotonic clock does not tell of that.
func TestAClockThatWentOnTells(t *testing.T) {
	begun := time.Now()
	later := time.Unix(0, begun.Add(time.Minute).UnixNano()) // without a monotonic reading
	if got := lasted(begun, later); got != time.Minute {
		t.Errorf("%s passed", got)
	}
}
