package sim_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"anode/testkit/racing"
)

// long tells whether tests may take minutes: ANODE_LONG=1, as make sim sets it.
func long() bool { return os.Getenv("ANODE_LONG") != "" }

// longOnly leaves a test out that takes minutes.
func longOnly(t *testing.T) {
	t.Helper()
	if !long() {
		t.Skip("it takes minutes: ANODE_LONG=1, or make sim")
	}
}

// seeds runs a test for each of so many seeds, in parallel: few, or many where it may take long. ANODE_SEED=n runs the
// seed n, ANODE_SEEDS=n so many.
func seeds(t *testing.T, few, many int, test func(t *testing.T, seed uint64)) {
	first, count := uint64(1), few
	switch {
	case long():
		count = many
	case racing.Enabled:
		count = max(1, few/5)
	}
	for variable, to := range map[string]any{"ANODE_SEED": &first, "ANODE_SEEDS": &count} {
		if text := os.Getenv(variable); text != "" {
			if _, err := fmt.Sscan(text, to); err != nil {
				t.Fatalf("%s=%s: %v", variable, text, err)
			}
		}
	}
	if os.Getenv("ANODE_SEED") != "" {
		count = 1
	}
	again := fmt.Sprintf("go test -run '^%s$' ./testkit/sim", strings.ReplaceAll(t.Name(), "/", "$/^"))
	if long() {
		again = "ANODE_LONG=1 " + again
	}
	for seed := first; seed < first+uint64(count); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("to see it again: ANODE_SEED=%d %s", seed, again)
				}
			}()
			test(t, seed)
		})
	}
}
