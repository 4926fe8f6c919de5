package source_test

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages/command"
)

// calls tells whether a function of this name is among those that called.
func calls(name string) bool {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, name) {
			return true
		}
		if !more {
			return false
		}
	}
}

// A supervisor that fails takes its sources with it. The next one runs what is to run, and nothing is left of what is not: else this node would
// say for ever that it runs it, and no other could start one that is exclusive.
func TestOfASupervisorThatFailedNothingIsLeft(t *testing.T) {
	var fault atomic.Bool
	b := newBench(t, func(cfg *source.Config) {
		clock := cfg.Clock
		cfg.Clock = func() time.Time {
			if fault.Load() && calls("(*supervisor).want") && fault.Swap(false) {
				panic("a fault of the clock")
			}
			return clock()
		}
	})
	const every = "kind: rest\nurl: http://127.0.0.1:1/\nrest: {every: 1h}"
	b.put("name: a\n" + every)
	b.awaitState("a", command.SourceBackoff)
	fault.Store(true)
	delete(b.list, "a")
	b.put("name: b\n" + every)
	b.awaitState("b", command.SourceBackoff)
	if fault.Load() {
		t.Fatal("the supervisor did not fail: this test shows nothing")
	}
	if status, known := b.Status("a"); known {
		t.Errorf("a is known still: %+v", status)
	}
	b.await("a has ended", func() bool { return b.Ended("a") })
}
