package compose

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// switchName is the variable of the environment that says whether tests run containers: "1" always, and a machine that can't
// fails them; "try" where they can be run; else never, as they take minutes.
const switchName = "ANODE_COMPOSE"

// spare is how long before the end of the tests' time a test is given up, so that it takes its containers away.
const spare = time.Minute

// ForTest gives a test a project and the time that it has, and takes all away after it; when the test failed, with a word of the nodes' logs.
func ForTest(t testing.TB, cfg Config) (*Project, context.Context) {
	t.Helper()
	if os.Getenv(switchName) == "" {
		t.Skip("SKIPPED, as it takes minutes and a Docker engine: make compose-test")
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	if end, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if at, ok := end.Deadline(); ok {
			ctx, cancel = context.WithDeadline(ctx, at.Add(-spare))
			t.Cleanup(cancel)
		}
	}
	began := time.Now()
	cfg.Log = func(line string) { t.Logf("%5.1fs  %s", time.Since(began).Seconds(), line) }
	p, err := Open(ctx, cfg)
	switch {
	case errors.Is(err, ErrUnavailable) && os.Getenv(switchName) != "1":
		t.Skipf("SKIPPED, nothing in containers is tested here: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), spare)
		defer cancel()
		if t.Failed() {
			logs, err := p.Compose(ctx, "logs", "--no-color", "--tail", "40")
			t.Logf("%s %v", logs, err)
		}
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return p, ctx
}
