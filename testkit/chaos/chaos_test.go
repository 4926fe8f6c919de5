package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	_ "anode/cmd/anode/app" // what the program is made of: when it changes, a result of before is none
	"anode/testkit/chaos"
)

// program is the built binary.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "anode-chaos")
	if err != nil {
		panic(err)
	}
	program, err = chaos.Build(context.Background(), dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// long tells that tests run at full length.
func long() bool { return os.Getenv("ANODE_LONG") != "" }

// seeded draws a seed, or takes ANODE_SEED, and prints it.
func seeded(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64N(1_000_000)
	if text := os.Getenv("ANODE_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("ANODE_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("ANODE_SEED=%d", seed)
	return seed
}

// via is proxied where that can be.
func via() chaos.Via {
	if runtime.GOOS == "linux" {
		return chaos.Proxied
	}
	return chaos.Direct
}

// start starts a mesh that ends with the test, and shows its logs when it fails.
func start(t *testing.T, cfg chaos.Config) *chaos.Mesh {
	t.Helper()
	cfg.Binary = program
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	m, err := chaos.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if !t.Failed() {
			return
		}
		for _, n := range m.Nodes() {
			t.Logf("log of %s:\n%s", n.Name, n.Tail(20<<10))
		}
		if keep := os.Getenv("ANODE_KEEP"); keep != "" {
			for _, n := range m.Nodes() {
				_ = os.WriteFile(filepath.Join(keep, n.Name+".log"), []byte(n.Log()), 0o644)
			}
		}
	})
	return m
}

// eventually waits until a condition holds, and gives how long it took.
func eventually(t *testing.T, what string, patience time.Duration, holds func() error) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		err := holds()
		if err == nil {
			return time.Since(begin)
		}
		if time.Since(begin) > patience {
			t.Fatalf("after %s still not: %s: %v", patience, what, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// linked waits until all that run are linked.
func linked(t *testing.T, m *chaos.Mesh, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := m.Linked(ctx); err != nil {
		t.Fatal(err)
	}
}

// play runs a plan, and demands that nothing is wrong.
func play(t *testing.T, m *chaos.Mesh, plan chaos.Plan) *chaos.Result {
	t.Helper()
	plan.Logf = t.Logf
	result, err := chaos.Run(t.Context(), m, plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records, %d delivered in %d sessions; the same everywhere %s after the last fault; publishers were told %v, readers of gaps %v",
		result.Records, result.Delivered, result.Sessions, result.Converged.Round(10*time.Millisecond), result.Tally, result.Gaps)
	for _, f := range result.Faults {
		t.Error(f)
	}
	if acked := result.Tally["acknowledged"]; acked < 100 || result.Delivered < acked/2 {
		t.Errorf("%d acknowledged and %d delivered: this test shows nothing", acked, result.Delivered)
	}
	return result
}

func TestAMeshKeepsItsPromisesUnderFaults(t *testing.T) {
	t.Parallel()
	seed := seeded(t)
	length := 40 * time.Second
	if long() {
		length = 10 * time.Minute
	}
	// A process that dies loses nothing acknowledged, whatever is synced.
	durability := []string{"sync", "interval", "none"}[seed%3]
	t.Logf("--durability %s", durability)
	m := start(t, chaos.Config{Nodes: 5, Via: via(), Args: []string{"--durability", durability}})
	linked(t, m, 10*time.Second)
	script := chaos.Draw(chaos.Draft{Seed: seed, Nodes: 5, Length: length, Ways: via() == chaos.Proxied})
	t.Logf("the script:\n%s", script)
	play(t, m, chaos.Plan{Seed: seed, Script: script, Length: length, Publishers: 4, Rate: 15, Readers: 4})
	verify(t, m)
}

// verify stops all nodes cleanly, and demands that no disk is damaged.
func verify(t *testing.T, m *chaos.Mesh) {
	t.Helper()
	for _, n := range m.Nodes() {
		if err := n.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if out, err := exec.CommandContext(t.Context(), program, "verify", "--data", n.Dir).CombinedOutput(); err != nil {
			t.Errorf("%s: anode verify: %v\n%s", n.Name, err, out)
		}
	}
}
