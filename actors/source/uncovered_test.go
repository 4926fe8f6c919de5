package source_test

import (
	"context"
	"errors"
	"testing"

	"anode/actors/source"
	"anode/messages/command"
)

// What is stored, and no peer confirms, holds a source back: it does not end its connection, nor what it remembers.
func TestASourceGoesOnWhereNoPeerConfirms(t *testing.T) {
	b := newScript(t, func(ctx context.Context, line *source.Line) error {
		feed(ctx, t, line, nil, `{"n":1}`, false)
		feed(ctx, t, line, nil, `{"n":2}`, false)
		if err := line.Settle(ctx); err != nil {
			t.Error(err)
		}
		sinceIs(ctx, t, line, nil, "2")
		feed(ctx, t, line, nil, `{"n":2}`, true)
		feed(ctx, t, line, nil, `{"n":3}`, false)
		if err := line.Settle(ctx); err != nil {
			t.Error(err)
		}
		return errBroke
	}, func(ctx context.Context, line *source.Line) error {
		sinceIs(ctx, t, line, nil, "3")
		feed(ctx, t, line, nil, `{"n":3}`, true)
		return errBroke
	})
	b.intake.uncovered = true
	script(b, "native_id: .n\nsince: {from: .n}")
	exactly(t, b.awaitRecords("p", 3), 3)
	if s, _ := b.Status("p"); s.Records != 3 || s.Restarts > 2 {
		t.Errorf("%+v", s)
	}
}

// Who pushes is told that no peer confirms it.
func TestAPushThatNoPeerConfirmsIsToldSo(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push")
	b.pushed("1 0 0 0", `{"n":1}`)
	b.intake.mu.Lock()
	b.intake.uncovered = true
	b.intake.mu.Unlock()
	if _, err := b.push(`{"n":2}`); !errors.Is(err, command.ErrUncovered) {
		t.Errorf("told %v", err)
	}
	b.intake.mu.Lock()
	b.intake.uncovered = false
	b.intake.mu.Unlock()
	b.pushed("1 0 0 0", `{"n":3}`)
	if s := b.awaitState("p", command.SourceRunning); s.Records != 3 || s.Restarts != 0 {
		t.Errorf("%+v", s)
	}
}
