package core_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"anode/testkit/racing"
)

// The same as TestAMeshConvergesWhateverHappens, with longer runs, decided by seeds: ANODE_SEED=n runs one of them,
// ANODE_LONG=1 many.
func TestAMeshConvergesAfterChaos(t *testing.T) {
	first, count := uint64(0), uint64(60)
	switch {
	case os.Getenv("ANODE_LONG") != "":
		count = 2000
	case racing.Enabled:
		count = 15
	}
	if text := os.Getenv("ANODE_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &first); err != nil {
			t.Fatal(err)
		}
		count = 1
	}
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("to see it again: ANODE_SEED=%d ANODE_TRACE=1 go test -run '^TestAMeshConvergesAfterChaos$' ./actors/gossip/core", seed)
				}
			}()
			chaos(t, seed)
		})
	}
}

// chaos runs a mesh through what a seed says.
func chaos(t *testing.T, seed uint64) {
	c := seeded{rand.New(rand.NewPCG(seed, 2))}
	l := newLab(t, 2+c.IntN(12), seed, small)
	l.run(time.Second)
	// Some seeds have little trouble of few kinds, so that each shows alone.
	kinds := c.Perm(len(actions))[:1+c.IntN(len(actions))]
	for range 20 + c.IntN(100) {
		if c.IntN(2) == 0 {
			publish(l, c)
		}
		l.perform(actions[kinds[c.IntN(len(kinds))]], c)
	}
	l.mend()
	l.converge(30 * time.Second)
}
