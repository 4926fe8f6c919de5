package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
)

// scripted is a connector that runs what a test says, one connection after another; the last one stays.
type scripted struct {
	t     *testing.T
	mu    sync.Mutex
	steps []func(ctx context.Context, line *source.Line) error
	busy  bool // a step runs
}

func (s *scripted) Run(ctx context.Context, line *source.Line) error {
	line.AsksAgain()
	line.Opened()
	line.Worked()
	s.mu.Lock()
	var step func(context.Context, *source.Line) error
	if len(s.steps) > 0 {
		step, s.steps, s.busy = s.steps[0], s.steps[1:], true
	}
	s.mu.Unlock()
	if step != nil {
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.busy = false
		}()
		return step(ctx, line)
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (*scripted) Close() {}

// more adds what later connections are to run.
func (s *scripted) more(steps ...ctxLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, steps...)
}

// script runs connections of a source "p" with the fields of a spec.
func script(b *bench, fields string, steps ...func(ctx context.Context, line *source.Line) error) {
	b.t.Helper()
	b.put("name: p\nkind: rest\nurl: http://x/\nbackoff: {min: 10ms, max: 20ms}\n%s", fields)
	b.await("the script is over", func() bool {
		b.script.mu.Lock()
		defer b.script.mu.Unlock()
		return len(b.script.steps) == 0 && !b.script.busy
	})
}

// newScript is a bench whose sources run the steps.
func newScript(t *testing.T, steps ...func(ctx context.Context, line *source.Line) error) *bench {
	t.Helper()
	s := &scripted{t: t, steps: steps}
	b := newBench(t, func(cfg *source.Config) {
		cfg.Kinds["rest"] = func(source.Setup) (source.Connector, error) { return s, nil }
	})
	b.script = s
	b.sealInto()
	return b
}

func meta(item any) transform.Meta {
	return transform.Meta{Received: time.Now(), Vars: transform.Vars{Item: item}}
}

// feed feeds a message, and wants what Seen tells afterwards.
func feed(ctx context.Context, t *testing.T, line *source.Line, item any, message string, seen bool) {
	t.Helper()
	if _, err := line.Feed(ctx, []byte(message), meta(item)); err != nil {
		t.Error(err)
	}
	if line.Seen() != seen {
		t.Errorf("after %s: seen is %v", message, line.Seen())
	}
}

// sinceIs wants a state to count.
func sinceIs(ctx context.Context, t *testing.T, line *source.Line, item any, want string) {
	t.Helper()
	vars, err := line.Vars(ctx, item)
	got, _ := json.Marshal(vars.Since)
	if err != nil || string(got) != want {
		t.Errorf("since of %v is %s, want %s: %v", item, got, want, err)
	}
}

var errBroke = errors.New("the connection broke")

type ctxLine = func(ctx context.Context, line *source.Line) error
