package core_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/actors/gossip/core"
)

// drawn is the chooser of rapid.
type drawn struct{ *rapid.T }

func (d drawn) choose(n int, what string) int { return rapid.IntRange(0, n-1).Draw(d.T, what) }

// small has bounds that are met.
func small(c *core.Config) {
	c.MaxQueue, c.MaxAppending = 16<<10, 16<<10
	c.MaxLinks = 6
}

// many has rapid try many histories where the tests may take long, unless -rapid.checks says how many.
func many(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if os.Getenv("ANODE_LONG") == "" || checks.Value.String() != checks.DefValue {
		return
	}
	if err := checks.Value.Set("3000"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := checks.Value.Set(checks.DefValue); err != nil {
			t.Error(err)
		}
	})
}

// Under any order, loss, duplication, crash and partition of what comes in, the mesh gets everything everywhere once
// that is over, appends each batch once, gives readers each origin in order with gaps that are true, and keeps what
// waits within its bounds. ANODE_LONG=1 tries 3,000 histories.
func TestAMeshConvergesWhateverHappens(t *testing.T) {
	many(t)
	rapid.Check(t, func(t *rapid.T) {
		l := newLab(t, rapid.IntRange(2, 12).Draw(t, "nodes"), rapid.Uint64().Draw(t, "seed"), small)
		steps := make(map[string]func(*rapid.T))
		for _, a := range actions {
			steps[a.name] = func(t *rapid.T) {
				l.tester = t
				l.perform(a, drawn{t})
			}
		}
		t.Repeat(steps)
		l.tester = t
		l.mend()
		l.converge(30 * time.Second)
	})
}
