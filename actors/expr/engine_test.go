package expr

import (
	"context"
	"errors"
	"testing"
)

func TestProgramsAreKept(t *testing.T) {
	e := NewEngine(EngineConfig{Programs: 2})
	get := func(text string) *Program {
		p, err := e.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := get(".a"), get(".b")
	if get(".a") != a || get(".b") != b {
		t.Error("a program was compiled again")
	}
	get(".a")
	get(".c") // .b was used longest ago
	if get(".a") != a {
		t.Error(".a was dropped")
	}
	if get(".b") == b {
		t.Error(".b was kept beyond the bound")
	}
	if _, err := e.Compile("."); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := e.Compile("("); err == nil {
			t.Fatal("( is compiled")
		}
	}
	if n := len(e.kept); n > 2 || n != e.byUse.Len() {
		t.Errorf("%d are kept", n)
	}
	var ce *CompileError
	if err := e.Check("."); err != nil {
		t.Error(err)
	}
	if err := e.Check("(.a"); !errors.As(err, &ce) || ce.Offset != 3 {
		t.Errorf("%#v", err)
	}
}

// Programs that take long wait for each other, and hold up no others.
func TestHeavyProgramsHoldUpNoOthers(t *testing.T) {
	e := NewEngine(EngineConfig{Workers: 2})
	heavy, err := e.Compile("last(range(1e9))")
	if err != nil {
		t.Fatal(err)
	}
	light, err := e.Compile(". + 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := heavy.Run(context.Background(), nil, Env{}); !Exhausted(err) {
		t.Fatal(err)
	}
	leave, err := e.Heavy(context.Background()) // as another heavy run does
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error)
	for range 5 {
		go func() {
			_, err := heavy.Run(ctx, nil, Env{})
			waiting <- err
		}()
	}
	for range 1000 {
		if _, err := light.Run(context.Background(), 1, Env{}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for range 5 {
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("a second heavy run goes at once: %v", err)
		}
	}
	leave()
	if _, err := heavy.Run(context.Background(), nil, Env{}); !Exhausted(err) {
		t.Error(err)
	}
	if len(e.seats) != 0 || len(e.heavy) != 0 {
		t.Errorf("%d and %d seats are taken", len(e.seats), len(e.heavy))
	}
}

func TestRunsWaitForASeat(t *testing.T) {
	e := NewEngine(EngineConfig{Workers: 1})
	p, err := e.Compile(".")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.enter(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Run(ctx, 1, Env{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with no seat: %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := p.Run(context.Background(), 1, Env{})
		done <- err
	}()
	e.leave(false)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
